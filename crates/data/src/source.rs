//! Reads one case: all its files, checked against each other.

use crate::config::DataConfig;
use crate::error::DataError;
use crate::fault::{Blank, Fault};
use crate::grid::Grid;
use crate::grouping::LabelGrouping;
use crate::listing::{MaskFile, Source};
use crate::mask;
use crate::nifti::Reader;
use crate::phantom;
use crate::raw_case::RawCase;
use crate::twins;
use ndarray::Array3;
use slicewise_core::volume::slices_first;
use slicewise_core::{Geometry, Image, Labels, SliceAxis, TaskDefinition, Volume};
use std::path::{Path, PathBuf};

/// A volume in RAS and the file it came from.
struct Loaded<T> {
    voxels: Array3<T>,
    geometry: Geometry,
    file: PathBuf,
    notes: Vec<String>,
}

impl<T> Loaded<T> {
    fn new(volume: Volume<T>, file: &Path) -> Self {
        Self {
            voxels: volume.voxels,
            geometry: volume.geometry,
            file: file.to_owned(),
            notes: Vec::new(),
        }
    }
}

/// Reads the files that a task needs of a case.
///
/// # Errors
/// Every problem of the case's files, not only the first.
pub(crate) fn read_case(
    source: &Source,
    definition: &TaskDefinition,
    grouping: &LabelGrouping,
    config: &DataConfig,
) -> Result<RawCase, Vec<DataError>> {
    let (image, labels, mask) = match source {
        Source::Files {
            image,
            labels,
            mask,
        } => read_files(
            image,
            labels.as_deref(),
            mask.as_ref(),
            &definition.labels,
            config,
        )?,
        Source::Phantom {
            seed,
            subject,
            spacing_mm,
        } => generate(*seed, *subject, *spacing_mm),
    };
    let raw = into_task(image, labels, mask, &definition.labels, grouping)
        .map_err(|problem| vec![problem])?;
    // A case without foreground may be a healthy one, which the task allows or not (below). In a
    // task of the mask every scan shows the structure, and an empty file is the wrong file.
    let is_mask = definition.labels == Labels::Mask;
    if is_mask && raw.classes.iter().all(|&class| class == 0) {
        return Err(vec![blank(&raw.file, Blank::Truth)]);
    }
    if !definition.absent_classes {
        let mut found = [false; 256];
        raw.classes
            .iter()
            .for_each(|&class| found[usize::from(class)] = true);
        // Background, the first, may fill none of a cropped volume.
        let foreground = grouping.classes.iter().zip(found).skip(1);
        let classes: Vec<String> = foreground
            .filter(|(_, found)| !found)
            .map(|(name, _)| name.clone())
            .collect();
        if !classes.is_empty() {
            return Err(vec![DataError::AbsentClasses {
                path: raw.file,
                classes,
            }]);
        }
    }
    Ok(raw.slices_first(definition.slice_axis))
}

impl RawCase {
    /// Puts the axis that `axis` is for this scan first.
    fn slices_first(self, axis: SliceAxis) -> Self {
        match axis.of_spacing(self.image.geometry.spacing_mm()) {
            SliceAxis::Axial => self,
            axis => Self {
                image: self.image.sliced_along(axis),
                classes: slices_first(self.classes.view(), axis),
                mask: self.mask.map(|mask| slices_first(mask.view(), axis)),
                first_slice: self.first_slice,
                content: self.content,
                file: self.file,
                notes: self.notes,
            },
        }
    }
}

type Volumes = (Loaded<f32>, Option<Loaded<i32>>, Option<Loaded<bool>>);

fn read_files(
    image_file: &Path,
    labels: Option<&Path>,
    mask: Option<&MaskFile>,
    wanted: &Labels,
    config: &DataConfig,
) -> Result<Volumes, Vec<DataError>> {
    // For a task of the mask the label map is read only if there is no mask.
    let labels = labels.filter(|_| *wanted != Labels::Mask || mask.is_none());
    let reader = Reader {
        position: config.position,
    };
    let scan = reader.image(image_file);
    let grid = scan.as_ref().ok().map(|scan| Grid {
        file: image_file,
        geometry: &scan.geometry,
        shape: scan.voxels.dim().into(),
        tolerance_voxels: config.grid_tolerance_voxels,
    });
    let loaded_labels = labels.map(|file| {
        let volume = reader.labels(file)?;
        on_grid(grid.as_ref(), volume, file)
    });
    let loaded_mask = mask.map(|file| {
        let (inside, notes) = mask::read(file, reader)?;
        let loaded = on_grid(grid.as_ref(), inside, file.path())?;
        Ok(Loaded { notes, ..loaded })
    });
    let mut problems = Vec::new();
    let mut keep = |problem| problems.push(problem);
    let image = scan.map_err(&mut keep).ok();
    let image = image.map(|volume| Loaded::new(volume, image_file));
    let labels = loaded_labels.map(|labels| labels.map_err(&mut keep).ok());
    let mask = loaded_mask.map(|mask| mask.map_err(&mut keep).ok());
    match image {
        Some(image) if problems.is_empty() => Ok((image, labels.flatten(), mask.flatten())),
        _ => Err(problems),
    }
}

/// Puts labels or a mask on the grid of their image. Without an image they stay where they are.
fn on_grid<T: Clone>(
    grid: Option<&Grid>,
    volume: Volume<T>,
    file: &Path,
) -> Result<Loaded<T>, DataError> {
    let volume = match grid {
        Some(grid) => grid.take(volume, file)?,
        None => volume,
    };
    Ok(Loaded::new(volume, file))
}

fn generate(seed: u64, subject: usize, spacing_mm: f64) -> Volumes {
    let phantom = phantom::generate(seed, subject, spacing_mm);
    let file = PathBuf::from(format!("phantom {subject} of seed {seed}"));
    let geometry = phantom.image.geometry.clone();
    let tissue = phantom.tissue.voxels.mapv(i32::from);
    let brain = phantom.brain_mask.voxels.mapv(|value| value > 0);
    (
        Loaded::new(phantom.image, &file),
        Some(Loaded::new(with(tissue, &geometry), &file)),
        Some(Loaded::new(with(brain, &geometry), &file)),
    )
}

fn with<T>(voxels: Array3<T>, geometry: &Geometry) -> Volume<T> {
    Volume {
        voxels,
        geometry: geometry.clone(),
    }
}

/// Converts labels to classes. Unless the task is the mask, the image is set to 0 outside it.
fn into_task(
    image: Loaded<f32>,
    labels: Option<Loaded<i32>>,
    mask: Option<Loaded<bool>>,
    wanted: &Labels,
    grouping: &LabelGrouping,
) -> Result<RawCase, DataError> {
    let missing = || blank(&image.file, Blank::NoTruth);
    if image.voxels.iter().all(|&value| value == 0.0) {
        return Err(blank(&image.file, Blank::Scan));
    }
    let mut notes = Vec::new();
    let mut noted = |file: &Path, note: String| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        notes.push(format!("{name}: {note}"));
    };
    let (mask_file, mut mask) = match mask {
        Some(mask) => {
            mask.notes
                .into_iter()
                .for_each(|note| noted(&mask.file, note));
            (Some(mask.file), Some(mask.voxels))
        }
        None => (None, None),
    };
    let classes = match wanted {
        Labels::Mask => match (mask.take(), &labels) {
            (Some(mask), _) => mask.mapv(u8::from),
            (None, Some(labels)) => grouping.apply(&labels.voxels, &labels.file)?,
            (None, None) => return Err(missing()),
        },
        Labels::All | Labels::Classes(_) => {
            let labels = labels.as_ref().ok_or_else(missing)?;
            let mut classes = grouping.apply(&labels.voxels, &labels.file)?;
            if let (Some(mask), Some(file)) = (&mask, &mask_file) {
                if !mask.iter().any(|&inside| inside) {
                    return Err(blank(file, Blank::Mask));
                }
                let outside = grouping.mask(&mut classes, &labels.voxels, mask);
                if outside > 0 && classes.iter().all(|&class| class == 0) {
                    return Err(blank(&labels.file, Blank::OutsideMask));
                }
                if outside > 0 {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    let note = format!(
                        "{outside} voxels with a label lie outside the mask {name} and count as background"
                    );
                    noted(&labels.file, note);
                }
            }
            classes
        }
    };
    let mut voxels = image.voxels;
    let content = twins::content(&voxels);
    if let Some(mask) = &mask {
        voxels.zip_mut_with(mask, |value, &inside| {
            if !inside {
                *value = 0.0;
            }
        });
        if voxels.iter().all(|&value| value == 0.0) {
            return Err(blank(&image.file, Blank::Scan));
        }
    }
    Ok(RawCase {
        image: Image {
            voxels,
            geometry: image.geometry,
        },
        classes,
        mask,
        first_slice: 0,
        content,
        file: image.file,
        notes,
    })
}

fn blank(file: &Path, blank: Blank) -> DataError {
    DataError::File {
        path: file.to_owned(),
        fault: Fault::Blank(blank),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded<T: Clone>(voxels: &[T], file: &str) -> Loaded<T> {
        let volume = Volume {
            voxels: Array3::from_shape_vec((1, 1, voxels.len()), voxels.to_vec()).unwrap(),
            geometry: Geometry::axis_aligned([1.0; 3]),
        };
        Loaded::new(volume, Path::new(file))
    }

    #[test]
    fn what_was_decided_is_noted_with_its_file() {
        let grouping = LabelGrouping::new(&[0], [("one", &[1][..]), ("two", &[2])]);
        let mut mask = loaded(&[false, true, true, true], "a/mask.nii");
        mask.notes.push("a soft mask".to_owned());
        let raw = into_task(
            loaded(&[4.0, 3.0, 2.0, 1.0], "a/scan.nii"),
            Some(loaded(&[1, 1, 0, 2], "a/seg.nii")),
            Some(mask),
            &Labels::All,
            &grouping,
        )
        .unwrap();
        assert_eq!(raw.classes.into_raw_vec_and_offset().0, [0, 1, 0, 2]);
        assert_eq!(
            raw.notes,
            [
                "mask.nii: a soft mask",
                "seg.nii: 1 voxels with a label lie outside the mask mask.nii and count as background"
            ]
        );
    }

    #[test]
    fn a_scan_without_labels_and_mask_has_no_truth() {
        let grouping = LabelGrouping::new(&[0], [("one", &[1][..])]);
        for wanted in [Labels::All, Labels::Mask] {
            let scan = loaded(&[1.0, 2.0], "scan.nii");
            let error = into_task(scan, None, None, &wanted, &grouping)
                .err()
                .unwrap();
            assert_eq!(
                error.to_string(),
                "scan.nii: expected a label map or a mask beside it, got none"
            );
        }
    }
}
