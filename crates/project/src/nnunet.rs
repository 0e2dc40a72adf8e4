//! Writes what was drawn as a data set for nnU-Net v2, which learns from partly drawn volumes: voxels that
//! nobody drew, or was sure of, get the label `ignore`.
//!
//! The format: nnU-Net's `documentation/dataset_format.md` and `ignore_label.md` (version 2.8). Labels are
//! consecutive, and `ignore` is the highest.

use crate::annotations::{drawn_slices, in_ras};
use crate::error::ProjectError;
use crate::export::whole_folder;
use crate::folder::Project;
use crate::history::Event;
use crate::settings::Settings;
use crate::train::need_drawn;
use ndarray::{Array3, Axis};
use serde_json::{Map, Value, json};
use slicewise_core::{IGNORE, Volume, write_whole};
use slicewise_data::nifti::{write_labels, write_like};
use slicewise_data::scan::read_scan;
use std::fs;
use std::path::Path;

/// Slices whose thickness differs by more than this share from the median are resampled by nnU-Net's
/// `3d_fullres`.
const SAME_THICKNESS: f64 = 0.01;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NnunetExport {
    /// Number of cases with drawn slices, in `imagesTr` and `labelsTr`.
    pub training: usize,
    /// Number of cases without, in `imagesTs`.
    pub others: usize,
    /// What the person should know, a line each.
    pub warnings: Vec<String>,
}

/// Writes the drawn slices of all cases as a data set for nnU-Net v2. Scans are the project's copies in
/// RAS; the class indices are the project's.
///
/// # Errors
/// Nothing is drawn, `out` is something else, or the disk failed.
pub fn export_nnunet(
    project: &mut Project,
    settings: &Settings,
    out: &Path,
) -> Result<NnunetExport, ProjectError> {
    need_drawn(project.state(), "export")?;
    let mut exported = NnunetExport::default();
    whole_folder(out, "nnunet", |place| {
        exported = write(project, settings, place)?;
        Ok(())
    })?;
    project.record(Event::Export {
        kind: "nnunet".to_owned(),
        out: out.to_owned(),
        model: None,
    })?;
    Ok(exported)
}

fn write(
    project: &Project,
    settings: &Settings,
    place: &Path,
) -> Result<NnunetExport, ProjectError> {
    let (folder, state) = (&project.folder, project.state());
    let ignore = settings.classes.len() as u8;
    let mut exported = NnunetExport::default();
    let mut is_partial = false;
    let mut thickness: Vec<f64> = state
        .scans
        .values()
        .map(|scan| scan.spacing_mm[0])
        .collect();
    thickness.sort_by(f64::total_cmp);
    let median = thickness[thickness.len() / 2];
    for name in ["imagesTr", "labelsTr"] {
        make(&place.join(name))?;
    }
    for (case, scan) in &state.scans {
        let path = folder.scan_file(&scan.file);
        let image = read_scan(&path, settings.axis, &settings.preparation)?;
        let drawn = drawn_slices(folder, state, case)?;
        let images = match drawn.is_empty() {
            true => place.join("imagesTs"),
            false => place.join("imagesTr"),
        };
        make(&images)?;
        write_like(
            &images.join(format!("{case}_0000.nii.gz")),
            &in_ras(&image),
            &path,
        )?;
        if drawn.is_empty() {
            exported.others += 1;
            continue;
        }
        exported.training += 1;
        let mut voxels = Array3::from_elem(scan.shape, ignore);
        for (&slice, labels) in &drawn {
            let shown = labels.mapv(|class| if class == IGNORE { ignore } else { class });
            voxels.index_axis_mut(Axis(0), slice).assign(&shown);
        }
        is_partial |= voxels.iter().any(|&class| class == ignore);
        let labels = in_ras(&Volume {
            voxels,
            geometry: image.geometry,
        });
        write_labels(
            &place.join("labelsTr").join(format!("{case}.nii.gz")),
            &labels,
        )?;
        let mm = scan.spacing_mm[0];
        if (mm / median - 1.0).abs() > SAME_THICKNESS {
            exported.warnings.push(format!(
                "{case}: slices of {mm:.2} mm, where the median is {median:.2}: nnU-Net's 3d_fullres resamples \
                 them, and loses or doubles drawn slices between undrawn ones; 2d does not"
            ));
        }
    }
    let mut labels = Map::new();
    for (value, name) in settings.classes.iter().enumerate() {
        labels.insert(name.clone(), json!(value));
    }
    if is_partial {
        labels.insert("ignore".to_owned(), json!(ignore));
    }
    // nnU-Net normalises a channel of this name as CT, and any other by itself.
    let is_ct = settings.preparation.normalise != slicewise_data::Normalise::Mr;
    let description = json!({
        "channel_names": {"0": if is_ct { "CT" } else { "MR" }},
        "labels": Value::Object(labels),
        "numTraining": exported.training,
        "file_ending": ".nii.gz",
    });
    let path = place.join("dataset.json");
    let text = format!("{description:#}\n");
    write_whole(&path, text.as_bytes()).map_err(ProjectError::io(&path))?;
    Ok(exported)
}

fn make(folder: &Path) -> Result<(), ProjectError> {
    fs::create_dir_all(folder).map_err(ProjectError::io(folder))
}
