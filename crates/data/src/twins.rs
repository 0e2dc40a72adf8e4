//! Finds scans that are in a data set twice. Part B must be unseen, so no scan of it may be one of
//! Part A under another name.
//!
//! Files differ where scans do not: compressed again, stored along other axes, in another number
//! type, under a corrected header, with a wider or narrower border of zeros. So voxels are
//! compared, by one number for each scan.

use crate::error::DataError;
use crate::listing::{CaseSource, Source};
use ndarray::Array3;
use slicewise_core::Part;
use std::collections::BTreeMap;
use std::path::Path;

/// Returns a number that two scans `[z, y, x]` share if they have the same voxels, however their
/// axes are ordered and turned and however many zeros surround them. Others share it once in 2⁶⁴.
///
/// It adds up a hash of each voxel that is not 0: of its intensity and of its distances from the
/// centre of the box around them all, which no exchange and no reversal of axes changes. So mirrored
/// voxels change places unseen, but for two different scans to be alike all would have to.
pub(crate) fn content(voxels: &Array3<f32>) -> u64 {
    let Some((first, last)) = content_box(voxels) else {
        return 0;
    };
    let distances: [Vec<u64>; 3] = std::array::from_fn(|axis| {
        let length = last[axis] - first[axis];
        let hash = |index: usize| mix((length as u64) << 32 | (2 * index).abs_diff(length) as u64);
        (0..=length).map(hash).collect()
    });
    let mut sum = 0u64;
    for ((z, y, x), &value) in voxels.indexed_iter().filter(|(_, value)| **value != 0.0) {
        let index = [z - first[0], y - first[1], x - first[2]];
        // A sum does not depend on the order of the axes.
        let place = (0..3).fold(0u64, |sum, axis| {
            sum.wrapping_add(distances[axis][index[axis]])
        });
        sum = sum.wrapping_add(mix(place ^ mix(u64::from(value.to_bits()))));
    }
    sum
}

/// Returns the first and the last index along each axis of the voxels that are not 0.
fn content_box(voxels: &Array3<f32>) -> Option<([usize; 3], [usize; 3])> {
    let mut range = None;
    for ((z, y, x), _) in voxels.indexed_iter().filter(|(_, value)| **value != 0.0) {
        let index = [z, y, x];
        let (first, last) = range.get_or_insert((index, index));
        for axis in 0..3 {
            first[axis] = first[axis].min(index[axis]);
            last[axis] = last[axis].max(index[axis]);
        }
    }
    range
}

/// Spreads the bits of a number: the last step of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// A case and what [`content`] says of its scan.
pub(crate) struct Seen<'a> {
    pub(crate) case: &'a CaseSource,
    pub(crate) part: Part,
    pub(crate) content: u64,
}

/// Compares all cases with each other. Returns a problem for each case whose scan is that of a case
/// before it in the other part, and a note for each that has its twin in its own part. With `folds`
/// any two subjects are in different parts at some time. Phantoms have no twins.
pub(crate) fn compare(cases: &[Seen], folds: bool) -> (Vec<DataError>, Vec<String>) {
    let mut groups: BTreeMap<u64, Vec<&Seen>> = BTreeMap::new();
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    for seen in cases {
        let Some(path) = image(seen.case) else {
            continue;
        };
        let before = groups.entry(seen.content).or_default();
        let apart = |other: &&&Seen| match folds {
            true => other.case.subject != seen.case.subject,
            false => other.part != seen.part,
        };
        if let Some(twin) = before.iter().find(apart) {
            problems.push(DataError::SameScan {
                path: path.to_owned(),
                problem: same(seen, twin, !folds),
                folds,
            });
        } else if let Some(twin) = before.first() {
            notes.push(format!("{}: {}", path.display(), same(seen, twin, true)));
        }
        before.push(seen);
    }
    (problems, notes)
}

/// Says which two cases show the same scan, with their parts if these are fixed.
fn same(seen: &Seen, twin: &Seen, parts: bool) -> String {
    let name = |seen: &Seen| match parts {
        true => format!("case \"{}\" of Part {:?}", seen.case.id, seen.part),
        false => format!("case \"{}\"", seen.case.id),
    };
    let (one, other) = (name(seen), name(twin));
    match image(twin.case) {
        Some(file) if image(seen.case) != Some(file) => {
            format!("{one} has the same voxels as {other}, {}", file.display())
        }
        _ => format!("{one} has the same image as {other}"),
    }
}

fn image(case: &CaseSource) -> Option<&Path> {
    match &case.source {
        Source::Files { image, .. } => Some(image),
        Source::Phantom { .. } => None,
    }
}
