//! How well two drawings of a slice agree: the model's draft with a person's, or two people's.

use crate::annotations::kept_maps;
use crate::error::ProjectError;
use crate::folder::ProjectFolder;
use crate::state::State;
use ndarray::{ArrayView2, Axis, Zip};
use slicewise_core::IGNORE;
use slicewise_metrics::{class_dice, mean_dice};

/// How well people agree on slices that several of them drew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Number of slices that two people or more drew.
    pub slices: usize,
    /// Mean over all pairs of drawings of a slice of their mean Dice over classes; `None` if no pair shows
    /// any class.
    pub dice: Option<f64>,
}

/// Compares the drawings of different people.
///
/// # Errors
/// A drawing is gone or damaged.
pub fn between_people(folder: &ProjectFolder, state: &State) -> Result<Agreement, ProjectError> {
    let (mut slices, mut dice) = (0, Vec::new());
    for (case, drawn) in &state.drawn {
        let Some(scan) = state.scans.get(case) else {
            continue;
        };
        let several = drawn.iter().filter(|(_, drawings)| drawings.len() > 1);
        let maps = kept_maps(
            folder,
            scan,
            several.clone().flat_map(|(_, drawings)| drawings),
        )?;
        for (&slice, drawings) in several {
            slices += 1;
            let drawings = drawings
                .iter()
                .filter_map(|drawing| maps.get(drawing.labels.as_str()));
            let drawings: Vec<_> = drawings.map(|map| map.index_axis(Axis(0), slice)).collect();
            for (place, &one) in drawings.iter().enumerate() {
                let others = drawings[place + 1..].iter();
                dice.extend(
                    others.filter_map(|&other| dice_of_slice(one, other, state.classes.len())),
                );
            }
        }
    }
    let mean = (!dice.is_empty()).then(|| dice.iter().sum::<f64>() / dice.len() as f64);
    Ok(Agreement { slices, dice: mean })
}

/// Returns the mean Dice over the foreground classes that are in either of two slices `[H, W]`; `None` if
/// none is. Voxels that are [`IGNORE`] in either do not count.
pub(crate) fn dice_of_slice(
    one: ArrayView2<u8>,
    other: ArrayView2<u8>,
    classes: usize,
) -> Option<f64> {
    let drawn = |a: u8, b: u8| a != IGNORE && b != IGNORE;
    let volume = |of: &dyn Fn(u8, u8) -> u8| {
        let pairs = Zip::from(&one).and(&other);
        let known = pairs.map_collect(|&a, &b| if drawn(a, b) { of(a, b) } else { 0 });
        known.insert_axis(Axis(0))
    };
    let dice = class_dice(&volume(&|a, _| a), &volume(&|_, b| b), classes).ok()?;
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
        let dice = dice_of_slice(draft.view(), drawn.view(), 3).unwrap();
        assert!((dice - 2.0 / 3.0).abs() < 1e-12, "{dice}");
        let unsure = arr2(&[[1, IGNORE, 2, IGNORE]]);
        assert_eq!(dice_of_slice(draft.view(), unsure.view(), 3), Some(1.0));
        let empty = arr2(&[[0, 0, 0, 0]]);
        assert_eq!(dice_of_slice(empty.view(), empty.view(), 3), None);
        assert_eq!(dice_of_slice(draft.view(), empty.view(), 3), Some(0.0));
    }
}
