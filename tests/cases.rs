//! The table of cases, and what a few thick slices can be asked for.

use crate::case_files::{diagonal, manifest, put, put_case, scan};
use crate::program::{run, slicewise, succeed};
use crate::tiny::TINY;
use std::fs;
use std::path::Path;

/// Writes an experiment on the manifest of a folder; `plan` is the plan of its task.
fn experiment(folder: &Path, plan: &str) -> String {
    let file = folder.join("e.yaml");
    let text = format!(
        "name: people\nquestion: Does it behave?\nseeds: [1]\ndevice: cpu\n\
         data: {{dataset: manifest, path: {}/manifest.csv, classes: [background, one, two]}}\n\
         models:\n  attention-unet: {{architecture: attention-unet, base_width: 4, levels: 2}}\n\
         training: {{crop: [4, 8, 8]}}\ntasks:\n  {plan}\n",
        folder.display()
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const TISSUES: &str = "tissue-segmentation: {first_every: 8, steps: {first: 2, round: 2}, \
                       strategies: {random: [0.5]}}";

#[test]
fn check_shows_every_case_and_points_at_the_odd_one() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |number, scan, truth, image, labels| {
        let z = if number == 1 { 10.0 } else { 1.0 };
        let affine = diagonal([-1.0, 1.0, z]);
        let labels = match number {
            2 => &labels.mapv(|class| class.min(1)),
            _ => labels,
        };
        put_case((scan, truth), (image, labels), &affine, |_| ());
    });
    let experiment = experiment(folder.path(), TISSUES);
    let cache = folder.path().join("cache");
    let check = |more: &[&str]| {
        let arguments = ["check", &experiment, "--cache"];
        succeed(slicewise(&arguments).arg(&cache).args(more))
    };
    let said = check(&[]);
    let rows: Vec<&str> = said.lines().take(6).collect();
    assert_eq!(
        rows,
        [
            "tissue-segmentation, the cases as they are stored:",
            "  case  part  voxels    size in mm  axes  intensities  one   two",
            "  s0    A     20×24×16  1×1×1       LAS   100 to 247   645   776",
            "  s1    A     20×24×16  1×1×10      LAS   100 to 247   661   794  ! spacing z 10.000 mm, \
             elsewhere 1.000; extent z 160.000 mm, elsewhere 16.000",
            "  s2    A     20×24×16  1×1×1       LAS   100 to 247   1493  0    ! no two",
            "  s3    B     20×24×16  1×1×1       LAS   100 to 248   695   832",
        ]
    );
    let found: serde_json::Value = serde_json::from_str(&check(&["--json"])).unwrap();
    let cases = found["tasks"][0]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    assert_eq!(cases[1]["spacing_mm"], serde_json::json!([1.0, 1.0, 10.0]));
    assert_eq!(cases[1]["orientation"], "LAS");
    assert_eq!(cases[3]["part"], "B");
    assert_eq!(cases[2]["marks"], serde_json::json!(["no two"]));
    assert_eq!(found["problems"], serde_json::json!([]));
    assert_eq!(found["cost"]["runs"], 3);
}

#[test]
fn check_in_json_holds_the_problems_too() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |number, scan, truth, image, labels| {
        put(scan, image, &diagonal([1.0; 3]), |_| ());
        let wrong = if number == 3 { 9 } else { 0 };
        put(
            truth,
            &labels.mapv(|class| class.max(wrong)),
            &diagonal([1.0; 3]),
            |_| (),
        );
    });
    let experiment = experiment(folder.path(), TISSUES);
    let (code, stdout, stderr) = run(&mut slicewise(&["check", &experiment, "--json"]));
    assert_eq!(code, 2, "{stdout}\n{stderr}");
    let found: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["tasks"][0]["cases"].as_array().unwrap().len(), 3);
    let problem = &found["problems"][0];
    assert!(problem["file"].as_str().unwrap().ends_with("s3_seg.nii.gz"));
    assert!(
        problem["problem"]
            .as_str()
            .unwrap()
            .contains("unknown label value 9")
    );
    assert!(stderr.contains("1 problem(s)"), "{stderr}");
}

#[test]
fn strategies_that_would_not_annotate_as_many_slices_are_named_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |number, image, truth, _, _| {
        let (voxels, labels) = scan(number, [16, 16, 12]);
        put_case(
            (image, truth),
            (&voxels, &labels),
            &diagonal([1.0; 3]),
            |_| (),
        );
    });
    let plan = "tissue-segmentation: {first_every: 8, start: few-volumes, \
                steps: {budget: 6, first: 2, round: 2}, report_at: [0.1875], \
                strategies: {coverage: , pooled: {strategy: coverage, budget: pool}}}";
    let experiment = experiment(folder.path(), plan);
    let cache = folder.path().join("cache");
    let said = succeed(slicewise(&["check", &experiment, "--cache"]).arg(cache));
    let warning = "warning: 18.8 % of the slices are asked for, but pooled has 18.8 % of the slices, coverage \
                   22.9 %: they stand side by side all the same; give all a budget of one kind, or another \
                   start\n";
    assert!(said.contains(warning), "{said}");
}

#[test]
fn few_thick_slices_are_said_to_be_more_than_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |number, image, truth, _, _| {
        let (voxels, labels) = scan(number, [5, 16, 12]);
        put_case(
            (image, truth),
            (&voxels, &labels),
            &diagonal([0.5, 0.5, 5.0]),
            |_| (),
        );
    });
    let plan = "tissue-segmentation: {first_every: 16, steps: {first: 2, round: 2}, \
                strategies: {random: [0.125, 0.5]}}";
    let experiment = experiment(folder.path(), plan);
    let (cache, out) = (folder.path().join("cache"), folder.path().join("out"));
    let said = succeed(slicewise(&["check", &experiment, "--cache"]).arg(&cache));
    for warning in [
        "warning: 6.25 % of the slices are asked for, 20 % is what volumes of 5 slices give; \
         tables show that\n",
        "warning: 12.5 % of the slices are asked for, 20 % is what",
        "warning: 50 % of the slices are asked for, 60 % is what",
        "warning: 6.25 % and 12.5 % of the slices are the same 20 %; leave one out\n",
    ] {
        assert!(said.contains(warning), "{warning}: {said}");
    }
    let sweep = ["sweep", &experiment, "--cache"];
    let (code, _, said) = run(slicewise(&sweep).arg(&cache).arg("--out").arg(&out));
    assert_eq!(code, 0, "{said}");
    let row = "s0    A     12×16×5  0.5×0.5×5   RAS";
    assert!(said.contains(row), "before it starts: {said}");
    let table = fs::read_to_string(out.join("tables/table2.csv")).unwrap();
    let reached: Vec<&str> = table
        .lines()
        .skip(1)
        .filter(|row| row.contains(",B,"))
        .map(|row| row.split(',').nth(3).unwrap())
        .collect();
    // Full annotation is evaluated at the steps of each of the others.
    assert_eq!(reached, ["1.0", "1.0", "1.0", "0.2", "0.200001", "0.6"]);
}

/// Experiments as they were written for the first programs.
#[test]
fn the_former_steps_of_full_annotation_are_read_and_said_to_be_unused() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |_, scan, truth, image, labels| {
        put_case((scan, truth), (image, labels), &diagonal([1.0; 3]), |_| ());
    });
    let plan = TISSUES.replace("first: 2,", "first: 2, full: 7,");
    let experiment = experiment(folder.path(), &plan);
    let cache = folder.path().join("cache");
    let said = succeed(slicewise(&["check", &experiment, "--cache"]).arg(&cache));
    let note = "note: tasks.tissue-segmentation.steps.full is used no more: full annotation is \
                evaluated at the steps of every point\n";
    assert!(said.contains(note), "{said}");
}

/// Scans of the healthy among those with lesions, in both parts.
#[test]
fn a_healthy_case_has_no_dice_and_is_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    manifest(folder.path(), |number, scan, truth, image, labels| {
        let labels = labels.mapv(|class| if number % 2 == 1 { 0 } else { class });
        put_case((scan, truth), (image, &labels), &diagonal([1.0; 3]), |_| ());
    });
    // Of Part A `s1` is healthy; of Part B `s3`, beside a sound one.
    let table = folder.path().join("manifest.csv");
    let rows = fs::read_to_string(&table).unwrap();
    fs::write(&table, rows.replace("s2_seg.nii.gz,,A", "s2_seg.nii.gz,,B")).unwrap();
    let experiment = experiment(folder.path(), TISSUES);
    let (cache, out) = (folder.path().join("cache"), folder.path().join("out"));
    let check = succeed(slicewise(&["check", &experiment, "--cache"]).arg(&cache));
    assert!(check.contains("0    0    ! no one; no two\n"), "{check}");
    let sweep = ["sweep", &experiment, "--cache"];
    succeed(slicewise(&sweep).arg(&cache).arg("--out").arg(&out));
    let records = fs::read_to_string(
        out.join("records/tissue-segmentation/attention-unet/random-seed1.jsonl"),
    );
    let record: serde_json::Value =
        serde_json::from_str(records.unwrap().lines().next().unwrap()).unwrap();
    let cases = record["cases"].as_array().unwrap();
    for case in cases {
        let healthy = ["s1", "s3"].contains(&case["case"].as_str().unwrap());
        assert_eq!(case["mean_dice"].is_null(), healthy, "{case}");
        let dice = case["dice"].as_array().unwrap();
        let null = |class: &serde_json::Value| class[1].is_null();
        assert!(!healthy || dice.iter().all(null), "{case}");
    }
    let read = |name: &str| fs::read_to_string(out.join(format!("tables/{name}.csv"))).unwrap();
    let healthy = read("healthy");
    let random = healthy
        .lines()
        .find(|row| row.contains(",random,"))
        .unwrap();
    assert_eq!(random.split(',').nth(3), Some("1"), "{healthy}");
    let table = read("table2");
    let random = table
        .lines()
        .find(|row| row.contains(",B,random,"))
        .unwrap();
    assert_eq!(
        random.split(',').nth(8),
        Some("1"),
        "one of two cases: {table}"
    );
}

/// Nobody should learn after hours that nothing can be told.
#[test]
fn an_endpoint_of_too_few_runs_is_warned_of_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.yaml");
    let named = TINY.replace(
        "seeds:",
        "endpoint: {against: random, ratios: [0.5]}\nseeds:",
    );
    let named = named.replace(
        "      random: [0.25, 0.5]",
        "      random: [0.5]\n      margin: [0.5]",
    );
    fs::write(&file, named).unwrap();
    let experiment = file.to_str().unwrap();
    let cache = folder.path().join("cache");
    let note = "note: endpoint: 1 run(s) of each strategy; below 3 no difference is tested\n";
    let said = succeed(slicewise(&["check", experiment, "--cache"]).arg(&cache));
    assert!(said.contains(note), "{said}");
}
