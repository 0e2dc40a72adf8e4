//! How far the grid of labels may lie from that of their scan, and what is said if it lies further.
//! The public reports that each case follows are named.

use crate::case_files::{Affine, Header, SHAPE, diagonal, manifest, put, scan};
use crate::positions::{first, load, problems};
use ndarray::Array3;
use slicewise_data::nifti::read_image;

/// spinalcordtoolbox#4744, nibabel#1181: the label's directions were made orthonormal.
#[test]
fn an_orthonormalised_label_belongs_to_its_scan() {
    let (sin, cos) = 0.95f64.to_radians().sin_cos();
    let lean: f64 = 1.1e-3;
    let size = [0.8, 0.8, 1.5];
    let place = |columns: [[f64; 3]; 3]| {
        let mut affine = diagonal([0.0; 3]);
        for (row, offset) in [120.0, -300.0, -700.0].into_iter().enumerate() {
            (0..3).for_each(|c| affine[row][c] = columns[c][row] * size[c]);
            affine[row][3] = offset;
        }
        affine
    };
    // The third axis leans by 0.0011 to y; the nearest rotation shares it with the others.
    let half = lean / 2.0;
    let leaning = place([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, lean, 1.0]]);
    let straight = place([
        [cos, sin, -half * sin],
        [-sin, cos, -half * cos],
        [0.0, half, 1.0],
    ]);
    let folder = tempfile::tempdir().unwrap();
    let mut config = manifest(folder.path(), |number, image_file, label_file, _, _| {
        let (image, labels) = scan(number, [60, 96, 96]);
        put(image_file, &image, &leaning, |_| ());
        put(label_file, &labels, &straight, |_| ());
    });
    assert_eq!(problems(&config), []);
    // The voxels are taken as they are, and the scan's position counts.
    let own = load(&config, folder.path());
    let (_, labels) = scan(0, [60, 96, 96]);
    let ones = |voxels: &Array3<u8>| voxels.iter().filter(|&&class| class == 1).count();
    assert_eq!(ones(&own.cases[0].labels.voxels), ones(&labels));
    let geometry = &own.cases[0].labels.geometry;
    assert_eq!(*geometry, own.cases[0].image.geometry);
    assert!((geometry.affine[1][2] - 1.5 * lean).abs() < 1e-7);

    config.grid_tolerance_voxels = 0.04;
    let (line, remedy) = first(&config, folder.path());
    assert_eq!(
        line,
        "s0_seg.nii.gz: expected the grid of FOLDER/s0.nii.gz to within 0.04 voxels \
         (data.grid_tolerance_voxels), but its corners are 0.047 voxels (0.046 mm) away"
            .replace("FOLDER", &folder.path().display().to_string())
    );
    assert!(
        remedy.contains("raise data.grid_tolerance_voxels"),
        "{remedy}"
    );
}

/// Returns what `check` says of labels whose affine was changed.
fn moved_label(
    scan_affine: &Affine,
    label_affine: &Affine,
    edit: fn(&mut Header),
) -> Option<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let config = manifest(folder.path(), |_, scan, truth, image, labels| {
        put(scan, image, scan_affine, |_| ());
        put(truth, labels, label_affine, edit);
    });
    if problems(&config).is_empty() {
        return None;
    }
    let (line, remedy) = first(&config, folder.path());
    Some((
        line.replace(&format!("{}/", folder.path().display()), ""),
        remedy,
    ))
}

/// The tolerance is in voxels along each axis: half a millimetre is a tenth of a thick slice and all
/// of a thin pixel.
#[test]
fn the_tolerance_follows_the_voxel() {
    let affine = diagonal([0.5, 0.5, 5.0]);
    let moved = |axis: usize, mm: f64| {
        let mut moved = affine;
        moved[axis][3] = mm;
        moved_label(&affine, &moved, |_| ())
    };
    assert_eq!(moved(2, 0.2), None);
    assert_eq!(moved(0, 0.02), None);
    let (line, remedy) = moved(0, 0.15).unwrap();
    assert_eq!(
        line,
        "s0_seg.nii.gz: expected the grid of s0.nii.gz to within 0.05 voxels \
         (data.grid_tolerance_voxels), but its corners are 0.300 voxels (0.150 mm) away"
    );
    assert!(remedy.starts_with("Resample it"), "{remedy}");
    let (line, _) = moved(2, 0.5).unwrap();
    assert!(line.ends_with("0.100 voxels (0.500 mm) away"), "{line}");
    // Microscopes: voxels of a micrometre.
    let affine = diagonal([0.001; 3]);
    let mut half = affine;
    half[1][3] = 0.0005;
    let (line, _) = moved_label(&affine, &half, |_| ()).unwrap();
    assert!(line.ends_with("0.500 voxels (0.001 mm) away"), "{line}");
}

const NO_POSITION: &str = "Its header states no position";

/// nnUNet#1669, MONAI#2090: labels that were saved as an array, without the scan's header.
#[test]
fn a_label_without_position_is_not_to_be_resampled() {
    let mut placed = diagonal([-0.8, -0.8, 2.5]);
    (placed[0][3], placed[1][3], placed[2][3]) = (95.0, 130.0, -310.0);
    let (line, remedy) = moved_label(&placed, &diagonal([1.0; 3]), |_| ()).unwrap();
    assert!(
        line.starts_with("s0_seg.nii.gz: expected the grid of s0.nii.gz"),
        "{line}"
    );
    assert!(remedy.starts_with(NO_POSITION), "{remedy}");
    assert!(
        remedy.contains("copy the image's header to it (fslcpgeom IMAGE LABEL"),
        "{remedy}"
    );
    assert!(!remedy.contains("Resample"), "{remedy}");
    // As ITK writes an array, with the sizes alone, and with neither sform nor qform.
    for affine in [[-1.0, -1.0, 1.0], [0.8, 0.8, 2.5]] {
        let (_, remedy) = moved_label(&placed, &diagonal(affine), |_| ()).unwrap();
        assert!(remedy.starts_with(NO_POSITION), "{affine:?}: {remedy}");
    }
    let unplaced = |header: &mut Header| header.sform(0, &diagonal([1.0; 3]));
    let (_, remedy) = moved_label(&placed, &diagonal([0.8, 0.8, 2.5]), unplaced).unwrap();
    assert!(remedy.starts_with(NO_POSITION), "{remedy}");
    // A scan in another order of axes: even the shapes differ then.
    let sagittal = [
        [0.0, 0.0, 2.5, 9.0],
        [0.8, 0.0, 0.0, 9.0],
        [0.0, 0.8, 0.0, 9.0],
        [0.0; 4],
    ];
    let (line, remedy) = moved_label(&sagittal, &diagonal([1.0; 3]), |_| ()).unwrap();
    assert_eq!(
        line,
        "s0_seg.nii.gz: expected the shape 16×20×24 (x×y×z) of s0.nii.gz, got 20×24×16"
    );
    assert!(remedy.starts_with(NO_POSITION), "{remedy}");
}

#[test]
fn the_remedy_belongs_to_what_is_wrong_with_the_grid() {
    let mut placed = diagonal([0.8, 0.8, 2.5]);
    placed[1][3] = -60.0;
    // The other way round: the scan lost its position.
    let (_, remedy) = moved_label(&diagonal([1.0; 3]), &placed, |_| ()).unwrap();
    assert!(
        remedy.starts_with("The image's header states no position"),
        "{remedy}"
    );
    assert!(remedy.contains("fslcpgeom LABEL IMAGE"), "{remedy}");
    // Only the origin differs.
    let mut shifted = placed;
    shifted[0][3] = 16.0;
    let (line, remedy) = moved_label(&placed, &shifted, |_| ()).unwrap();
    assert!(line.ends_with("20.000 voxels (16.000 mm) away"), "{line}");
    assert!(remedy.starts_with("Only the origins differ"), "{remedy}");
    // Another grid.
    let mut coarse = diagonal([1.6, 1.6, 2.5]);
    coarse[1][3] = -60.0;
    let (_, remedy) = moved_label(&placed, &coarse, |_| ()).unwrap();
    assert!(
        remedy.starts_with("Resample it to the image's grid, or name"),
        "{remedy}"
    );
}

/// Near a tilt of 45° rounding decides which axis is called x. Labels follow their scan.
#[test]
fn labels_of_a_scan_tilted_by_45_degrees_follow_it() {
    let tilted = |degrees: f64| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        [
            [cos, -sin, 0.0, 5.0],
            [sin, cos, 0.0, -9.0],
            [0.0, 0.0, 2.0, 1.0],
            [0.0; 4],
        ]
    };
    let folder = tempfile::tempdir().unwrap();
    let config = manifest(folder.path(), |_, scan, truth, image, labels| {
        put(scan, image, &tilted(44.99), |_| ());
        put(truth, labels, &tilted(45.01), |_| ());
    });
    let code = |file: &str| {
        read_image(&folder.path().join(file))
            .unwrap()
            .geometry
            .stored
            .code()
    };
    assert_eq!(
        (code("s0.nii.gz"), code("s0_seg.nii.gz")),
        ("RAS".to_owned(), "ALS".to_owned())
    );
    assert_eq!(problems(&config), []);
    let data = load(&config, folder.path());
    let (_, labels) = scan(0, SHAPE);
    assert_eq!(data.cases[0].labels.voxels, labels);
}
