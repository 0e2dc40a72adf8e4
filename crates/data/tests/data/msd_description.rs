//! What a `dataset.json` says of channels and labels, and as which text it is saved.

use crate::case_files::{diagonal, put};
use crate::msd_files::{ALL, Msd, scan_of, training};
use crate::tables::ids;
use slicewise_data::{Channel, DataConfig};
use std::fs;

/// The case msd-json-with-bom.
#[test]
fn a_description_with_a_byte_order_mark() {
    let msd = Msd::new();
    msd.described(&training(0..5, "labelsTr"));
    let text = fs::read(msd.path("dataset.json")).unwrap();
    msd.text(&[b"\xef\xbb\xbf", &text[..]].concat());
    assert_eq!(ids(&msd.load()), ALL);
    let text = String::from_utf8(text).unwrap();
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    msd.text(&[b"\xfe\xff", &units[..]].concat());
    assert_eq!(
        msd.problems(),
        [
            "dataset.json: expected UTF-8 text, got UTF-16 (it begins with FE FF); Save the file as UTF-8."
        ]
    );
}

/// nnU-Net numbers channels in its files' names; its older `dataset.json` leaves the number out.
#[test]
fn the_channels_number_is_expected_in_names() {
    let msd = Msd::new();
    for case in ALL {
        msd.rename(
            &format!("imagesTr/{case}.nii.gz"),
            &format!("imagesTr/{case}_0000.nii.gz"),
        );
    }
    let v2 = r#", "channel_names": {"0": "T2"}, "file_ending": ".nii.gz", "numTraining": 5"#;
    for more in [v2.to_owned(), training(0..5, "labelsTr")] {
        msd.described(&more);
        assert_eq!(ids(&msd.load()), ALL);
    }
    let missing = "found 4; missing: imagesTr/c_002_0000.nii.gz; Put the missing files there, or take \
                   their cases out (labelsTr, training, numTraining).";
    msd.rename("imagesTr/c_002_0000.nii.gz", "away.nii.gz");
    for (more, by) in [
        (v2.to_owned(), "numTraining"),
        (training(0..5, "labelsTr"), "training"),
    ] {
        msd.described(&more);
        assert_eq!(
            msd.problems(),
            [format!("dataset.json: expected 5 cases by {by}, {missing}")]
        );
    }
}

#[test]
fn several_channels_are_refused_until_one_is_chosen() {
    let mut msd = Msd::new();
    for (number, case) in ALL.into_iter().enumerate() {
        msd.rename(
            &format!("imagesTr/{case}.nii.gz"),
            &format!("imagesTr/{case}_0000.nii.gz"),
        );
        let (image, _) = scan_of(number);
        put(
            &msd.path(&format!("imagesTr/{case}_0001.nii.gz")),
            &image.mapv(|value| 500.0 - value),
            &diagonal([1.0; 3]),
            |_| (),
        );
    }
    let choose = "Choose one, for instance data.channel: 0 (several at once are not supported).";
    // The first is not taken in silence, whether `dataset.json` tells of the second or not.
    msd.described("");
    assert_eq!(
        msd.problems(),
        [format!(
            "dataset.json: expected one channel, got imagesTr/c_000_0001.nii.gz beside imagesTr/c_000_0000.nii.gz; {choose}"
        )]
    );
    for key in ["channel_names", "modality"] {
        msd.described(&format!(r#", "{key}": {{"1": "T2", "0": "T1"}}"#));
        assert_eq!(
            msd.problems(),
            [format!(
                "dataset.json: expected one channel, got 2: T1, T2; {choose}"
            )]
        );
    }
    let first = |msd: &Msd| {
        let voxels = &msd.load().cases[0].image.voxels;
        voxels[[0, 0, 0]]
    };
    msd.config.channel = Some(Channel::Number(0));
    let number = first(&msd);
    msd.config.channel = Some(Channel::Name("T1".to_owned()));
    assert_eq!(first(&msd), number);
    msd.config.channel = Some(Channel::Number(1));
    assert_eq!(first(&msd), -number, "reversed intensities");
    assert_eq!(msd.notes(), [""; 0], "the first channel is not left over");
    msd.described(&(training(0..5, "labelsTr") + r#", "modality": ["T1", "T2"]"#));
    msd.config.channel = Some(Channel::Name("T2".to_owned()));
    assert_eq!(first(&msd), -number);
    msd.config.channel = Some(Channel::Name("t2".to_owned()));
    assert_eq!(
        msd.problems(),
        ["data.channel: unknown channel \"t2\"; known are T1, T2; Use a name that exists."]
    );
    msd.config.channel = Some(Channel::Number(2));
    assert!(
        msd.problems()[0].starts_with(
            "data.channel: expected at most 1, the last channel of dataset.json, got 2"
        )
    );
    let yaml = |text: &str| serde_json::from_str::<DataConfig>(text).map(|config| config.channel);
    assert_eq!(
        yaml(r#"{"dataset": "msd", "channel": 1}"#).unwrap(),
        Some(Channel::Number(1))
    );
    assert_eq!(
        yaml(r#"{"dataset": "msd", "channel": "T1"}"#).unwrap(),
        Some(Channel::Name("T1".to_owned()))
    );
    let refused = yaml(r#"{"dataset": "msd", "channel": [1]}"#)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("expected a channel's number, from 0, or its name"),
        "{refused}"
    );
}

/// The Decathlon keeps all channels of a scan in one file.
#[test]
fn channels_in_one_file_are_told_from_channels_in_several() {
    let mut msd = Msd::new();
    msd.described(r#", "modality": {"0": "FLAIR", "1": "T1w"}"#);
    let expected = [
        "dataset.json: expected a file for each of 2 channels, got imagesTr/c_000.nii.gz; Write the \
         channel that is wanted as a 3D volume of its own, and name it alone in dataset.json.",
    ];
    assert_eq!(msd.problems(), expected);
    msd.config.channel = Some(Channel::Number(0));
    assert_eq!(msd.problems(), expected);
    // nnU-Net v2 can name a file for each, and the case.
    msd.config.channel = None;
    let entry = |case: &str, label: &str| {
        format!(
            r#""{case}": {{"images": ["imagesTr/c_003.nii.gz", "imagesTr/{label}.nii.gz"], "label": "labelsTr/{label}.nii.gz"}}"#
        )
    };
    let entries = [entry("x", "c_001"), entry("y", "c_002")].join(", ");
    msd.described(&format!(r#", "dataset": {{{entries}}}"#));
    assert!(msd.problems()[0].starts_with("dataset.json: expected one channel, got 2 images"));
    msd.config.channel = Some(Channel::Number(1));
    assert_eq!(ids(&msd.load()), ["x", "y"]);
    // The first channel is the same scan for both.
    msd.config.channel = Some(Channel::Number(0));
    assert!(msd.problems()[0].contains("has the same image as case \"x\""));
}

#[test]
fn labels_and_lists_that_cannot_be_used() {
    let msd = Msd::new();
    let correct = "Correct dataset.json.";
    for (labels, expected) in [
        (
            r#"{"background": 0, "one": 1, "two": 1}"#,
            "expected one name for the label 1, got \"one\" and \"two\"",
        ),
        (
            r#"{"0": "background", "1": "one", "1": "two"}"#,
            "expected one name for the label 1, got \"one\" and \"two\"",
        ),
        (
            r#"{"0": "background", "1": "one", "2": "one"}"#,
            "expected one label called \"one\", got several",
        ),
    ] {
        msd.text(format!(r#"{{"labels": {labels}}}"#).as_bytes());
        assert_eq!(
            msd.problems(),
            [format!("dataset.json: {expected}; {correct}")]
        );
    }
    // Numbers in quotes are numbers.
    msd.text(br#"{"labels": {"background": "0", "one": "1", "two": "2"}, "numTraining": "5"}"#);
    assert_eq!(msd.load().classes, ["background", "one", "two"]);
    msd.text(br#"{"labels": {"background": 0, "one": 1.5}}"#);
    assert!(msd.problems()[0].contains("expected one whole number a label, got \"one\": 1.5"));
    msd.described(r#", "numTraining": -1"#);
    assert!(msd.problems()[0].contains("expected a whole number numTraining, got -1"));
    // Whatever the task, an ignored voxel is no class, and the user is told.
    for labels in [
        r#"{"background": 0, "one": 1, "ignore": 2}"#,
        r#"{"0": "background", "1": "one", "2": "ignore"}"#,
    ] {
        msd.text(format!(r#"{{"labels": {labels}}}"#).as_bytes());
        let data = msd.load();
        assert_eq!(data.classes, ["background", "one"]);
        let voxels = || data.cases.iter().flat_map(|case| &case.labels.voxels);
        assert!(voxels().any(|&class| class == slicewise_core::IGNORE));
        assert!(voxels().all(|class| [0, 1, slicewise_core::IGNORE].contains(class)));
        let notes = slicewise_data::notes(&msd.config);
        assert!(
            notes
                .iter()
                .any(|note| note.contains("drawn in part (`ignore`)")),
            "{notes:?}"
        );
    }
    for (list, expected) in [
        (
            r#"[{"image": "../c_000.nii.gz", "label": "labelsTr/c_000.nii.gz"}]"#,
            "expected files below its folder, or absolute paths, got \"../c_000.nii.gz\"",
        ),
        (
            r#"[{"image": 7}]"#,
            "expected cases {\"image\": FILE, \"label\": FILE}, got {\"image\":7}",
        ),
        (
            r#"["a\n"]"#,
            "expected cases {\"image\": FILE, \"label\": FILE}, got \"a\\n\"",
        ),
    ] {
        msd.described(&format!(r#", "training": {list}"#));
        assert_eq!(
            msd.problems(),
            [format!("dataset.json: {expected}; {correct}")]
        );
    }
    msd.described(&training([0, 1, 0], "labelsTr"));
    assert_eq!(
        msd.problems(),
        ["dataset.json: case \"c_000\" appears twice; Name every case once, in one part."]
    );
    msd.described(r#", "file_ending": ".mha""#);
    let convert = "Convert all volumes, then set file_ending to .nii.gz: python3 -c \"import SimpleITK \
                   as s, pathlib as p; [s.WriteImage(s.ReadImage(str(f)), \
                   str(f.with_suffix('.nii.gz'))) for f in p.Path('.').rglob('*.mh[ad]')]\" (pip \
                   install SimpleITK).";
    assert_eq!(
        msd.problems(),
        [format!(
            "dataset.json: expected the file_ending .nii.gz or .nii, got \".mha\", a MetaImage volume \
             (MHA, MHD); {convert}"
        )]
    );
    // Without file_ending the files tell.
    for case in ALL {
        msd.rename(
            &format!("labelsTr/{case}.nii.gz"),
            &format!("labelsTr/{case}.mha"),
        );
    }
    msd.described("");
    assert_eq!(
        msd.problems(),
        [format!(
            "dataset.json: expected labels that end in .nii.gz or .nii in labelsTr, got c_000.mha; {convert}"
        )]
    );
}
