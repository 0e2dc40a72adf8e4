//! Folders with a `dataset.json`: the Medical Segmentation Decathlon and nnU-Net v2.
//!
//! Sources: medicaldecathlon.com and nnU-Net's `documentation/dataset_format.md`. The cases are those
//! that `training` names (nnU-Net v2: `dataset`), or without such a list those with a file in
//! `labelsTr`. Images lie in `imagesTr`; nnU-Net adds the channel's number, `_0000`. There is no
//! mask: every task uses the whole image, and one of the mask uses `label > 0`.
//!
//! What is named and not there, or counted by `numTraining` and not found, is refused; what is there
//! and not named is left out, and a note says so.

mod description;
mod files;

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, Source, entries, subject_of};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use description::{CONVERT, Description, ENDINGS, Named, ONE_CHANNEL};
use files::{Files, ending, parent, stem, without_channel};
use slicewise_core::Labels;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A message lists at most so many files.
const FEW: usize = 6;

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
        let (folder, pairs) = read(config).map_err(|problem| vec![problem])?;
        Ok(folder.cases(pairs))
    }

    fn notes(&self, config: &DataConfig) -> Vec<String> {
        let Ok((folder, pairs)) = read(config) else {
            return Vec::new();
        };
        let unused = folder.unused(&pairs);
        if unused.is_empty() {
            return Vec::new();
        }
        let (root, why) = (folder.root.display(), folder.left_out());
        vec![format!(
            "{root}: left out are images {why}: {}",
            few(&unused)
        )]
    }

    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError> {
        Description::read(&config.root().join("dataset.json"))?.grouping()
    }
}

/// Two files of one case, whether or not they are there.
struct Pair {
    id: String,
    image: PathBuf,
    label: PathBuf,
}

impl Pair {
    fn missing(&self) -> impl Iterator<Item = &Path> {
        let files = [self.image.as_path(), &self.label].into_iter();
        files.filter(|file| !file.is_file())
    }
}

/// A folder, what is said of it, and how its files are named.
struct Folder {
    root: PathBuf,
    description: Description,
    files: Files,
}

/// Finds the files of all cases.
fn read(config: &DataConfig) -> Result<(Folder, Vec<Pair>), DataError> {
    let root = config.root();
    let description = Description::read(&root.join("dataset.json"))?;
    description.refuse_ignored()?;
    let folder = Folder {
        files: Files {
            endings: description.ending.map_or(ENDINGS.to_vec(), |one| vec![one]),
            channel: description.channel(config.channel.as_ref())?,
        },
        description,
        root,
    };
    let pairs = match folder.description.cases.is_empty() {
        true => folder.labelled()?,
        false => folder.named()?,
    };
    folder.check_count(&pairs)?;
    folder.check_channels(&pairs)?;
    Ok((folder, pairs))
}

impl Folder {
    /// The cases that `dataset.json` names. A file that is named without its channel, or with the
    /// other ending, is found all the same.
    fn named(&self) -> Result<Vec<Pair>, DataError> {
        let mut pairs: Vec<Pair> = Vec::new();
        for Named { images, label } in &self.description.cases {
            let several = self.files.channel.filter(|channel| *channel < images.len());
            let image = match (&images[..], several) {
                ([image], _) => image,
                (_, Some(channel)) => &images[channel],
                _ => {
                    let problem = format!("expected one channel, got {} images", images.len());
                    return Err(self.description.refused(problem, ONE_CHANNEL));
                }
            };
            let image = match (label, image.parent()) {
                // A name alone.
                (None, Some(folder)) if folder == Path::new("") => {
                    Path::new("imagesTr").join(image)
                }
                _ => image.clone(),
            };
            let name = stem(&image);
            let (id, label) = match label {
                Some(label) => (stem(label), self.root.join(label)),
                None => self.label_of(name, &image),
            };
            let case = match without_channel(name) {
                Some(case) if case == id => case,
                _ => name,
            };
            let exact = self.root.join(&image);
            let keep = images.len() > 1 || self.files.channel.is_none() && exact.is_file();
            let found = if keep {
                None
            } else {
                self.files.image(parent(&exact), case)
            };
            let other = if label.is_file() {
                None
            } else {
                self.files.existing(parent(&label), id)
            };
            pairs.push(Pair {
                id: id.to_owned(),
                image: found.unwrap_or(exact),
                label: other.unwrap_or(label),
            });
        }
        let mut seen = BTreeSet::new();
        if let Some(twin) = pairs.iter().find(|pair| !seen.insert(&pair.id)) {
            return Err(DataError::DuplicateCase {
                place: self.root.join("dataset.json").display().to_string(),
                id: twin.id.clone(),
            });
        }
        self.expect_channels(&mut pairs);
        Ok(pairs)
    }

    /// The label of an image of which only the name is known, and the case's name.
    fn label_of<'a>(&self, name: &'a str, image: &Path) -> (&'a str, PathBuf) {
        let labels = self.root.join("labelsTr");
        let names = [Some(name), without_channel(name)].into_iter().flatten();
        let mut found =
            names.filter_map(|id| self.files.existing(&labels, id).map(|label| (id, label)));
        let ending = ending(image).unwrap_or(self.files.endings[0]);
        found
            .next()
            .unwrap_or_else(|| (name, labels.join(format!("{name}{ending}"))))
    }

    /// The cases that have a label in `labelsTr`.
    fn labelled(&self) -> Result<Vec<Pair>, DataError> {
        let (images, labels) = (self.root.join("imagesTr"), self.root.join("labelsTr"));
        let names = entries(&labels, "the folder of training labels")?;
        let mut pairs: Vec<Pair> = Vec::new();
        for name in &names {
            let Some((id, ending)) = self.files.split(name) else {
                continue;
            };
            if let Some(twin) = pairs.iter().find(|pair| pair.id == id) {
                let other = twin.label.file_name().unwrap_or_default().display();
                let problem =
                    format!("expected one label of a case in labelsTr, got {other} and {name}");
                let remedy = "Remove one of the two, or state file_ending.";
                return Err(self.description.refused(problem, remedy));
            }
            let image = self.files.image(&images, id);
            pairs.push(Pair {
                id: id.to_owned(),
                image: image.unwrap_or_else(|| images.join(format!("{id}{ending}"))),
                label: labels.join(name),
            });
        }
        if pairs.is_empty() {
            if let Some(other) = names.iter().find(|name| !name.starts_with('.')) {
                let endings = self.files.endings.join(" or ");
                let problem =
                    format!("expected labels that end in {endings} in labelsTr, got {other}");
                return Err(self.description.refused(problem, CONVERT));
            }
            return Err(DataError::Missing {
                path: labels.join(format!("*{}", self.files.endings[0])),
                expected: "at least one training label".to_owned(),
            });
        }
        self.expect_channels(&mut pairs);
        Ok(pairs)
    }

    /// Gives the images that are missing the name that the others have, with the channel's number.
    fn expect_channels(&self, pairs: &mut [Pair]) {
        let numbered = |pair: &Pair| without_channel(stem(&pair.image)) == Some(&pair.id);
        let mut there = pairs.iter().filter(|pair| pair.image.is_file()).peekable();
        let expected = match there.peek() {
            Some(_) => there.any(numbered),
            None => self.description.numbers_channels,
        };
        for pair in pairs
            .iter_mut()
            .filter(|pair| expected && !pair.image.is_file())
        {
            if let Some(ending) = ending(&pair.image).filter(|_| stem(&pair.image) == pair.id) {
                let channel = self.files.channel.unwrap_or(0);
                pair.image
                    .set_file_name(format!("{}_{channel:04}{ending}", pair.id));
            }
        }
    }

    /// Compares what is there with what `dataset.json` promises.
    fn check_count(&self, pairs: &[Pair]) -> Result<(), DataError> {
        let Description {
            number,
            list,
            cases,
            ..
        } = &self.description;
        let missing: Vec<String> = pairs
            .iter()
            .flat_map(Pair::missing)
            .map(|file| self.name(file))
            .collect();
        let found = pairs
            .iter()
            .filter(|pair| pair.missing().next().is_none())
            .count();
        let expected = number.unwrap_or(pairs.len());
        if missing.is_empty() && expected == found {
            return Ok(());
        }
        let by = match (number, cases.is_empty()) {
            (Some(_), _) => "numTraining",
            (None, true) => "labelsTr",
            (None, false) => list,
        };
        let mut problem = format!("expected {expected} cases by {by}, found {found}");
        if !missing.is_empty() {
            problem += &format!("; missing: {}", few(&missing));
        }
        let unused = self.unused(pairs);
        if found < expected && !unused.is_empty() {
            problem += &format!("; images {}: {}", self.left_out(), few(&unused));
        }
        let remedy = match missing.is_empty() {
            true => "Correct numTraining, or the cases that it counts.",
            false => {
                "Put the missing files there, or take their cases out (labelsTr, training, numTraining)."
            }
        };
        Err(self.description.refused(problem, remedy))
    }

    /// Refuses images that have a second channel beside them, if none is chosen.
    fn check_channels(&self, pairs: &[Pair]) -> Result<(), DataError> {
        let used: BTreeSet<&Path> = pairs.iter().map(|pair| pair.image.as_path()).collect();
        for Pair { id, image, .. } in pairs.iter().filter(|_| self.files.channel.is_none()) {
            let second = self.files.existing(parent(image), &format!("{id}_0001"));
            if let Some(second) = second.filter(|second| !used.contains(second.as_path())) {
                let (second, image) = (self.name(&second), self.name(image));
                let problem = format!("expected one channel, got {second} beside {image}");
                return Err(self.description.refused(problem, ONE_CHANNEL));
            }
        }
        Ok(())
    }

    fn cases(&self, pairs: Vec<Pair>) -> Vec<CaseSource> {
        let cases = pairs.into_iter().map(|pair| CaseSource {
            subject: subject_of(&pair.id, Path::new("")),
            id: pair.id,
            part: None,
            source: Source::Files {
                image: pair.image,
                labels: Some(pair.label),
                mask: None,
            },
        });
        cases.collect()
    }

    /// The images in the folders of the cases' images that belong to no case.
    fn unused(&self, pairs: &[Pair]) -> Vec<String> {
        let case = |image: &Path| {
            let name = stem(image);
            (
                parent(image).to_owned(),
                without_channel(name).unwrap_or(name).to_owned(),
            )
        };
        let files: BTreeSet<&Path> = pairs.iter().map(|pair| pair.image.as_path()).collect();
        // A case's other channels are not left over.
        let named = pairs
            .iter()
            .map(|pair| (parent(&pair.image).to_owned(), pair.id.clone()));
        let used: BTreeSet<(PathBuf, String)> = named.collect();
        let folders: BTreeSet<&Path> = pairs.iter().map(|pair| parent(&pair.image)).collect();
        let mut unused = Vec::new();
        for folder in folders {
            for name in entries(folder, "a folder of images").unwrap_or_default() {
                let image = folder.join(&name);
                let is_volume = !name.starts_with('.') && ending(&image).is_some();
                if is_volume && !files.contains(image.as_path()) && !used.contains(&case(&image)) {
                    unused.push(self.name(&image));
                }
            }
        }
        unused
    }

    /// Why images are left out.
    fn left_out(&self) -> String {
        match self.description.cases.is_empty() {
            true => "without a label".to_owned(),
            false => format!("that {} does not name", self.description.list),
        }
    }

    /// A file's name in messages.
    fn name(&self, file: &Path) -> String {
        file.strip_prefix(&self.root)
            .unwrap_or(file)
            .display()
            .to_string()
    }
}

/// Lists a few of many files.
fn few(files: &[String]) -> String {
    let more = files.len().saturating_sub(FEW);
    let mut text = files[..files.len() - more].join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
