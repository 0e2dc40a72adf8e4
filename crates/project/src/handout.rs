//! The files of a task that people's tools open: the scan, the labels to paint on, and for ITK-SNAP and
//! 3D Slicer the classes with their colours and the slices that are asked for. `START.html` says what to
//! do.
//!
//! Which number a tool shows for a slice, and what it needs in its files, was read in the tools' sources
//! and documentation; no file here was opened in them.

mod itk_snap;
mod slicer;
mod start;

use crate::error::ProjectError;
use crate::history::AskedSlice;
use slicewise_core::{LabelMap, SliceAxis, write_whole};
use slicewise_data::drawn::{DONE, UNSURE};
use std::path::Path;

pub(crate) use start::{Start, start_page};

/// Colours of the classes, which people who do not see red or green tell apart (Okabe and Ito 2008).
const COLOURS: [[u8; 3]; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
];

/// Colours of *unsure* and *done*.
const BESIDE: [[u8; 3]; 2] = [[150, 150, 150], [255, 255, 255]];

/// A label that people paint with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its value.
    pub value: usize,
    /// Its name.
    pub name: String,
    /// Its colour: red, green, blue.
    pub colour: [u8; 3],
}

/// Returns the labels that people paint with: the classes but the background, then *unsure* and *done*.
pub fn palette(classes: &[String]) -> Vec<Label> {
    let named = classes.iter().skip(1).map(String::as_str).enumerate();
    let classes = named.map(|(place, name)| (name, COLOURS[place % COLOURS.len()]));
    let beside = [UNSURE, DONE].into_iter().zip(BESIDE);
    classes
        .chain(beside)
        .zip(1..)
        .map(|((name, colour), value)| Label {
            value,
            name: name.to_owned(),
            colour,
        })
        .collect()
}

/// One case of a task.
pub(crate) struct CaseFiles<'a> {
    /// The case's id.
    pub(crate) case: &'a str,
    /// The labels that are handed out, on the copy's grid `[z, y, x]`.
    pub(crate) labels: &'a LabelMap,
    /// The axis that the scan is sliced along.
    pub(crate) axis: SliceAxis,
    /// Names of the classes, background first.
    pub(crate) classes: &'a [String],
    /// The slices that are asked for.
    pub(crate) asked: &'a [&'a AskedSlice],
}

impl CaseFiles<'_> {
    /// Number of voxels along x, y and z.
    fn shape_xyz(&self) -> [usize; 3] {
        let [z, y, x]: [usize; 3] = self.labels.voxels.dim().into();
        [x, y, z]
    }

    /// The place of the sliced axis among x, y and z.
    fn sliced(&self) -> usize {
        2 - self.axis.order()[0]
    }

    /// The index (x, y, z) of the voxel in the middle of a slice.
    fn middle(&self, slice: usize) -> [f64; 3] {
        let mut middle = self.shape_xyz().map(|length| (length / 2) as f64);
        middle[self.sliced()] = slice as f64;
        middle
    }

    /// Where the middle of a slice lies, in RAS millimetres.
    fn position_mm(&self, slice: usize) -> [f64; 3] {
        let [x, y, z] = self.middle(slice);
        self.labels.geometry.position_mm([z, y, x])
    }

    /// The offset that 3D Slicer shows for a slice, in mm.
    fn offset_mm(&self, slice: usize) -> f64 {
        let grid = self.labels.geometry.sliced_along(self.axis);
        grid.slice_offset_mm(slice)
    }

    /// Writes the small files beside image and labels.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), ProjectError> {
        let labels = palette(self.classes);
        let files = [
            (
                "labels.txt".to_owned(),
                itk_snap::label_description(&labels),
            ),
            (
                format!("{}.itksnap", self.case),
                itk_snap::workspace(self, &labels),
            ),
            ("labels.ctbl".to_owned(), slicer::colour_table(&labels)),
            ("slices.mrk.json".to_owned(), slicer::markups(self)),
            ("open-in-slicer.py".to_owned(), slicer::script(self)),
        ];
        for (name, text) in files {
            let path = folder.join(name);
            write_whole(&path, text.as_bytes()).map_err(ProjectError::io(&path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
