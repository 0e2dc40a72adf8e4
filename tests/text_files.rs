//! Experiments and tables as people's editors save them, and data that two cases share: what `check`
//! and `sweep` say of them. Cases by name are those of `shared/cases/README.md`.

use crate::broken_input::Scratch;
use crate::program::{run, slicewise};
use std::fs;

/// The cases yaml-with-bom and semicolons.
#[test]
fn a_byte_order_mark_and_semicolons_change_nothing() {
    let mut scratch = Scratch::new();
    scratch.yaml = format!("\u{feff}{}", scratch.yaml);
    scratch.manifest = format!("\u{feff}{}", scratch.manifest.replace(',', ";"));
    let (code, stdout, problem) = scratch.says("check");
    assert_eq!((code, problem.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("tissue-segmentation: 3 cases in Part A, 1 in Part B, 3 classes"));
    // Line and column are counted without the mark.
    scratch.yaml = scratch.yaml.replace("name:", "nmae:");
    let expected = "…`nmae`…; did you mean `name`?";
    scratch.refused("FOLDER/broken.yaml:1:1", expected, None);
}

#[test]
fn an_experiment_in_another_encoding() {
    let scratch = Scratch::new();
    let path = scratch.file("other.yaml");
    let units = scratch.yaml.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    let latin = scratch.yaml.replace("What", "Où");
    let latin: Vec<u8> = latin.chars().map(|letter| letter as u8).collect();
    for (bytes, got) in [
        (utf16, "UTF-16 (it begins with FF FE)"),
        (latin, "the byte F9 in line 2"),
    ] {
        fs::write(&path, bytes).unwrap();
        for command in ["sweep", "check"] {
            let (code, stdout, stderr) = run(slicewise(&[command]).arg(&path));
            assert_eq!((code, stdout.as_str()), (2, ""));
            let place = path.display();
            assert_eq!(
                stderr,
                format!("slicewise: {place}: expected UTF-8 text, got {got}; save it as UTF-8\n")
            );
        }
    }
}

/// The case a-copy-in-both-parts, and one scan twice in Part A.
#[test]
fn one_scan_in_two_cases() {
    let scratch = Scratch::new();
    fs::copy(scratch.file("b.nii.gz"), scratch.file("d.nii.gz")).unwrap();
    scratch.refused(
        "FOLDER/d.nii.gz",
        "case \"d\" of Part B has the same voxels as case \"b\" of Part A, FOLDER/b.nii.gz",
        Some("Leave one of the two out, or put both in the same part."),
    );
    let scratch = Scratch::new();
    fs::copy(scratch.file("b.nii.gz"), scratch.file("c.nii.gz")).unwrap();
    let (code, stdout, _) = scratch.says("check");
    assert_eq!(code, 0);
    let note = "note: FOLDER/c.nii.gz: case \"c\" of Part A has the same voxels as case \"b\" of Part A, \
                FOLDER/b.nii.gz\n";
    assert!(stdout.contains(note), "{stdout}");
}
