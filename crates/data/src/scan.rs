//! Scans without labels, which people annotate: prepared for a network as those of an experiment, and
//! the way from the network's grid to the scan's own and back.
//!
//! People draw on the scan's own voxels. A network works on a crop of them that may be resampled. A
//! slice of the network's grid counts as annotated if its centre lies in an annotated slice of the scan.

use crate::config::DataConfig;
use crate::error::DataError;
use crate::nifti::Reader;
use crate::normalise::Intensities;
use crate::own_grid::{self, GridError};
use crate::preprocess::preprocess;
use crate::raw_case::RawCase;
use crate::resample::Resampling;
use ndarray::{Array2, Array3, Array4, Axis, s};
use slicewise_core::{Geometry, IGNORE, Image, IntensityScale, LabelMap, SliceAxis, Volume};
use std::collections::BTreeMap;
use std::path::Path;

/// A scan as a network sees it, and the scan's own grid.
#[derive(Debug, Clone)]
pub struct PreparedScan {
    /// Normalised intensities `[D, H, W]`, the sliced axis first.
    pub image: Image,
    /// Position of the scan's own voxels, the sliced axis first.
    pub own: Geometry,
    /// Number of the scan's own voxels `[D, H, W]`.
    pub own_shape: [usize; 3],
    /// The part of the scan that was cropped to: first voxel and number of voxels along `[D, H, W]`.
    crop: [[usize; 2]; 3],
}

/// Reads a scan with its sliced axis first, in its own intensities `[D, H, W]`.
///
/// # Errors
/// The file cannot be read, or is no scan.
pub fn read_scan(path: &Path, axis: SliceAxis, config: &DataConfig) -> Result<Image, DataError> {
    let reader = Reader {
        position: config.position,
    };
    let image = reader.image(path)?;
    let axis = axis.of_spacing(image.geometry.spacing_mm());
    Ok(image.sliced_along(axis))
}

/// Returns how the intensities of all scans are scaled, or `None` if each is standardised by itself.
///
/// # Errors
/// A scan cannot be read, or intensities are no Hounsfield units though `normalise` says so.
pub fn scale_of<'a>(
    scans: impl IntoIterator<Item = &'a Path>,
    axis: SliceAxis,
    config: &DataConfig,
) -> Result<Option<IntensityScale>, DataError> {
    let mut counts = Intensities::default();
    if config.normalise.needs_part_a() {
        for path in scans {
            counts = counts.add(&Intensities::of(&raw(path, axis, config)?));
        }
    }
    config.normalise.scale(&counts)
}

/// Reads a scan and prepares it as those of an experiment: cropped, resampled, normalised.
///
/// # Errors
/// The file cannot be read, is no scan, or shows nothing.
pub fn prepare_scan(
    path: &Path,
    axis: SliceAxis,
    config: &DataConfig,
    scale: Option<&IntensityScale>,
) -> Result<PreparedScan, DataError> {
    let raw = raw(path, axis, config)?;
    let own = raw.image.geometry.clone();
    let own_shape: [usize; 3] = raw.image.voxels.dim().into();
    let prepared = preprocess(raw, 1, config, scale)?;
    // The crop is what labels would have been cropped to.
    let cropped = prepared.own.as_ref().unwrap_or(&prepared.labels);
    let shape: [usize; 3] = cropped.voxels.dim().into();
    let start = own.index_of(cropped.geometry.position_mm([0.0; 3]));
    let crop = [0, 1, 2].map(|axis| [start[axis].round() as usize, shape[axis]]);
    Ok(PreparedScan {
        image: prepared.image,
        own,
        own_shape,
        crop,
    })
}

fn raw(path: &Path, axis: SliceAxis, config: &DataConfig) -> Result<RawCase, DataError> {
    let image = read_scan(path, axis, config)?;
    Ok(RawCase {
        classes: Array3::zeros(image.voxels.dim()),
        image,
        mask: None,
        content: 0,
        first_slice: 0,
        file: path.to_owned(),
        notes: Vec::new(),
    })
}

impl PreparedScan {
    /// Number of slices of the network's grid.
    pub fn depth(&self) -> usize {
        self.image.voxels.dim().0
    }

    /// Returns the slice of the scan that the centre of a slice of the network's grid lies in.
    pub fn own_slice(&self, slice: usize) -> usize {
        let centre = self.image.geometry.position_mm([slice as f64, 0.0, 0.0]);
        let index = self.own.index_of(centre)[0].round().max(0.0) as usize;
        index.min(self.own_shape[0] - 1)
    }

    /// Returns drawn slices on the network's grid: classes or [`IGNORE`] `[D, H, W]`, and which slices
    /// are annotated, `[D]`. `drawn` has classes below `classes` or [`IGNORE`], `[H, W]`, of slices of
    /// the scan. Where the grid is resampled a voxel gets the class with the largest weight in its
    /// slice.
    pub fn annotation(
        &self,
        drawn: &BTreeMap<usize, Array2<u8>>,
        classes: usize,
    ) -> (LabelMap, Vec<bool>) {
        let mut voxels = Array3::from_elem(self.image.voxels.dim(), IGNORE);
        let mut annotated = vec![false; self.depth()];
        let [_, [y, h], [x, w]] = self.crop;
        let (own, new) = (self.own.spacing_mm(), self.image.geometry.spacing_mm());
        let resampling = Resampling::new([1, h, w], own, [own[0], new[1], new[2]]);
        let resampled = self.image.voxels.shape() != [self.crop[0][1], h, w] || own != new;
        for (slice, done) in annotated.iter_mut().enumerate() {
            let Some(labels) = drawn.get(&self.own_slice(slice)) else {
                continue;
            };
            *done = true;
            let cut = labels.slice(s![y..y + h, x..x + w]);
            let mut place = voxels.index_axis_mut(Axis(0), slice);
            if !resampled {
                place.assign(&cut);
                continue;
            }
            let counted = cut.insert_axis(Axis(0));
            let counted = counted.as_standard_layout().into_owned();
            let mapped = resampling.majority(&counted, classes);
            place.assign(&mapped.index_axis(Axis(0), 0));
        }
        let geometry = self.image.geometry.clone();
        (Volume { voxels, geometry }, annotated)
    }

    /// Returns the most probable class `[D, H, W]` at each of the scan's own voxels, the sliced axis
    /// first. Outside the crop it is background.
    ///
    /// # Errors
    /// The probabilities `[C, D, H, W]` do not lie on the network's grid.
    pub fn classes(&self, probabilities: &Array4<f32>) -> Result<LabelMap, GridError> {
        let (from, to) = (&self.image.geometry, &self.own);
        let mut voxels = own_grid::on_grid(probabilities, from, to, self.own_shape)?;
        self.clear_outside(&mut voxels);
        let geometry = self.own.clone();
        Ok(Volume { voxels, geometry })
    }

    /// Returns values of the network's grid `[D, H, W]`, such as uncertainty, at the scan's own voxels.
    /// Outside the crop they are 0.
    ///
    /// # Errors
    /// The values do not lie on the network's grid.
    pub fn values(&self, values: &Array3<f32>) -> Result<Image, GridError> {
        let (from, to) = (&self.image.geometry, &self.own);
        let mut voxels = own_grid::nearest_on_grid(values, from, to, self.own_shape)?;
        self.clear_outside(&mut voxels);
        let geometry = self.own.clone();
        Ok(Volume { voxels, geometry })
    }

    fn clear_outside<T: Default + Clone>(&self, voxels: &mut Array3<T>) {
        let crop = self.crop.map(|[start, length]| start..start + length);
        for ((z, y, x), value) in voxels.indexed_iter_mut() {
            let inside = crop[0].contains(&z) && crop[1].contains(&y) && crop[2].contains(&x);
            if !inside {
                *value = T::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::write_image;
    use slicewise_core::StoredAxes;

    /// A scan of 5 × 6 × 8 voxels of 4 × 1 × 1 mm, dark but in a box, stored in another order.
    fn scan(folder: &Path) -> std::path::PathBuf {
        let mut geometry = Geometry::axis_aligned([4.0, 1.0, 1.0]);
        geometry.stored = StoredAxes {
            axis: [1, 0, 2],
            flipped: [true, false, true],
        };
        let voxels = Array3::from_shape_fn((5, 6, 8), |(z, y, x)| {
            let inside = (1..4).contains(&z) && (2..6).contains(&y) && (2..8).contains(&x);
            if inside {
                (z + y * x) as f32 + 1.0
            } else {
                0.0
            }
        });
        let path = folder.join("scan.nii.gz");
        write_image(&path, &Volume { voxels, geometry }).unwrap();
        path
    }

    fn config(spacing_mm: Option<f64>) -> DataConfig {
        DataConfig {
            spacing_mm: spacing_mm.map(Into::into),
            margin_mm: 0.0,
            ..DataConfig::new("manifest")
        }
    }

    #[test]
    fn drawn_slices_lie_where_they_were_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = scan(folder.path());
        let scan = prepare_scan(&path, SliceAxis::Axial, &config(None), None).unwrap();
        assert_eq!(scan.crop, [[1, 3], [2, 4], [2, 6]]);
        assert_eq!(scan.own_shape, [5, 6, 8]);
        assert_eq!([0, 1, 2].map(|slice| scan.own_slice(slice)), [1, 2, 3]);
        let mut labels = Array2::zeros((6, 8));
        labels[[2, 3]] = 1;
        labels[[5, 7]] = IGNORE;
        let (map, annotated) = scan.annotation(&BTreeMap::from([(2, labels)]), 2);
        assert_eq!(annotated, [false, true, false]);
        assert_eq!(map.voxels[[1, 0, 1]], 1);
        assert_eq!(map.voxels[[1, 3, 5]], IGNORE);
        assert_eq!(map.voxels.iter().filter(|&&class| class == 0).count(), 22);
        // A prediction of class 1 everywhere fills the crop and no more.
        let mut probabilities = Array4::zeros((2, 3, 4, 6));
        probabilities.index_axis_mut(Axis(0), 1).fill(1.0);
        let classes = scan.classes(&probabilities).unwrap();
        assert_eq!(
            classes.voxels.iter().filter(|&&class| class == 1).count(),
            72
        );
        assert_eq!(classes.voxels[[1, 2, 2]], 1);
        assert_eq!(classes.geometry.stored.code(), "ALI");
        let values = scan.values(&Array3::from_elem((3, 4, 6), 0.5)).unwrap();
        assert_eq!(values.voxels.sum(), 36.0);
    }

    /// Voxels of 2 mm: two of the network's slices lie in each of the scan's, and a plane has a quarter
    /// of the voxels.
    #[test]
    fn a_slice_of_another_thickness_counts_by_its_centre() {
        let folder = tempfile::tempdir().unwrap();
        let path = scan(folder.path());
        let scan = prepare_scan(&path, SliceAxis::Axial, &config(Some(2.0)), None).unwrap();
        assert_eq!(scan.image.voxels.dim(), (6, 2, 3));
        let own: Vec<usize> = (0..6).map(|slice| scan.own_slice(slice)).collect();
        assert_eq!(own, [1, 1, 2, 2, 3, 3]);
        let mut labels = Array2::from_elem((6, 8), IGNORE);
        labels.slice_mut(s![2..4, 2..4]).fill(1);
        labels.slice_mut(s![4.., 2..]).fill(0);
        let (map, annotated) = scan.annotation(&BTreeMap::from([(3, labels)]), 2);
        assert_eq!(annotated, [false, false, false, false, true, true]);
        let slice: Vec<u8> = map.voxels.index_axis(Axis(0), 5).iter().copied().collect();
        assert_eq!(slice, [1, IGNORE, IGNORE, 0, 0, 0]);
    }

    #[test]
    fn another_axis_comes_first_and_the_way_back_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = scan(folder.path());
        let scan = prepare_scan(&path, SliceAxis::Sagittal, &config(None), None).unwrap();
        assert_eq!(scan.own_shape, [8, 5, 6]);
        assert_eq!(scan.crop, [[2, 6], [1, 3], [2, 4]]);
        assert_eq!(scan.own_slice(0), 2);
        let thick = prepare_scan(&path, SliceAxis::Thickest, &config(None), None).unwrap();
        assert_eq!(thick.own_shape, [5, 6, 8], "axial slices are the thickest");
    }
}
