//! The page about the configuration, in Markdown: a section for each struct of the schema, with a
//! row for each of its keys.

use super::schema;
use crate::config::ExperimentConfig;
use crate::failures::FailureConfig;
use anyhow::{Context, bail};
use schemars::JsonSchema;
use serde::de::value::Error as Unread;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::{Map, Value};
use slicewise_data::config::PhantomConfig;
use slicewise_data::{DataConfig, TaskDefinition};
use slicewise_experiment::{Effort, Endpoint, StepPlan, StopRule, StrategyPlan, TaskPlan};
use slicewise_model::{
    CommitteeConfig, HeadConfig, ModelConfig, ProgramConfig, TrainingConfig, Unlabelled,
};
use std::fmt::Write;

/// What stands above the tables.
const HEAD: &str = "\
# Configuration

<!-- Made by `./just configuration` from the code: change the doc comments there. -->

An experiment is a YAML file ([examples](../experiments)). An unknown key is an error that names file,
line, column and the nearest valid key. What was left out is written out in the results' `config.yaml`.
What `auto` stands for is settled when a sweep begins; a sweep that goes on keeps it, on whatever machine.

With `# yaml-language-server: $schema=schema.json` as its first line (the path is relative to the
file), an editor with the YAML language server completes and checks an experiment. `slicewise schema`
prints the schema.
";

/// Former keys that are still read, and the structs that have them. Serde counts them among a struct's
/// keys; the page and the schema do not name them.
const FORMER_KEYS: [(&str, &str); 4] = [
    ("DataConfig", "layout"),
    ("ModelConfig", "layout"),
    ("TrainingConfig", "layout"),
    ("StepPlan", "full"),
];

/// So many names are listed, where a list of more of them stands beside.
const FEW: usize = 8;

/// A struct of the configuration.
pub(super) struct Section {
    /// Where it stands in the YAML; empty at the top.
    path: &'static str,
    /// Its name among the schema's definitions.
    pub(super) definition: String,
    /// Its keys in the order in which the code defines them.
    keys: Vec<&'static str>,
}

/// Every struct of the configuration, in the order of the page.
pub(super) fn sections() -> Vec<Section> {
    vec![
        section::<ExperimentConfig>(""),
        section::<Endpoint>("endpoint"),
        section::<Effort>("effort"),
        section::<DataConfig>("data"),
        section::<PhantomConfig>("data.phantom"),
        section::<ModelConfig>("models.NAME"),
        section::<ProgramConfig>("models.NAME.architecture"),
        section::<HeadConfig>("models.NAME.head"),
        section::<TrainingConfig>("training"),
        section::<Unlabelled>("training.unlabelled"),
        section::<CommitteeConfig>("committee"),
        section::<FailureConfig>("sweep"),
        section::<TaskPlan>("tasks.TASK"),
        section::<TaskDefinition>("tasks.TASK.definition"),
        section::<StepPlan>("tasks.TASK.steps"),
        section::<StrategyPlan>("tasks.TASK.strategies.NAME"),
        section::<StopRule>("tasks.TASK.stop"),
    ]
}

fn section<T: JsonSchema + DeserializeOwned>(path: &'static str) -> Section {
    let mut keys: &'static [&'static str] = &[];
    // It always ends in an error: the keys are asked for before any value.
    let _ = T::deserialize(Keys(&mut keys));
    let definition = T::schema_name().into_owned();
    let former = |key: &str| FORMER_KEYS.contains(&(definition.as_str(), key));
    let keys: Vec<&&str> = keys.iter().filter(|key| !former(key)).collect();
    Section {
        path,
        definition,
        keys: keys.into_iter().copied().collect(),
    }
}

/// A deserializer that notes the keys a struct asks for. The schema has them in alphabetical order.
struct Keys<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Keys<'_> {
    type Error = Unread;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Unread> {
        *self.0 = keys;
        Err(Unread::custom("there is no value"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        Err(Unread::custom("expected a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The text of `docs/configuration.md`.
pub(super) fn markdown() -> anyhow::Result<String> {
    let schema = schema().to_value();
    let page = Page {
        definitions: schema["definitions"].as_object().context("definitions")?,
        sections: sections(),
    };
    let mut text = HEAD.to_owned();
    for section in &page.sections {
        let definition = match section.path {
            "" => &schema,
            _ => page.definition(&section.definition)?,
        };
        page.write(section, definition, &mut text)?;
    }
    Ok(text)
}

struct Page<'a> {
    definitions: &'a Map<String, Value>,
    sections: Vec<Section>,
}

impl Page<'_> {
    fn write(&self, section: &Section, schema: &Value, text: &mut String) -> anyhow::Result<()> {
        let heading = match section.path {
            "" => "The experiment".to_owned(),
            path => format!("`{path}`"),
        };
        writeln!(text, "\n## {heading}\n\n{}\n", description(schema))?;
        writeln!(
            text,
            "| key | value | default | meaning |\n|---|---|---|---|"
        )?;
        let required: Vec<&Value> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        let mut choices = String::new();
        for &key in &section.keys {
            let property = &schema["properties"][key];
            let default = match property.get("default") {
                _ if required.iter().any(|name| *name == key) => "required".to_owned(),
                Some(value) => yaml(value),
                None => "none".to_owned(),
            };
            writeln!(
                text,
                "| `{key}` | {} | {default} | {} |",
                self.value(property)?,
                cell(description(property))
            )?;
            choices += &self.choices(key, property)?;
        }
        if !choices.is_empty() {
            writeln!(text, "\n{}", choices.trim_end())?;
        }
        Ok(())
    }

    /// What may stand there, in words.
    fn value(&self, schema: &Value) -> anyhow::Result<String> {
        if let Some(definition) = target(schema) {
            let section = self.sections.iter().find(|at| at.definition == definition);
            return match section {
                Some(Section { path, .. }) => {
                    let anchor = path.replace('.', "").to_lowercase();
                    Ok(format!("[`{path}`](#{anchor})"))
                }
                None => self.value(self.definition(definition)?),
            };
        }
        if let Some(names) = schema["enum"].as_array() {
            let names: Vec<String> = names.iter().map(yaml).collect();
            return Ok(names.join(", "));
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let names = choices.iter().map(|choice| yaml(&choice["const"]));
            return Ok(names.collect::<Vec<_>>().join(", "));
        }
        if let Some(either) = schema["anyOf"].as_array() {
            let either = either.iter().map(|schema| self.value(schema));
            return Ok(either.collect::<anyhow::Result<Vec<_>>>()?.join(", or "));
        }
        let kind = match &schema["type"] {
            // Of an optional value: `["string", "null"]`.
            Value::Array(kinds) => &kinds[0],
            kind => kind,
        };
        Ok(match kind.as_str() {
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("number") => "number".to_owned(),
            Some("boolean") => "`true`, `false`".to_owned(),
            Some("null") => "nothing".to_owned(),
            Some("array") => {
                let items = self.value(&schema["items"])?;
                match schema["maxItems"].as_u64() {
                    Some(count) => format!("{count} {items}s"),
                    None if items.ends_with(['`', 's']) => format!("list of {items}"),
                    None => format!("list of {items}s"),
                }
            }
            Some("object") => match schema["properties"].as_object() {
                Some(named) => {
                    let names: Vec<String> = named.keys().map(|name| format!("`{name}`")).collect();
                    let (each, own) = match &schema["additionalProperties"] {
                        each @ Value::Object(_) => (Some(each), " or your own"),
                        _ => (named.values().next(), ""),
                    };
                    let each = each.context("an object without keys")?;
                    let names = match names.len() {
                        ..=FEW => names.join(", "),
                        _ => "one of these".to_owned(),
                    };
                    format!("by name ({names}{own}): {}", self.value(each)?)
                }
                None => format!("by name: {}", self.value(&schema["additionalProperties"])?),
            },
            _ => bail!("no words for {schema}"),
        })
    }

    /// A list of what each value of `key` means, where it has a few to choose from.
    fn choices(&self, key: &str, property: &Value) -> anyhow::Result<String> {
        let schema = match target(property) {
            Some(name) => self.definition(name)?,
            None => property,
        };
        let mut text = String::new();
        let choices = schema["oneOf"].as_array();
        for (index, choice) in choices.into_iter().flatten().enumerate() {
            if index == 0 {
                writeln!(text, "- `{key}`: {}", line(description(schema)))?;
            }
            let name = yaml(&choice["const"]);
            writeln!(text, "  - {name}: {}", line(description(choice)))?;
        }
        Ok(text)
    }

    fn definition(&self, name: &str) -> anyhow::Result<&Value> {
        let found = self.definitions.get(name);
        found.with_context(|| format!("the schema defines no {name}"))
    }
}

/// The definition that a schema refers to, by itself or as the value of an option.
pub(super) fn target(schema: &Value) -> Option<&str> {
    let parts = [schema, &schema["allOf"][0], &schema["anyOf"][0]];
    let reference = parts.into_iter().find_map(|part| part["$ref"].as_str());
    reference?.strip_prefix("#/definitions/")
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// A value as YAML has it.
fn yaml(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Object(keys) if keys.is_empty() => "none".to_owned(),
        Value::Object(_) => "its own defaults".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            format!("`[{}]`", items.join(", "))
        }
        // 4 rather than 4.0.
        Value::Number(number) if number.is_f64() => {
            format!("`{}`", number.as_f64().unwrap_or_default())
        }
        other => format!("`{other}`"),
    }
}

/// Paragraphs on one line.
fn line(text: &str) -> String {
    text.replace("\n\n", " ")
}

/// As [`line()`], to stand in a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}
