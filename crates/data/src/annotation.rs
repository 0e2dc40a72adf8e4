//! Which axial slices of which case are annotated, and since which round. What carries no label
//! carries no loss: the model's crops see to that.

use ndarray::{Array3, Axis};
use slicewise_core::write::{persist, temporary_beside};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with an annotation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// A case that was never listed.
    #[error("case \"{case}\" has no annotation (expected one of the {known} Part A cases)")]
    UnknownCase {
        /// The id.
        case: String,
        /// Cases listed.
        known: usize,
    },
    /// A slice beyond the volume.
    #[error("case \"{case}\": expected a slice below {depth}, got {slice}")]
    OutOfRange {
        /// The case.
        case: String,
        /// The slice.
        slice: usize,
        /// Axial slices of the case.
        depth: usize,
    },
    /// A slice annotated before.
    #[error("case \"{case}\": slice {slice} was already annotated in round {round}")]
    Twice {
        /// The case.
        case: String,
        /// The slice.
        slice: usize,
        /// When.
        round: usize,
    },
    /// The slice list could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The annotated axial slices of each training case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceAnnotation {
    /// By case id, `[D]`: the round in which a slice was annotated.
    rounds: BTreeMap<String, Vec<Option<usize>>>,
}

impl SliceAnnotation {
    /// Cases given by id and number of axial slices, nothing annotated.
    pub fn none<'a>(cases: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let empty = |(id, depth): (&str, usize)| (id.to_owned(), vec![None; depth]);
        Self {
            rounds: cases.into_iter().map(empty).collect(),
        }
    }

    /// Every slice annotated, in round 0: full annotation.
    pub fn all<'a>(cases: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        Self::every_nth(cases, 1)
    }

    /// The paper's start: every `n`-th axial slice, in round 0. Centred: the first is `n / 2`, so
    /// both ends are equally far from an annotated slice; a volume of fewer slices gets its middle
    /// one. `n` below 1 counts as 1.
    pub fn every_nth<'a>(cases: impl IntoIterator<Item = (&'a str, usize)>, n: usize) -> Self {
        let mut annotation = Self::none(cases);
        for rounds in annotation.rounds.values_mut() {
            for slice in equal_interval(rounds.len(), n) {
                rounds[slice] = Some(0);
            }
        }
        annotation
    }

    /// Annotates one slice.
    ///
    /// # Errors
    /// An unknown case, a slice beyond the volume, a slice annotated before.
    pub fn annotate(
        &mut self,
        case: &str,
        slice: usize,
        round: usize,
    ) -> Result<(), AnnotationError> {
        let known = self.rounds.len();
        let rounds = self
            .rounds
            .get_mut(case)
            .ok_or_else(|| AnnotationError::UnknownCase {
                case: case.to_owned(),
                known,
            })?;
        let depth = rounds.len();
        match rounds.get_mut(slice) {
            None => Err(AnnotationError::OutOfRange {
                case: case.to_owned(),
                slice,
                depth,
            }),
            Some(Some(before)) => Err(AnnotationError::Twice {
                case: case.to_owned(),
                slice,
                round: *before,
            }),
            Some(free) => {
                *free = Some(round);
                Ok(())
            }
        }
    }

    /// `[D]`: whether each axial slice of a case is annotated; `None` for an unknown case.
    pub fn annotated(&self, case: &str) -> Option<Vec<bool>> {
        let rounds = self.rounds.get(case)?;
        Some(rounds.iter().map(Option::is_some).collect())
    }

    /// Annotated slices over all cases.
    pub fn annotated_slices(&self) -> u64 {
        self.rounds.values().flatten().flatten().count() as u64
    }

    /// All slices of all cases.
    pub fn total_slices(&self) -> u64 {
        self.rounds.values().map(|rounds| rounds.len() as u64).sum()
    }

    /// One line a slice: case, slice, round, ordered by case and slice.
    pub fn slices(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.rounds.iter().flat_map(|(case, rounds)| {
            let annotated = rounds.iter().enumerate();
            annotated.filter_map(|(slice, round)| round.map(|round| (case.as_str(), slice, round)))
        })
    }

    /// Writes [`slices`](Self::slices) as CSV with the columns `case,slice,round`; slices count
    /// from 0 at the inferior end.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), AnnotationError> {
        let save = || -> io::Result<()> {
            let file = temporary_beside(path, ".part")?;
            let mut writer = csv::Writer::from_writer(&file);
            writer.write_record(["case", "slice", "round"])?;
            for (case, slice, round) in self.slices() {
                writer.write_record([case, &slice.to_string(), &round.to_string()])?;
            }
            writer.flush()?;
            drop(writer);
            persist(file, path)
        };
        save().map_err(|source| AnnotationError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// Every `n`-th of `depth` slices, centred, at least one of any volume.
pub fn equal_interval(depth: usize, n: usize) -> Vec<usize> {
    let n = n.max(1);
    let slices: Vec<usize> = (n / 2..depth).step_by(n).collect();
    if slices.is_empty() && depth > 0 {
        return vec![depth / 2];
    }
    slices
}

/// Foreground voxels of each axial slice, `[D]`, of labels `[D, H, W]`: what there is to draw.
pub fn foreground_voxels(labels: &Array3<u8>) -> Vec<u64> {
    let count = |slice: ndarray::ArrayView2<u8>| slice.iter().filter(|&&class| class != 0).count();
    labels
        .axis_iter(Axis(0))
        .map(|slice| count(slice) as u64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_centred_and_never_empty() {
        assert_eq!(equal_interval(64, 16), [8, 24, 40, 56]);
        assert_eq!(equal_interval(20, 16), [8]);
        assert_eq!(equal_interval(5, 16), [2]);
        assert_eq!(equal_interval(3, 0), [0, 1, 2]);
        assert!(equal_interval(0, 4).is_empty());
    }

    #[test]
    fn slices_are_annotated_once_within_the_volume() {
        let mut annotation = SliceAnnotation::every_nth([("b", 8), ("a", 4)], 4);
        assert_eq!(
            annotation.annotated("a"),
            Some(vec![false, false, true, false])
        );
        annotation.annotate("b", 0, 1).unwrap();
        let message = |result: Result<(), AnnotationError>| result.unwrap_err().to_string();
        assert_eq!(
            message(annotation.annotate("b", 0, 2)),
            "case \"b\": slice 0 was already annotated in round 1"
        );
        assert_eq!(
            message(annotation.annotate("a", 4, 2)),
            "case \"a\": expected a slice below 4, got 4"
        );
        assert_eq!(
            message(annotation.annotate("c", 0, 2)),
            "case \"c\" has no annotation (expected one of the 2 Part A cases)"
        );
        assert_eq!(
            (annotation.annotated_slices(), annotation.total_slices()),
            (4, 12)
        );
        let lines: Vec<_> = annotation.slices().collect();
        assert_eq!(lines, [("a", 2, 0), ("b", 0, 1), ("b", 2, 0), ("b", 6, 0)]);
    }

    #[test]
    fn the_slice_list_is_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slices.csv");
        let mut annotation = SliceAnnotation::none([("baby-01", 3)]);
        annotation.annotate("baby-01", 1, 2).unwrap();
        annotation.write_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "case,slice,round\nbaby-01,1,2\n");
    }

    #[test]
    fn foreground_is_counted_slice_by_slice() {
        let labels = Array3::from_shape_fn((3, 2, 2), |(z, y, _)| (z * y) as u8);
        assert_eq!(foreground_voxels(&labels), [0, 2, 2]);
    }
}
