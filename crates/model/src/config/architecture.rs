//! Which network a configuration names: one of ours, or a program of the user's own.

use crate::error::{ModelError, check};
use crate::registry;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use slicewise_core::UnknownName;
use slicewise_core::process::{TIMEOUTS_IN_WORDS, TIMEOUTS_S};
use std::borrow::Cow;
use std::fmt;

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ArchitectureChoice {
    /// One of [`crate::ARCHITECTURES`], by its name.
    Registered(String),
    /// A program.
    Program(ProgramConfig),
}

/// A network that is a program of your own, in whatever language (docs/models.md).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramConfig {
    /// The program and its arguments: `[python3, net.py]`. Required.
    pub command: Vec<String>,
    /// Whether its predictions hold an attention map, and with it a second segmentation (SR2). The
    /// default is `false`.
    #[serde(default)]
    pub attention: bool,
    /// Seconds that it has for each answer (a training step, a prediction), from 0.001 to 1000000. The
    /// default is 600.
    #[serde(default = "ten_minutes")]
    pub timeout_s: f64,
}

fn ten_minutes() -> f64 {
    600.0
}

impl ArchitectureChoice {
    /// Whether predictions hold an attention map.
    ///
    /// # Errors
    /// No network has that name.
    pub fn has_attention(&self) -> Result<bool, UnknownName> {
        match self {
            Self::Registered(name) => Ok(registry::find(name)?.has_attention),
            Self::Program(program) => Ok(program.attention),
        }
    }

    /// The program, if it is one.
    pub fn program(&self) -> Option<&ProgramConfig> {
        match self {
            Self::Registered(_) => None,
            Self::Program(program) => Some(program),
        }
    }

    /// This network with the command's words and the time of `other`, if both are programs: what may be
    /// mended when a sweep goes on.
    #[must_use]
    pub fn mended(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Program(held), Self::Program(now)) => Self::Program(ProgramConfig {
                command: now.command.clone(),
                timeout_s: now.timeout_s,
                ..held.clone()
            }),
            _ => self.clone(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ModelError> {
        let program = match self {
            Self::Registered(name) => return Ok(registry::find(name).map(drop)?),
            Self::Program(program) => program,
        };
        check(
            program.command.first().is_some_and(|word| !word.is_empty()),
            "model.architecture.command",
            "a program",
            &program.command,
        )?;
        check(
            TIMEOUTS_S.contains(&program.timeout_s),
            "model.architecture.timeout_s",
            TIMEOUTS_IN_WORDS,
            program.timeout_s,
        )
    }
}

impl From<&str> for ArchitectureChoice {
    fn from(name: &str) -> Self {
        Self::Registered(name.to_owned())
    }
}

impl fmt::Display for ArchitectureChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Registered(name) => f.write_str(name),
            Self::Program(program) => f.write_str(&program.command.join(" ")),
        }
    }
}

impl<'de> Deserialize<'de> for ArchitectureChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Choice)
    }
}

struct Choice;

impl<'de> Visitor<'de> for Choice {
    type Value = ArchitectureChoice;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the name of a network, or {command: [...]}")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(ArchitectureChoice::from(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let program = ProgramConfig::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ArchitectureChoice::Program(program))
    }
}

impl JsonSchema for ArchitectureChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ArchitectureChoice".into()
    }

    /// One of the registered names, so that an editor completes them, or a program.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = crate::ARCHITECTURES.iter().map(|entry| entry.name);
        let names = json_schema!({"type": "string", "enum": names.collect::<Vec<_>>()});
        json_schema!({"anyOf": [names, generator.subschema_for::<ProgramConfig>()]})
    }
}
