//! Which datasets can be read. Each is one small file and one line in
//! `datasets/registry.rs`.
//!
//! It only *names* the files that are there and says what label values mean. Whether the
//! files exist and fit together is found when they are read. So one check reports all problems at
//! once, and no case vanishes silently.

mod registry;

pub use crate::listing::{CaseSource, MaskFile, Source};
pub use registry::{DATASETS, find};

use crate::config::DataConfig;
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use slicewise_core::Labels;
use std::path::{Component, Path};

/// A dataset, or a way in which datasets lie on disk (`manifest`, `msd`).
pub trait Dataset: Sync {
    /// The dataset's name in YAML.
    fn name(&self) -> &'static str;

    /// One line about it for `slicewise list datasets`.
    fn summary(&self) -> &'static str;

    /// Lists the cases that the dataset has for a task with such labels, in any order.
    ///
    /// # Errors
    /// Every problem of the folder or table itself.
    fn list(&self, config: &DataConfig, labels: &Labels)
    -> Result<Vec<CaseSource>, Vec<DataError>>;

    /// Lists the cases that can be read even though [`list`](Self::list) fails because of others. A
    /// check can then report the problems of their files too.
    fn sound(&self, config: &DataConfig, labels: &Labels) -> Vec<CaseSource> {
        self.list(config, labels).unwrap_or_default()
    }

    /// Returns what a user should know of a dataset that can be used, such as cases that are left out.
    fn notes(&self, _config: &DataConfig) -> Vec<String> {
        Vec::new()
    }

    /// Returns what the label values mean: all classes that a task can have.
    ///
    /// # Errors
    /// A table of the dataset, or a setting, does not say so.
    fn classes(&self, config: &DataConfig) -> Result<LabelGrouping, DataError>;
}

/// Returns the subject of a case: what `sub-…` says in BIDS names (bids-specification.readthedocs.io,
/// "Filenames"), where the id, the first folder of the image's path or its file's name begins so.
/// Otherwise each case is a subject of its own.
pub(crate) fn subject_of(id: &str, image: &Path) -> String {
    let folder = image.components().find_map(|component| match component {
        Component::CurDir => None,
        other => Some(other.as_os_str()),
    });
    let names = [folder, image.file_name()].map(|name| name.and_then(|name| name.to_str()));
    let names = std::iter::once(Some(id)).chain(names).flatten();
    let entity = |name: &str| {
        let label = name.strip_prefix("sub-")?;
        let ends = [label.find('_'), label.find("-ses-"), Some(label.len())];
        let (label, rest) = label.split_at(ends.into_iter().flatten().min()?);
        // An entity or a suffix follows, `_ses-1` or `_T2w`. So `sub-pilot_01` is a name by itself.
        let follows = rest.chars().nth(1).is_none_or(char::is_alphabetic);
        (follows && !label.is_empty()).then(|| format!("sub-{label}"))
    };
    names
        .filter_map(entity)
        .next()
        .unwrap_or_else(|| id.to_owned())
}

/// Returns whether a relative path climbs above the folder that it starts in.
pub(crate) fn escapes(file: &Path) -> bool {
    let mut depth = 0;
    file.is_relative()
        && file.components().any(|component| {
            depth += match component {
                Component::ParentDir => -1,
                Component::Normal(_) => 1,
                _ => 0,
            };
            depth < 0
        })
}

/// Lists the names in a folder, sorted. The folder must exist.
pub(crate) fn entries(folder: &Path, expected: &str) -> Result<Vec<String>, DataError> {
    if !folder.is_dir() {
        return Err(DataError::Missing {
            path: folder.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let fail = |source| DataError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        names.push(
            entry
                .map_err(fail)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_named_as_in_bids() {
        for (id, image, subject) in [
            ("sub-01", "a.nii", "sub-01"),
            ("sub-01_ses-1", "a.nii", "sub-01"),
            ("sub-01-ses-1", "a.nii", "sub-01"),
            ("sub-01_T2w", "sub-02/a.nii", "sub-01"),
            ("a", "sub-01/ses-2/anat/T2w.nii", "sub-01"),
            ("a", "./sub-01/T2w.nii", "sub-01"),
            ("a", "/data/x/sub-01_ses-1_T2w.nii.gz", "sub-01"),
            ("a", "flat/sub-01_ses-1_T2w.nii.gz", "sub-01"),
            // Nothing says that these are subjects.
            ("a", "b.nii", "a"),
            ("sub-pilot_01", "b.nii", "sub-pilot_01"),
            ("sub-pilot-01", "b.nii", "sub-pilot-01"),
            ("sub-", "b.nii", "sub-"),
            ("a", "/data/sub-cohort/b.nii", "a"),
            ("a", "", "a"),
        ] {
            assert_eq!(subject_of(id, Path::new(image)), subject, "{id}, {image}");
        }
    }

    #[test]
    fn a_relative_path_stays_below_the_table_unless_it_is_absolute() {
        for inside in [
            "a.nii",
            "a/b.nii",
            "./a.nii",
            "a/../b.nii",
            "/data/a.nii",
            "/a/../b.nii",
        ] {
            assert!(!escapes(Path::new(inside)), "{inside}");
        }
        for outside in ["../a.nii", "a/../../b.nii", "./../a.nii", ".."] {
            assert!(escapes(Path::new(outside)), "{outside}");
        }
    }
}
