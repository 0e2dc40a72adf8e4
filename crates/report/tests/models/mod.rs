//! Table 1 and the ablation of the attention head, worked by hand.

use super::statistics::{assert_cells, of_three, of_two, p_of};
use super::{read, record, report, rows, sample, small};
use slicewise_data::{Part, Task, TaskDefinition};
use slicewise_experiment::record::FULL;
use slicewise_experiment::{DataManifest, RoundRecord};
use std::collections::BTreeMap;

/// Full annotation of a model in three seeds of two Part B cases, in 256ths; Part A is one case
/// 16 above the first of them.
fn full(model: &str, dice: [[i32; 2]; 3]) -> Vec<RoundRecord> {
    let seeds = (0..).zip(dice);
    seeds
        .map(|(seed, dice)| {
            let dice = dice.map(|dice| f64::from(dice) / 256.0);
            let mut record = record(FULL, seed, 1.0, &dice);
            let mut training = record.cases[0].clone();
            training.part = Part::A;
            training.mean_dice = training.mean_dice.map(|dice| dice + 16.0 / 256.0);
            record.cases.push(training);
            record.model = model.to_owned();
            record.steps = 70 + seed;
            record
        })
        .collect()
}

#[test]
fn table_1_is_what_a_hand_computes() {
    let records = [
        full("attention-unet", [[128, 160], [144, 176], [160, 192]]),
        full("v-net", [[120, 152], [128, 160], [136, 168]]),
        full("unet", [[124, 156], [140, 172], [156, 188]]),
    ];
    let mut results = small(&[0, 1, 2], records.concat());
    results.manifest.models = ["attention-unet", "v-net", "unet"].map(str::to_owned).to_vec();
    let parameters = BTreeMap::from([(Task::TISSUE_SEGMENTATION, 1234)]);
    results.manifest.parameters.insert("v-net".to_owned(), parameters);
    results.config = sample::config(&[
        ("attention-unet", "attention-unet"),
        ("v-net", "unet"),
        ("unet", "my-own-network"),
    ]);
    let dir = report(&results);
    let table = rows(&read(dir.path(), "tables/table1.csv"));
    assert_eq!(
        table[0].join(","),
        "task,part,model,mean,ci_low,ci_high,seeds,cases,parameters,steps,difference,\
         difference_low,difference_high,p,p_holm,n,paper_model,paper"
    );
    let names: Vec<String> = table[1..].iter().map(|row| row[..3].join(" ")).collect();
    let expected = [
        "tissue-segmentation A attention-unet",
        "tissue-segmentation B attention-unet",
        "tissue-segmentation A v-net",
        "tissue-segmentation B v-net",
        "tissue-segmentation A unet",
        "tissue-segmentation B unet",
    ];
    assert_eq!(names, expected);

    let [primary, training, v_net, unet] = [2, 3, 4, 6].map(|row| &table[row]);
    assert_cells(&primary[3..6], &of_three([144.0, 160.0, 176.0].map(|n| n / 256.0)));
    assert_eq!(primary[6..].join(","), "3,2,,72,,,,,,,attention 3D U-Net,0.872");
    assert_cells(&training[3..6], &of_three([136.0, 144.0, 152.0].map(|n| n / 256.0)));
    assert_eq!(training[6..].join(","), "3,1,1234,72,,,,,,,3D U-Net,");

    // −8, −16, −24 on both cases: a t test over seeds. The other model is 4 below everywhere, which
    // is certain. Holm: 2 · 0, then the larger p as it is.
    let p = p_of(16.0 / (8.0 / 3_f64.sqrt()));
    assert_cells(&v_net[10..13], &of_three([-8.0, -16.0, -24.0].map(|n| n / 256.0)));
    assert_cells(&v_net[13..16], &[p, p, 6.0]);
    // The architecture counts, not the name that a user gave; the paper has no such network.
    assert_eq!(v_net[16..].join(","), "3D U-Net,0.848");
    assert_eq!(unet[16..].join(","), ",");
    assert_cells(&unet[10..16], &[-4.0 / 256.0, -4.0 / 256.0, -4.0 / 256.0, 0.0, 0.0, 6.0]);

    let markdown = read(dir.path(), "tables/table1.md");
    assert!(markdown.contains("| v-net | Task 2 | 1234 | 72 | 0.562 ± "), "{markdown}");
}

#[test]
fn a_further_model_stands_beside_the_first_at_each_ratio() {
    let of = |model: &str, more: f64| {
        let of = |seed: u64| {
            let base = [0.5, 0.625].map(|dice| dice + 0.03125 * seed as f64 + more);
            let mut record = record("equal-interval", seed, 0.25, &base);
            record.model = model.to_owned();
            record
        };
        [0, 1, 2].map(of)
    };
    let records = [of("plain", 0.0), of("taught", 0.125)].concat();
    let mut results = small(&[0, 1, 2], records);
    results.manifest.models = ["plain", "taught"].map(str::to_owned).to_vec();
    results.config = sample::config(&[("plain", "unet"), ("taught", "unet")]);
    let dir = report(&results);
    let table = rows(&read(dir.path(), "tables/models.csv"));
    assert_eq!(
        table[0].join(","),
        "task,model,against,strategy,ratio,mean,ci_low,ci_high,p,p_holm,seeds,cases,n"
    );
    assert_eq!(table.len(), 2);
    let place = "tissue-segmentation,taught,plain,equal-interval,0.25";
    assert_eq!(table[1][..5].join(","), place);
    // 0.125 above in every run and case, which is certain.
    assert_cells(&table[1][5..8], &[0.125, 0.125, 0.125]);
    // One model, or full annotation alone, has no such table.
    let alone = small(&[0, 1, 2], of("plain", 0.0).to_vec());
    assert!(!report(&alone).path().join("tables/models.csv").exists());
}

#[test]
fn a_plan_stands_beside_each_earlier_one_of_the_same_labels() {
    let (same, other) = (TaskDefinition::TISSUE_SEGMENTATION, TaskDefinition::BRAIN_EXTRACTION);
    let plans = [("a-plan", &same, 0.0), ("b-plan", &same, 0.125), ("c-labels", &other, 0.25)];
    let mut results = small(&[0, 1, 2], Vec::new());
    let data = results.manifest.data.remove(0);
    for (place, (name, definition, more)) in (0..).zip(plans) {
        let task: Task = name.parse().unwrap();
        let definition = Some(definition.clone());
        results.manifest.data.push(DataManifest { task, definition, ..data.clone() });
        results.records.extend([0, 1, 2].map(|seed| {
            let steps = 100 * (1 + place);
            let record = record("random", seed, 0.25, &[0.5 + more, 0.625 + more]);
            RoundRecord { task, steps, ..record }
        }));
    }
    let table = rows(&read(report(&results).path(), "tables/models.csv"));
    assert_eq!(table.len(), 2, "{table:?}");
    assert_eq!(table[1][..5].join(","), "b-plan,attention-unet,a-plan,random,0.25");
    assert_cells(&table[1][5..8], &[0.125, 0.125, 0.125]);
}

#[test]
fn models_alone_make_a_page_that_begins_with_table_1() {
    let dir = report(&sample::heads(&[0, 1, 2]));
    let page = read(dir.path(), "report.html");
    let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words}"));
    assert!(place("Table 1: full annotation") < place("<svg"));
    for empty in [
        "Table 2:",
        "What had to be annotated",
        "Minimum labelling cost",
        "The stop rule",
        "Statistics between",
        "sweep is incomplete",
    ] {
        assert!(!page.contains(empty), "{empty}");
    }
    for absent in ["fig5", "voxels", "penalty"] {
        assert!(!dir.path().join(format!("figures/{absent}.svg")).exists(), "{absent}");
    }
    let figure = read(dir.path(), "figures/heads.svg");
    assert!(figure.contains("attention-unsupervised-final-maps") && !figure.contains("v-net"));
    let table = read(dir.path(), "tables/table1.csv");
    assert!(table.contains("attention 3D U-Net,0.872") && table.contains("V-Net,0.975"));
}

/// A round of one case and four slices, of which the first has no foreground; P rises from slice
/// to slice and R is `r`.
fn with_attention(
    model: &str,
    strategy: &str,
    seed: u64,
    ratio: f64,
    r: [f64; 4],
    dice: f64,
) -> RoundRecord {
    let mut record = record(strategy, seed, ratio, &[dice]);
    record.model = model.to_owned();
    let case = &mut record.cases[0];
    case.sr2_mean_dice = Some(dice - 0.25);
    case.p = Some(vec![0.1, 0.2, 0.3, 0.4]);
    case.uncertainty = vec![4.0, 3.0, 2.0, 1.0];
    case.r = r.to_vec();
    case.foreground = vec![false, true, true, true];
    record
}

#[test]
fn heads_are_what_a_hand_computes() {
    let swapped = [0.1, 0.2, 0.4, 0.3];
    let (same, turned) = ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]);
    let records = vec![
        with_attention("attention-unet", "random", 0, 0.25, turned, 0.5),
        with_attention("attention-unet", "random", 0, 0.5, swapped, 0.5),
        with_attention("attention-unet", "random", 1, 0.5, same, 0.75),
        with_attention("other-head", "random", 0, 0.5, turned, 0.25),
        with_attention("other-head", FULL, 0, 1.0, turned, 0.25),
    ];
    let mut results = small(&[0, 1], records);
    results.manifest.models.push("other-head".to_owned());
    let dir = report(&results);
    let table = rows(&read(dir.path(), "tables/heads.csv"));
    assert_eq!(table[0].join(","), "task,model,strategy,ratio,measure,mean,ci_low,ci_high,seeds,n");
    assert_eq!(table.len() - 1, 4 * 4);
    let find = |model: &str, ratio: &str, measure: &str| {
        let row = table.iter().find(|row| row[1] == model && row[3] == ratio && row[4] == measure);
        row.unwrap_or_else(|| panic!("{model} {ratio} {measure}"))[5..].to_vec()
    };
    // Two neighbours swapped: 1 − 6 · 2 / (4 · 15) of four slices, 1 − 6 · 2 / (3 · 8) of three.
    let head = |measure| find("attention-unet", "0.5", measure);
    for (measure, [a, b], n) in [
        ("spearman_all", [0.8, 1.0], 4.0),
        ("spearman_foreground", [0.5, 1.0], 3.0),
        ("sr1_dice", [0.5, 0.75], 2.0),
        ("sr2_dice", [0.25, 0.5], 2.0),
    ] {
        let expected = [of_two(a, b).as_slice(), [2.0, n].as_slice()].concat();
        assert_cells(&head(measure), &expected);
    }
    let other = find("other-head", "0.5", "spearman_all");
    assert_cells(&other[..1], &[-1.0]);
    assert_eq!(other[1..].join(","), ",,1,4", "one seed");

    // The last rounds and full annotation only.
    let markdown = read(dir.path(), "tables/heads.md");
    assert!(
        !markdown.contains("25\u{a0}%")
            && markdown.contains("| other-head | full annotation | Task 2 | 100")
    );
    // The one round that both heads have.
    let figure = read(dir.path(), "figures/heads.svg");
    assert!(figure.contains("random at 50\u{a0}%") && !figure.contains("full annotation"));
    assert!(figure.contains("attention-unet") && figure.contains("other-head"));
}

#[test]
fn one_head_is_no_ablation() {
    let dir = report(&sample::sweep(&[0, 1]));
    assert!(!dir.path().join("tables/heads.csv").exists());
    assert!(!dir.path().join("figures/heads.svg").exists());
    assert!(!read(dir.path(), "report.html").contains("Attention heads"));
}
