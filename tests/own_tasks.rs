//! Tasks of one's own: how a wrong definition is refused, and a sweep of scans that are sliced in two
//! planes.

use crate::broken_input::{Scratch, labels};
use crate::program::{run, slicewise, succeed};
use slicewise_data::{Geometry, Image, LabelMap, Volume, nifti};
use std::fs;
use std::path::Path;

#[test]
fn an_unknown_task_has_its_line_the_nearest_name_and_what_to_add() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch
        .yaml
        .replace("tissue-segmentation", "tissue-segmentaton");
    scratch.refused(
        "FOLDER/broken.yaml:14:5",
        "tasks.tissue-segmentaton: expected a definition, because this is no task of the paper \
         (did you mean `tissue-segmentation`?); for a task of your own add definition: \
         {labels: mask, all or [CLASS, ...], agreement: dice or accuracy}",
        None,
    );
}

#[test]
fn a_definition_of_the_papers_task() {
    let mut scratch = Scratch::new();
    let definition = "definition: {labels: all, agreement: dice}\n    first_every:";
    scratch.yaml = scratch.yaml.replace("first_every:", definition);
    scratch.refused(
        "FOLDER/broken.yaml:14:5",
        "tasks.tissue-segmentation: expected no definition, because tissue-segmentation is the \
         paper's task (all classes; P and R by accuracy, a case may lack a class; axial slices); \
         choose another name for a task of your own",
        None,
    );
}

#[test]
fn a_tasks_name_that_leads_out_of_the_results() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("tissue-segmentation", "../liver");
    scratch.refused(
        "FOLDER/broken.yaml:13:3",
        "tasks: expected a task's name of at most 64 lower-case letters, digits and -, a letter \
         first (it names folders), got \"../liver\"",
        None,
    );
}

#[test]
fn a_class_that_the_data_lack_and_one_that_a_case_lacks() {
    let mut scratch = Scratch::new();
    let defined =
        |labels: &str| format!("own:\n    definition: {{labels: {labels}, agreement: accuracy}}");
    let paper = scratch.yaml.clone();
    scratch.yaml = paper.replace("tissue-segmentation:", &defined("[ones]"));
    scratch.refused(
        "tasks.own.definition.labels",
        "unknown class \"ones\" (did you mean \"one\"?); the data set has one, two",
        Some("Use a name that exists."),
    );
    scratch.yaml = paper.replace("tissue-segmentation:", &defined("all"));
    let mut labels = labels();
    labels.voxels.mapv_inplace(|class| class.min(1));
    nifti::write_labels(&scratch.file("b_label.nii.gz"), &labels).unwrap();
    scratch.refused(
        "FOLDER/b.nii.gz",
        "expected every class of the task in its labels, got none of two",
        Some("Leave the case out, or set absent_classes: true in the task's definition."),
    );
}

/// Writes four scans of 16 × 12 × 12 voxels and their labels, two of them with thick sagittal slices.
fn write_scans(folder: &Path) -> String {
    let mut table = "case,image,label,split\n".to_owned();
    for (case, split, spacing) in [
        ("a", "A", [1.0, 1.0, 3.0]),
        ("b", "A", [1.0, 1.0, 1.0]),
        ("c", "A", [1.0, 1.0, 1.0]),
        ("d", "B", [1.0, 1.0, 3.0]),
    ] {
        let geometry = Geometry::axis_aligned(spacing);
        let labels: LabelMap = Volume {
            geometry: geometry.clone(),
            ..labels()
        };
        let voxels = labels.voxels.mapv(|class| 1.0 + f32::from(class));
        let mut image: Image = Volume { voxels, geometry };
        // No two cases have the same scan.
        image.voxels[[0, 0, 0]] = f32::from(case.as_bytes()[0]) / 16.0;
        nifti::write_image(&folder.join(format!("{case}.nii.gz")), &image).unwrap();
        nifti::write_labels(&folder.join(format!("{case}-label.nii.gz")), &labels).unwrap();
        table += &format!("{case},{case}.nii.gz,{case}-label.nii.gz,{split}\n");
    }
    table
}

const THICKEST: &str = "\
name: planes
question: Are scans sliced in the plane in which they were taken?
seeds: [1]
device: cpu
data:
  dataset: manifest
  path: FOLDER/cases.csv
  classes: [background, one, two]
models:
  attention-unet: {architecture: attention-unet, base_width: 4, levels: 2}
training:
  crop: [8, 8, 8]
tasks:
  second-class:
    definition: {labels: [two], agreement: dice, slice_axis: thickest}
    first_every: 8
    steps: {budget: 4, first: 2}
    strategies:
      attention-guided: [0.5]
";

#[test]
fn each_scan_is_sliced_across_its_thickest_axis_from_check_to_report() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name);
    fs::write(file("cases.csv"), write_scans(scratch.path())).unwrap();
    let yaml = THICKEST.replace("FOLDER", scratch.path().to_str().unwrap());
    fs::write(file("planes.yaml"), yaml).unwrap();
    let program = |command: &str| {
        let mut program = slicewise(&[command]);
        program
            .arg(file("planes.yaml"))
            .arg("--cache")
            .arg(file("cache"));
        program.arg("--out").arg(file("out"));
        program
    };
    let (code, said, problem) = run(&mut program("check"));
    assert_eq!((code, problem.as_str()), (0, ""), "{said}");
    for line in [
        "second-class: 3 cases in Part A, 1 in Part B, 2 classes",
        "  two; P and R by Dice; slices across the thickest axis",
        "  mixed planes: 2 case(s) in axial slices, 2 case(s) in sagittal slices",
    ] {
        assert!(said.contains(line), "{said}");
    }
    succeed(&mut program("sweep"));
    let read = |path: &str| fs::read_to_string(file("out").join(path)).unwrap();
    // Half of twelve sagittal slices of the first case, half of sixteen axial ones of the others.
    let slices = read("annotations/second-class/attention-unet/attention-guided-seed1.csv");
    let of = |case: &str| slices.lines().filter(|line| line.starts_with(case)).count();
    assert_eq!(["a,", "b,", "c,", "d,"].map(of), [6, 8, 8, 0]);
    // Kept volumes lie in the file's order of axes again.
    for volume in ["labels", "attention-unet/full-seed1-round0-sr1"] {
        let path = file("out").join(format!("pictures/second-class/{volume}.nii.gz"));
        assert_eq!(
            nifti::read_labels(&path).unwrap().voxels.shape(),
            [16, 12, 12]
        );
    }
    let page = read("report.html");
    for words in [
        "second class · case d · sagittal slice ",
        "Superior is up and anterior is on the right",
        "second class compares by Dice",
        "two; P and R by Dice; slices across the thickest axis",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("axial slice"), "misleading");
    assert!(read("tables/table2.csv").contains("\nsecond-class,B,full,1.0,"));
    succeed(slicewise(&["verify"]).arg(file("out")));
}
