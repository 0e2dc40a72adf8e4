//! Files for 3D Slicer: the colours of the classes, a mark on each slice that is asked for, and a script
//! that opens scan and labels, goes to the first slice and saves.

use super::{CaseFiles, Label};
use crate::history::AskedSlice;
use serde_json::json;
use slicewise_core::SliceAxis;
use std::fmt::Write;

/// Returns a colour table.
pub(super) fn colour_table(labels: &[Label]) -> String {
    let mut text = "# Color table file\n0 background 0 0 0 0\n".to_owned();
    for label in labels {
        let [r, g, b] = label.colour;
        // A space would begin the next column.
        let name = label.name.replace(char::is_whitespace, "_");
        let _ = writeln!(text, "{} {name} {r} {g} {b} 255", label.value);
    }
    text
}

/// Returns a list of points, one in the middle of each slice, as Slicer's Markups read it: in LPS.
pub(super) fn markups(case: &CaseFiles) -> String {
    let point = |(place, asked): (usize, &&AskedSlice)| {
        let [x, y, z] = case.position_mm(asked.slice);
        json!({
            "id": (place + 1).to_string(),
            "label": format!("slice {}", asked.slice),
            "description": asked.why,
            "position": [-x, -y, z],
            "selected": true,
            "locked": true,
            "visibility": true,
            "positionStatus": "defined",
        })
    };
    let points: Vec<_> = case.asked.iter().enumerate().map(point).collect();
    let document = json!({
        "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#",
        "markups": [{
            "type": "Fiducial",
            "coordinateSystem": "LPS",
            "controlPoints": points,
        }],
    });
    format!("{document:#}\n")
}

/// Returns a script for `Slicer --python-script`.
pub(super) fn script(case: &CaseFiles) -> String {
    let view = match case.axis {
        SliceAxis::Axial | SliceAxis::Thickest => "Red",
        SliceAxis::Sagittal => "Yellow",
        SliceAxis::Coronal => "Green",
    };
    let slices: Vec<String> = case
        .asked
        .iter()
        .map(|asked| {
            let [r, a, s] = case.position_mm(asked.slice);
            format!("    ({}, {r:.4}, {a:.4}, {s:.4}),", asked.slice)
        })
        .collect();
    format!(
        r#"# Opens this case in 3D Slicer:  Slicer --python-script open-in-slicer.py
# In Slicer's Python console, go(1) shows the second slice that is asked for, go(2) the third, and so on,
# and save() writes labels.seg.nrrd here, which `slicewise import` takes.
import os
import slicer

folder = os.path.dirname(os.path.abspath(__file__))
slices = [  # number from 0; right, anterior, superior in mm
{slices}
]
volume = slicer.util.loadVolume(os.path.join(folder, "image.nii.gz"))
colours = slicer.util.loadColorTable(os.path.join(folder, "labels.ctbl"))
begun = os.path.join(folder, "labels.seg.nrrd")
if os.path.exists(begun):
    segmentation = slicer.util.loadSegmentation(begun)
else:
    segmentation = slicer.util.loadSegmentation(
        os.path.join(folder, "labels.nii.gz"), {{"colorNodeID": colours.GetID()}})
    # A label that is nowhere yet is no segment of the file.
    for value in range(1, colours.GetNumberOfColors()):
        name = colours.GetColorName(value)
        if segmentation.GetSegmentation().GetSegmentIdBySegmentName(name) == "":
            rgba = [0.0] * 4
            colours.GetColor(value, rgba)
            segmentation.GetSegmentation().AddEmptySegment("", name, rgba[:3])
segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
slicer.util.loadMarkups(os.path.join(folder, "slices.mrk.json"))
view = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNode{view}")
view.RotateToVolumePlane(volume)


def go(number):
    _, r, a, s = slices[number]
    view.JumpSliceByOffsetting(r, a, s)


def save():
    slicer.util.saveNode(segmentation, begun)


go(0)
slicer.util.selectModule("SegmentEditor")
"#,
        slices = slices.join("\n")
    )
}
