//! Finds the files of each case: those that `dataset.json` names, or those that are in the folder.

use super::description::{CONVERT, Description, Named, ONE_CHANNEL};
use super::files::{Files, ending, parent, stem, without_channel};
use crate::datasets::entries;
use crate::error::DataError;
use crate::format::Format;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Two files of one case, whether or not they are there.
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) image: PathBuf,
    pub(super) label: PathBuf,
}

impl Pair {
    /// Whether the image's name is the case's and a channel's number.
    pub(super) fn is_numbered(&self) -> bool {
        without_channel(stem(&self.image)) == Some(&self.id)
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = &Path> {
        let files = [self.image.as_path(), &self.label].into_iter();
        files.filter(|file| !file.is_file())
    }
}

/// A folder, what is said of it, and how its files are named.
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) description: Description,
    pub(super) files: Files,
}

impl Folder {
    /// The cases that `dataset.json` names. A file that is named without its channel, or with the
    /// other ending, is found all the same.
    pub(super) fn named(&self) -> Result<Vec<Pair>, DataError> {
        let mut pairs: Vec<Pair> = Vec::new();
        for Named { id, images, label } in &self.description.cases {
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
            let (of_label, label) = match label {
                Some(label) => (stem(label), self.root.join(label)),
                None => self.label_of(name, &image),
            };
            let id = id.as_deref().unwrap_or(of_label);
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
                self.files.existing(parent(&label), of_label)
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
    pub(super) fn labelled(&self) -> Result<Vec<Pair>, DataError> {
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
                let format = Format::of_name(Path::new(other));
                let remedy = format.map_or(CONVERT, |format| format.remedy_of_all());
                return Err(self.description.refused(problem, remedy));
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
        let mut there = pairs.iter().filter(|pair| pair.image.is_file()).peekable();
        let expected = match there.peek() {
            Some(_) => there.any(Pair::is_numbered),
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

    /// A file's name in messages.
    pub(super) fn name(&self, file: &Path) -> String {
        file.strip_prefix(&self.root)
            .unwrap_or(file)
            .display()
            .to_string()
    }
}
