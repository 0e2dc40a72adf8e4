//! Reads the section `tasks`: a plan for each task, by the task's name.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use slicewise_data::Task;
use slicewise_experiment::TaskPlan;
use std::collections::BTreeMap;
use std::fmt;

/// Reads all plans. Whether a plan needs a definition depends on its name, and is checked here, so
/// that the YAML reader can report the line.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Task, TaskPlan>, D::Error> {
    deserializer.deserialize_map(Plans)
}

struct Plans;

impl<'de> Visitor<'de> for Plans {
    type Value = BTreeMap<Task, TaskPlan>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a plan for each task, by the task's name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut plans = BTreeMap::new();
        while let Some(task) = map.next_key()? {
            plans.insert(task, map.next_value_seed(PlanOf(task))?);
        }
        Ok(plans)
    }
}

/// The plan of this task.
struct PlanOf(Task);

impl<'de> DeserializeSeed<'de> for PlanOf {
    type Value = TaskPlan;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<TaskPlan, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PlanOf {
    type Value = TaskPlan;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the plan of {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TaskPlan, A::Error> {
        let plan = TaskPlan::deserialize(MapAccessDeserializer::new(map))?;
        plan.definition(self.0).map_err(A::Error::custom)?;
        Ok(plan)
    }
}
