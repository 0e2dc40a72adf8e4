//! Where voxels lie in files as people have them. The public reports that each case follows are named.

use crate::case_files::{Affine, Header, SHAPE, diagonal, file, manifest, put_case, scan};

use slicewise_data::nifti::{Reader, read_image};
use slicewise_data::{
    Case, DataConfig, Image, Position, Problem, Task, TaskData, check_task, load_task,
};
use std::path::Path;

pub(crate) fn problems(config: &DataConfig) -> Vec<Problem> {
    let task = Task::TISSUE_SEGMENTATION;
    check_task(task, &task.preset().unwrap(), config)
}

pub(crate) fn load(config: &DataConfig, folder: &Path) -> TaskData {
    let task = Task::TISSUE_SEGMENTATION;
    load_task(task, &task.preset().unwrap(), config, &folder.join("cache")).unwrap()
}

/// Returns the first problem as one line without the folder, and its remedy.
pub(crate) fn first(config: &DataConfig, folder: &Path) -> (String, String) {
    let problems = problems(config);
    let problem = &problems[0];
    let file = problem.file.strip_prefix(folder).unwrap();
    let line = format!("{}: {}", file.display(), problem.problem);
    assert!(!line.contains('\n'), "{line}");
    (line, problem.remedy.clone())
}

/// Reads a file with these voxels, affine and header.
fn read(reader: Reader, affine: &Affine, edit: impl FnOnce(&mut Header)) -> Result<Image, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nii");
    let (image, _) = scan(0, SHAPE);
    std::fs::write(&path, file(&image, affine, edit)).unwrap();
    let folder = format!("{}/", folder.path().display());
    reader
        .image(&path)
        .map_err(|error| error.to_string().replace(&folder, ""))
}

fn by(position: Position) -> Reader {
    Reader {
        position: Some(position),
    }
}

fn close(ours: [f64; 3], expected: [f64; 3]) -> bool {
    let pairs = ours.iter().zip(expected);
    pairs
        .into_iter()
        .all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0))
}

/// ACDC (nnUNet#2741) and FastSurfer#36: a sform that holds directions but no voxel sizes.
fn without_sizes(header: &mut Header) {
    header.sform(2, &diagonal([-1.0, -1.0, 1.0]));
    header.qform(1, [0.0, 0.0, 1.0], [0.0; 3]);
}

const ACDC_MM: [f64; 3] = [1.3125, 1.3125, 10.0];

#[test]
fn a_sform_without_voxel_sizes_is_refused_with_both_statements() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = manifest(folder.path(), |_, scan, truth, image, labels| {
        put_case(
            (scan, truth),
            (image, labels),
            &diagonal(ACDC_MM),
            without_sizes,
        );
    });
    // Scan and label of four cases.
    assert_eq!(problems(&config).len(), 8);
    let (line, remedy) = first(&config, folder.path());
    assert_eq!(
        line,
        "s0.nii.gz: sform and qform contradict each other: by sform voxels of 1 × 1 × 1 mm, axes \
         LPS, the first at (0, 0, 0) mm; by qform voxels of 1.3125 × 1.3125 × 10 mm, axes LPS, the \
         first at (0, 0, 0) mm (data.position: sform or qform chooses)"
    );
    assert!(remedy.contains("data.position"), "{remedy}");
    let spacing = |config: &DataConfig| {
        let data = load(config, folder.path());
        data.cases[0].image.geometry.spacing_mm()
    };
    config.position = Some(Position::Qform);
    assert_eq!(problems(&config), []);
    assert_eq!(spacing(&config), [10.0, 1.3125, 1.3125]);
    let Case { image, .. } = &load(&config, folder.path()).cases[0];
    assert_eq!(image.geometry.stored.code(), "LPS");
    // The same cache does not give the other reading away.
    config.position = Some(Position::Sform);
    assert_eq!(spacing(&config), [1.0, 1.0, 1.0]);
    config.position = None;
    assert_eq!(problems(&config).len(), 8);
}

/// The same where the qform is not set: pixdim alone has the sizes. ITK reads it in this way too.
#[test]
fn a_sform_without_voxel_sizes_and_no_qform() {
    let edit = |header: &mut Header| {
        header.pixdim([1.0, 1.3125, 1.3125, 10.0]);
        header.units(0);
    };
    let mut affine = diagonal([-1.0, -1.0, 1.0]);
    affine[2][3] = -40.0;
    assert_eq!(
        read(Reader::default(), &affine, edit).unwrap_err(),
        "x.nii: sform and pixdim contradict each other: by sform voxels of 1 × 1 × 1 mm, axes LPS, \
         the first at (0, 0, -40) mm; by pixdim voxels of 1.3125 × 1.3125 × 10 mm \
         (data.position: sform or qform chooses)"
    );
    let image = read(by(Position::Qform), &affine, edit).unwrap();
    assert_eq!(image.geometry.spacing_mm(), [10.0, 1.3125, 1.3125]);
    assert_eq!(image.geometry.stored.code(), "LPS");
    assert_eq!(image.geometry.affine[2][3], -40.0);
    // A file that says the same twice is read as it stands.
    let mut affine = diagonal([1.0, 2.0, 3.0]);
    affine[0][3] = 7.0;
    let image = read(by(Position::Qform), &affine, |_| ()).unwrap();
    assert_eq!(image.geometry.affine, affine);
}

/// One percent of a size is rounding; more is not. A size that is not stated contradicts nothing.
#[test]
fn a_contradiction_in_size_is_more_than_a_percent() {
    let affine = diagonal([0.8, 0.8, 2.5]);
    for (pixdim, sound) in [
        ([1.0, 0.807, 0.8, 2.5], true),
        ([1.0, 0.809, 0.8, 2.5], false),
        ([1.0, 0.8, 0.8, 2.53], false),
        ([1.0, 1.0, 1.0, 1.0], false),
        ([1.0, -0.8, 0.8, -2.5], true),
        ([0.0, 0.0, 0.0, 0.0], true),
        ([1.0, f64::NAN, 0.8, f64::INFINITY], true),
    ] {
        let image = read(Reader::default(), &affine, |header| header.pixdim(pixdim));
        assert_eq!(image.is_ok(), sound, "{pixdim:?}: {image:?}");
        if let Ok(image) = image {
            assert!(close(image.geometry.spacing_mm(), [2.5, 0.8, 0.8]));
        }
    }
}

/// Forms of one code that lead to different places contradict each other; forms of two codes may.
#[test]
fn a_contradiction_in_place_needs_one_space() {
    let affine = diagonal([1.0, 1.0, 2.0]);
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let moved = [[0.0; 3], [0.0, 0.0, half]];
    let read_with = |codes: [i16; 2], quaternion, offset| {
        read(Reader::default(), &affine, move |header: &mut Header| {
            header.sform(codes[0], &diagonal([1.0, 1.0, 2.0]));
            header.qform(codes[1], quaternion, offset);
        })
    };
    // The scan was aligned to a template.
    for codes in [[2, 1], [4, 1], [1, 2]] {
        let image = read_with(codes, moved[1], [9.0, 0.0, 0.0]).unwrap();
        assert_eq!(image.geometry.affine, affine, "{codes:?}");
    }
    // Less than a voxel.
    read_with([1, 1], moved[0], [0.9, 0.0, 0.0]).unwrap();
    assert_eq!(
        read_with([1, 1], moved[0], [0.0, -3.0, 0.0]).unwrap_err(),
        "x.nii: sform and qform contradict each other: by sform voxels of 1 × 1 × 2 mm, axes RAS, the \
         first at (0, 0, 0) mm; by qform voxels of 1 × 1 × 2 mm, axes RAS, the first at (0, -3, 0) mm \
         (data.position: sform or qform chooses)"
    );
    let error = read_with([2, 2], moved[1], [0.0; 3]).unwrap_err();
    assert!(
        error.contains("axes RAS") && error.contains("axes ALS"),
        "{error}"
    );
}

/// FSL's "inconsistent left-right order": no alignment mirrors a head, so the codes do not matter.
#[test]
fn forms_that_mirror_each_other_are_refused() {
    let edit = |header: &mut Header| {
        header.sform(4, &diagonal([-1.0, 1.0, 2.0]));
        header.qform(1, [0.0; 3], [0.0; 3]);
        header.pixdim([1.0, 1.0, 1.0, 2.0]);
    };
    let affine = diagonal([1.0, 1.0, 2.0]);
    let error = read(Reader::default(), &affine, edit).unwrap_err();
    assert!(
        error.contains("axes LAS") && error.contains("axes RAS"),
        "{error}"
    );
    for (position, code) in [(Position::Sform, "LAS"), (Position::Qform, "RAS")] {
        let image = read(by(position), &affine, edit).unwrap();
        assert_eq!(image.geometry.stored.code(), code);
    }
}

/// A shear, which no quaternion can express, is no contradiction: programs write the nearest qform.
#[test]
fn a_shear_is_no_contradiction() {
    let mut sheared = diagonal([1.0, 1.0, 1.0]);
    let lean: f64 = 0.2;
    (sheared[0][1], sheared[1][1]) = (-lean.sin(), lean.cos());
    let edit = |code: i16, turn: f64| {
        let sheared = sheared;
        move |header: &mut Header| {
            header.sform(code, &sheared);
            header.qform(1, [0.0, 0.0, (turn / 2.0).sin()], [0.0; 3]);
        }
    };
    // The nearest rotation turns by half the angle.
    let image = read(Reader::default(), &sheared, edit(1, lean / 2.0)).unwrap();
    assert!((image.geometry.affine[0][1] + lean.sin()).abs() < 1e-7);
    read(Reader::default(), &sheared, edit(1, 0.0)).unwrap_err();
    read(Reader::default(), &sheared, edit(2, 0.0)).unwrap();
}

/// ITK#4595, fmriprep#786: units of micrometres, and of metres.
#[test]
fn units_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let config = manifest(folder.path(), |_, scan, truth, image, labels| {
        let affine = diagonal([1000.0, 1000.0, 2000.0]);
        put_case((scan, truth), (image, labels), &affine, |header| {
            // Space in micrometres, time in seconds.
            header.units(3 | 8);
        });
    });
    assert_eq!(problems(&config), []);
    let data = load(&config, folder.path());
    assert_eq!(data.cases[0].image.geometry.spacing_mm(), [2.0, 1.0, 1.0]);

    let metres = |header: &mut Header| {
        header.units(1);
        header.sform(0, &diagonal([1.0; 3]));
        header.qform(1, [0.0; 3], [0.02, -0.03, 0.05]);
        header.pixdim([-1.0, 0.001, 0.001, 0.003]);
    };
    let image = read(Reader::default(), &diagonal([1.0; 3]), metres).unwrap();
    assert!(close(image.geometry.spacing_mm(), [3.0, 1.0, 1.0]));
    // qfac -1: the last slice, 15 × 3 mm below the first, is the first in RAS.
    assert!(close(
        image.geometry.position_mm([0.0; 3]),
        [20.0, -30.0, 5.0]
    ));
    assert_eq!(image.geometry.stored.code(), "RAI");
    // Both statements of a contradiction are in mm.
    let error = read(
        Reader::default(),
        &diagonal([1000.0, 1000.0, 2000.0]),
        |header| {
            header.units(3);
            header.pixdim([1.0, 1.0, 1.0, 2.0]);
        },
    );
    let error = error.unwrap_err();
    assert!(error.contains("by sform voxels of 1 × 1 × 2 mm"), "{error}");
    assert!(
        error.contains("by pixdim voxels of 0.001 × 0.001 × 0.002 mm"),
        "{error}"
    );
    // Hertz and the like say nothing about space.
    let image = read(Reader::default(), &diagonal([1.0, 1.0, 2.0]), |header| {
        header.units(7 | 32)
    });
    assert_eq!(image.unwrap().geometry.spacing_mm(), [2.0, 1.0, 1.0]);
}

/// ITK#1484: a size is an absolute value; only qfac and the quaternion turn axes round.
#[test]
fn negative_sizes_do_not_mirror() {
    let folder = tempfile::tempdir().unwrap();
    let affine = diagonal([2.0, 2.0, 5.0]);
    let edit = |header: &mut Header| {
        header.sform(0, &diagonal([1.0; 3]));
        header.qform(1, [0.0; 3], [0.0; 3]);
        header.pixdim([1.0, 2.0, -2.0, 5.0]);
    };
    let config = manifest(folder.path(), |_, scan, truth, image, labels| {
        put_case((scan, truth), (image, labels), &affine, edit);
    });
    assert_eq!(problems(&config), []);
    let image = read_image(&folder.path().join("s0.nii.gz")).unwrap();
    assert_eq!(image.geometry.affine, affine);
    assert_eq!(image.voxels, scan(0, SHAPE).0);

    let qfac = |header: &mut Header| {
        edit(header);
        header.pixdim([-1.0, -2.0, 2.0, -5.0]);
    };
    let image = read(Reader::default(), &affine, qfac).unwrap();
    assert_eq!(image.geometry.stored.code(), "RAI");
    assert_eq!(image.geometry.spacing_mm(), [5.0, 2.0, 2.0]);
    // Without sform and qform, x runs to the left as for positive sizes.
    let none = |header: &mut Header| {
        header.sform(0, &diagonal([1.0; 3]));
        header.pixdim([1.0, -2.0, -2.0, 5.0]);
    };
    let image = read(Reader::default(), &affine, none).unwrap();
    assert_eq!(image.geometry.stored.code(), "LAS");
    assert_eq!(image.geometry.position_mm([0.0; 3]), [-19.0, -23.0, -37.5]);
}

/// Fields that repeat what others say, or that nobody asks for, stop no file.
#[test]
fn redundant_fields_may_be_wrong() {
    type Edit = fn(&mut Header);
    let affine = diagonal([0.8, 0.8, 2.5]);
    let edits: [(&str, Edit); 7] = [
        ("a quaternion longer than 1", |header| {
            header.qform(1, [0.9, 0.9, 0.9], [0.0; 3]);
        }),
        ("a quaternion of NaN", |header| {
            header.qform(1, [f64::NAN, 0.0, 0.0], [0.0; 3]);
        }),
        ("a qform without sizes", |header| {
            header.qform(1, [0.0; 3], [50.0; 3]);
            header.pixdim([1.0, 0.0, 0.0, 0.0]);
        }),
        ("a qfac of 0 and no size", |header| header.pixdim([0.0; 4])),
        ("bitpix", |header| header.set_i16(72, 8)),
        ("axes of length 0 behind the third", |header| {
            header.set_i16(40, 5);
            header.set_i16(48, 0);
            header.set_i16(50, -1);
        }),
        ("lengths behind the last axis", |header| {
            header.set_i16(48, 900)
        }),
    ];
    for (name, edit) in edits {
        let image = read(Reader::default(), &affine, edit)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            close(image.geometry.spacing_mm(), [2.5, 0.8, 0.8]),
            "{name}"
        );
        assert_eq!(image.voxels, scan(0, SHAPE).0, "{name}");
    }
    // But where the qform is the only statement it must be one.
    let only = |quaternion: [f64; 3], pixdim: [f64; 4]| {
        read(Reader::default(), &affine, |header| {
            header.sform(0, &affine);
            header.qform(1, quaternion, [0.0; 3]);
            header.pixdim(pixdim);
        })
        .unwrap_err()
    };
    assert_eq!(
        only([0.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]),
        "x.nii: not a readable NIfTI file: expected a unit quaternion, got (b, c, d) = (0, 2, 0)"
    );
    assert_eq!(
        only([0.0; 3], [1.0, 1.0, 0.0, 1.0]),
        "x.nii: not a readable NIfTI file: expected voxel sizes in pixdim, which has the only ones, \
         got 1 × 0 × 1"
    );
}

#[test]
fn settings_of_position_are_checked() {
    let mut config = DataConfig::new("phantom");
    config.position = Some(Position::Sform);
    config.grid_tolerance_voxels = 0.7;
    let lines: Vec<String> = problems(&config)
        .iter()
        .map(|problem| format!("{}: {}", problem.file.display(), problem.problem))
        .collect();
    assert!(
        lines.contains(
            &"data.grid_tolerance_voxels: expected 0.0001 to 0.5 voxels, got 0.7".to_owned()
        ),
        "{lines:?}"
    );
    assert!(
        lines.contains(
            &"data.position: expected none with the dataset phantom, which reads no files"
                .to_owned()
        ),
        "{lines:?}"
    );
}
