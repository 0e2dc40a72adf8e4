//! Turns a scan and its labels into what a network is trained on.
//!
//! A task of the mask, as the paper's Task 1, uses the whole image. Class 1 is the brain mask, or
//! label > 0 if there is no mask. Any other task, as the paper's Task 2, uses the image times the
//! brain mask. Without a mask it uses the whole image, because cutting out `label > 0` would tell
//! the network where the foreground ends.
//!
//! The paper does not describe its preprocessing. The steps here, in this order:
//! 1. Crop to the content (the mask; in a task of the mask, or without one, voxels that are not 0)
//!    plus a margin in mm, but never beyond the file's grid. Without a mask nothing is cropped from
//!    CT: 0 HU is water, and a threshold might cut off what is labelled. nnU-Net crops what is 0, so
//!    it crops nothing from CT either.
//! 2. Resample to `spacing_mm`: images linearly with antialiasing, labels to the class
//!    with the largest weight. (nnU-Net takes the nearest neighbour along an axis three times as
//!    thick as the others; here all axes are treated alike.) A masked image is divided by its resampled mask, so that the zeros
//!    around the brain do not darken its rim. The new mask is where the old one has weight ½ or
//!    more.
//! 3. Standardise each volume (z-score). Without a mask it takes mean and standard deviation of the voxels
//!    that are not 0 and applies them to all voxels, so that air stays darkest. With one it takes
//!    those of the mask, and gives voxels outside the score of intensity 0, so that the brain's edge
//!    stands out. (With the brain's mean outside, cortex and fluid at the rim were learned far more
//!    slowly.) CT is scaled by the same numbers in every case instead ([`crate::normalise`]); voxels
//!    outside a mask then count as air.

use crate::config::DataConfig;
use crate::error::DataError;
use crate::raw_case::RawCase;
use crate::resample::Resampling;
use crate::spacing::Spacing;
use ndarray::{Array3, Slice, Zip};
use slicewise_core::{Image, IntensityScale, LabelMap};
use std::path::Path;

/// The share by which a voxel size may differ from the one that is wanted. Less is rounding, for
/// instance of directions in float32.
const SAME_SPACING: f64 = 1e-5;

/// The most voxels that resampling may make of one (8 along each axis). A header that says metres
/// instead of millimetres would otherwise fill the memory.
const MOST_REFINED: u64 = 512;

/// A case that is ready for training, and its true classes on the scan's own voxels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prepared {
    /// Standardised intensities `[D, H, W]`.
    pub(crate) image: Image,
    /// True classes `[D, H, W]` on the image's grid.
    pub(crate) labels: LabelMap,
    /// True classes `[D, H, W]` of the crop before it was resampled; `None` if it was not.
    pub(crate) own: Option<LabelMap>,
    /// The scan's own slice that the crop begins with.
    pub(crate) first_slice: usize,
    /// What [`crate::twins::content`] says of the scan as it was read.
    pub(crate) content: u64,
}

/// The intensity of air in CT, in HU.
const AIR_HU: f32 = -1000.0;

/// Crops and resamples one case and normalises its intensities: by `scale`, or by themselves.
///
/// # Errors
/// The intensities have no variance, or voxels are so large that resampling would make too many.
pub(crate) fn preprocess(
    raw: RawCase,
    class_count: usize,
    config: &DataConfig,
    scale: Option<&IntensityScale>,
) -> Result<Prepared, DataError> {
    let file = raw.file.clone();
    let cropped = match (scale, &raw.mask) {
        (Some(_), None) => raw,
        _ => crop_to_content(raw, config.margin_mm),
    };
    let (resampled, own) = match config.spacing_mm {
        Some(target) if !has_spacing(&cropped.image, target) => {
            let own = LabelMap {
                voxels: cropped.classes.clone(),
                geometry: cropped.image.geometry.clone(),
            };
            (resample(cropped, class_count, target)?, Some(own))
        }
        _ => (cropped, None),
    };
    let RawCase {
        mut image,
        classes,
        mask,
        content,
        first_slice,
        ..
    } = resampled;
    match scale {
        Some(scale) => rescale(&mut image.voxels, mask.as_ref(), scale, &file)?,
        None => standardise(&mut image.voxels, mask.as_ref(), &file)?,
    }
    let labels = LabelMap {
        voxels: classes,
        geometry: image.geometry.clone(),
    };
    Ok(Prepared {
        image,
        labels,
        own,
        first_slice,
        content,
    })
}

/// Returns the size `target` in mm along the axes `[D, H, W]` of an image.
fn target_mm(image: &Image, target: Spacing) -> [f64; 3] {
    target.sliced_along(image.geometry.slice_axis())
}

fn has_spacing(image: &Image, target: Spacing) -> bool {
    let spacing_mm = image.geometry.spacing_mm();
    spacing_mm
        .iter()
        .zip(target_mm(image, target))
        .all(|(spacing, target_mm)| (spacing - target_mm).abs() < SAME_SPACING * target_mm)
}

fn crop_to_content(raw: RawCase, margin_mm: f64) -> RawCase {
    let content = match &raw.mask {
        Some(mask) => mask.clone(),
        None => raw.image.voxels.mapv(|value| value != 0.0),
    };
    let spacing_mm = raw.image.geometry.spacing_mm();
    let shape: [usize; 3] = content.dim().into();
    let mut first = shape;
    let mut last = [0; 3];
    for (index, _) in content.indexed_iter().filter(|(_, inside)| **inside) {
        let index: [usize; 3] = index.into();
        for axis in 0..3 {
            first[axis] = first[axis].min(index[axis]);
            last[axis] = last[axis].max(index[axis]);
        }
    }
    let range: [Slice; 3] = std::array::from_fn(|axis| {
        let margin = (margin_mm / spacing_mm[axis]).ceil() as usize;
        first[axis] = first[axis].saturating_sub(margin);
        Slice::from(
            first[axis]
                ..last[axis]
                    .saturating_add(margin)
                    .saturating_add(1)
                    .min(shape[axis]),
        )
    });
    let start = first.map(|index| index as f64);
    RawCase {
        first_slice: raw.first_slice + first[0],
        image: Image {
            geometry: raw.image.geometry.subgrid(start, [1.0; 3]),
            voxels: cut(&raw.image.voxels, range),
        },
        classes: cut(&raw.classes, range),
        mask: raw.mask.map(|mask| cut(&mask, range)),
        content: raw.content,
        file: raw.file,
        notes: raw.notes,
    }
}

fn cut<T: Clone>(voxels: &Array3<T>, range: [Slice; 3]) -> Array3<T> {
    voxels
        .slice_each_axis(|axis| range[axis.axis.index()])
        .to_owned()
}

fn resample(raw: RawCase, class_count: usize, target: Spacing) -> Result<RawCase, DataError> {
    let spacing_mm = raw.image.geometry.spacing_mm();
    let target_mm = target_mm(&raw.image, target);
    let growth = [0, 1, 2].map(|axis: usize| spacing_mm[axis] / target_mm[axis]);
    // Each axis counts by itself: one that becomes coarser does not make up for one that becomes
    // finer.
    if growth.iter().map(|factor| factor.max(1.0)).product::<f64>() > MOST_REFINED as f64 {
        let shape = raw.classes.shape();
        let grown = [2, 1, 0].map(|axis| format!("{:.0}", shape[axis] as f64 * growth[axis]));
        return Err(DataError::TooLarge {
            path: raw.file,
            most: raw.classes.len() as u64 * MOST_REFINED,
            after: format!(" after resampling to {target} mm"),
            shape: grown.join("×"),
        });
    }
    let resampling = Resampling::new(raw.classes.dim().into(), spacing_mm, target_mm);
    let mut voxels = resampling.linear(&raw.image.voxels);
    let mask = raw.mask.map(|mask| {
        let share = resampling.linear(&mask.mapv(|inside| f32::from(u8::from(inside))));
        Zip::from(&mut voxels)
            .and(&share)
            .for_each(|value, &share| {
                *value = if share >= 0.5 { *value / share } else { 0.0 };
            });
        share.mapv(|share| share >= 0.5)
    });
    Ok(RawCase {
        image: Image {
            voxels,
            geometry: resampling.geometry(&raw.image.geometry),
        },
        classes: resampling.majority(&raw.classes, class_count),
        mask,
        first_slice: raw.first_slice,
        content: raw.content,
        file: raw.file,
        notes: raw.notes,
    })
}

/// Clips, shifts and scales intensities as in every other case. What lies outside the mask becomes
/// what air does.
fn rescale(
    voxels: &mut Array3<f32>,
    mask: Option<&Array3<bool>>,
    scale: &IntensityScale,
    file: &Path,
) -> Result<(), DataError> {
    if let Some(mask) = mask {
        voxels.zip_mut_with(mask, |value, &inside| {
            if !inside {
                *value = AIR_HU;
            }
        });
    }
    voxels.mapv_inplace(|value| scale.apply(value));
    let first = voxels.first().copied().unwrap_or_default();
    let differs = voxels.iter().any(|&value| value != first);
    differs.then_some(()).ok_or_else(|| DataError::Constant {
        path: file.to_owned(),
        value: f64::from(first) * scale.unit + scale.zero,
    })
}

/// Standardises intensities by their own mean and standard deviation.
fn standardise(
    voxels: &mut Array3<f32>,
    mask: Option<&Array3<bool>>,
    file: &Path,
) -> Result<(), DataError> {
    let counted: Vec<f64> = match mask {
        Some(mask) => {
            let inside = voxels.iter().zip(mask).filter(|(_, inside)| **inside);
            inside.map(|(&value, _)| f64::from(value)).collect()
        }
        None => {
            let content = voxels.iter().filter(|value| **value != 0.0);
            content.map(|&value| f64::from(value)).collect()
        }
    };
    let count = counted.len().max(1) as f64;
    let mean = counted.iter().sum::<f64>() / count;
    let variance = counted
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    let deviation = variance.sqrt();
    if !deviation.is_finite() || deviation <= mean.abs() * 1e-7 {
        return Err(DataError::Constant {
            path: file.to_owned(),
            value: mean,
        });
    }
    let score = |value: f32| ((f64::from(value) - mean) / deviation) as f32;
    match mask {
        Some(mask) => voxels.zip_mut_with(mask, |value, &inside| {
            *value = score(if inside { *value } else { 0.0 });
        }),
        None => voxels.mapv_inplace(score),
    }
    Ok(())
}
