//! nibabel and SimpleITK agree with us on position and voxels of 200 random headers: all codes of
//! sform and qform, the 48 orders of axes, turns up to 60°, units, scaling, and blemishes.
//!
//! Where a program reads a header in another way than we do, [`nibabel_reads`] or [`itk_reads`] says
//! so by a rule, with the reason; the rest must agree. A rule that stops to be true fails the test.

use crate::case_files::Affine;
use crate::made_headers::{Blemish, Facts, INTERCEPT, write_header};
use crate::nibabel::{python, python_path};
use crate::small_files::fixtures;
use rand::SeedableRng;
use serde::Deserialize;
use slicewise_data::nifti::Reader;
use slicewise_data::{Position, Volume};
use slicewise_fuzz::ChaCha8Rng;
use std::collections::BTreeMap;

/// What another program makes of a file.
#[derive(Debug, Deserialize)]
struct Seen {
    affine: Affine,
    code: String,
    voxels: Vec<f64>,
}

/// How another program's reading compares with ours.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    /// The same place and voxels.
    Same,
    /// The same if `data.position` names this form.
    SameBy(Position, &'static str),
    /// The same if `data.position` names the right one of both forms.
    SameByEither(&'static str),
    /// Another place, or no reading, for this reason.
    Other(&'static str),
}

fn nibabel_reads(facts: &Facts) -> Reading {
    match facts {
        facts if facts.has(Blemish::Redundant) => Reading::Other(
            "nibabel takes a length of 0 behind the third axis for no voxels, ITK and we for one",
        ),
        facts if facts.is_contradiction() => Reading::SameBy(
            Position::Sform,
            "nibabel takes the sform, whatever contradicts it",
        ),
        facts if facts.sform_code == 0 && facts.has(Blemish::NoSize) => {
            Reading::Other("nibabel takes a voxel size of 0 for 1 mm; we refuse it")
        }
        facts
            if facts.sform_code == 0
                && facts.qform_code > 0
                && facts.has(Blemish::LongQuaternion) =>
        {
            Reading::Other("neither nibabel nor we read a quaternion longer than 1")
        }
        _ => Reading::Same,
    }
}

fn itk_reads(facts: &Facts) -> Reading {
    let by_sform = facts.sform_code > 0 && (facts.qform_code == 0 || facts.sform_code == 1);
    let by_sform = by_sform && !(facts.has(Blemish::Sheared) && facts.qform_code > 0);
    if facts.sform_code == 0 && facts.qform_code == 0 {
        return Reading::Other(
            "without sform and qform ITK has x and y run to the left and back from 0, and nibabel and \
             we x to the left from a centre at 0",
        );
    }
    if by_sform && facts.has(Blemish::Sheared) {
        return Reading::Other("ITK has no sheared grids");
    }
    if facts.has(Blemish::NoSize) {
        return Reading::Other("ITK takes sizes from pixdim alone, and 0 for 1 mm");
    }
    if !by_sform && facts.has(Blemish::LongQuaternion) {
        return Reading::Other("ITK shortens a quaternion that is longer than 1");
    }
    if facts.has(Blemish::NegativeSize) {
        return Reading::Other("ITK mirrors an axis whose size is negative");
    }
    if facts.both() && facts.has(Blemish::Mirrored) {
        return Reading::SameByEither(
            "of two forms that mirror each other ITK takes now one, now the other",
        );
    }
    match facts {
        facts if by_sform && facts.has(Blemish::SformWithoutSizes) => Reading::SameBy(
            Position::Qform,
            "ITK takes directions from the sform and sizes from pixdim",
        ),
        facts if by_sform && facts.is_contradiction() => Reading::SameBy(
            Position::Sform,
            "ITK takes a sform of code 1 before any qform",
        ),
        facts if !by_sform && facts.both() && facts.forms_differ() => Reading::SameBy(
            Position::Qform,
            "ITK takes the qform before a sform that has another code than 1, or a shear",
        ),
        _ => Reading::Same,
    }
}

/// Whether another program's reading is the same as ours. Two differences are known of all headers:
/// nibabel's affine is in the header's unit, whatever `xyzt_units` says, and ITK adds the intercept
/// where the slope is 0, which means that the voxels are not scaled (`nifti1.h`).
fn is_same(ours: &Volume<f64>, program: &str, seen: &Seen, facts: &Facts) -> bool {
    let geometry = &ours.geometry;
    let (stored, affine) = geometry
        .stored
        .from_ras(ours.voxels.view(), &geometry.affine);
    // nibabel's voxels are in RAS, ITK's as stored.
    let (voxels, unit_mm) = match program {
        "nibabel" => (&ours.voxels, facts.unit_mm()),
        _ => (&stored, 1.0),
    };
    let added = match program {
        "itk" if facts.slope == 0.0 => INTERCEPT,
        _ => 0.0,
    };
    let largest = affine.iter().flatten().fold(0.0f64, |a, b| a.max(b.abs()));
    // Entries are stored in float32, and so are three components of the qform's quaternion. What is
    // lost there of the fourth turns the grid; near a half turn nibabel and we even take it for 0.
    let tolerance = match program {
        "itk" => (1e-6 + 3e-7 / facts.quaternion_a.max(1e-9)).min(1.2e-3),
        _ => 1e-6,
    };
    let same_affine = (0..3).all(|r| {
        (0..4).all(|c| (affine[r][c] - seen.affine[r][c] * unit_mm).abs() <= tolerance * largest)
    });
    let same_code = seen.code.is_empty() || seen.code == geometry.stored.code();
    let voxels = voxels.iter().map(|value| value + added);
    same_affine && same_code && voxels.eq(seen.voxels.iter().copied())
}

#[test]
fn nibabel_and_itk_agree_on_200_random_headers() {
    let Some(path) = python_path("nibabel, SimpleITK") else {
        eprintln!("skipped: python3 lacks nibabel or SimpleITK (scripts/python.sh fetches them)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // With this seed every rule applies to a header at least.
    let mut rng = ChaCha8Rng::seed_from_u64(98);
    let file = |number: usize| folder.path().join(format!("{number:03}.nii"));
    let facts: Vec<Facts> = (0..200)
        .map(|number| write_header(&file(number), number, &mut rng))
        .collect();
    let output = python(&path)
        .arg(fixtures().join("read_positions.py"))
        .arg(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "read_positions.py: {errors}");
    let seen: BTreeMap<String, BTreeMap<String, Seen>> =
        serde_json::from_slice(&output.stdout).unwrap();

    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (number, facts) in facts.iter().enumerate() {
        let read = |position| Reader { position }.values(&file(number));
        assert_eq!(
            read(None).is_err_and(|error| error.to_string().contains("contradict")),
            facts.is_contradiction(),
            "{number}: {facts:?}"
        );
        for (program, reads) in [
            ("nibabel", nibabel_reads as fn(&Facts) -> Reading),
            ("itk", itk_reads),
        ] {
            let seen = seen[&format!("{number:03}.nii")].get(program);
            let same = |position| match (read(position), seen) {
                (Ok(ours), Some(seen)) => is_same(&ours, program, seen, facts),
                _ => false,
            };
            let reading = reads(facts);
            let (holds, reason) = match reading {
                Reading::Same => (same(None), "the same"),
                Reading::SameBy(position, reason) => (same(Some(position)), reason),
                Reading::SameByEither(reason) => (
                    same(Some(Position::Sform)) || same(Some(Position::Qform)),
                    reason,
                ),
                Reading::Other(reason) => (!same(None), reason),
            };
            *reasons.entry(reason).or_default() += 1;
            if !holds {
                failures.push(format!("{program} {number}: {facts:?}, {reading:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Every reason is met, and most readings need none.
    assert_eq!(reasons.len(), 14, "{reasons:#?}");
    assert!(reasons["the same"] >= 300, "{reasons:#?}");
}
