//! `slicewise schema`: the JSON Schema of an experiment's YAML, and the same as a page to read.
//!
//! Both come from the types that read the YAML and from their doc comments, so neither can say
//! anything else than the program does. The repository keeps a copy of each: editors check
//! experiments with `experiments/schema.json`, people read `docs/configuration.md`. A test compares
//! the copies with the code; `./just configuration` writes them again.

mod page;
#[cfg(test)]
mod tests;

use crate::config::ExperimentConfig;
use crate::failure::Outcome;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use slicewise_data::Task;
use slicewise_experiment::TaskPlan;
use std::io::Write;

/// Prints the schema, or the page.
pub(crate) fn run(markdown: bool) -> Outcome {
    let text = if markdown { page::markdown()? } else { json()? };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The text of `experiments/schema.json`.
fn json() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&schema())? + "\n")
}

/// The schema. It is of draft 7, the latest that all editors' YAML plug-ins read.
fn schema() -> Schema {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(tidy));
    settings
        .into_generator()
        .into_root_schema_for::<ExperimentConfig>()
}

/// The schema of `tasks`: a plan for each task, by the task's name. One of the paper's has no
/// definition, any other has one.
pub(crate) fn tasks(generator: &mut SchemaGenerator) -> Schema {
    let plan = generator.subschema_for::<TaskPlan>();
    let defined = json!({"required": ["definition"]});
    let papers = Task::OF_PAPER.map(|task| {
        let plan = json!({"allOf": [plan, {"not": defined}]});
        (task.name().to_owned(), plan)
    });
    json_schema!({
        "type": "object",
        "properties": Map::from_iter(papers),
        "propertyNames": {"pattern": "^[a-z][a-z0-9-]{0,63}$"},
        "additionalProperties": {"allOf": [plan, defined]},
    })
}

/// Turns a doc comment into plain text and drops the names of Rust's number types.
fn tidy(schema: &mut Schema) {
    schema.remove("format");
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = plain(text);
    }
}

/// A doc comment without line breaks within paragraphs and without links to Rust's items, which
/// lead nowhere outside the API documentation: `` [`crate::datasets::REGISTRY`] `` becomes
/// `` `REGISTRY` ``, and ``[`Bfloat16`](Self::Bfloat16)`` becomes `` `Bfloat16` ``.
fn plain(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let text = paragraphs.collect::<Vec<_>>().join("\n\n");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, link)) = rest.split_once("[`") {
        plain += before;
        let Some((item, after)) = link.split_once("`]") else {
            plain += "[`";
            rest = link;
            continue;
        };
        let name = item.rsplit("::").next().unwrap_or(item);
        plain += &format!("`{name}`");
        // Where the link leads is left out.
        rest = match after.strip_prefix('(').and_then(|to| to.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain + rest
}
