//! Drawn slices as they are kept: one label map for each file that was accepted, on the scan's own voxels
//! in RAS, 255 where nothing was drawn or its annotator was unsure. These files are never changed.

use crate::error::ProjectError;
use crate::folder::{ProjectFolder, make_parent};
use crate::history::{ScanEntry, sha256};
use crate::state::{Drawn, State};
use ndarray::{Array2, Array3, Axis};
use slicewise_core::{Geometry, IGNORE, StoredAxes, Volume};
use slicewise_data::nifti::{read_labels, upright, write_labels};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;

/// Keeps drawn slices of a case, classes or [`IGNORE`] `[H, W]`, and returns the SHA-256 that names
/// them. `grid` and `shape` are those of the scan's own voxels, the sliced axis first.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn keep_slices(
    folder: &ProjectFolder,
    slices: &BTreeMap<usize, Array2<u8>>,
    grid: &Geometry,
    shape: [usize; 3],
) -> Result<String, ProjectError> {
    let mut voxels = Array3::from_elem(shape, IGNORE);
    for (&slice, labels) in slices {
        voxels.index_axis_mut(Axis(0), slice).assign(labels);
    }
    let map = in_ras(&Volume {
        voxels,
        geometry: grid.clone(),
    });
    // This process alone writes here; what a kill leaves under this name is written over.
    let new = folder.annotation("new");
    make_parent(&new)?;
    write_labels(&new, &map)?;
    let bytes = fs::read(&new).map_err(ProjectError::io(&new))?;
    let name = sha256(&bytes);
    let path = folder.annotation(&name);
    fs::rename(&new, &path).map_err(ProjectError::io(&path))?;
    Ok(name)
}

/// Returns a volume `[D, H, W]`, the sliced axis first, as it is handed out: `[z, y, x]` in RAS and upright,
/// whatever order the scan's file has. Its voxels are those of the scan, one by one.
pub(crate) fn in_ras<T: Clone>(map: &Volume<T>) -> Volume<T> {
    let axis = map.geometry.slice_axis();
    // The order of a permutation of three axes that puts one first is undone by that of its inverse.
    let mut back = [0; 3];
    for (place, from) in axis.order().into_iter().enumerate() {
        back[from] = place;
    }
    let voxels = map.voxels.view().permuted_axes(back);
    let mut affine = map.geometry.affine;
    for (place, from) in axis.order().into_iter().enumerate() {
        for (row, old) in affine.iter_mut().zip(&map.geometry.affine) {
            row[2 - from] = old[2 - place];
        }
    }
    let voxels = voxels.as_standard_layout().into_owned();
    let geometry = Geometry {
        affine,
        stored: StoredAxes::RAS,
    };
    Volume {
        geometry: upright(&geometry, voxels.dim().into()),
        voxels,
    }
}

/// Returns what was drawn of a case, by the scan's own slice: classes or [`IGNORE`] `[H, W]`. Where
/// several people drew a slice and do not agree on a voxel, it is [`IGNORE`].
///
/// # Errors
/// A file is gone or damaged.
pub fn drawn_slices(
    folder: &ProjectFolder,
    state: &State,
    case: &str,
) -> Result<BTreeMap<usize, Array2<u8>>, ProjectError> {
    drawn_slices_of(folder, state, case, |_| true)
}

/// Does the same as [`drawn_slices`] for the slices that `wanted` says, and reads no other drawings.
///
/// # Errors
/// Those of [`drawn_slices`].
pub fn drawn_slices_of(
    folder: &ProjectFolder,
    state: &State,
    case: &str,
    wanted: impl Fn(usize) -> bool,
) -> Result<BTreeMap<usize, Array2<u8>>, ProjectError> {
    let (Some(drawn), Some(scan)) = (state.drawn.get(case), state.scans.get(case)) else {
        return Ok(BTreeMap::new());
    };
    let drawn = drawn.iter().filter(|(slice, _)| wanted(**slice));
    let maps = kept_maps(
        folder,
        scan,
        drawn.clone().flat_map(|(_, drawings)| drawings),
    )?;
    let merged = drawn.filter_map(|(&slice, drawings)| {
        let mut all = drawings.iter().filter_map(|drawing: &Drawn| {
            let map = maps.get(drawing.labels.as_str())?;
            Some(map.index_axis(Axis(0), slice))
        });
        let mut labels = all.next()?.to_owned();
        for other in all {
            labels.zip_mut_with(&other, |label, &other| {
                if *label != other {
                    *label = IGNORE;
                }
            });
        }
        Some((slice, labels))
    });
    Ok(merged.collect())
}

/// Reads the kept labels of several drawings of a scan, each file once, by its name.
pub(crate) fn kept_maps<'a>(
    folder: &ProjectFolder,
    scan: &ScanEntry,
    drawings: impl Iterator<Item = &'a Drawn>,
) -> Result<BTreeMap<&'a str, Array3<u8>>, ProjectError> {
    let mut maps = BTreeMap::new();
    for drawing in drawings {
        if let Entry::Vacant(place) = maps.entry(drawing.labels.as_str()) {
            place.insert(read_kept(folder, &drawing.labels, scan)?);
        }
    }
    Ok(maps)
}

/// Reads kept labels `[D, H, W]`, the sliced axis first.
pub(crate) fn read_kept(
    folder: &ProjectFolder,
    name: &str,
    scan: &ScanEntry,
) -> Result<Array3<u8>, ProjectError> {
    let path = folder.annotation(name);
    let map = read_labels(&path)?;
    let sliced = map.sliced_along(scan.axis);
    if sliced.voxels.shape() != scan.shape {
        return Err(ProjectError::Input(format!(
            "{}: expected labels of {:?} voxels, got {:?}; put back the file from a backup",
            path.display(),
            scan.shape,
            sliced.voxels.shape()
        )));
    }
    Ok(sliced
        .voxels
        .mapv(|label| u8::try_from(label).unwrap_or(IGNORE)))
}
