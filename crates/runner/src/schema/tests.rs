//! The copies in the repository are those of the code, and the schema says what the program says.

use super::page::{markdown, sections};
use super::{json, plain, schema};
use crate::config::committed_experiments;
use serde_json::Value;
use slicewise_core::Task;
use slicewise_experiment::StrategyName;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_copies_in_the_repository_are_those_of_the_code() {
    for (path, made) in [
        ("experiments/schema.json", json().unwrap()),
        ("docs/configuration.md", markdown().unwrap()),
    ] {
        let kept = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(
            kept == made,
            "{path} is not what the code says: run ./just configuration"
        );
    }
}

#[test]
fn the_page_has_a_row_for_every_key_of_the_schema() {
    let schema = schema().to_value();
    let page = markdown().unwrap();
    let mut structs = vec![(String::new(), &schema)];
    let definitions = schema["definitions"].as_object().unwrap();
    structs.extend(definitions.iter().map(|(name, at)| (name.clone(), at)));
    let mut keys = 0;
    for (name, schema) in structs {
        let Some(properties) = schema["properties"].as_object() else {
            assert!(
                schema["oneOf"].is_array() || schema["anyOf"].is_array(),
                "{name} is neither keys nor choices"
            );
            continue;
        };
        if !name.is_empty() {
            let there = sections().iter().any(|section| section.definition == name);
            assert!(there, "{name} has no section: add it to `sections`");
        }
        for (key, property) in properties {
            keys += 1;
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{key}` |")));
            assert!(row.is_some(), "{name}: no row for {key}");
            let described = property["description"].as_str();
            assert!(
                described.is_some_and(|text| !text.is_empty()),
                "{name}: {key}"
            );
        }
    }
    assert_eq!(page.matches("\n| `").count(), keys, "rows of other keys");
    assert!(keys > 50, "{keys} keys");
    assert!(
        !page.contains("[`crate") && !page.contains("::"),
        "names of Rust: {page}"
    );
}

#[test]
fn a_doc_comment_becomes_plain_text() {
    assert_eq!(
        plain(
            "One of\n[`crate::datasets::REGISTRY`], or [`Bfloat16`](Self::Bfloat16)\nthen.\n\nMore: `x`."
        ),
        "One of `REGISTRY`, or `Bfloat16` then.\n\nMore: `x`."
    );
    assert_eq!(
        plain("Open [`crate: `[z, y, x]`."),
        "Open [`crate: `[z, y, x]`."
    );
}

/// Every committed experiment passes; one change to it, and it does not.
#[test]
fn the_schema_accepts_what_the_program_does_and_refuses_the_rest() {
    let schema = schema().to_value();
    let paths = committed_experiments();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(
            text.lines().next(),
            Some("# yaml-language-server: $schema=schema.json"),
            "{}: the first line tells editors the schema",
            path.display()
        );
        let experiment: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(
            problem(&schema, &schema, &experiment),
            None,
            "{}",
            path.display()
        );
    }
    assert!(paths.len() >= 10, "{} experiments", paths.len());

    let smoke = fs::read_to_string(root().join("experiments/smoke.yaml")).unwrap();
    for (from, to, why) in [
        ("first_every:", "first_evry:", "first_evry"),
        ("name: smoke\n", "", "name"),
        ("dataset: phantom", "dataset: phantoms", "phantoms"),
        (
            "architecture: attention-unet",
            "architecture: unett",
            "unett",
        ),
        ("random: [0.25, 0.5]", "randon: [0.25, 0.5]", "randon"),
        ("random: [0.25, 0.5]", "random: [0.25, 1.5]", "1.5"),
        ("random: [0.25, 0.5]", "random: 0.5", "0.5"),
        ("checkpoint_every: 2", "per_ratio: 2", "per_ratio"),
        (
            "first_every:",
            "start: scattered\n    first_every:",
            "scattered",
        ),
        (
            "first_every:",
            "query_every: 0\n    first_every:",
            "0 does not fit",
        ),
        ("part_b: [phantom-04]", "folds: two", "two"),
        // A task of one's own has a definition, one of the paper's has none.
        ("brain-extraction:", "brain-extracton:", "definition"),
        (
            "tissue-segmentation: *plan\n",
            "Brain:\n    definition: {labels: all, agreement: dice}\n    first_every: 8\n    steps: {budget: 1}\n",
            "Brain",
        ),
        (
            "first_every:",
            "definition: {labels: all, agreement: dice}\n    first_every:",
            "definition",
        ),
        ("levels: 2", "levels: -2", "-2"),
        ("levels: 2", "levels: 2, norm: batch", "batch"),
        ("levels: 2", "levels: 2, precision: bfloat61", "bfloat61"),
        ("crop: [8, 16, 16]", "crop: [8, 16]", "[8,16]"),
        ("data:\n", "device: gpu\ndata:\n", "gpu"),
    ] {
        let text = smoke.replacen(from, to, 1);
        assert_ne!(text, smoke, "{from}");
        let experiment: Value = serde_yaml::from_str(&text).unwrap();
        let problem = problem(&schema, &schema, &experiment);
        let problem = problem.unwrap_or_else(|| panic!("{to} is accepted"));
        assert!(problem.contains(why), "{to}: {problem}");
    }
}

/// Why `value` does not fit `schema`, a part of `root`. It knows the words of JSON Schema that ours
/// uses, and refuses others.
fn problem(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let refused = || Some(format!("{value} does not fit {schema}"));
    let fits = |schema: &Value| problem(root, schema, value).is_none();
    for (word, rule) in schema.as_object().unwrap() {
        let within = |compare: fn(f64, f64) -> bool| {
            let number = value.as_f64();
            number.is_none_or(|number| compare(number, rule.as_f64().unwrap()))
        };
        let items = value.as_array().map_or(0, Vec::len);
        let good = match word.as_str() {
            "$schema" | "title" | "description" | "default" | "definitions" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                if let Some(problem) = problem(root, root.pointer(pointer).unwrap(), value) {
                    return Some(problem);
                }
                true
            }
            "allOf" => {
                let mut parts = rule.as_array().unwrap().iter();
                if let Some(problem) = parts.find_map(|part| problem(root, part, value)) {
                    return Some(problem);
                }
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(fits),
            "oneOf" => {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .filter(|part| fits(part))
                    .count()
                    == 1
            }
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)),
                kind => is(kind.as_str().unwrap(), value),
            },
            "minimum" => within(|number, least| number >= least),
            "maximum" => within(|number, most| number <= most),
            "exclusiveMinimum" => within(|number, least| number > least),
            "minItems" => items as u64 >= rule.as_u64().unwrap(),
            "maxItems" => items as u64 <= rule.as_u64().unwrap(),
            "not" => !fits(rule),
            "propertyNames" => {
                let mut names = value
                    .as_object()
                    .into_iter()
                    .flat_map(|object| object.keys());
                names.all(|name| problem(root, rule, &json!(name)).is_none())
            }
            // The three patterns there are.
            "pattern" if rule == "^[a-z][a-z0-9-]{0,63}$" => {
                value.as_str().unwrap().parse::<Task>().is_ok()
            }
            "pattern" if rule == "^[a-z0-9][a-z0-9-]*$" => {
                serde_json::from_value::<StrategyName>(value.clone()).is_ok()
            }
            "pattern" => {
                assert_eq!(rule, r"^(auto|cpu|cuda:\d+)$");
                let text = value.as_str().unwrap();
                let index = text.strip_prefix("cuda:");
                ["auto", "cpu"].contains(&text) || index.is_some_and(|at| at.parse::<u32>().is_ok())
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                if let Some(problem) = items.find_map(|item| problem(root, rule, item)) {
                    return Some(problem);
                }
                true
            }
            "required" => {
                let mut names = rule.as_array().unwrap().iter();
                let missing = names.find(|name| value.get(name.as_str().unwrap()).is_none());
                if let Some(missing) = missing.filter(|_| value.is_object()) {
                    return Some(format!("{missing} is missing"));
                }
                true
            }
            "properties" | "additionalProperties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    let named = &schema["properties"][key];
                    let found = match (word.as_str(), named.is_null()) {
                        ("properties", false) => problem(root, named, value),
                        ("additionalProperties", true) if *rule == json!(false) => {
                            Some(format!("{key} is unknown"))
                        }
                        ("additionalProperties", true) => problem(root, rule, value),
                        _ => None,
                    };
                    if found.is_some() {
                        return found;
                    }
                }
                true
            }
            word => panic!("the schema has {word}, which this test does not know"),
        };
        if !good {
            return refused();
        }
    }
    None
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        kind => panic!("no type {kind}"),
    }
}
