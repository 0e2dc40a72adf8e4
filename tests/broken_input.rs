//! Every broken input: one clear line, exit code 2, nothing run.

use crate::program::{run, slicewise};
use ndarray::Array3;
use slicewise_data::{Geometry, Image, LabelMap, Volume, nifti};
use std::fs;
use std::path::PathBuf;

/// A folder with a sound data set of four cases and its experiment, to be broken.
struct Scratch {
    folder: tempfile::TempDir,
    yaml: String,
    manifest: String,
}

fn image() -> Image {
    let voxels = Array3::from_shape_fn((16, 12, 12), |(z, y, x)| {
        1.0 + ((z * 7 + y * 3 + x) % 11) as f32
    });
    Volume {
        voxels,
        geometry: Geometry::axis_aligned([1.0; 3]),
    }
}

fn labels() -> LabelMap {
    let voxels = Array3::from_shape_fn((16, 12, 12), |(_, y, x)| {
        u8::from((3..9).contains(&y)) * (1 + u8::from(x > 5))
    });
    Volume {
        voxels,
        geometry: Geometry::axis_aligned([1.0; 3]),
    }
}

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = "case,image,label,mask,split\n".to_owned();
        for (case, split) in [("a", "A"), ("b", "A"), ("c", "A"), ("d", "B")] {
            nifti::write_image(&folder.path().join(format!("{case}.nii.gz")), &image()).unwrap();
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
  layout: manifest
  path: FOLDER/manifest.csv
  classes: [background, one, two]
models:
  attention-unet: {architecture: attention-unet, base_width: 4, levels: 2}
training:
  crop: [8, 8, 8]
tasks:
  tissue-segmentation:
    first_every: 8
    steps: {first: 1, full: 1, round: 1}
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

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code and the one line it said (after the table of `check`).
    fn says(&self, command: &str) -> (i32, String) {
        let yaml = self.file("broken.yaml");
        fs::write(self.file("manifest.csv"), &self.manifest).unwrap();
        fs::write(&yaml, &self.yaml).unwrap();
        let mut command = slicewise(&[command]);
        command.arg(&yaml).arg("--cache").arg(self.file("cache"));
        let out = self.file("out");
        if command.get_args().next() == Some("sweep".as_ref()) {
            command.arg("--out").arg(&out);
        }
        let (code, stdout, stderr) = run(&mut command);
        assert!(
            code == 0 || !out.exists(),
            "a refused sweep left {}",
            out.display()
        );
        (code, stdout + &stderr)
    }

    /// Both `sweep` and `check` refuse with a line that holds all of `words`.
    fn refused(&self, words: &[&str]) {
        for command in ["sweep", "check"] {
            let (code, said) = self.says(command);
            assert_eq!(code, 2, "{command}: {said}");
            let line = said
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)));
            assert!(
                line.is_some(),
                "{command}: no line with {words:?} in:\n{said}"
            );
            assert!(!said.contains("panicked"), "{said}");
            if command == "sweep" {
                let lines = said
                    .lines()
                    .filter(|line| !line.starts_with("preparing volumes"));
                assert_eq!(lines.count(), 1, "more than one line:\n{said}");
            }
        }
    }
}

#[test]
fn the_sound_data_set_is_accepted() {
    let (code, said) = Scratch::new().says("check");
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_truncated_gz() {
    let scratch = Scratch::new();
    let bytes = fs::read(scratch.file("b.nii.gz")).unwrap();
    fs::write(scratch.file("b.nii.gz"), &bytes[..bytes.len() / 2]).unwrap();
    scratch.refused(&["b.nii.gz", "truncated"]);
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
    scratch.refused(&["b_label.nii.gz", "shape", "16", "12"]);
}

#[test]
fn a_label_of_another_affine() {
    let scratch = Scratch::new();
    let moved = Volume {
        geometry: Geometry::axis_aligned([1.0, 1.0, 1.5]),
        ..labels()
    };
    nifti::write_labels(&scratch.file("b_label.nii.gz"), &moved).unwrap();
    scratch.refused(&["b_label.nii.gz", "affine"]);
}

#[test]
fn voxels_that_are_nan() {
    let scratch = Scratch::new();
    let mut image = image();
    image.voxels[[3, 4, 5]] = f32::NAN;
    nifti::write_image(&scratch.file("c.nii.gz"), &image).unwrap();
    scratch.refused(&["c.nii.gz", "NaN"]);
}

#[test]
fn a_label_value_without_a_class() {
    let scratch = Scratch::new();
    let mut label = labels();
    label.voxels[[3, 4, 5]] = 77;
    nifti::write_labels(&scratch.file("c_label.nii.gz"), &label).unwrap();
    scratch.refused(&["c_label.nii.gz", "77"]);
}

#[test]
fn a_missing_file() {
    let scratch = Scratch::new();
    fs::remove_file(scratch.file("d.nii.gz")).unwrap();
    scratch.refused(&["d.nii.gz"]);
}

#[test]
fn a_case_in_two_splits() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace(
        "  layout: manifest\n",
        "  layout: manifest\n  part_a: [a, b, c]\n  part_b: [c, d]\n",
    );
    scratch.refused(&["part_a", "part_b", "c"]);
}

#[test]
fn a_duplicate_case() {
    let mut scratch = Scratch::new();
    scratch.manifest += "b,b.nii.gz,b_label.nii.gz,,B\n";
    scratch.refused(&["manifest.csv", "b", "twice"]);
}

#[test]
fn an_unknown_key_has_its_line_and_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("first_every:", "first_evry:");
    scratch.refused(&[
        "broken.yaml:14:5",
        "first_evry",
        "did you mean `first_every`?",
    ]);
}

#[test]
fn an_unknown_strategy_has_its_line_and_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("random:", "randon:");
    scratch.refused(&["broken.yaml:17:7", "randon", "random"]);
}

#[test]
fn a_ratio_above_one() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace("random: [0.5]", "random: [0.5, 1.5]");
    scratch.refused(&["broken.yaml:17:", "(0, 1]", "1.5"]);
}

#[test]
fn a_strategy_that_needs_attention_with_a_model_that_has_none() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch
        .yaml
        .replace("architecture: attention-unet", "architecture: unet");
    scratch.refused(&[
        "attention-guided",
        "needs a model with an attention map",
        "(unet)",
    ]);
}

#[test]
fn an_unknown_architecture_has_the_nearest_name() {
    let mut scratch = Scratch::new();
    scratch.yaml = scratch.yaml.replace(
        "architecture: attention-unet",
        "architecture: atention-unet",
    );
    scratch.refused(&["atention-unet", "attention-unet"]);
}

#[test]
fn an_experiment_that_is_not_there() {
    for command in ["sweep", "check"] {
        let (code, _, stderr) = run(&mut slicewise(&[command, "experiments/none.yaml"]));
        assert_eq!(code, 2);
        assert!(stderr.contains("experiments/none.yaml"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}
