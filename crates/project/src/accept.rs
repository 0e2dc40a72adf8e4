//! Accepts drawn slices, whatever they were drawn with: keeps them and writes that down.

use crate::agreement::dice_of_slice;
use crate::annotations::{keep_slices, read_kept};
use crate::error::ProjectError;
use crate::folder::Project;
use crate::history::Event;
use crate::train::predicted;
use ndarray::{Array2, Axis};
use slicewise_core::Geometry;
use std::collections::BTreeMap;

/// Slices that somebody drew.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The case's id.
    pub case: &'a str,
    /// The task that they answer.
    pub task: &'a str,
    /// Who drew them.
    pub annotator: &'a str,
    /// Classes or [`IGNORE`](slicewise_core::IGNORE) `[H, W]` of the scan's own slices.
    pub slices: BTreeMap<usize, Array2<u8>>,
    /// What came back: the SHA-256 of a file, or `drawing/SLICE/VERSION` of the browser.
    pub submission: &'a str,
    /// Seconds that drawing took, where a tool measured them.
    pub seconds: Option<f64>,
    /// Position of the scan's own voxels, the sliced axis first.
    pub grid: &'a Geometry,
}

/// Accepts those slices of an answer that differ from what the annotator drew before, and returns them.
/// What was drawn before is kept as an older version.
///
/// # Errors
/// The case is unknown, or the disk failed.
pub fn accept(project: &mut Project, answer: Answer) -> Result<Vec<usize>, ProjectError> {
    let Answer {
        case,
        task,
        annotator,
        mut slices,
        submission,
        seconds,
        grid,
    } = answer;
    let scan = project.state().scans.get(case).cloned();
    let scan = scan.ok_or_else(|| {
        ProjectError::Input(format!("expected a case of the project, got {case:?}"))
    })?;
    let before = project.state().drawn.get(case).cloned().unwrap_or_default();
    let mut kept = BTreeMap::new();
    let own = |slice: &usize| {
        let drawn = before.get(slice)?;
        drawn.iter().find(|drawn| drawn.annotator == annotator)
    };
    for slice in slices.keys().copied().collect::<Vec<_>>() {
        let Some(drawn) = own(&slice) else {
            continue;
        };
        if !kept.contains_key(&drawn.labels) {
            let map = read_kept(&project.folder, &drawn.labels, &scan)?;
            kept.insert(drawn.labels.clone(), map);
        }
        if kept[&drawn.labels].index_axis(Axis(0), slice) == slices[&slice] {
            slices.remove(&slice);
        }
    }
    if slices.is_empty() {
        return Ok(Vec::new());
    }
    let classes = project.state().classes.len();
    let model = project.state().newest().filter(|model| model.predicted);
    let model = model.map(|model| model.id.clone());
    let mut draft_dice = Vec::new();
    if let Some(model) = &model
        && let Some(draft) = predicted(&project.folder, project.state(), model, case)?
    {
        // Of slices that anybody had drawn before, the model may have been trained on them.
        for (&slice, labels) in slices
            .iter()
            .filter(|(slice, _)| !before.contains_key(slice))
        {
            let dice = dice_of_slice(draft.index_axis(Axis(0), slice), labels.view(), classes);
            draft_dice.extend(dice.map(|dice| (slice, dice)));
        }
    }
    let labels = keep_slices(&project.folder, &slices, grid, scan.shape)?;
    let slices: Vec<usize> = slices.into_keys().collect();
    project.record(Event::Accept {
        case: case.to_owned(),
        task: task.to_owned(),
        annotator: annotator.to_owned(),
        labels,
        slices: slices.clone(),
        submission: submission.to_owned(),
        seconds,
        model: model.filter(|_| !draft_dice.is_empty()),
        draft_dice,
    })?;
    Ok(slices)
}
