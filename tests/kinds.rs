//! Data of other kinds than isotropic MR, from check to report: CT, and scans of a few thick slices.

use crate::program::{run, slicewise, succeed};
use slicewise_data::{Geometry, Image, LabelMap, Volume, nifti};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A data set of four cases, `d` in Part B, and its experiment.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Writes cases of `shape` `[z, y, x]` and `spacing_mm` `[z, y, x]`: a box of class one, in which a
    /// smaller one of class two lies. `intensity` is that of each class.
    fn new(shape: [usize; 3], spacing_mm: [f64; 3], intensity: [f32; 3], yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Self { folder };
        let mut table = "case,image,label,split\n".to_owned();
        for (number, case) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let geometry = Geometry::axis_aligned(spacing_mm);
            let depth = |index: usize, axis: usize| index.min(shape[axis] - 1 - index);
            let labels = ndarray::Array3::from_shape_fn(shape, |(z, y, x)| {
                let shift = number.min(y);
                match (depth(z, 0), depth(y - shift, 1), depth(x, 2)) {
                    (1.., 6.., 6..) => 2,
                    (1.., 3.., 3..) => 1,
                    _ => 0u8,
                }
            });
            let image: Image = Volume {
                voxels: labels.mapv(|class| intensity[usize::from(class)]),
                geometry: geometry.clone(),
            };
            let labels: LabelMap = Volume {
                voxels: labels,
                geometry,
            };
            let part = if case == "d" { 'B' } else { 'A' };
            nifti::write_image(&scratch.file(&format!("{case}.nii.gz")), &image).unwrap();
            nifti::write_labels(&scratch.file(&format!("{case}-label.nii.gz")), &labels).unwrap();
            table += &format!("{case},{case}.nii.gz,{case}-label.nii.gz,{part}\n");
        }
        fs::write(scratch.file("cases.csv"), table).unwrap();
        scratch.experiment(yaml);
        scratch
    }

    /// Writes the experiment.
    fn experiment(&self, yaml: &str) {
        let yaml = yaml.replace("FOLDER", self.folder.path().to_str().unwrap());
        fs::write(self.file("e.yaml"), yaml).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, command: &str) -> Command {
        let mut program = slicewise(&[command]);
        program.arg(self.file("e.yaml"));
        program.arg("--cache").arg(self.file("cache"));
        program.arg("--out").arg(self.file("out"));
        program
    }

    /// Checks the experiment and returns what is said.
    fn check(&self) -> String {
        let (code, said, problem) = run(&mut self.program("check"));
        assert_eq!((code, problem.as_str()), (0, ""), "{said}");
        said
    }

    /// Returns the message with which a check refuses the experiment.
    fn refused(&self) -> String {
        let (code, _, problem) = run(&mut self.program("check"));
        assert_eq!(code, 2, "{problem}");
        problem.replace(self.folder.path().to_str().unwrap(), "FOLDER")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file("out").join(path)).unwrap()
    }

    fn manifest(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("manifest.json")).unwrap()
    }
}

const YAML: &str = "\
name: kinds
question: Is it read as what it is?
seeds: [1]
device: cpu
data:
  dataset: manifest
  path: FOLDER/cases.csv
  classes: [background, one, two]
models:
  attention-unet: {architecture: attention-unet, base_width: 4, levels: 3}
  v-net: {architecture: v-net, base_width: 4, levels: 3}
training:
  crop: [8, 16, 16]
tasks:
  tissue-segmentation:
    first_every: 8
    steps: {budget: 4, first: 2}
    strategies:
      random: [0.5]
";

fn records(folder: &Path) -> usize {
    fs::read_dir(folder.join("records/tissue-segmentation/attention-unet"))
        .unwrap()
        .count()
}

/// Air around water, in which there is bone: 0 HU is no missing voxel.
#[test]
fn ct_runs_from_check_to_report_with_the_same_numbers_in_every_case() {
    let yaml = YAML.replace("  classes:", "  normalise: ct\n  classes:");
    let scratch = Scratch::new([12, 20, 18], [1.5; 3], [-1000.0, 0.0, 1000.0], &yaml);
    // In each case 10 × 14 × 12 voxels lie in the box of class one, 10 × 8 × 6 of them are bone. So 2/7
    // of what is not air is bone: the mean is 285.7 HU, the deviation 1000 √(2/7 · 5/7) = 451.8.
    let said = scratch.check();
    let line = "\n  intensities in HU: clipped to 0.0 and 1000.0, minus 285.7, divided by 451.8\n";
    assert!(said.contains(line), "{said}");
    assert!(!said.contains("pooled by"), "{said}");
    succeed(&mut scratch.program("sweep"));
    assert!(scratch.read("config.yaml").contains("  normalise: ct\n"));
    let manifest = scratch.manifest();
    let scale = &manifest["data"][0]["intensities"];
    assert_eq!(scale["low"], 0.0);
    assert_eq!(scale["high"], 1000.0);
    let near = |key: &str, expected: f64| (scale[key].as_f64().unwrap() - expected).abs() < 0.01;
    assert!(near("zero", 285.714) && near("unit", 451.754), "{scale}");
    assert!(manifest["data"][0]["pooling"].is_null());
    assert_eq!(records(&scratch.file("out")), 3);
    assert!(scratch.read("report.html").contains("tissue"));
    succeed(slicewise(&["verify"]).arg(scratch.file("out")));

    // Another window is another experiment.
    scratch.experiment(&yaml.replace("normalise: ct", "normalise: {ct: {window: [-200, 200]}}"));
    let said = scratch.check();
    let line = "\n  intensities in HU: clipped to -200.0 and 200.0, minus 0.0, divided by 200.0\n";
    assert!(said.contains(line), "{said}");
    let (code, _, problem) = run(&mut scratch.program("sweep"));
    assert_eq!(code, 2, "{problem}");
    assert!(problem.contains("config.yaml"), "{problem}");
    scratch.experiment(&yaml.replace("normalise: ct", "normalise: pet"));
    let problem = scratch.refused();
    assert!(
        problem.contains("expected mr, ct or {ct: {window: [LOW, HIGH]}}"),
        "{problem}"
    );
}

/// Five slices of 5 mm with 0.5 mm in their plane: no level halves the slices.
#[test]
fn thick_slices_run_from_check_to_report_with_an_axis_spared() {
    let yaml = YAML.replace("[8, 16, 16]", "[5, 16, 16]");
    let scratch = Scratch::new([5, 22, 20], [5.0, 0.5, 0.5], [10.0, 100.0, 180.0], &yaml);
    let said = scratch.check();
    for model in ["attention-unet", "v-net"] {
        let line = format!(
            "\n  {model}: pooled by [[1, 2, 2], [1, 2, 2]] ([D, H, W] from level to level), for \
             voxels of 5.00 × 0.50 × 0.50 mm\n"
        );
        assert!(said.contains(&line), "{said}");
    }
    succeed(&mut scratch.program("sweep"));
    let strides = serde_json::json!([[1, 2, 2], [1, 2, 2]]);
    let manifest = scratch.manifest();
    let pooling = &manifest["data"][0]["pooling"];
    assert_eq!(pooling["attention-unet"], strides);
    assert_eq!(pooling["v-net"], strides);
    assert!(!scratch.read("config.yaml").contains("pooling"));
    assert_eq!(records(&scratch.file("out")), 3);
    succeed(slicewise(&["verify"]).arg(scratch.file("out")));
    // A sweep that goes on with more has the networks that it began with.
    scratch.experiment(&yaml.replace("random: [0.5]", "random: [0.5]\n      uncertainty: [0.5]"));
    succeed(&mut scratch.program("sweep"));
    assert_eq!(records(&scratch.file("out")), 4);
    assert_eq!(scratch.manifest()["data"][0]["pooling"], *pooling);

    // Where the voxels are made cubic, or the experiment says so, all axes are halved, and the crop
    // does not fit.
    scratch.experiment(&yaml.replace("  classes:", "  spacing_mm: 1.0\n  classes:"));
    let expected = "FOLDER/e.yaml: models.attention-unet: training.crop: expected multiples of 4 \
                    for 3 levels, got [5, 16, 16]";
    let problem = scratch.refused();
    assert!(problem.contains(expected), "{problem}");
    scratch.experiment(&yaml.replace("levels: 3", "levels: 3, pooling: [[1, 2, 2], [2, 2, 2]]"));
    let expected = "training.crop: expected multiples of [2, 4, 4] for levels pooled by \
                    [[1, 2, 2], [2, 2, 2]], got [5, 16, 16]";
    let problem = scratch.refused();
    assert!(problem.contains(expected), "{problem}");
    // Resampled in the plane alone, the fourth number of a list is one too many.
    scratch.experiment(&yaml.replace("  classes:", "  spacing_mm: [1, 1, 5]\n  classes:"));
    let said = scratch.check();
    assert!(
        said.contains("for voxels of 5.00 × 1.00 × 1.00 mm\n"),
        "{said}"
    );
    scratch.experiment(&yaml.replace("  classes:", "  spacing_mm: [1, 1, 5, 1]\n  classes:"));
    let problem = scratch.refused();
    assert!(
        problem.contains("expected a number of mm, three as [x, y, z], or native"),
        "{problem}"
    );
}

/// Cubic voxels of the files are known when they are read, and so is a crop that does not fit them.
#[test]
fn a_crop_that_fits_no_cubic_voxels_is_refused_when_they_are_read() {
    let yaml = YAML.replace("[8, 16, 16]", "[6, 16, 16]");
    let scratch = Scratch::new([12, 20, 18], [1.5; 3], [10.0, 100.0, 180.0], &yaml);
    let expected = "FOLDER/e.yaml: models.attention-unet: training.crop: expected multiples of 4 \
                    for 3 levels, got [6, 16, 16]";
    let problem = scratch.refused();
    assert!(problem.contains(expected), "{problem}");
    let (code, _, problem) = run(&mut scratch.program("sweep"));
    assert_eq!(code, 2, "{problem}");
    assert!(problem.contains("expected multiples of 4"), "{problem}");
    assert!(!scratch.file("out/config.yaml").exists());
}
