//! Whole reports of made-up records, read back from disk.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod agreement;
mod covered;
mod endpoint;
mod fair;
mod measures;
mod models;
mod own_task;
mod pictures;
mod ranks;
mod reached;
mod sample;
mod statistics;
mod stopping;

use slicewise_data::{Part, Task};
use slicewise_experiment::record::{FIRST, FULL, SCHEMA};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_report::{ReportError, write, write_results};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A record of Task 2 with these Dice values of Part B's cases, and no attention.
fn record(strategy: &str, seed: u64, ratio: f64, dice: &[f64]) -> RoundRecord {
    let cases = dice.iter().enumerate().map(|(index, &dice)| CaseRecord {
        dice: vec![("white matter".to_owned(), Some(dice))],
        mean_dice: Some(dice),
        r: vec![1.0, dice],
        uncertainty: vec![0.0, 1.0],
        foreground: vec![false, true],
        ..sample::unscored(format!("case-{index}"), Part::B)
    });
    RoundRecord {
        fold: None,
        evaluated: true,
        annotated_contour_mm: 0.0,
        schema: SCHEMA,
        task: Task::TISSUE_SEGMENTATION,
        model: "attention-unet".to_owned(),
        strategy: strategy.to_owned(),
        seed,
        round: usize::from(strategy != FIRST && strategy != FULL),
        ratio,
        annotated_slices: (100.0 * ratio) as u64,
        total_slices: 100,
        annotated_foreground_voxels: (500.0 * ratio) as u64,
        total_foreground_voxels: 1000,
        steps: 10,
        loss: 0.5,
        mean_p: None,
        converged: None,
        program_sha256: None,
        model_program_sha256: None,
        queries: Vec::new(),
        cases: cases.collect(),
    }
}

/// One column of the row that begins with these cells.
fn cell(dir: &Path, table: &str, begins: &str, column: &str) -> String {
    let table = rows(&read(dir, &format!("tables/{table}.csv")));
    let place = table[0].iter().position(|name| name == column).unwrap();
    let row = table.iter().find(|row| row.join(",").starts_with(begins));
    row.unwrap_or_else(|| panic!("{begins}: {table:?}"))[place].clone()
}

/// Records under the made-up manifest, with Task 2 and one model only.
fn small(seeds: &[u64], records: Vec<RoundRecord>) -> Results {
    let mut results = sample::sweep(seeds);
    results.manifest.models.truncate(1);
    results.manifest.data.remove(0);
    results.manifest.data[0].classes = vec!["background".to_owned(), "white matter".to_owned()];
    results.records = records;
    results
}

/// The report of `results` in a fresh folder.
fn report(results: &Results) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_results(results, dir.path()).unwrap();
    dir
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap()
}

/// A CSV without quoted cells, split.
fn rows(csv: &str) -> Vec<Vec<String>> {
    csv.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn tidy_table_2_is_what_a_hand_computes() {
    let dir = report(&small(
        &[0, 1, 2],
        vec![
            record("random", 0, 0.5, &[0.8, 0.9]),
            record("random", 1, 0.5, &[0.7, 0.8]),
            record("random", 2, 0.5, &[0.6, 0.9]),
            record(FULL, 0, 1.0, &[0.9, 1.0]),
            record(FULL, 1, 1.0, &[0.9, 1.0]),
        ],
    ));
    let table = rows(&read(dir.path(), "tables/table2.csv"));
    let columns = "task,part,strategy,ratio,mean,ci_low,ci_high,seeds,cases,steps,asked";
    assert_eq!(table[0].join(","), columns);
    assert_eq!(table.len(), 3, "{table:?}");

    // Two seeds: no interval.
    assert_eq!(table[1][..4].join(","), "tissue-segmentation,B,full,1.0");
    assert_eq!(table[1][5..].join(","), ",,2,2,10,1.0");

    // Means of seeds 0.85, 0.75, 0.75; sample deviation over √3 is 1/30; t(0.975, 2) = 4.3026527.
    assert_eq!(table[2][..4].join(","), "tissue-segmentation,B,random,0.5");
    assert_eq!(table[2][7..].join(","), "3,2,10,0.5");
    for (cell, expected) in table[2][4..7].iter().zip([0.783_333_33, 0.639_911_58, 0.926_755_09]) {
        let value: f64 = cell.parse().unwrap();
        assert!((value - expected).abs() < 1e-6, "{value} against {expected}");
    }
}

#[test]
fn table_2_of_the_sample_agrees_with_its_records() {
    let results = sample::sweep(&[0, 1, 2]);
    let dir = report(&results);
    let table = rows(&read(dir.path(), "tables/table2.csv"));
    // 2 tasks × 2 parts × (full + first + 3 × 3 + 9).
    assert_eq!(table.len() - 1, 2 * 2 * 20);
    for row in &table[1..] {
        let ratio: f64 = row[3].parse().unwrap();
        let (mut sum, mut n) = (0.0, 0);
        for record in &results.records {
            let same = record.task.name() == row[0]
                && record.strategy == row[2]
                && (record.ratio - ratio).abs() < 1e-9
                && record.model == "attention-unet";
            let cases =
                record.cases.iter().filter(|case| same && format!("{:?}", case.part) == row[1]);
            for case in cases {
                sum += case.mean_dice.unwrap();
                n += 1;
            }
        }
        let mean: f64 = row[4].parse().unwrap();
        assert!((mean - sum / f64::from(n)).abs() < 1e-9, "{row:?}");
        assert_eq!(row[7..10].join(","), format!("3,{},1350", if row[1] == "A" { 12 } else { 4 }));
    }
}

#[test]
fn the_papers_numbers_stand_in_columns_named_so() {
    let dir = report(&sample::sweep(&[0, 1, 2]));
    let markdown = read(dir.path(), "tables/table2.md");
    let cells = |start: &str| -> Vec<String> {
        let line = markdown.lines().find(|line| line.starts_with(start)).unwrap();
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let header = cells("| strategy");
    let row = cells("| attention-guided | 30\u{a0}%");
    let of = |name: &str| row[header.iter().position(|column| column == name).unwrap()].clone();
    assert_eq!(of("T2 B, paper"), "0.872");
    assert_eq!(of("T1 A, paper"), "0.984");
    assert!(of("T2 B").contains('±'));
    // The paper has no such row.
    assert!(cells("| random | 25\u{a0}%")[7..].iter().all(String::is_empty));
    assert!(read(dir.path(), "report.html").contains("paper (40 dHCP newborns)"));
}

#[test]
fn every_file_is_of_its_kind_and_listed() {
    let results = sample::sweep(&[0, 1, 2]);
    let dir = tempfile::tempdir().unwrap();
    let written = write_results(&results, dir.path()).unwrap();
    let mut endings = Vec::new();
    for path in &written {
        let bytes = fs::read(path).unwrap();
        let ending = path.extension().unwrap().to_str().unwrap();
        let head: &[u8] = match ending {
            "svg" => b"<svg",
            "png" => b"\x89PNG\r\n\x1a\n",
            "parquet" => b"PAR1",
            "html" => b"<!DOCTYPE html>",
            _ => b"",
        };
        assert!(bytes.starts_with(head), "{}", path.display());
        assert!(!String::from_utf8_lossy(&bytes).contains("NaN"), "{}", path.display());
        endings.push(ending.to_owned());
    }
    let count = |ending: &str| endings.iter().filter(|found| *found == ending).count();
    assert_eq!(["csv", "md", "parquet", "svg", "png", "html"].map(count), [13, 14, 13, 6, 6, 1]);
}

#[test]
fn the_short_table_2_has_the_papers_ratios_and_the_last() {
    let short = read(report(&sample::sweep(&[0, 1])).path(), "tables/table2-short.md")
        .replace('\u{a0}', " ");
    for row in [
        "| full annotation | 100 % |",
        "| random | 50 % |",
        "| attention-guided | 15 % |",
        "| attention-guided | 30 % |",
        "| attention-guided | 50 % |",
    ] {
        assert!(short.contains(row), "{row}: {short}");
    }
    for row in ["| random | 25 % |", "| attention-guided | 20 % |"] {
        assert!(!short.contains(row), "{row}: {short}");
    }
}

#[test]
fn the_page_is_one_file_that_fetches_nothing() {
    let page = read(report(&sample::sweep(&[0, 1, 2])).path(), "report.html");
    for fetched in ["src=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).collect();
    assert!(links.len() > 10, "a list of the sections");
    for link in links {
        let place = link.split('"').next().unwrap().strip_prefix('#').unwrap();
        assert!(page.contains(&format!("id=\"{place}\"")), "{place}");
    }
    assert_eq!(page.matches("<svg").count(), 6);
    assert!(!page.contains("sweep is incomplete"), "a whole sweep lacks nothing");
}

#[test]
fn one_seed_has_no_interval_anywhere() {
    let dir = report(&sample::sweep(&[7]));
    assert!(!read(dir.path(), "tables/table2.md").lines().skip(2).any(|line| line.contains('±')));
    let page = read(dir.path(), "report.html");
    assert!(page.contains("over 1 seed(s) and 4 case(s), too few to separate anything"));
    assert!(!page.contains("NaN"));
}

#[test]
fn an_incomplete_sweep_says_what_is_missing() {
    let mut results = sample::sweep(&[0, 1]);
    results.records.retain(|record| {
        let task_2 = record.task == Task::TISSUE_SEGMENTATION;
        let late = record.strategy == "attention-guided" && record.ratio > 0.42;
        let gone =
            record.strategy == "uncertainty" || (record.seed == 1 && record.strategy == FULL);
        !(task_2 && (gone || (late && record.seed == 1)))
    });
    let page = read(report(&results).path(), "report.html");
    for line in [
        "Task 2, model attention-unet, full: seed 1 missing",
        "Task 2, model attention-unet, uncertainty: no record",
        "Task 2, model attention-unet, attention-guided: seed 1 without 45\u{a0}%, 50\u{a0}%",
    ] {
        assert!(page.contains(line), "{line}");
    }
    assert!(!page.contains("Task 1, model attention-unet,"));

    results.records.retain(|record| record.task == Task::BRAIN_EXTRACTION);
    let page = read(report(&results).path(), "report.html");
    assert!(page.contains("Task 2, model attention-unet: no record"));

    // After its first seed a sweep reports of that one alone.
    let mut results = sample::sweep(&[0, 1, 2]);
    results.records.retain(|record| record.seed == 0);
    let page = read(report(&results).path(), "report.html");
    assert!(page.contains("<li>seed 1, 2: no record yet</li>"));
    assert!(!page.contains("seed 1 missing"), "it is said once");
}

#[test]
fn the_first_round_alone_makes_a_report() {
    let dir = report(&small(&[0], vec![record(FIRST, 0, 0.125, &[0.4, 0.5])]));
    assert_eq!(
        rows(&read(dir.path(), "tables/table2.csv"))[1][..4].join(","),
        "tissue-segmentation,B,first,0.12"
    );
}

#[test]
fn without_attention_there_is_no_fig_4_and_no_correlation() {
    let dir = report(&small(&[0], vec![record("random", 0, 0.5, &[0.8])]));
    assert!(!dir.path().join("figures/fig4.svg").exists());
    assert_eq!(rows(&read(dir.path(), "tables/agreement.csv")).len(), 1, "the header");
    assert!(!read(dir.path(), "report.html").contains("coefficient of"));
}

#[test]
fn findings_follow_the_records() {
    let sweep = |guided: [f64; 3]| {
        let mut records = Vec::new();
        for (seed, guided) in guided.into_iter().enumerate() {
            let (seed, wobble) = (seed as u64, 0.01 * seed as f64);
            records.push(record(FULL, seed, 1.0, &[0.85 + wobble; 2]));
            records.push(record("random", seed, 0.5, &[0.80 + wobble; 2]));
            records.push(record("attention-guided", seed, 0.3, &[guided; 2]));
            records.push(record("attention-guided", seed, 0.5, &[guided + 0.01; 2]));
        }
        read(report(&small(&[0, 1, 2], records)).path(), "report.html")
    };
    // Far above random in every seed, and at full annotation from 30 % on.
    let page = sweep([0.85, 0.861, 0.87]);
    assert!(page.contains(
        "at 30\u{a0}% (0.872 there) is no worse than any rival at 50\u{a0}%, holds here"
    ));
    assert!(page.contains("attention-guided has the best mean"));
    assert!(page.contains("so this sweep separates the two"));
    assert!(page.contains("random at none of its ratios; attention-guided at 30\u{a0}%"));
    // Below random by a hair, unevenly.
    let page = sweep([0.74, 0.82, 0.80]);
    assert!(page.contains("does not hold here"));
    assert!(page.contains("does not separate the two"));
}

#[test]
fn a_strategy_of_ones_own_is_in_tables_figures_and_page() {
    let results =
        small(&[0], vec![record("random", 0, 0.5, &[0.8]), record("my-own", 0, 0.5, &[0.9])]);
    let dir = report(&results);
    for file in ["tables/table2.csv", "tables/effort.md", "figures/fig5.svg", "report.html"] {
        assert!(read(dir.path(), file).contains("my-own"), "{file}");
    }
}

#[test]
fn a_column_has_one_number_of_decimals() {
    // 100 and 79.5 slices, 2 and 50 % of them.
    let mut records = vec![
        record("random", 0, 0.5, &[0.8]),
        record("random", 1, 0.5, &[0.8]),
        record(FULL, 0, 1.0, &[0.9]),
    ];
    (records[0].annotated_slices, records[1].annotated_slices) = (80, 79);
    let dir = report(&small(&[0, 1], records));
    let table = read(dir.path(), "tables/effort.md");
    // The share reached, of 50 % asked for.
    for cells in ["| 79.5 | 79.5\u{a0}% |", "| 100.0 | 100.0\u{a0}% |"] {
        assert!(table.contains(cells), "{table}");
    }
}

#[test]
fn thirty_strategies_keep_their_places() {
    let names: Vec<String> = (10..40).map(|index| format!("my-strategy-{index}")).collect();
    let records = names.iter().map(|name| record(name, 0, 0.5, &[0.8]));
    let dir = report(&small(&[0], records.collect()));
    let svg = read(dir.path(), "figures/fig5.svg");
    // Words stand below each other: the legend's last row is above the panels' titles.
    let height = |words: &str| -> f64 {
        let before = svg.split(&format!(">\n{words}\n")).next().unwrap();
        let y = before.rsplit(" y=\"").next().unwrap();
        y.split('"').next().unwrap().parse().unwrap()
    };
    // Eight have a colour and a name there, the others are grey.
    let last = height("22 other strategies");
    assert!(height(&names[7]) <= last && !svg.contains(names[8].as_str()));
    assert!(last + 20.0 < height("Task 2, tissue segmentation · Part A (training)"), "{last}");
    let page = read(dir.path(), "report.html");
    assert!(names.iter().all(|name| page.contains(name.as_str())));
    for mark in ["scope=\"row\"", "scope=\"col\"", "role=\"img\"", "<caption", "<summary>"] {
        assert!(page.contains(mark), "{mark}");
    }
}

#[test]
fn names_are_escaped() {
    let mut results = small(&[0], vec![record("random", 0, 0.5, &[0.8])]);
    results.manifest.name = "a<b>&c".to_owned();
    let dir = report(&results);
    for file in ["figures/fig5.svg", "report.html"] {
        let text = read(dir.path(), file);
        assert!(!text.contains("a<b>") && text.contains("a&lt;b"), "{file}");
    }
}

#[test]
fn a_folder_is_read_from_disk_and_an_empty_one_is_refused() {
    let results = sample::sweep(&[0]);
    let dir = tempfile::tempdir().unwrap();
    let manifest = serde_json::to_string(&results.manifest).unwrap();
    fs::write(dir.path().join("manifest.json"), manifest).unwrap();
    fs::write(dir.path().join("config.yaml"), &results.config).unwrap();
    let error = write(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::NoRecords { .. }), "{error}");
    for record in &results.records {
        let folder = dir.path().join("records").join(record.task.name()).join(&record.model);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}-seed{}.jsonl", record.strategy, record.seed));
        let before = fs::read_to_string(&file).unwrap_or_default();
        let line = serde_json::to_string(record).unwrap();
        fs::write(file, format!("{before}{line}\n")).unwrap();
    }
    let written = write(dir.path()).unwrap();
    assert!(written.iter().all(|file| file.starts_with(dir.path()) && file.is_file()));
    let table = |folder: &Path| read(folder, "tables/table2.csv");
    assert_eq!(table(dir.path()), table(report(&results).path()));
}
