//! What is checked in a drawing before it is kept, beside its grid (`slicewise_data::drawn`).
//!
//! Two label values above the classes are for the person who draws: *unsure*, whose voxels teach nothing,
//! and *done*, one dab of which says that an empty slice is empty, or that a draft is right as it is.

use crate::error::ProjectError;
use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};
use slicewise_core::IGNORE;
use slicewise_data::drawn::{DONE, UNSURE};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// A slice that was not asked for may have so many changed voxels by accident.
const MOST_STRAY: usize = 20;

/// A renumbering is believed if it explains at least this share of the labelled voxels.
const RENUMBERED: f64 = 0.8;

/// A drawing that came back, on the scan's own voxels with the sliced axis first.
#[derive(Debug)]
pub(crate) struct Returned<'a> {
    /// Names of the classes, background first.
    pub classes: &'a [String],
    /// The file, for messages.
    pub file: &'a Path,
    /// Label values `[D, H, W]`.
    pub values: Array3<i32>,
    /// The labels that were handed out, `[D, H, W]`.
    pub handed_out: &'a Array3<u8>,
    /// The slices that were asked for.
    pub asked: &'a [usize],
    /// The slices that this person drew before, with the round.
    pub drawn_before: &'a BTreeMap<usize, u32>,
}

/// What a person says about a drawing on the command line.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Slices that are taken in though nobody asked for them.
    pub also: BTreeSet<usize>,
    /// Slices that show none of the classes.
    pub empty: BTreeSet<usize>,
    /// What label values stand for.
    pub map: BTreeMap<i32, u8>,
}

impl Told {
    /// Whether nothing was said.
    pub fn is_nothing(&self) -> bool {
        self.also.is_empty() && self.empty.is_empty() && self.map.is_empty()
    }
}

/// Why a slice that was asked for is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing is drawn on it.
    Empty,
    /// The draft is as it was handed out.
    Draft,
}

/// What was found in a drawing.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// The drawn slices: classes or [`IGNORE`], `[H, W]`.
    pub accepted: BTreeMap<usize, Array2<u8>>,
    /// Those of them that this person drew before, with the round.
    pub replaced: Vec<(usize, u32)>,
    /// Slices that were asked for and are not answered.
    pub pending: Vec<(usize, Pending)>,
    /// Slices that were not asked for, with a few changed voxels, which are dropped.
    pub stray: Vec<(usize, usize)>,
    /// Slices that were not asked for, with many, which are not taken in unless told.
    pub set_aside: Vec<(usize, usize)>,
    /// What the person should look at, a line each.
    pub warnings: Vec<String>,
    /// Whether the drawing is as it was handed out.
    pub untouched: bool,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => {
                "nothing is drawn on it; if it shows none of the classes, paint one dab of done"
            }
            Self::Draft => "its draft is untouched; if that is right, paint one dab of done",
        })
    }
}

/// Checks a drawing.
///
/// # Errors
/// Why it is refused as a whole, in one line.
pub(crate) fn check(returned: &Returned, told: &Told) -> Result<Found, ProjectError> {
    let refuse = |problem: String| {
        let file = returned.file.display();
        Err(ProjectError::Input(format!("{file}: {problem}")))
    };
    if let Some(problem) = renumbered(returned, told) {
        return refuse(problem);
    }
    let values = match labels(returned, told) {
        Ok(values) => values,
        Err(problem) => return refuse(problem),
    };
    let mut found = Found {
        untouched: values == returned.handed_out && told.empty.is_empty(),
        ..Found::default()
    };
    for (slice, labels) in values.outer_iter().enumerate() {
        let before = returned.handed_out.index_axis(Axis(0), slice);
        let changed = Zip::from(&labels)
            .and(&before)
            .fold(0, |count, a, b| count + usize::from(a != b));
        let asked = returned.asked.contains(&slice) || told.empty.contains(&slice);
        let own = returned.drawn_before.get(&slice);
        let drawn = match (asked, own) {
            (true, _) => match answer(returned, told, slice, labels, changed) {
                Ok(Ok(drawn)) => drawn,
                Ok(Err(_)) if own.is_some() => continue,
                Ok(Err(pending)) => {
                    found.pending.push((slice, pending));
                    continue;
                }
                Err(problem) => return refuse(problem),
            },
            (false, _) if changed == 0 => continue,
            (false, Some(_)) => classes_of(returned, labels),
            (false, None) if told.also.contains(&slice) => classes_of(returned, labels),
            (false, None) => {
                match changed <= MOST_STRAY {
                    true => found.stray.push((slice, changed)),
                    false => found.set_aside.push((slice, changed)),
                }
                continue;
            }
        };
        found.replaced.extend(own.map(|&round| (slice, round)));
        found.accepted.insert(slice, drawn);
    }
    found.warnings = gaps(returned, &found.accepted);
    Ok(found)
}

/// Returns a slice that was asked for as it was drawn, or why it is not answered. The outer error is why
/// the drawing is refused.
fn answer(
    returned: &Returned,
    told: &Told,
    slice: usize,
    labels: ArrayView2<u8>,
    changed: usize,
) -> Result<Result<Array2<u8>, Pending>, String> {
    let classes = returned.classes.len() as u8;
    let drawn = labels
        .iter()
        .filter(|&&label| (1..=classes).contains(&label))
        .count();
    if told.empty.contains(&slice) {
        if drawn > 0 && changed > 0 {
            return Err(format!(
                "expected slice {slice} (ITK-SNAP {}) to be empty, as --empty says, got {drawn} drawn voxels; \
                 leave --empty out, or erase them",
                slice + 1
            ));
        }
        return Ok(Ok(Array2::zeros(labels.dim())));
    }
    let done = labels.iter().any(|&label| label == classes + 1);
    Ok(match (done, drawn, changed) {
        (true, _, _) => Ok(classes_of(returned, labels)),
        (false, 0, _) => Err(Pending::Empty),
        (false, _, 0) => Err(Pending::Draft),
        (false, _, _) => Ok(classes_of(returned, labels)),
    })
}

/// Turns labels of a slice into classes: *unsure* becomes [`IGNORE`], *done* background.
fn classes_of(returned: &Returned, labels: ArrayView2<u8>) -> Array2<u8> {
    let classes = returned.classes.len() as u8;
    labels.mapv(|label| match label {
        class if class < classes => class,
        label if label == classes => IGNORE,
        _ => 0,
    })
}

/// Returns the labels of a drawing, `[D, H, W]`: classes, *unsure* and *done*.
fn labels(returned: &Returned, told: &Told) -> Result<Array3<u8>, String> {
    let most = returned.classes.len() as i32 + 1;
    let known = |value: i32| match told.map.get(&value) {
        Some(&class) => (i32::from(class) <= most).then_some(class),
        None => u8::try_from(value).ok().filter(|_| value <= most),
    };
    // Of unknown values the one that most voxels have.
    let mut unknown: BTreeMap<i32, (usize, usize)> = BTreeMap::new();
    let mut labels = Array3::zeros(returned.values.dim());
    for ((index, &value), label) in returned.values.indexed_iter().zip(&mut labels) {
        match known(value) {
            Some(class) => *label = class,
            None => unknown.entry(value).or_insert((index.0, 0)).1 += 1,
        }
    }
    let worst = unknown.iter().max_by_key(|(_, (_, voxels))| *voxels);
    match worst {
        None => Ok(labels),
        Some((value, (slice, voxels))) => Err(format!(
            "expected label values {}, got {value} in {voxels} voxels, the first on slice {slice} (ITK-SNAP \
             {}); paint them with one of these, or say what they are with --map {value}=CLASS",
            legend(returned.classes),
            slice + 1
        )),
    }
}

/// Writes what label values stand for: `0 background, 1 cyst, 2 unsure, 3 done`.
pub(crate) fn legend(classes: &[String]) -> String {
    let names = classes.iter().map(String::as_str).chain([UNSURE, DONE]);
    let parts: Vec<String> = names
        .enumerate()
        .map(|(value, name)| format!("{value} {name}"))
        .collect();
    parts.join(", ")
}

/// Says which label values look swapped: where labels were handed out, each value lies mostly on another
/// class, and all of them on different ones.
fn renumbered(returned: &Returned, told: &Told) -> Option<String> {
    if !told.map.is_empty() {
        return None;
    }
    let classes = returned.classes.len();
    let mut counts: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    let pairs = returned.values.iter().zip(returned.handed_out);
    for (&value, &class) in pairs.filter(|(value, _)| **value > 0) {
        if (1..classes).contains(&usize::from(class)) {
            let row = counts.entry(value).or_insert_with(|| vec![0; classes]);
            row[usize::from(class)] += 1;
        }
    }
    let best: BTreeMap<i32, usize> = counts
        .iter()
        .filter_map(|(&value, row)| {
            let most = row.iter().enumerate().max_by_key(|(_, count)| **count)?;
            Some((value, most.0))
        })
        .collect();
    let distinct: BTreeSet<usize> = best.values().copied().collect();
    let all: usize = counts.values().flatten().sum();
    let explained: usize = best
        .iter()
        .map(|(value, &class)| counts[value][class])
        .sum();
    let same = best.iter().all(|(&value, &class)| value as usize == class);
    let sure = explained as f64 >= RENUMBERED * all as f64;
    if same || !sure || distinct.len() < best.len() {
        return None;
    }
    let changed = best
        .iter()
        .filter(|(value, class)| **value as usize != **class);
    let parts: Vec<String> = changed
        .clone()
        .map(|(value, class)| format!("{value}={class}"))
        .collect();
    let words: Vec<String> = changed
        .map(|(value, class)| format!("{value} lies on {}", returned.classes[*class]))
        .collect();
    Some(format!(
        "expected label values {}, but they look renumbered ({}), as 3D Slicer does when it exports by the \
         order of segments; import with --map {}, or save with the colour table's values",
        legend(returned.classes),
        words.join(", "),
        parts.join(",")
    ))
}

/// Warns of classes that both drawn neighbours of a slice have, and the slice has not.
fn gaps(returned: &Returned, accepted: &BTreeMap<usize, Array2<u8>>) -> Vec<String> {
    let classes = returned.classes.len();
    let known: BTreeMap<usize, BTreeSet<u8>> = accepted
        .keys()
        .chain(returned.drawn_before.keys())
        .map(|&slice| {
            let present = match accepted.get(&slice) {
                Some(labels) => labels.iter().copied().collect(),
                None => {
                    let before = returned.handed_out.index_axis(Axis(0), slice);
                    before.iter().copied().collect()
                }
            };
            (slice, present)
        })
        .collect();
    let mut warnings = Vec::new();
    for &slice in accepted.keys() {
        let below = known.range(..slice).next_back();
        let above = known.range(slice + 1..).next();
        let (Some((low, below)), Some((high, above))) = (below, above) else {
            continue;
        };
        for class in (1..classes as u8).filter(|class| !known[&slice].contains(class)) {
            if below.contains(&class) && above.contains(&class) && !known[&slice].contains(&IGNORE)
            {
                warnings.push(format!(
                    "warning: slice {slice} (ITK-SNAP {}) has no {}, which slices {low} and {high} have; is \
                     it drawn only in part? Paint the rest, or mark it unsure, and import again",
                    slice + 1,
                    returned.classes[usize::from(class)]
                ));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
