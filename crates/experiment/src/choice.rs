//! The strategies that a plan names, and annotation ratios, as they stand in the YAML.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The strategies of a plan, each with the annotation ratios of its own rounds if it has any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strategies(pub BTreeMap<StrategyName, Option<Vec<Ratio>>>);

impl Serialize for Strategies {
    /// A list of names if no strategy has rounds of its own, else a map.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.values().all(Option::is_none) {
            serializer.collect_seq(self.0.keys())
        } else {
            serializer.collect_map(&self.0)
        }
    }
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
        f.write_str("a list of strategies, or strategies each with a list of ratios")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strategies, A::Error> {
        let mut strategies = BTreeMap::new();
        while let Some(name) = list.next_element::<StrategyName>()? {
            add(&mut strategies, name, None)?;
        }
        Ok(Strategies(strategies))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strategies, A::Error> {
        let mut strategies = BTreeMap::new();
        while let Some(name) = map.next_key::<StrategyName>()? {
            let ratios: Option<Vec<Ratio>> = map.next_value()?;
            if ratios.as_ref().is_some_and(Vec::is_empty) {
                return Err(A::Error::custom(format!(
                    "expected at least one ratio for {}, got none",
                    name.0
                )));
            }
            add(&mut strategies, name, ratios)?;
        }
        Ok(Strategies(strategies))
    }
}

/// Adds a strategy that is not there yet.
fn add<E: serde::de::Error>(
    strategies: &mut BTreeMap<StrategyName, Option<Vec<Ratio>>>,
    name: StrategyName,
    ratios: Option<Vec<Ratio>>,
) -> Result<(), E> {
    if strategies.contains_key(&name) {
        let name = name.0;
        return Err(E::custom(format!(
            "expected each strategy once, got {name} twice"
        )));
    }
    strategies.insert(name, ratios);
    Ok(())
}

impl JsonSchema for Strategies {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Strategies".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = generator.subschema_for::<Vec<StrategyName>>();
        let rounds = generator.subschema_for::<BTreeMap<StrategyName, Vec<Ratio>>>();
        json_schema!({"anyOf": [names, rounds]})
    }
}

/// Name of a registered strategy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StrategyName(pub String);

impl<'de> Deserialize<'de> for StrategyName {
    /// The name is checked here, so that the YAML reader can report the line.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        slicewise_strategies::find(&name).map_err(D::Error::custom)?;
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

    /// One of the registered names, so that an editor completes them.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let strategies = slicewise_strategies::STRATEGIES.iter();
        let names = strategies.map(|strategy| strategy.name());
        json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()})
    }
}

/// Annotated share of a volume's slices, in `(0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ratio = f64::deserialize(deserializer)?;
        if ratio > 0.0 && ratio <= 1.0 {
            Ok(Self(ratio))
        } else {
            Err(D::Error::custom(format!(
                "expected a ratio in (0, 1] (a share of a volume's slices), got {ratio}"
            )))
        }
    }
}

impl JsonSchema for Ratio {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    }
}
