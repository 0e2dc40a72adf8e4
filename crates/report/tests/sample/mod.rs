//! A made-up sweep of plausible shape: two tasks, two models, four strategies, some seeds.
//! Nothing in it was measured.

use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL, SCHEMA};
use slicewise_experiment::{
    CaseRecord, DataManifest, Effort, Manifest, QueryRecord, Results, RoundRecord, Run,
};
use std::collections::{BTreeMap, BTreeSet};

const SLICES: usize = 64;
const PART_A: usize = 12;
const PART_B: usize = 4;
const TISSUES: [&str; 8] = [
    "CSF",
    "cortical grey matter",
    "white matter",
    "ventricles",
    "cerebellum",
    "deep grey matter",
    "brainstem",
    "hippocampi and amygdalae",
];

/// A whole sweep over `seeds`.
pub(crate) fn sweep(seeds: &[u64]) -> Results {
    let ids = |from: usize, n: usize| (from..from + n).map(|i| format!("baby-{i:02}")).collect();
    let data = Task::OF_PAPER.map(|task| DataManifest {
        task,
        definition: None,
        slice_axes: BTreeMap::new(),
        intensities: None,
        pooling: BTreeMap::new(),
        classes: classes(task),
        part_a: ids(1, PART_A),
        part_b: ids(1 + PART_A, PART_B),
        held_out: Vec::new(),
        folds: Vec::new(),
        sha256: "0123456789abcdef".repeat(4),
    });
    let mut records = Vec::new();
    for task in data.iter().map(|data| data.task) {
        for &seed in seeds {
            records.push(round(task, "attention-unet", FIRST, seed, 0, 1.0 / 16.0));
            for model in ["attention-unet", "unet"] {
                records.push(round(task, model, FULL, seed, 0, 1.0));
            }
            for strategy in ["random", "equal-interval", "uncertainty"] {
                for (index, ratio) in [0.125, 0.25, 0.5].into_iter().enumerate() {
                    records.push(round(task, "attention-unet", strategy, seed, index + 1, ratio));
                }
            }
            for index in 1..=9 {
                let ratio = 0.05 + 0.05 * index as f64;
                records.push(round(task, "attention-unet", "attention-guided", seed, index, ratio));
            }
        }
    }
    let runs: BTreeSet<Run> = records
        .iter()
        .map(|record: &RoundRecord| Run {
            task: record.task,
            model: record.model.clone(),
            strategy: record.strategy.clone(),
            seed: record.seed,
            fold: None,
        })
        .collect();
    Results {
        manifest: Manifest {
            schema: SCHEMA,
            name: "made-up-sweep".to_owned(),
            question: "Does attention-guided query need fewer annotated slices than its rivals?"
                .to_owned(),
            command: "slicewise sweep experiments/made-up.yaml --jobs 2".to_owned(),
            version: "0.1.0".to_owned(),
            commit: "0000000-made-up".to_owned(),
            program_sha256: String::new(),
            config_sha256: "fedcba9876543210".repeat(4),
            libtorch: "2.11.0".to_owned(),
            tch: "0.24.0".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            cpu: "sample".to_owned(),
            cores: 2,
            threads: 1,
            instructions: "AVX2".to_owned(),
            kernels: BTreeMap::new(),
            device: "cpu".to_owned(),
            precision: BTreeMap::new(),
            models: vec!["attention-unet".to_owned(), "unet".to_owned()],
            parameters: BTreeMap::new(),
            data: data.to_vec(),
            seeds: seeds.to_vec(),
            endpoint: None,
            effort: Effort::default(),
            runs: runs.into_iter().collect(),
        },
        config: config(&[("attention-unet", "attention-unet"), ("unet", "unet")]),
        records,
    }
}

/// As [`sweep`], with `n` strategies, of which the last is an oracle, and with the slices that each asked
/// for: eight a round, those of every second strategy from the ends.
pub(crate) fn many(seeds: &[u64], n: usize) -> Results {
    let mut results = sweep(seeds);
    let own = (4..n - 1).map(|place| format!("strategy-of-ones-own-{place:02}"));
    for (place, name) in own.chain(["oracle-most-error".to_owned()]).enumerate() {
        let rounds = results.records.iter().filter(|record| record.strategy == "random");
        let rounds: Vec<RoundRecord> = rounds.cloned().collect();
        for mut record in rounds {
            record.strategy.clone_from(&name);
            let shift = 0.03 * noise(place as u64 + 77);
            for (index, case) in record.cases.iter_mut().enumerate() {
                let wobble =
                    0.01 * noise((record.round * 31 + index + 7 * place) as u64 + record.seed);
                case.mean_dice = case.mean_dice.map(|dice| (dice + shift + wobble).min(0.999));
            }
            results.records.push(record);
        }
    }
    let mut names: Vec<String> = Vec::new();
    for record in &mut results.records {
        if [FIRST, FULL].contains(&record.strategy.as_str()) {
            continue;
        }
        if !names.contains(&record.strategy) {
            names.push(record.strategy.clone());
        }
        let place = names.iter().position(|name| *name == record.strategy).unwrap_or(0);
        let first = 4 * (record.round - 1) % (SLICES / 2);
        let slices = (first..first + 4).flat_map(|slice| match place % 2 {
            0 => [SLICES / 2 - 1 - slice, SLICES / 2 + slice],
            _ => [slice, SLICES - 1 - slice],
        });
        let slices: Vec<usize> = slices.collect();
        let cases = record.cases.iter().filter(|case| case.part == Part::A);
        let query = |case: &CaseRecord| {
            let (case, slices) = (case.case.clone(), slices.clone());
            QueryRecord { case, scores: vec![0.0; slices.len()], slices }
        };
        record.queries = cases.map(query).collect();
    }
    results
}

/// A configuration of models, each with its architecture.
pub(crate) fn config(models: &[(&str, &str)]) -> String {
    let models = models.iter().map(|(name, architecture)| {
        format!("  {name}:\n    architecture: {architecture}\n    levels: 4\n")
    });
    let models: String = models.collect();
    format!("name: made-up-sweep\nseeds:\n- 0\n- 1\nmodels:\n{models}")
}

/// As [`sweep`], of three attention heads and V-Net with full annotation and nothing else.
pub(crate) fn heads(seeds: &[u64]) -> Results {
    let mut results = sweep(seeds);
    let models =
        ["attention-unet", "attention-unsupervised-final-maps", "attention-last-features", "v-net"];
    results.manifest.models = models.map(str::to_owned).to_vec();
    let attention = |name| (name, if name == "v-net" { name } else { "attention-unet" });
    results.config = config(&models.map(attention));
    let full: Vec<RoundRecord> = results.records.drain(..).filter(|r| r.strategy == FULL).collect();
    for (place, model) in models.into_iter().enumerate() {
        let like = if model == "v-net" { "unet" } else { "attention-unet" };
        for record in full.iter().filter(|record| record.model == like) {
            let mut record = record.clone();
            record.model = model.to_owned();
            for case in &mut record.cases {
                // Heads whose P follows R less and less; the last one's turns the order around.
                let shift = place as f64;
                case.mean_dice = case.mean_dice.map(|dice| dice - 0.01 * shift);
                case.sr2_mean_dice = case.sr2_mean_dice.map(|dice| dice - 0.2 * shift);
                for (slice, p) in case.p.iter_mut().flatten().enumerate() {
                    let mix = 0.6 * shift;
                    *p = (1.0 - mix) * *p + mix * (0.5 + 0.3 * noise(slice as u64 + record.seed));
                }
            }
            results.records.push(record);
        }
        results.manifest.parameters.insert(
            model.to_owned(),
            BTreeMap::from([
                (Task::BRAIN_EXTRACTION, 100_000 + place as u64),
                (Task::TISSUE_SEGMENTATION, 200_000),
            ]),
        );
    }
    let runs = results.records.iter().map(|record| Run {
        task: record.task,
        model: record.model.clone(),
        strategy: record.strategy.clone(),
        seed: record.seed,
        fold: None,
    });
    results.manifest.runs = runs.collect();
    results
}

fn classes(task: Task) -> Vec<String> {
    let foreground: &[&str] = match task {
        Task::BRAIN_EXTRACTION => &["brain"],
        _ => &TISSUES,
    };
    std::iter::once("background").chain(foreground.iter().copied()).map(str::to_owned).collect()
}

fn round(
    task: Task,
    model: &str,
    strategy: &str,
    seed: u64,
    number: usize,
    ratio: f64,
) -> RoundRecord {
    let attention = model == "attention-unet";
    let (ceiling, drop) = match task {
        Task::BRAIN_EXTRACTION => (0.975, 0.10),
        _ => (0.845, 0.40),
    };
    let (worth, voxels_of_slice) = match strategy {
        "random" => (8.0, 1.0),
        "equal-interval" => (8.5, 1.0),
        "uncertainty" => (8.2, 1.6),
        "attention-guided" => (7.0, 0.7 + 0.6 * ratio),
        _ => (8.0, 1.0),
    };
    let wobble =
        |salt: u64| noise(seed * 7919 + number as u64 * 104_729 + salt + strategy.len() as u64);
    let dice = ceiling - drop * (-worth * ratio).exp() + 0.012 * wobble(1)
        - if attention { 0.0 } else { 0.02 };
    let voxels = (ratio * voxels_of_slice).min(1.0);
    let case = |index: usize, part: Part| {
        let bare = classes(task);
        let mean_dice =
            (dice + 0.01 * noise(index as u64 + 31) + if part == Part::A { 0.01 } else { 0.0 })
                .min(0.995);
        let spread = if task == Task::BRAIN_EXTRACTION { 0.0 } else { 0.02 };
        let profile: Vec<f64> = (0..SLICES)
            .map(|slice| {
                let off = (slice as f64 - 30.0).abs() / 34.0;
                (mean_dice + 0.08 - 0.45 * off.powi(3) + 0.05 * noise((slice * 37 + index) as u64))
                    .clamp(0.0, 1.0)
            })
            .collect();
        let foreground: Vec<bool> = (0..SLICES).map(|slice| (4..58).contains(&slice)).collect();
        let r: Vec<f64> =
            profile.iter().zip(&foreground).map(|(r, f)| if *f { *r } else { 1.0 }).collect();
        let p = r.iter().enumerate().map(|(slice, r)| {
            if foreground[slice] {
                (r + 0.06 * noise(slice as u64 * 11 + index as u64)).clamp(0.0, 1.0)
            } else {
                1.0
            }
        });
        CaseRecord {
            dice: bare[1..]
                .iter()
                .enumerate()
                .map(|(class, name)| {
                    (name.clone(), Some(mean_dice + spread * (3.5 - class as f64)))
                })
                .collect(),
            mean_dice: Some(mean_dice),
            sr2_mean_dice: attention.then_some(mean_dice - 0.03),
            uncertainty: (0..SLICES).map(|slice| 900.0 - (slice as f64 - 30.0).powi(2)).collect(),
            p: attention.then(|| p.collect()),
            r,
            foreground,
            annotated: if part == Part::A { vec![false; SLICES] } else { Vec::new() },
            ..unscored(format!("baby-{:02}", index + 1), part)
        }
    };
    RoundRecord {
        fold: None,
        evaluated: true,
        annotated_contour_mm: 0.0,
        schema: SCHEMA,
        task,
        model: model.to_owned(),
        strategy: strategy.to_owned(),
        seed,
        round: number,
        ratio,
        // Each share that is asked for is reached.
        annotated_slices: (10_000.0 * ratio).round() as u64,
        total_slices: 10_000,
        annotated_foreground_voxels: (1e6 * voxels) as u64,
        total_foreground_voxels: 1_000_000,
        steps: 1350,
        loss: 0.2,
        mean_p: attention.then_some(0.9),
        converged: (attention && number > 0).then_some(number > 4),
        program_sha256: None,
        model_program_sha256: None,
        queries: Vec::new(),
        cases: (0..PART_A)
            .map(|index| case(index, Part::A))
            .chain((PART_A..PART_A + PART_B).map(|index| case(index, Part::B)))
            .collect(),
    }
}

/// Repeatable noise in `[-1, 1]`.
fn noise(salt: u64) -> f64 {
    let mixed = (salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A record of a case that says nothing of it yet: without attention, classes and slices.
pub(crate) fn unscored(case: String, part: Part) -> CaseRecord {
    CaseRecord {
        case,
        part,
        dice: Vec::new(),
        unannotated_dice: Vec::new(),
        delivered_dice: Vec::new(),
        interpolated_dice: Vec::new(),
        hd95_mm: Vec::new(),
        own_grid: None,
        mean_dice: Some(0.0),
        sr2_mean_dice: None,
        p: None,
        r: Vec::new(),
        uncertainty: Vec::new(),
        foreground_entropy: Vec::new(),
        foreground: Vec::new(),
        true_voxels: Vec::new(),
        predicted_voxels: Vec::new(),
        annotated: Vec::new(),
    }
}
