//! Which slices of which case are annotated, and since which round. Slices without annotation
//! carry no loss; the model's crops take care of that.

use slicewise_core::write::{persist, temporary_beside};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Why an annotation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// The case is not one of the annotated cases.
    #[error("case \"{case}\" has no annotation (expected one of the {known} Part A cases)")]
    UnknownCase {
        /// The unknown case id.
        case: String,
        /// Number of Part A cases.
        known: usize,
    },
    /// The slice is beyond the volume.
    #[error("case \"{case}\": expected a slice below {depth}, got {slice}")]
    OutOfRange {
        /// The case's id.
        case: String,
        /// The slice's index.
        slice: usize,
        /// Number of slices of the case.
        depth: usize,
    },
    /// The slice is annotated already.
    #[error("case \"{case}\": slice {slice} was already annotated in round {round}")]
    Twice {
        /// The case's id.
        case: String,
        /// The slice's index.
        slice: usize,
        /// The round in which it was annotated.
        round: usize,
    },
    /// The list of slices could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The annotated slices of each Part A case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceAnnotation {
    /// For each case id, `[D]`: the round in which each slice was annotated, if it was.
    rounds: BTreeMap<String, Vec<Option<usize>>>,
}

impl SliceAnnotation {
    /// Starts without annotation. `cases` are ids and numbers of slices.
    pub fn none<'a>(cases: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let empty = |(id, depth): (&str, usize)| (id.to_owned(), vec![None; depth]);
        Self {
            rounds: cases.into_iter().map(empty).collect(),
        }
    }

    /// Starts with full annotation: every slice is annotated in round 0.
    pub fn all<'a>(cases: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        Self::every_nth(cases.into_iter().map(|case| (case, Some([1, 0]))))
    }

    /// Starts like the paper: every n-th slice is annotated in round 0. `cases` are ids,
    /// numbers of slices, and `[n, phase]`, where the phase is the index of the lowest annotated slice;
    /// `None` for a volume without annotated slices. A volume that its phase is beyond gets its middle
    /// slice. An n below 1 counts as 1.
    pub fn every_nth<'a>(
        cases: impl IntoIterator<Item = ((&'a str, usize), Option<[usize; 2]>)>,
    ) -> Self {
        let (cases, grids): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        let mut annotation = Self::none(cases.iter().copied());
        for ((id, depth), grid) in cases.into_iter().zip(grids) {
            if let (Some(rounds), Some([n, phase])) = (annotation.rounds.get_mut(id), grid) {
                for slice in equal_interval(depth, n, phase) {
                    rounds[slice] = Some(0);
                }
            }
        }
        annotation
    }

    /// Annotates one slice in `round`.
    ///
    /// # Errors
    /// The case is unknown, the slice is beyond the volume, or it is annotated already.
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

    /// Returns whether each slice of a case is annotated, `[D]`, or `None` for an unknown
    /// case.
    pub fn annotated(&self, case: &str) -> Option<Vec<bool>> {
        let rounds = self.rounds.get(case)?;
        Some(rounds.iter().map(Option::is_some).collect())
    }

    /// Returns the number of annotated slices over all cases.
    pub fn annotated_slices(&self) -> u64 {
        self.rounds.values().flatten().flatten().count() as u64
    }

    /// Returns the number of slices over all cases.
    pub fn total_slices(&self) -> u64 {
        self.rounds.values().map(|rounds| rounds.len() as u64).sum()
    }

    /// Lists the annotated slices as (case, slice, round), sorted by case and slice.
    pub fn slices(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.rounds.iter().flat_map(|(case, rounds)| {
            let annotated = rounds.iter().enumerate();
            annotated.filter_map(|(slice, round)| round.map(|round| (case.as_str(), slice, round)))
        })
    }

    /// Writes [`slices`](Self::slices) as CSV with the columns `case,slice,round,scan_slice,offset_mm`.
    /// Slices are counted from 0 along the sliced axis: at the inferior, left or posterior end of what a
    /// network sees. `place` returns of a case and slice the scan's own slice, counted so in the whole scan,
    /// and its offset in mm ([`Geometry::slice_offset_mm`](crate::Geometry::slice_offset_mm)).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_csv(
        &self,
        path: &Path,
        place: impl Fn(&str, usize) -> (usize, f64),
    ) -> Result<(), AnnotationError> {
        let save = || -> io::Result<()> {
            let file = temporary_beside(path, ".part")?;
            let mut writer = csv::Writer::from_writer(&file);
            writer.write_record(["case", "slice", "round", "scan_slice", "offset_mm"])?;
            for (case, slice, round) in self.slices() {
                let (scan_slice, offset_mm) = place(case, slice);
                let numbers = [slice, round, scan_slice].map(|number| number.to_string());
                let [slice, round, scan_slice] = numbers;
                let offset_mm = format!("{offset_mm:.3}");
                writer.write_record([case, &slice, &round, &scan_slice, &offset_mm])?;
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

/// Returns every `n`-th index of `depth` slices from `phase` on; at least one for any volume.
pub fn equal_interval(depth: usize, n: usize, phase: usize) -> Vec<usize> {
    let slices: Vec<usize> = (phase..depth).step_by(n.max(1)).collect();
    if slices.is_empty() && depth > 0 {
        return vec![depth / 2];
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_follows_its_phase_and_is_never_empty() {
        assert_eq!(equal_interval(64, 16, 8), [8, 24, 40, 56]);
        assert_eq!(equal_interval(64, 16, 1), [1, 17, 33, 49]);
        assert_eq!(equal_interval(20, 16, 8), [8]);
        assert_eq!(equal_interval(5, 16, 8), [2]);
        assert_eq!(equal_interval(3, 0, 0), [0, 1, 2]);
        assert!(equal_interval(0, 4, 2).is_empty());
    }

    #[test]
    fn slices_are_annotated_once_within_the_volume() {
        let mut annotation =
            SliceAnnotation::every_nth([(("b", 8), Some([4, 2])), (("a", 4), Some([4, 2]))]);
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
        annotation
            .write_csv(&path, |_, slice| (slice + 5, 2.5))
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "case,slice,round,scan_slice,offset_mm\nbaby-01,1,2,6,2.500\n"
        );
    }
}
