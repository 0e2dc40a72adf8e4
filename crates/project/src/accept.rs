//! Accepts drawn slices, whatever they were drawn with: keeps them and writes that down.

use crate::annotations::{keep_slices, read_kept};
use crate::error::ProjectError;
use crate::folder::Project;
use crate::history::Event;
use crate::train::predicted;
use ndarray::{Array2, ArrayView2, Axis, Zip};
use slicewise_core::{Geometry, IGNORE};
use slicewise_metrics::{class_dice, mean_dice};
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
    /// Classes or [`IGNORE`] `[H, W]` of the scan's own slices.
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
            let dice = draft_agreement(draft.index_axis(Axis(0), slice), labels.view(), classes);
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

/// Returns the mean Dice over the foreground classes that are in either of two slices `[H, W]`; `None` if
/// none is. Voxels that are [`IGNORE`] in `drawn` do not count.
fn draft_agreement(draft: ArrayView2<u8>, drawn: ArrayView2<u8>, classes: usize) -> Option<f64> {
    let known = |class: u8, drawn: u8| if drawn == IGNORE { 0 } else { class };
    let volume = |of: &dyn Fn(u8, u8) -> u8| {
        let pairs = Zip::from(&draft).and(&drawn);
        pairs.map_collect(|&a, &b| of(a, b)).insert_axis(Axis(0))
    };
    let draft = volume(&|draft, drawn| known(draft, drawn));
    let drawn = volume(&|_, drawn| known(drawn, drawn));
    let dice = class_dice(&draft, &drawn, classes).ok()?;
    mean_dice(&dice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn dice_is_the_mean_over_classes_and_passes_over_what_is_unsure() {
        let draft = arr2(&[[1, 1, 2, 0]]);
        let drawn = arr2(&[[1, 0, 2, 2]]);
        // Class 1: 2 · 1 / 3; class 2: 2 · 1 / 3.
        let dice = draft_agreement(draft.view(), drawn.view(), 3).unwrap();
        assert!((dice - 2.0 / 3.0).abs() < 1e-12, "{dice}");
        let unsure = arr2(&[[1, IGNORE, 2, IGNORE]]);
        assert_eq!(draft_agreement(draft.view(), unsure.view(), 3), Some(1.0));
        let empty = arr2(&[[0, 0, 0, 0]]);
        assert_eq!(draft_agreement(empty.view(), empty.view(), 3), None);
        assert_eq!(draft_agreement(draft.view(), empty.view(), 3), Some(0.0));
    }
}
