use super::*;
use crate::nifti::{write_image, write_labels};
use slicewise_core::LabelMap;
use std::fs;
use std::path::PathBuf;

/// A scan of 4 × 5 × 6 voxels (z, y, x), tilted by 0.3 rad about x, and its labels: one voxel of class 1
/// and one of class 2.
fn scan() -> (Image, Array3<i32>) {
    let mut geometry = Geometry::axis_aligned([3.0, 1.0, 2.0]);
    let (sine, cosine) = 0.3f64.sin_cos();
    geometry.affine[1] = [0.0, cosine, -3.0 * sine, 12.0];
    geometry.affine[2] = [0.0, sine, 3.0 * cosine, -7.0];
    let voxels = Array3::zeros((4, 5, 6));
    let mut labels = Array3::zeros((4, 5, 6));
    labels[[1, 2, 3]] = 1;
    labels[[3, 4, 0]] = 2;
    (Volume { voxels, geometry }, labels)
}

fn classes() -> Vec<String> {
    ["background", "Cyst", "wall"].map(str::to_owned).to_vec()
}

fn read(path: &Path, by_index: bool) -> Result<Drawing, String> {
    read_drawing(path, &scan().0, &classes(), by_index)
}

fn map(labels: &Array3<i32>, geometry: Geometry) -> LabelMap {
    Volume {
        voxels: labels.mapv(|label| label as u8),
        geometry,
    }
}

#[test]
fn every_order_of_axes_is_put_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (scan, labels) = scan();
    let path = folder.path().join("labels.nii.gz");
    for axis in [[0, 1, 2], [1, 2, 0], [2, 1, 0]] {
        for flipped in [[false; 3], [true, false, true], [true, true, true]] {
            let mut geometry = scan.geometry.clone();
            geometry.stored = StoredAxes { axis, flipped };
            write_labels(&path, &map(&labels, geometry)).unwrap();
            let drawing = read(&path, false).unwrap();
            assert_eq!(drawing.labels.voxels, labels);
            let as_it_was = axis == [0, 1, 2] && flipped == [false; 3];
            assert_eq!(drawing.notes.is_empty(), as_it_was);
        }
    }
}

#[test]
fn other_grids_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (scan, labels) = scan();
    let path = folder.path().join("labels.nii.gz");
    let refused = |map: &LabelMap, expected: &str| {
        write_labels(&path, map).unwrap();
        let error = read(&path, false).unwrap_err();
        assert!(
            error.starts_with(&format!("{}: ", path.display())),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n'));
    };
    let half = labels.slice(ndarray::s![..2, .., ..]).to_owned();
    refused(
        &map(&half, scan.geometry.clone()),
        "got 6×5×2: saved on another grid",
    );
    let mut moved = scan.geometry.clone();
    moved.affine[0][3] += 1.0;
    refused(
        &map(&labels, moved),
        "1.00 mm (0.50 voxels) away; draw on the image",
    );
    // Less than a twentieth of a voxel is rounding.
    let mut near = scan.geometry.clone();
    near.affine[0][3] += 0.05;
    write_labels(&path, &map(&labels, near)).unwrap();
    assert_eq!(read(&path, false).unwrap().labels.voxels, labels);

    let nowhere = Geometry::axis_aligned([1.0; 3]);
    refused(&map(&labels, nowhere), "import it with --by-index");
    let taken = read(&path, true).unwrap();
    assert_eq!(taken.labels.voxels, labels);
    assert_eq!(taken.notes.len(), 1);
}

#[test]
fn what_is_no_label_map_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (scan, labels) = scan();
    let path = folder.path().join("labels.nii.gz");
    let write = |values: Array3<f32>| {
        let geometry = scan.geometry.clone();
        let voxels = values;
        write_image(&path, &Volume { voxels, geometry }).unwrap();
    };
    write(labels.mapv(|label| label as f32 * 0.7));
    let error = read(&path, false).unwrap_err();
    assert!(error.contains("smoothed or resampled"), "{error}");
    // Whole numbers stored as real ones are labels.
    write(labels.mapv(|label| label as f32));
    assert_eq!(read(&path, false).unwrap().labels.voxels, labels);

    let geometry = Geometry::axis_aligned([1.0; 3]);
    let voxels = Array3::from_shape_fn((4, 9, 9), |(z, y, x)| (z * 81 + y * 9 + x) as f32);
    let large = Volume { voxels, geometry };
    write_image(&path, &large).unwrap();
    let error = read_drawing(&path, &large, &classes(), false).unwrap_err();
    assert!(
        error.contains("324 different values, which looks like a scan"),
        "{error}"
    );
}

/// Writes a `.seg.nrrd` in LPS as Slicer does: the part of the grid from voxel `start` (x, y, z) on.
fn segmentation(
    folder: &Path,
    layers: &[Array3<u8>],
    start: [usize; 3],
    segments: &str,
) -> PathBuf {
    let (scan, _) = scan();
    let affine = scan.geometry.affine;
    let column = |c: usize| format!("({},{},{})", -affine[0][c], -affine[1][c], affine[2][c]);
    let [x, y, z] = start.map(|index| index as f64);
    let origin = scan.geometry.position_mm([z, y, x]);
    let (d, h, w) = layers[0].dim();
    let several = layers.len() > 1;
    let (list, none) = match several {
        true => (format!("{} ", layers.len()), "none "),
        false => (String::new(), ""),
    };
    let header = format!(
        "NRRD0004\ntype: unsigned char\ndimension: {}\nspace: left-posterior-superior\n\
         sizes: {list}{w} {h} {d}\nspace directions: {none}{} {} {}\nencoding: raw\n\
         space origin: ({},{},{})\n{segments}\n",
        if several { 4 } else { 3 },
        column(0),
        column(1),
        column(2),
        -origin[0],
        -origin[1],
        origin[2],
    );
    let mut bytes = header.into_bytes();
    for index in ndarray::indices((d, h, w)) {
        bytes.extend(layers.iter().map(|layer| layer[index]));
    }
    let path = folder.join("a.seg.nrrd");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn segments_are_known_by_name_and_lie_where_they_were_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (_, labels) = scan();
    // Slices 1 to 3 and rows 2 to 4 alone, the segments in the other order, one deleted and made again.
    let part = labels.slice(ndarray::s![1.., 2.., ..]);
    let part = part.mapv(|label| [0, 7, 1][label as usize]);
    let segments = "Segment0_Name:=wall\nSegment0_LabelValue:=1\nSegment1_Name:=cyst\n\
        Segment1_LabelValue:=7\nSegment2_Name:=Segment_3\nSegment2_LabelValue:=9\n";
    let path = segmentation(
        folder.path(),
        std::slice::from_ref(&part),
        [0, 2, 1],
        segments,
    );
    let drawing = read(&path, false).unwrap();
    assert_eq!(drawing.labels.voxels, labels);
    assert_eq!(
        drawing.notes,
        Vec::<String>::new(),
        "LPS is the format's own way"
    );

    let unknown = segments.replace("cyst", "Segment_1");
    let path = segmentation(folder.path(), &[part], [0, 2, 1], &unknown);
    let error = read(&path, false).unwrap_err();
    assert!(
        error.ends_with(
            "expected segments named Cyst, wall, unsure or done, got \"Segment_1\"; rename it"
        ),
        "{error}"
    );
}

#[test]
fn overlapping_segments_are_refused_and_layers_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let (_, labels) = scan();
    let cyst = labels.mapv(|label| u8::from(label == 1));
    let wall = labels.mapv(|label| u8::from(label == 2));
    let segments = "Segment0_Name:=Cyst\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n\
        Segment1_Name:=Wall\nSegment1_LabelValue:=1\nSegment1_Layer:=1\n";
    let path = segmentation(folder.path(), &[cyst.clone(), wall], [0; 3], segments);
    assert_eq!(read(&path, false).unwrap().labels.voxels, labels);
    let path = segmentation(folder.path(), &[cyst.clone(), cyst], [0; 3], segments);
    let error = read(&path, false).unwrap_err();
    assert!(
        error.contains("got 1 voxels in both \"Cyst\" and \"Wall\""),
        "{error}"
    );
}

#[test]
fn a_drawing_beyond_the_scan_is_cut_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut layer = Array3::zeros((4, 5, 6));
    layer[[0, 0, 0]] = 1;
    layer[[3, 0, 0]] = 1;
    let segments = "Segment0_Name:=Cyst\nSegment0_LabelValue:=1\n";
    let path = segmentation(folder.path(), &[layer], [0, 0, 2], segments);
    let drawing = read(&path, false).unwrap();
    assert_eq!(drawing.labels.voxels[[2, 0, 0]], 1);
    assert_eq!(drawing.labels.voxels.sum(), 1);
    assert!(
        drawing
            .notes
            .iter()
            .any(|note| note.starts_with("1 voxels outside"))
    );
}
