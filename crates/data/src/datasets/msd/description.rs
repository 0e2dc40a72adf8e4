//! What a `dataset.json` says, as the Decathlon and nnU-Net write it: classes, channels, and which
//! files belong together.

use crate::config::Channel;
use crate::datasets::escapes;
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::text;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use slicewise_core::UnknownName;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// The endings of files that are read, the longer first.
pub(super) const ENDINGS: &[&str] = &[".nii.gz", ".nii"];

/// The file as it was written. Keys that decide nothing here are not read.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Written {
    labels: Option<Pairs>,
    /// The channels in nnU-Net v2.
    channel_names: Option<Value>,
    /// The channels in the Decathlon.
    modality: Option<Value>,
    file_ending: Option<Value>,
    #[serde(rename = "numTraining")]
    number: Option<Value>,
    /// The cases in the Decathlon.
    training: Option<Vec<Value>>,
    /// The cases in nnU-Net v2, where it has them.
    dataset: Option<Map<String, Value>>,
}

/// The keys and values of an object in their order, twins among them.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of names and numbers")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Files that `dataset.json` names as those of one case, relative to its folder or absolute.
pub(super) struct Named {
    /// The case's name, if it has one of its own.
    pub(super) id: Option<String>,
    /// The image, or one file for each of its channels.
    pub(super) images: Vec<PathBuf>,
    /// The label map; `None` if only the image is named.
    pub(super) label: Option<PathBuf>,
}

/// A `dataset.json`.
pub(super) struct Description {
    path: PathBuf,
    labels: Option<Vec<(String, Value)>>,
    /// Names of the channels in their order; empty if it does not say.
    pub(super) channels: Vec<String>,
    /// Whether it is nnU-Net's, whose images have the channel's number in their names.
    pub(super) numbers_channels: bool,
    /// What `file_ending` says.
    pub(super) ending: Option<&'static str>,
    /// What `numTraining` says.
    pub(super) number: Option<usize>,
    /// The key that names the cases.
    pub(super) list: &'static str,
    /// The cases of that key; empty if it names none, so that the folder decides.
    pub(super) cases: Vec<Named>,
}

impl Description {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It is no JSON, or a key does not hold what it should.
    pub(super) fn read(path: &Path) -> Result<Self, DataError> {
        let text = text::read(path, "the description of an MSD or nnU-Net v2 data set")?;
        let written: Written = serde_json::from_str(&text).map_err(|error| DataError::Table {
            path: path.to_owned(),
            line: Some(error.line() as u64),
            problem: error.to_string(),
        })?;
        let mut description = Self {
            path: path.to_owned(),
            labels: written.labels.map(|pairs| pairs.0),
            channels: Vec::new(),
            numbers_channels: written.channel_names.is_some(),
            ending: None,
            number: None,
            list: "training",
            cases: Vec::new(),
        };
        let channels = written.channel_names.or(written.modality);
        description.channels = channels.map_or(Ok(Vec::new()), |channels| {
            channel_names(&channels).map_err(|problem| description.wrong(problem))
        })?;
        if let Some(ending) = written.file_ending {
            description.ending = Some(description.known_ending(&ending)?);
        }
        if let Some(number) = written.number {
            let written = number.as_str().map_or(number.to_string(), str::to_owned);
            let whole = written.parse().ok();
            let problem = || format!("expected a whole number numTraining, got {number}");
            description.number = Some(whole.ok_or_else(|| description.wrong(problem()))?);
        }
        let training = written.training.unwrap_or_default().into_iter();
        let mut entries: Vec<(Option<String>, Value)> =
            training.map(|entry| (None, entry)).collect();
        if entries.is_empty() {
            description.list = "dataset";
            let named = written.dataset.into_iter().flatten();
            entries.extend(named.map(|(id, entry)| (Some(id), entry)));
        }
        for (id, entry) in entries {
            description.cases.push(description.named(id, &entry)?);
        }
        Ok(description)
    }

    /// The error of a value that is wrong in itself.
    fn wrong(&self, problem: String) -> DataError {
        self.refused(problem, "Correct dataset.json.")
    }

    /// The error `problem`, which `remedy` mends.
    pub(super) fn refused(&self, problem: String, remedy: &'static str) -> DataError {
        DataError::Description {
            path: self.path.clone(),
            problem,
            remedy,
        }
    }

    fn known_ending(&self, ending: &Value) -> Result<&'static str, DataError> {
        let known = ENDINGS.iter().find(|known| ending == **known);
        known.copied().ok_or_else(|| match ending.as_str() {
            Some(ending) => DataError::FileEnding {
                path: self.path.clone(),
                ending: ending.to_owned(),
            },
            None => self.wrong(format!(
                "expected the file_ending .nii.gz or .nii, got {ending}"
            )),
        })
    }

    /// Reads one case: `{"image": FILE, "label": FILE}`, the image alone, or nnU-Net's
    /// `{"images": [FILE], "label": FILE}`.
    fn named(&self, id: Option<String>, entry: &Value) -> Result<Named, DataError> {
        let file = |value: &Value| {
            let file = value
                .as_str()
                .filter(|text| !text.is_empty() && !text.contains(char::is_control));
            let problem =
                || format!("expected cases {{\"image\": FILE, \"label\": FILE}}, got {entry}");
            let file = PathBuf::from(file.ok_or_else(|| self.wrong(problem()))?);
            if escapes(&file) {
                let problem = format!(
                    "expected files below its folder, or absolute paths, got \"{}\"",
                    file.display()
                );
                return Err(self.wrong(problem));
            }
            Ok(file)
        };
        let images = match entry.get("images").and_then(Value::as_array) {
            Some(images) => images.iter().map(file).collect::<Result<_, _>>()?,
            None => vec![file(entry.get("image").unwrap_or(entry))?],
        };
        if let Some(id) = id
            .iter()
            .find(|id| id.is_empty() || id.contains(char::is_control))
        {
            return Err(self.wrong(format!("expected a name for each case, got \"{id}\"")));
        }
        Ok(Named {
            id,
            images,
            label: entry.get("label").map(file).transpose()?,
        })
    }

    /// Returns the number of the channel that `wanted` chooses, if it does.
    ///
    /// # Errors
    /// There is no channel of that number or name.
    pub(super) fn channel(&self, wanted: Option<&Channel>) -> Result<Option<usize>, DataError> {
        let names = &self.channels;
        match wanted {
            None => Ok(None),
            Some(Channel::Number(number)) if names.is_empty() || *number < names.len() => {
                Ok(Some(*number))
            }
            Some(Channel::Number(number)) => Err(DataError::Setting {
                field: "channel",
                problem: format!(
                    "expected at most {}, the last channel of dataset.json, got {number}",
                    names.len() - 1
                ),
            }),
            Some(Channel::Name(name)) => {
                let place = names.iter().position(|known| known == name);
                place.map(Some).ok_or_else(|| DataError::UnknownName {
                    field: "channel",
                    unknown: UnknownName::new("channel", name, names.iter().map(String::as_str)),
                })
            }
        }
    }

    /// Returns the classes, as MSD writes them, `{"0": "background", "1": "Anterior"}`, or as nnU-Net
    /// v2 does, `{"background": 0, "Anterior": 1}`.
    ///
    /// # Errors
    /// Labels are missing, are no whole numbers, or have two names or share one.
    pub(super) fn grouping(&self) -> Result<LabelGrouping, DataError> {
        let labels = self.labels.as_ref();
        let labels = labels
            .ok_or_else(|| self.wrong("expected an object \"labels\", got none".to_owned()))?;
        let mut named: Vec<(i32, &str)> = Vec::new();
        for (key, value) in labels {
            let pair = match value {
                // A number in quotes is one.
                Value::String(name) => match key.parse() {
                    Ok(number) => Some((number, name.as_str())),
                    Err(_) => name.parse().ok().map(|number| (number, key.as_str())),
                },
                Value::Number(number) => number
                    .as_i64()
                    .and_then(|number| i32::try_from(number).ok())
                    .map(|number| (number, key.as_str())),
                _ => None,
            };
            named.push(pair.ok_or_else(|| {
                self.refused(
                    format!("expected one whole number a label, got \"{key}\": {value} (regions are not supported)"),
                    "Name each label value by itself; a task's definition can choose classes.",
                )
            })?);
        }
        named.sort();
        // nnU-Net's word for voxels that nobody drew.
        let ignored = |name: &str| name.eq_ignore_ascii_case(IGNORED);
        let ignore = named
            .iter()
            .find(|(_, name)| ignored(name))
            .map(|(value, _)| *value);
        if let Some(pair) = named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let [(number, one), (_, other)] = [pair[0], pair[1]];
            return Err(self.wrong(format!(
                "expected one name for the label {number}, got \"{one}\" and \"{other}\""
            )));
        }
        let mut seen = BTreeSet::new();
        if let Some((_, name)) = named.iter().find(|(_, name)| !seen.insert(*name)) {
            return Err(self.wrong(format!("expected one label called \"{name}\", got several")));
        }
        if named.first().map(|(number, _)| *number) != Some(0) || !(2..=255).contains(&named.len())
        {
            return Err(
                self.wrong("expected the background 0 and 1 to 254 foreground labels".to_owned())
            );
        }
        named.retain(|(_, name)| !ignored(name));
        let values: Vec<i32> = named.iter().map(|(number, _)| *number).collect();
        let foreground = named.iter().zip(values.chunks(1)).skip(1);
        Ok(LabelGrouping {
            ignore,
            ..LabelGrouping::new(&[0], foreground.map(|((_, name), value)| (*name, value)))
        })
    }
}

/// What nnU-Net calls voxels that nobody drew.
const IGNORED: &str = "ignore";

/// What to do about volumes that are no NIfTI files.
pub(super) const CONVERT: &str =
    "Convert the volumes to .nii.gz, for instance with SimpleITK's ReadImage and WriteImage.";

/// What to do about channels in one file.
pub(super) const SPLIT: &str = "Write the channel that is wanted as a 3D volume of its own, and name it alone in dataset.json.";

/// What to do about several channels.
pub(super) const ONE_CHANNEL: &str =
    "Choose one, for instance data.channel: 0 (several at once are not supported).";

/// Reads `{"0": "T1", "1": "T2"}`, a list of names, or one name.
fn channel_names(channels: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match channels {
        Value::Object(named) => {
            let numbered = named.iter().map(|(key, name)| {
                let number: Option<usize> = key.parse().ok();
                number.map(|number| (number, text(name)))
            });
            let numbered: Option<Vec<_>> = numbered.collect();
            let mut numbered = numbered
                .filter(|names| !names.is_empty())
                .ok_or_else(|| format!("expected channels {{\"0\": NAME}}, got {channels}"))?;
            numbered.sort();
            Ok(numbered.into_iter().map(|(_, name)| name).collect())
        }
        Value::Array(names) => Ok(names.iter().map(text).collect()),
        name => Ok(vec![text(name)]),
    }
}
