//! Folders with a `dataset.json`: the Medical Segmentation Decathlon and nnU-Net v2.
//!
//! Sources: medicaldecathlon.com and nnU-Net's `documentation/dataset_format.md`. The training
//! cases are those with a file in `labelsTr`. Images lie in `imagesTr`; nnU-Net adds a channel
//! suffix, of which `_0000` is read. There is no mask: every task uses the whole image, and
//! one of the mask uses `label > 0`.

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, Source, entries};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use serde_json::{Map, Value};
use slicewise_core::Labels;
use std::path::Path;

/// The dataset `msd`.
pub(crate) struct Msd;

impl Dataset for Msd {
    fn name(&self) -> &'static str {
        "msd"
    }

    fn summary(&self) -> &'static str {
        "dataset.json with imagesTr and labelsTr: Medical Segmentation Decathlon, nnU-Net v2"
    }

    fn list(
        &self,
        config: &DataConfig,
        _labels: &Labels,
    ) -> Result<Vec<CaseSource>, Vec<DataError>> {
        list(&config.root()).map_err(|problem| vec![problem])
    }

    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError> {
        let path = config.root().join("dataset.json");
        let dataset = read_dataset(&path)?;
        grouping(&dataset).map_err(|problem| DataError::Table {
            path,
            line: None,
            problem,
        })
    }
}

fn read_dataset(path: &Path) -> Result<Map<String, Value>, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: "the description of an MSD or nnU-Net v2 data set".to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(|source| DataError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| DataError::Table {
        path: path.to_owned(),
        line: Some(error.line() as u64),
        problem: error.to_string(),
    })
}

fn list(root: &Path) -> Result<Vec<CaseSource>, DataError> {
    let dataset = read_dataset(&root.join("dataset.json"))?;
    // MSD has no `file_ending`; all its files end in .nii.gz.
    let ending = dataset.get("file_ending").and_then(Value::as_str);
    let ending = ending.unwrap_or(".nii.gz");
    if ![".nii", ".nii.gz"].contains(&ending) {
        return Err(DataError::FileEnding {
            path: root.join("dataset.json"),
            ending: ending.to_owned(),
        });
    }
    let (images, labels) = (root.join("imagesTr"), root.join("labelsTr"));
    let label_names = entries(&labels, "the folder of training labels")?;
    let ids: Vec<&str> = label_names
        .iter()
        // The Decathlon's archives contain macOS's `._` files beside the volumes.
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| name.strip_suffix(ending))
        .collect();
    if ids.is_empty() {
        return Err(DataError::Missing {
            path: labels.join(format!("*{ending}")),
            expected: "at least one training label".to_owned(),
        });
    }
    let cases = ids.into_iter().map(|id| {
        let first_channel = images.join(format!("{id}_0000{ending}"));
        let plain = images.join(format!("{id}{ending}"));
        CaseSource {
            id: id.to_owned(),
            subject: id.to_owned(),
            part: None,
            source: Source::Files {
                image: if first_channel.is_file() {
                    first_channel
                } else {
                    plain
                },
                labels: Some(labels.join(format!("{id}{ending}"))),
                mask: None,
            },
        }
    });
    Ok(cases.collect())
}

/// Reads the classes, as MSD writes them, `{"0": "background", "1": "Anterior"}`, or as nnU-Net v2
/// does, `{"background": 0, "Anterior": 1}`.
fn grouping(dataset: &Map<String, Value>) -> Result<LabelGrouping, String> {
    let labels = dataset
        .get("labels")
        .and_then(Value::as_object)
        .ok_or("expected an object \"labels\", got none")?;
    let mut named: Vec<(i32, &str)> = Vec::new();
    for (key, value) in labels {
        let pair = match value {
            Value::String(name) => key.parse().ok().map(|number| (number, name.as_str())),
            Value::Number(number) => number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok())
                .map(|number| (number, key.as_str())),
            _ => None,
        };
        let pair = pair.ok_or_else(|| {
            format!("expected one whole number a label, got \"{key}\": {value} (regions are not supported)")
        })?;
        named.push(pair);
    }
    named.sort();
    if named.iter().any(|(_, name)| *name == "ignore") {
        return Err("expected fully annotated labels, got an \"ignore\" label".to_owned());
    }
    if named.first().map(|(number, _)| *number) != Some(0) || !(2..=255).contains(&named.len()) {
        return Err("expected the background 0 and 1 to 254 foreground labels".to_owned());
    }
    let values: Vec<i32> = named.iter().map(|(number, _)| *number).collect();
    let foreground = named.iter().zip(values.chunks(1)).skip(1);
    Ok(LabelGrouping::new(
        &[0],
        foreground.map(|((_, name), value)| (*name, value)),
    ))
}
