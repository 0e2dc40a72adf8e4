//! The strategies that a plan names, as they stand in the YAML.

use crate::asked::StrategyPlan;
use crate::ratio::Ratio;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use slicewise_core::LONGEST_NAME;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The strategies of a plan, and how each is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strategies(pub BTreeMap<StrategyName, StrategyPlan>);

impl Strategies {
    /// Returns how the strategy called `name` is asked, if the plan has it.
    pub fn get(&self, name: &str) -> Option<&StrategyPlan> {
        self.0.get(&StrategyName(name.to_owned()))
    }
}

impl Serialize for Strategies {
    /// A list of names if all are asked alike, else a map.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.values().all(|plan| *plan == StrategyPlan::default()) {
            return serializer.collect_seq(self.0.keys());
        }
        let short = |plan: &'_ StrategyPlan| {
            let ratios = plan.ratios.clone();
            if *plan == StrategyPlan::from(ratios.clone()) {
                Short::Ratios(ratios)
            } else {
                Short::Plan(plan.clone())
            }
        };
        serializer.collect_map(self.0.iter().map(|(name, plan)| (name, short(plan))))
    }
}

/// How a strategy is written: nothing, its ratios, or a plan.
#[derive(Serialize)]
#[serde(untagged)]
enum Short {
    Ratios(Option<Vec<Ratio>>),
    Plan(StrategyPlan),
}

impl<'de> Deserialize<'de> for Strategies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrategiesVisitor)
    }
}

struct StrategiesVisitor;

impl<'de> Visitor<'de> for StrategiesVisitor {
    type Value = Strategies;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of strategies, or strategies each with a list of ratios or settings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strategies, A::Error> {
        let mut strategies = BTreeMap::new();
        while let Some(Registered(name)) = list.next_element()? {
            add(&mut strategies, StrategyName(name), StrategyPlan::default())?;
        }
        Ok(Strategies(strategies))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strategies, A::Error> {
        let mut strategies = BTreeMap::new();
        while let Some(name) = map.next_key::<StrategyName>()? {
            let plan = map.next_value_seed(PlanOf(&name))?;
            add(&mut strategies, name, plan)?;
        }
        Ok(Strategies(strategies))
    }
}

/// Adds a strategy that is not there yet.
fn add<E: serde::de::Error>(
    strategies: &mut BTreeMap<StrategyName, StrategyPlan>,
    name: StrategyName,
    plan: StrategyPlan,
) -> Result<(), E> {
    if strategies.contains_key(&name) {
        let name = name.0;
        return Err(E::custom(format!(
            "expected each strategy once, got {name} twice"
        )));
    }
    strategies.insert(name, plan);
    Ok(())
}

/// Reads how the strategy of this name is asked. It is checked here, so that the YAML reader can
/// report the line.
struct PlanOf<'n>(&'n StrategyName);

impl<'de> DeserializeSeed<'de> for PlanOf<'_> {
    type Value = StrategyPlan;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<StrategyPlan, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlanOf<'_> {
    type Value = StrategyPlan;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of ratios, or settings such as {command: [...]}")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<StrategyPlan, E> {
        self.checked(StrategyPlan::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<StrategyPlan, A::Error> {
        let ratios = Vec::<Ratio>::deserialize(SeqAccessDeserializer::new(list))?;
        self.checked(StrategyPlan::from(Some(ratios)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StrategyPlan, A::Error> {
        self.checked(StrategyPlan::deserialize(MapAccessDeserializer::new(map))?)
    }
}

impl PlanOf<'_> {
    fn checked<E: serde::de::Error>(self, plan: StrategyPlan) -> Result<StrategyPlan, E> {
        match plan.problem(&self.0.0) {
            Some(problem) => Err(E::custom(problem)),
            None => Ok(plan),
        }
    }
}

impl JsonSchema for Strategies {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Strategies".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = generator.subschema_for::<Vec<Registered>>();
        let written = generator.subschema_for::<Written>();
        let own = generator.subschema_for::<StrategyPlan>();
        let registered = slicewise_strategies::STRATEGIES.iter();
        let properties: serde_json::Map<String, serde_json::Value> = registered
            .map(|strategy| (strategy.name().to_owned(), written.clone().into()))
            .collect();
        json_schema!({"anyOf": [
            names,
            {"type": "object", "properties": properties, "additionalProperties": own},
        ]})
    }
}

/// What may stand behind the name of a registered strategy.
struct Written;

impl JsonSchema for Written {
    fn schema_name() -> Cow<'static, str> {
        "Asked".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let ratios = generator.subschema_for::<Vec<Ratio>>();
        let plan = generator.subschema_for::<StrategyPlan>();
        json_schema!({"anyOf": [{"type": "null"}, ratios, plan]})
    }
}

/// The name of a strategy in a plan: a registered one, or one of the experiment's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StrategyName(pub String);

impl<'de> Deserialize<'de> for StrategyName {
    /// The name becomes that of files.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let known = slicewise_strategies::find(&name);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            let hint = known.err().map_or_else(String::new, |error| error.hint);
            return Err(D::Error::custom(format!(
                "unknown strategy {name:?}{hint}; a name of your own has lower-case letters, digits and -"
            )));
        }
        if name.len() > LONGEST_NAME {
            return Err(D::Error::custom(format!(
                "expected a strategy's name of at most {LONGEST_NAME} characters (it names files), got {} in {name:?}",
                name.len()
            )));
        }
        if [crate::record::FIRST, crate::record::FULL].contains(&&*name) {
            return Err(D::Error::custom(format!(
                "expected another name than {name}, which records use for a run without a strategy"
            )));
        }
        Ok(Self(name))
    }
}

impl JsonSchema for StrategyName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StrategyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"})
    }
}

/// Name of a registered strategy.
struct Registered(String);

impl<'de> Deserialize<'de> for Registered {
    /// The name is checked here, so that the YAML reader can report the line.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        slicewise_strategies::find(&name).map_err(D::Error::custom)?;
        Ok(Self(name))
    }
}

impl JsonSchema for Registered {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Registered".into()
    }

    /// One of the registered names, so that an editor completes them.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let strategies = slicewise_strategies::STRATEGIES.iter();
        let names = strategies.map(|strategy| strategy.name());
        json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
    }
}
