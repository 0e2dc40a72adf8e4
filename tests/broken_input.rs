//! Every broken input gives one clear line and exit code 2. Nothing is run or left behind. The line is
//! compared word for word where it is ours; `…` stands for the words of a library or of the system.

use crate::program::{reads_as, run, slicewise, system_says};
use ndarray::Array3;
use slicewise_data::{Geometry, Image, LabelMap, Volume, nifti};
use std::fs;
use std::path::PathBuf;

/// A folder with a good dataset of four cases and its experiment, which a test then breaks.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    pub(crate) yaml: String,
    pub(crate) manifest: String,
}

pub(crate) fn image() -> Image {
    let voxels = Array3::from_shape_fn((16, 12, 12), |(z, y, x)| {
        1.0 + ((z * 7 + y * 3 + x) % 11) as f32
    });
    Volume {
        voxels,
        geometry: Geometry::axis_aligned([1.0; 3]),
    }
}

pub(crate) fn labels() -> LabelMap {
    let voxels = Array3::from_shape_fn((16, 12, 12), |(_, y, x)| {
        u8::from((3..9).contains(&y)) * (1 + u8::from(x > 5))
    });
    Volume {
        voxels,
        geometry: Geometry::axis_aligned([1.0; 3]),
    }
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = "case,image,label,mask,split\n".to_owned();
        for (case, split) in [("a", "A"), ("b", "A"), ("c", "A"), ("d", "B")] {
            // No two cases have the same scan.
            let mut image = image();
            image.voxels[[8, 6, 6]] = f32::from(case.as_bytes()[0]);
            nifti::write_image(&folder.path().join(format!("{case}.nii.gz")), &image).unwrap();
            nifti::write_labels(
                &folder.path().join(format!("{case}_label.nii.gz")),
                &labels(),
            )
            .unwrap();
            manifest += &format!("{case},{case}.nii.gz,{case}_label.nii.gz,,{split}\n");
        }
        let yaml = "\
name: broken
question: What does it say?
seeds: [1]
data:
  dataset: manifest
  path: FOLDER/manifest.csv
  classes: [background, one, two]
models:
  attention-unet: {architecture: attention-unet, base_width: 4, levels: 2}
training:
  crop: [8, 8, 8]
tasks:
  tissue-segmentation:
    first_every: 8
    steps: {budget: 2, first: 1}
    strategies:
      random: [0.5]
      attention-guided: [0.5]
"
        .replace("FOLDER", folder.path().to_str().unwrap());
        Self {
            folder,
            yaml,
            manifest,
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command. Returns exit code, standard output and standard error, with the scratch
    /// folder replaced by FOLDER.
    pub(crate) fn says(&self, command: &str) -> (i32, String, String) {
        let yaml = self.file("broken.yaml");
        fs::write(self.file("manifest.csv"), &self.manifest).unwrap();
        fs::write(&yaml, &self.yaml).unwrap();
        let mut command = slicewise(&[command]);
        command.arg(&yaml).arg("--cache").arg(self.file("cache"));
        let out = self.file("out");
        command.arg("--out").arg(&out);
        let (code, stdout, stderr) = run(&mut command);
        assert!(
            !out.exists(),
            "refused or checked, it left {}",
            out.display()
        );
        let folder = self.folder.path().to_str().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|text| text.replace(folder, "FOLDER"));
        (code, stdout, stderr)
    }

    /// Asserts that `sweep` refuses with the one line `PLACE: PROBLEM`. `check` must print a row of
    /// its table with the same and the remedy, or the same line if there is nothing to list.
    pub(crate) fn refused(&self, place: &str, problem: &str, remedy: Option<&str>) {
        let line = format!("slicewise: {place}: {problem}\n");
        let (code, stdout, stderr) = self.says("sweep");
        let stderr: String = stderr
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("preparing volumes of "))
            .collect();
        assert_eq!((code, stdout.as_str()), (2, ""));
        assert!(reads_as(&stderr, &line), "{stderr}");
        let (table, last) = match remedy {
            None => (String::new(), line),
            Some(remedy) => (
                format!(
                    "| file | problem | what to do |\n|---|---|---|\n\
                     | {place} | {problem} | {remedy} |\n"
                ),
                "slicewise: FOLDER/broken.yaml: 1 problem(s), listed above\n".to_owned(),
            ),
        };
        let (code, stdout, stderr) = self.says("check");
        assert_eq!(code, 2);
        // The cases that can be read are shown first.
        let problems = stdout.find("| file |").unwrap_or(0);
        assert!(reads_as(&stdout[problems..], &table), "{stdout}");
        assert!(reads_as(&stderr, &last), "{stderr}");
    }
}

#[test]
fn the_sound_data_set_is_accepted() {
    let (code, stdout, problem) = Scratch::new().says("check");
    assert_eq!((code, problem.as_str()), (0, ""), "{stdout}");
}

#[test]
fn a_truncated_gz() {
    let scratch = Scratch::new();
    let bytes = fs::read(scratch.file("b.nii.gz")).unwrap();
    fs::write(scratch.file("b.nii.gz"), &bytes[..bytes.len() / 2]).unwrap();
    scratch.refused(
        "FOLDER/b.nii.gz",
        "truncated gzip stream after … uncompressed bytes (…)",
        Some("Copy or download the file again: it is incomplete."),
    );
}

#[test]
fn a_label_of_another_shape() {
    let scratch = Scratch::new();
    let label = labels();
    let smaller = Volume {
        voxels: label.voxels.slice_move(ndarray::s![..12, .., ..]),
        geometry: label.geometry,
    };
    nifti::write_labels(&scratch.file("b_label.nii.gz"), &smaller).unwrap();
    scratch.refused(
        "FOLDER/b_label.nii.gz",
        "expected the shape 12×12×16 (x×y×z) of FOLDER/b.nii.gz, got 12×12×12",
        Some("Resample it to the image's grid, or name the file that belongs to this image."),
    );
}

#[test]
fn a_label_of_another_affine() {
    let scratch = Scratch::new();
    let moved = Volume {
        geometry: Geometry::axis_aligned([1.0, 1.0, 1.5]),
        ..labels()
    };
    nifti::write_labels(&scratch.file("b_label.nii.gz"), &moved).unwrap();
    scratch.refused(
        "FOLDER/b_label.nii.gz",
        "expected the grid of FOLDER/b.nii.gz to within 0.05 voxels (data.grid_tolerance_voxels), \
         but its corners are 3.889 voxels (3.889 mm) away",
        Some("Resample it to the image's grid, or name the file that belongs to this image."),
    );
}

#[test]
fn voxels_that_are_nan() {
    let scratch = Scratch::new();
    let mut image = image();
    image.voxels[[3, 4, 5]] = f32::NAN;
    nifti::write_image(&scratch.file("c.nii.gz"), &image).unwrap();
    scratch.refused(
        "FOLDER/c.nii.gz",
        "expected finite voxels, got 1 NaN or infinite, the first at voxel (x, y, z) = (5, 4, 3)",
        Some("Replace the NaN voxels, for instance by 0, and save again."),
    );
}

#[test]
fn a_label_value_without_a_class() {
    let scratch = Scratch::new();
    let mut label = labels();
    label.voxels[[3, 4, 5]] = 77;
    nifti::write_labels(&scratch.file("c_label.nii.gz"), &label).unwrap();
    scratch.refused(
        "FOLDER/c_label.nii.gz",
        "unknown label value 77 in 1 voxels (expected one of 0, 1, 2)",
        Some("Correct the label file, or name all its classes (data.classes, dataset.json)."),
    );
}

#[test]
fn a_missing_file() {
    let scratch = Scratch::new();
    fs::remove_file(scratch.file("d.nii.gz")).unwrap();
    scratch.refused(
        "FOLDER/d.nii.gz",
        "not found (expected a NIfTI volume)",
        Some(
            "Put the file there, or correct its path: one in a table starts at the table's folder, and data.path (or SLICEWISE_DATA) is where a data set lies.",
        ),
    );
}

#[test]
fn a_case_in_two_splits() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace(
        "  dataset: manifest\n",
        "  dataset: manifest\n  part_a: [a, b, c]\n  part_b: [c, d]\n",
    );
    scratch.refused(
        "data.part_a, data.part_b",
        "case \"c\" is in both parts",
        Some("Name every case once, in one part."),
    );
}

#[test]
fn a_duplicate_case() {
    let mut scratch = Scratch::new();
    scratch.manifest += "b,b.nii.gz,b_label.nii.gz,,B\n";
    scratch.refused(
        "FOLDER/manifest.csv",
        "case \"b\" appears twice",
        Some("Name every case once, in one part."),
    );
}

#[test]
fn an_unknown_key_has_its_line_and_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("first_every:", "first_evry:");
    scratch.refused(
        "FOLDER/broken.yaml:14:5",
        "tasks.tissue-segmentation: …`first_evry`…; did you mean `first_every`?",
        None,
    );
}

#[test]
fn an_unknown_strategy_has_its_line_and_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("random:", "randon:");
    scratch.refused(
        "FOLDER/broken.yaml:17:15",
        "tasks.tissue-segmentation.strategies.randon: unknown strategy \"randon\"; \
         did you mean \"random\"?",
        None,
    );
}

#[test]
fn a_ratio_above_one() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("random: [0.5]", "random: [0.5, 1.5]");
    scratch.refused(
        "FOLDER/broken.yaml:17:15",
        "tasks.tissue-segmentation.strategies.random: expected a ratio in (0, 1] \
         (a share of a volume's slices), got 1.5",
        None,
    );
}

#[test]
fn a_strategy_that_needs_attention_with_a_model_that_has_none() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch
        .yaml
        .replace("architecture: attention-unet", "architecture: unet");
    scratch.refused(
        "FOLDER/broken.yaml",
        "tasks.tissue-segmentation.strategies.attention-guided: needs a model with an attention \
         map, but models.attention-unet (unet) has none",
        None,
    );
}

#[test]
fn an_unknown_architecture_has_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace(
        "architecture: attention-unet",
        "architecture: atention-unet",
    );
    scratch.refused(
        "FOLDER/broken.yaml",
        "models.attention-unet: unknown architecture \"atention-unet\"; did you mean \
         \"attention-unet\"?",
        None,
    );
}

#[test]
fn an_experiment_that_is_not_there() {
    for command in ["sweep", "check"] {
        let (code, _, stderr) = run(&mut slicewise(&[command, "experiments/none.yaml"]));
        assert_eq!(code, 2);
        assert_eq!(
            stderr,
            format!("slicewise: experiments/none.yaml: {}\n", system_says(2))
        );
    }
}

#[test]
fn a_path_that_climbs_out_of_the_manifests_folder() {
    let mut scratch = Scratch::new();
    scratch.manifest = scratch
        .manifest
        .replace("c,c.nii.gz,c_label", "c,../c.nii.gz,c_label");
    scratch.refused(
        "FOLDER/manifest.csv:4",
        "expected the image of \"c\" below the table's folder, or an absolute path, \
         got \"../c.nii.gz\"",
        Some("Correct that line."),
    );
    // An absolute path is allowed.
    let mut scratch = Scratch::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let label = elsewhere.path().join("c_label.nii.gz");
    fs::rename(scratch.file("c_label.nii.gz"), &label).unwrap();
    scratch.manifest = scratch
        .manifest
        .replace("c_label.nii.gz", label.to_str().unwrap());
    assert_eq!(scratch.says("check").0, 0);
}

#[test]
fn a_model_whose_name_leads_out_of_the_results() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch
        .yaml
        .replace("  attention-unet: {", "  ../../away: {");
    scratch.refused(
        "FOLDER/broken.yaml",
        "models: expected at most 64 letters, digits, - _ . (it names a folder), got \"../../away\"",
        None,
    );
}

#[test]
fn check_lists_every_problem_of_rows_and_files_at_once() {
    let mut scratch = Scratch::new();
    scratch.manifest += "b,b.nii.gz,b_label.nii.gz,,B\ne,e.nii.gz,e_label.nii.gz,,C\n";
    fs::remove_file(scratch.file("a.nii.gz")).unwrap();
    let mut image = image();
    image.voxels[[3, 4, 5]] = f32::NAN;
    nifti::write_image(&scratch.file("c.nii.gz"), &image).unwrap();
    fs::remove_file(scratch.file("d_label.nii.gz")).unwrap();
    let (code, table, last) = scratch.says("check");
    assert_eq!(code, 2);
    assert_eq!(
        last,
        "slicewise: FOLDER/broken.yaml: 5 problem(s), listed above\n"
    );
    let places: Vec<&str> = table
        .lines()
        .filter(|row| row.starts_with("| FOLDER"))
        .filter_map(|row| row.split(" | ").next())
        .collect();
    assert_eq!(
        places,
        [
            "| FOLDER/manifest.csv",
            "| FOLDER/manifest.csv:7",
            "| FOLDER/a.nii.gz",
            "| FOLDER/c.nii.gz",
            "| FOLDER/d_label.nii.gz",
        ],
        "{table}"
    );
}
