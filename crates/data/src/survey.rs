//! What each case is like as it is stored, and what of it stands out among the others: the table that
//! `slicewise check` prints, and `slicewise sweep` before it starts.
//!
//! A spacing ten times the others', a class that one case lacks or a scan that is there twice is
//! rarely meant, but it can be; so it is pointed at and not refused.

use crate::cache;
use crate::config::DataConfig;
use crate::error::DataError;
use crate::listing::{CaseSource, Source};
use crate::load::{first, select};
use crate::raw_case::RawCase;
use crate::source::read_case;
use ndarray::Array3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use slicewise_core::{Geometry, Part, StoredAxes, Task, TaskDefinition, write_whole};
use std::path::Path;

/// A spacing or extent stands out beyond this many times the median, or below its inverse.
const FAR: f64 = 1.5;

/// The brightest voxel stands out beyond this many times the median of all cases, or below its
/// inverse. Units of MR are arbitrary, so only orders of magnitude are worth a look.
const BRIGHT: f64 = 20.0;

/// One case as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseFacts {
    /// The case's id.
    pub case: String,
    /// The part that the case is in; with folds, in the first. `None` where the split cannot be told.
    pub part: Option<Part>,
    /// Numbers of voxels along the stored axes i, j and k.
    pub shape: [usize; 3],
    /// Voxel sizes in mm along the same axes.
    pub spacing_mm: [f64; 3],
    /// Where the stored axes run to, such as `LAS`.
    pub orientation: String,
    /// The lowest and the highest intensity of the scan.
    pub intensities: [f32; 2],
    /// Number of voxels of each class of the task, background first.
    pub voxels: Vec<u64>,
    /// A number that this and another scan share if they have the same voxels, however stored.
    pub content: u64,
    /// What was decided about its files, and what stands out, in a few words each.
    pub marks: Vec<String>,
}

impl CaseFacts {
    pub(crate) fn of(case: &CaseSource, part: Option<Part>, raw: &RawCase, classes: usize) -> Self {
        let (shape, spacing_mm, orientation) = stored(&raw.image.voxels, &raw.image.geometry);
        let bounds = raw.image.voxels.iter();
        let [low, high] = bounds.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| {
            [low.min(value), high.max(value)]
        });
        let mut voxels = vec![0; classes];
        for &class in &raw.classes {
            if let Some(count) = voxels.get_mut(usize::from(class)) {
                *count += 1;
            }
        }
        Self {
            case: case.id.clone(),
            part,
            shape,
            spacing_mm,
            orientation,
            intensities: [low, high],
            voxels,
            content: raw.content,
            marks: raw.notes.clone(),
        }
    }

    /// The numbers that are compared with those of other cases: spacing and extent in mm along the
    /// body's axes, right to left first. A scan stored in another order is not another scan.
    fn sizes(&self) -> [[f64; 3]; 2] {
        let mut sizes = [[0.0; 3]; 2];
        for (stored, letter) in self.orientation.chars().enumerate() {
            let axis = match letter {
                'R' | 'L' => 0,
                'A' | 'P' => 1,
                _ => 2,
            };
            sizes[0][axis] = self.spacing_mm[stored];
            sizes[1][axis] = self.spacing_mm[stored] * self.shape[stored] as f64;
        }
        sizes
    }
}

/// Returns shape, voxel sizes in mm and orientation along the axes of the file, of an array in any
/// order.
fn stored(voxels: &Array3<f32>, geometry: &Geometry) -> ([usize; 3], [f64; 3], String) {
    let spacing_mm = geometry.spacing_mm();
    let (mut shape, mut spacing) = ([0; 3], [0.0; 3]);
    for (column, &axis) in geometry.stored.axis.iter().enumerate() {
        shape[axis] = voxels.shape()[2 - column];
        spacing[axis] = spacing_mm[2 - column];
    }
    // A sliced axis may stand in the place of another, so the columns are put in the body's order.
    let along = StoredAxes::of_affine(&geometry.affine).axis;
    let of_body = StoredAxes {
        axis: along.map(|column| geometry.stored.axis[column]),
        flipped: along.map(|column| geometry.stored.flipped[column]),
    };
    (shape, spacing, of_body.code())
}

/// The cases of a task as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The task's classes, background first.
    pub classes: Vec<String>,
    /// Every case, in the order of ids; without phantoms, which nobody stored.
    pub cases: Vec<CaseFacts>,
}

/// Describes every case of a task. What was read once is kept in the folder `cache`.
///
/// # Errors
/// The first problem; [`crate::check_task`] finds all.
pub fn survey(
    task: Task,
    definition: &TaskDefinition,
    config: &DataConfig,
    cache: &Path,
) -> Result<Survey, DataError> {
    let selection = select(task, definition, config).map_err(first)?;
    let grouping = &selection.grouping;
    let files = selection.cases.par_iter();
    let files = files.filter(|(case, _)| matches!(case.source, Source::Files { .. }));
    let facts = files.map(|(case, part)| {
        let path = cache::path(cache, &case.source, definition, grouping, config, None)?;
        let path = path.with_extension("facts.json");
        let kept = std::fs::read(&path).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<CaseFacts>(&bytes).ok());
        if let Some(kept) = kept {
            return Ok(CaseFacts {
                case: case.id.clone(),
                part: Some(*part),
                ..kept
            });
        }
        let raw = read_case(&case.source, definition, grouping, config).map_err(first)?;
        let facts = CaseFacts::of(case, Some(*part), &raw, grouping.classes.len());
        let bytes = serde_json::to_vec(&facts).unwrap_or_default();
        let saved = std::fs::create_dir_all(cache).and_then(|()| write_whole(&path, &bytes));
        saved.map_err(|source| DataError::Io { path, source })?;
        Ok(facts)
    });
    let mut facts = facts.collect::<Result<Vec<_>, DataError>>()?;
    mark(&mut facts, &grouping.classes);
    Ok(Survey {
        classes: selection.grouping.classes,
        cases: facts,
    })
}

/// Marks what stands out among the cases. `classes` are the task's, background first.
pub(crate) fn mark(cases: &mut [CaseFacts], classes: &[String]) {
    if cases.is_empty() {
        return;
    }
    let sizes: Vec<[[f64; 3]; 2]> = cases.iter().map(CaseFacts::sizes).collect();
    let usual = [0, 1].map(|what| {
        [0, 1, 2].map(|axis| median(sizes.iter().map(|size| size[what][axis]).collect()))
    });
    let brightest = |case: &CaseFacts| f64::from(case.intensities[1]);
    let usually_brightest = median(cases.iter().map(brightest).collect());
    for index in 0..cases.len() {
        let mut marks = Vec::new();
        for (what, word) in ["spacing", "extent"].into_iter().enumerate() {
            for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
                let (own, usual) = (sizes[index][what][axis], usual[what][axis]);
                if is_far(own, usual, FAR) {
                    marks.push(format!("{word} {name} {own:.3} mm, elsewhere {usual:.3}"));
                }
            }
        }
        let own = brightest(&cases[index]);
        if is_far(own, usually_brightest, BRIGHT) {
            marks.push(format!(
                "brightest voxel {own}, elsewhere {usually_brightest}"
            ));
        }
        let twins = cases
            .iter()
            .enumerate()
            .filter(|(other, twin)| *other != index && twin.content == cases[index].content);
        let twins: Vec<String> = twins.map(|(_, twin)| twin.case.clone()).collect();
        if !twins.is_empty() {
            marks.push(format!("same voxels as {}", twins.join(", ")));
        }
        for (class, name) in classes.iter().enumerate().skip(1) {
            let has = |case: &CaseFacts| case.voxels.get(class).is_some_and(|&count| count > 0);
            if !has(&cases[index]) && cases.iter().any(has) {
                marks.push(format!("no {name}"));
            }
        }
        cases[index].marks.extend(marks);
    }
}

fn is_far(own: f64, usual: f64, factor: f64) -> bool {
    usual > 0.0 && (own > usual * factor || own * factor < usual)
}

/// Returns the middle of at least one value, of an even number the lower of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}
