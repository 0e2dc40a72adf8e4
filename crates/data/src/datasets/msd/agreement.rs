//! Compares the files of a folder with what `dataset.json` says of them.

use super::description::{Description, ONE_CHANNEL, SPLIT};
use super::files::{ending, parent, stem, without_channel};
use super::folder::{Folder, Pair};
use crate::datasets::entries;
use crate::error::DataError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A message lists at most so many files.
const FEW: usize = 6;

impl Folder {
    /// Compares what is there with what `dataset.json` promises.
    pub(super) fn check_count(&self, pairs: &[Pair]) -> Result<(), DataError> {
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
        let by_list = if cases.is_empty() { "labelsTr" } else { list };
        let (expected, by) = match *number {
            Some(number) if number != found => (number, "numTraining"),
            _ => (pairs.len(), by_list),
        };
        if missing.is_empty() && expected == found {
            return Ok(());
        }
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

    /// Refuses several channels if none is chosen, and several in one file.
    pub(super) fn check_channels(&self, pairs: &[Pair]) -> Result<(), DataError> {
        let refuse = |problem, remedy| Err(self.description.refused(problem, remedy));
        let (count, listed) = (self.description.channels.len(), &self.description.cases);
        // Where `dataset` names a file for each channel, their names say nothing.
        let by_name = listed.iter().all(|case| case.images.len() == 1);
        let mut pairs = pairs.iter();
        if let Some(pair) = pairs
            .clone()
            .find(|pair| by_name && count > 1 && !pair.is_numbered())
        {
            let image = self.name(&pair.image);
            let problem = format!("expected a file for each of {count} channels, got {image}");
            return refuse(problem, SPLIT);
        }
        if self.files.channel.is_some() {
            return Ok(());
        }
        if count > 1 {
            let names = self.description.channels.join(", ");
            return refuse(
                format!("expected one channel, got {count}: {names}"),
                ONE_CHANNEL,
            );
        }
        let used: BTreeSet<&Path> = pairs.clone().map(|pair| pair.image.as_path()).collect();
        let second = pairs.find_map(|pair| {
            let second = self
                .files
                .existing(parent(&pair.image), &format!("{}_0001", pair.id))?;
            (!used.contains(second.as_path())).then_some((second, &pair.image))
        });
        second.map_or(Ok(()), |(second, image)| {
            let (second, image) = (self.name(&second), self.name(image));
            refuse(
                format!("expected one channel, got {second} beside {image}"),
                ONE_CHANNEL,
            )
        })
    }

    /// The images in the folders of the cases' images that belong to no case.
    pub(super) fn unused(&self, pairs: &[Pair]) -> Vec<String> {
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
    pub(super) fn left_out(&self) -> String {
        match self.description.cases.is_empty() {
            true => "without a label".to_owned(),
            false => format!("that {} does not name", self.description.list),
        }
    }
}

/// Lists a few of many files.
pub(super) fn few(files: &[String]) -> String {
    let more = files.len().saturating_sub(FEW);
    let mut text = files[..files.len() - more].join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
