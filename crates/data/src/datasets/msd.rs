//! Folders with a `dataset.json`: the Medical Segmentation Decathlon and nnU-Net v2.
//!
//! Sources: medicaldecathlon.com and nnU-Net's `documentation/dataset_format.md`. The cases are those
//! that `training` names (nnU-Net v2: `dataset`), or without such a list those with a file in
//! `labelsTr`. Images lie in `imagesTr`; nnU-Net adds the channel's number, `_0000`. There is no
//! mask: every task uses the whole image, and one of the mask uses `label > 0`.
//!
//! What is named and not there, or counted by `numTraining` and not found, is refused; what is there
//! and not named is left out, and a note says so.

mod agreement;
mod description;
mod files;
mod folder;

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, Source, subject_of};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use agreement::few;
use description::{Description, ENDINGS};
use files::Files;
use folder::{Folder, Pair};
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
        let (_, pairs) = read(config).map_err(|problem| vec![problem])?;
        Ok(cases(pairs))
    }

    fn notes(&self, config: &DataConfig) -> Vec<String> {
        let Ok((folder, pairs)) = read(config) else {
            return Vec::new();
        };
        let mut notes = Vec::new();
        let root = folder.root.display();
        if folder
            .description
            .grouping()
            .is_ok_and(|grouping| grouping.ignore.is_some())
        {
            notes.push(format!(
                "{root}: its labels are drawn in part (`ignore`): what nobody drew counts neither in training \
                 nor in scores, and a strategy that asks for a slice of which nothing is drawn gets nothing"
            ));
        }
        let unused = folder.unused(&pairs);
        if !unused.is_empty() {
            let (why, few) = (folder.left_out(), few(&unused));
            notes.push(format!("{root}: left out are images {why}: {few}"));
        }
        notes
    }

    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError> {
        Description::read(&config.root().join("dataset.json"))?.grouping()
    }
}

/// Finds the files of all cases.
fn read(config: &DataConfig) -> Result<(Folder, Vec<Pair>), DataError> {
    let root = config.root();
    let description = Description::read(&root.join("dataset.json"))?;
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

fn cases(pairs: Vec<Pair>) -> Vec<CaseSource> {
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
