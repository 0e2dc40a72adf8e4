//! Reads one case: all its files, checked against each other.

use crate::config::DataConfig;
use crate::datasets::Source;
use crate::error::DataError;
use crate::grid::Grid;
use crate::grouping::LabelGrouping;
use crate::nifti::Reader;
use crate::phantom;
use crate::twins;
use ndarray::Array3;
use slicewise_core::volume::slices_first;
use slicewise_core::{Geometry, Image, Labels, SliceAxis, TaskDefinition, Volume};
use std::path::{Path, PathBuf};

/// A case of one task on its own grid, with labels as classes. The sliced axis is the first.
pub(crate) struct RawCase {
    /// The scan `[D, H, W]`.
    pub(crate) image: Image,
    /// True classes `[D, H, W]`.
    pub(crate) classes: Array3<u8>,
    /// Where the image counts, `[D, H, W]`; `None` means everywhere. A task of the mask has none
    /// here.
    pub(crate) mask: Option<Array3<bool>>,
    /// What [`twins::content`] says of the whole scan.
    pub(crate) content: u64,
    /// The image's file, for error messages.
    pub(crate) file: PathBuf,
}

/// A volume in RAS and the file it came from.
struct Loaded<T> {
    voxels: Array3<T>,
    geometry: Geometry,
    file: PathBuf,
}

impl<T> Loaded<T> {
    fn new(volume: Volume<T>, file: &Path) -> Self {
        Self {
            voxels: volume.voxels,
            geometry: volume.geometry,
            file: file.to_owned(),
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
            mask.as_deref(),
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
    let empty = if raw.image.voxels.iter().all(|&value| value == 0.0) {
        Some("voxels that are not 0")
    } else if raw.classes.iter().all(|&class| class == 0) {
        Some("labels of at least one foreground class for it")
    } else {
        None
    };
    if let Some(expected) = empty {
        return Err(vec![DataError::Empty {
            path: raw.file,
            expected,
        }]);
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
                content: self.content,
                file: self.file,
            },
        }
    }
}

type Volumes = (Loaded<f32>, Option<Loaded<i32>>, Option<Loaded<bool>>);

fn read_files(
    image_file: &Path,
    labels: Option<&Path>,
    mask: Option<&Path>,
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
        let volume = reader.values(file)?;
        let inside = Volume {
            voxels: volume.voxels.mapv(|value| value > 0.0),
            geometry: volume.geometry,
        };
        on_grid(grid.as_ref(), inside, file)
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
    let geometry = phantom.image.geometry;
    (
        Loaded {
            voxels: phantom.image.voxels,
            geometry: geometry.clone(),
            file: file.clone(),
        },
        Some(Loaded {
            voxels: phantom.tissue.voxels.mapv(i32::from),
            geometry: geometry.clone(),
            file: file.clone(),
        }),
        Some(Loaded {
            voxels: phantom.brain_mask.voxels.mapv(|value| value > 0),
            geometry,
            file,
        }),
    )
}

/// Converts labels to classes. Unless the task is the mask, the image is set to 0 outside it.
fn into_task(
    image: Loaded<f32>,
    labels: Option<Loaded<i32>>,
    mask: Option<Loaded<bool>>,
    wanted: &Labels,
    grouping: &LabelGrouping,
) -> Result<RawCase, DataError> {
    let missing = || DataError::Missing {
        path: image.file.clone(),
        expected: "a label map or a mask beside it".to_owned(),
    };
    let mut mask = mask.map(|mask| mask.voxels);
    let classes = match wanted {
        Labels::Mask => match (mask.take(), &labels) {
            (Some(mask), _) => mask.mapv(u8::from),
            (None, Some(labels)) => labels.voxels.mapv(|value| u8::from(value > 0)),
            (None, None) => return Err(missing()),
        },
        Labels::All | Labels::Classes(_) => {
            let labels = labels.as_ref().ok_or_else(missing)?;
            grouping.apply(&labels.voxels, mask.as_ref(), &labels.file)?
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
    }
    Ok(RawCase {
        image: Image {
            voxels,
            geometry: image.geometry,
        },
        classes,
        mask,
        content,
        file: image.file,
    })
}
