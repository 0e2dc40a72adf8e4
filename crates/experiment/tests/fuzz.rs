//! Fuzz tests of ledgers and manifests: thousands of broken files. Reading a results folder must
//! refuse each in one line, without a panic and within bounded memory.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use slicewise_data::{IntensityScale, Part, SliceAxis, Task, TaskDefinition};
use slicewise_experiment::manifest::{DataManifest, Manifest};
use slicewise_experiment::record::{OwnGridRecord, SCHEMA};
use slicewise_experiment::{
    CaseRecord, Effort, Endpoint, QueryRecord, Ratio, Results, RoundRecord, Run, ledger,
};
use slicewise_fuzz::{Target, fuzz};
use std::path::Path;

/// Returns a ledger of two small rounds.
fn small_ledger() -> Vec<u8> {
    let case = |name: &str, part| CaseRecord {
        case: name.to_owned(),
        part,
        dice: vec![
            ("csf".to_owned(), Some(0.5)),
            ("brainstem".to_owned(), None),
        ],
        unannotated_dice: vec![("csf".to_owned(), Some(0.25))],
        delivered_dice: vec![("csf".to_owned(), Some(0.375))],
        interpolated_dice: vec![("csf".to_owned(), None)],
        hd95_mm: vec![
            ("csf".to_owned(), Some(2.5)),
            ("brainstem".to_owned(), None),
        ],
        own_grid: Some(OwnGridRecord {
            dice: vec![("csf".to_owned(), Some(0.75))],
            hd95_mm: vec![("csf".to_owned(), None)],
        }),
        mean_dice: Some(0.5),
        sr2_mean_dice: Some(0.25),
        p: Some(vec![1.0, 0.75]),
        r: vec![0.5, 0.25],
        uncertainty: vec![12.5, 3.0],
        foreground_entropy: vec![Some(0.125), None],
        foreground: vec![true, false],
        true_voxels: vec![3, 0],
        predicted_voxels: vec![2, 0],
        annotated: if part == Part::A {
            vec![true, false]
        } else {
            vec![]
        },
    };
    let record = |round| RoundRecord {
        schema: SCHEMA,
        task: Task::TISSUE_SEGMENTATION,
        model: "unet".to_owned(),
        strategy: "random".to_owned(),
        seed: 1,
        fold: Some(2),
        round,
        ratio: 0.5,
        evaluated: true,
        annotated_slices: 1,
        total_slices: 2,
        annotated_foreground_voxels: 3,
        total_foreground_voxels: 9,
        annotated_contour_mm: 12.5,
        steps: 20,
        loss: 1.5,
        mean_p: Some(0.875),
        converged: Some(false),
        program_sha256: None,
        model_program_sha256: None,
        queries: vec![QueryRecord {
            case: "a".to_owned(),
            slices: vec![0],
            scores: vec![0.1],
        }],
        cases: vec![case("a", Part::A), case("b", Part::B)],
    };
    let lines = [1, 2].map(|round| serde_json::to_string(&record(round)).unwrap() + "\n");
    lines.concat().into_bytes()
}

fn manifest() -> Vec<u8> {
    let data = DataManifest {
        task: "csf".parse().unwrap(),
        definition: Some(TaskDefinition::TISSUE_SEGMENTATION),
        slice_axes: [("b".to_owned(), SliceAxis::Coronal)].into(),
        intensities: Some(IntensityScale {
            low: -160.0,
            high: 240.0,
            zero: 40.0,
            unit: 200.0,
        }),
        pooling: [("unet".to_owned(), vec![[1, 2, 2]])].into(),
        classes: ["background", "csf"].map(str::to_owned).to_vec(),
        part_a: vec!["a".to_owned()],
        part_b: vec!["b".to_owned()],
        held_out: Vec::new(),
        folds: Vec::new(),
        sha256: "0".repeat(64),
    };
    let manifest = Manifest {
        schema: SCHEMA,
        name: "small".to_owned(),
        question: "Does it hold?".to_owned(),
        command: "slicewise sweep small.yaml".to_owned(),
        version: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
        program_sha256: "0".repeat(64),
        config_sha256: "0".repeat(64),
        libtorch: "2.11.0".to_owned(),
        tch: "0.24.0".to_owned(),
        rustc: "rustc 1.89.0".to_owned(),
        cpu: "a processor".to_owned(),
        cores: 2,
        threads: 1,
        instructions: "AVX2".to_owned(),
        kernels: [("unet".to_owned(), "libtorch".to_owned())].into(),
        device: "cpu".to_owned(),
        precision: [("unet".to_owned(), "float32".to_owned())].into(),
        models: vec!["unet".to_owned()],
        parameters: [("unet".to_owned(), [(Task::TISSUE_SEGMENTATION, 100)].into())].into(),
        data: vec![data],
        seeds: vec![1],
        endpoint: Some(Endpoint {
            against: "equal-interval".to_owned(),
            ratios: vec![Ratio(0.25)],
        }),
        effort: Effort::default(),
        runs: vec![Run {
            task: Task::TISSUE_SEGMENTATION,
            model: "unet".to_owned(),
            strategy: "random".to_owned(),
            seed: 1,
            fold: Some(2),
        }],
    };
    serde_json::to_vec_pretty(&manifest).unwrap()
}

const WORDS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\n",
    "\\u0000",
    "\\ud800",
    "\"schema\":2",
    "\"schema\":3",
    "\"schema\":1",
    "\"schema\":4",
    "\"fold\":1",
    "\"evaluated\"",
    "\"case\"",
    "\"round\"",
    "\"cases\"",
    "\"queries\"",
    "\n",
    "\r",
    "\n\n",
    "[[[[[[[[",
    "{\"a\":",
    "\"part\":\"C\"",
    "tissue-segmentation",
    "brain-extraction",
];

#[test]
fn ledger() {
    let read = |path: &Path| {
        let length = std::fs::metadata(path).unwrap().len();
        let contents = ledger::read(path).map_err(|error| error.to_string())?;
        assert_eq!(contents.torn, contents.whole_bytes < length);
        // Opening repairs the file. The repair must lose nothing.
        let (file, opened) = ledger::open(path).map_err(|error| error.to_string())?;
        assert_eq!(opened, contents);
        assert_eq!(file.metadata().unwrap().len(), contents.whole_bytes);
        for record in &contents.records {
            let line = serde_json::to_vec(record).unwrap();
            assert_eq!(
                &serde_json::from_slice::<RoundRecord>(&line).unwrap(),
                record
            );
        }
        Ok(())
    };
    fuzz(
        &Target {
            share: 150,
            ..Target::text("ledger", "input.jsonl", vec![small_ledger()], WORDS)
        },
        read,
    );
}

#[test]
fn manifest_json() {
    let read = |path: &Path| {
        let results = Results::read(path.parent().unwrap()).map_err(|error| error.to_string())?;
        assert_eq!(results.records.len(), 2);
        assert_eq!(results.manifest.schema, SCHEMA);
        Ok(())
    };
    fuzz(
        &Target {
            companions: vec![
                ("config.yaml", b"name: small\n".to_vec()),
                (
                    "records/tissue-segmentation/unet/random-seed1.jsonl",
                    small_ledger(),
                ),
            ],
            ..Target::text("manifest-json", "manifest.json", vec![manifest()], WORDS)
        },
        read,
    );
}

/// The first thousand executions found that a name with a line break made a message of two lines.
#[test]
fn found_a_message_of_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "{\"sch\\nema\": 2}\n").unwrap();
    let message = ledger::read(&path).unwrap_err().to_string();
    assert!(message.contains("unknown field `sch\\nema`"), "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
}
