//! Figs. 3 and 6 of volumes made by hand.

use super::{read, sample};
use slicewise_data::{Geometry, Image, LabelMap, Task, Volume, nifti, phantom};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::{Results, ResultsFolder, Run};
use slicewise_report::{ReportError, write_results};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

/// Where the ventricles, class 4, are largest.
const FULLEST: usize = 9;

/// A grid with voxels twice as high as wide on the page, its values from `[z, y, x]`.
fn volume<T: Copy>(value: impl Fn(usize, usize, usize) -> T) -> Volume<T> {
    static GRID: LazyLock<LabelMap> = LazyLock::new(|| phantom::generate(1, 0, 8.0).tissue);
    let mut voxels = GRID.voxels.mapv(|_| value(0, 0, 0));
    for ((z, y, x), voxel) in voxels.indexed_iter_mut() {
        *voxel = value(z, y, x);
    }
    Volume { voxels, geometry: Geometry::axis_aligned([4.0, 2.0, 1.0]) }
}

fn scan() -> Image {
    volume(|z, y, x| (z + 3 * y + 5 * x) as f32)
}

/// Classes in pairs of columns from left to right, each a voxel further anterior, 6 to 8 above each
/// other in the last; the ventricles once more in front, on one slice.
fn truth() -> LabelMap {
    volume(|z, y, x| match x / 2 {
        _ if !(4..12).contains(&z) => 0,
        class @ 1..=6 if (class + 2..class + 7).contains(&y) => match class {
            6 if z < 7 => 6,
            6 if z < 9 => 7,
            6 => 8,
            class => class as u8,
        },
        5 if z == FULLEST && y == 13 => 4,
        _ => 0,
    })
}

/// Keeps pictures of both tasks, as a sweep does; `what` for each round's `sr1` and `attention`.
fn keep(results: &Results, dir: &Path, what: &[&str]) {
    let folder = ResultsFolder::new(dir);
    let binary = volume_of(&truth(), |class| u8::from(class != 0));
    for data in &results.manifest.data {
        let labels = match data.task {
            Task::BRAIN_EXTRACTION => binary.clone(),
            _ => truth(),
        };
        let image = folder.picture_of_case(data.task, "image");
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        nifti::write_image(&image, &scan()).unwrap();
        nifti::write_labels(&folder.picture_of_case(data.task, "labels"), &labels).unwrap();
        for record in &results.records {
            let drawn = [FIRST, FULL, "attention-guided"].contains(&record.strategy.as_str());
            let primary = record.model == results.manifest.models[0];
            if record.task != data.task || record.seed != 0 || !drawn || !primary {
                continue;
            }
            for what in what {
                let path = folder.picture(&run_of(data.task, &record.strategy), record.round, what);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let kept = match *what {
                    "sr1" => labels.clone(),
                    _ => volume_of(&labels, |class| if class == 4 { 255 } else { 0 }),
                };
                nifti::write_labels(&path, &kept).unwrap();
            }
        }
    }
}

fn volume_of(labels: &LabelMap, value: impl Fn(u8) -> u8) -> LabelMap {
    LabelMap { voxels: labels.voxels.mapv(value), geometry: labels.geometry.clone() }
}

fn run_of(task: Task, strategy: &str) -> Run {
    Run {
        task,
        model: "attention-unet".to_owned(),
        strategy: strategy.to_owned(),
        seed: 0,
        fold: None,
    }
}

/// A made-up sweep with pictures in its folder.
fn pictured() -> (Results, TempDir) {
    let results = sample::sweep(&[0, 1]);
    let dir = tempfile::tempdir().unwrap();
    keep(&results, dir.path(), &["sr1", "attention"]);
    (results, dir)
}

/// Colours of the filled areas of a figure.
fn fills(svg: &str) -> Vec<&str> {
    let paths = svg.lines().filter(|line| line.starts_with("<path"));
    paths.map(|line| line.split("fill=\"").nth(1).unwrap().split('"').next().unwrap()).collect()
}

/// The colour beside `name` in a legend.
fn legend_fill<'a>(svg: &'a str, name: &str) -> &'a str {
    let before = svg.split(&format!("\n{name}\n")).next().unwrap();
    let rect = before.lines().rfind(|line| line.starts_with("<polygon")).unwrap();
    rect.split("fill=\"").nth(1).unwrap().split('"').next().unwrap()
}

/// The first rectangle of the first area of this colour: left, top, width, height.
fn first_rectangle(svg: &str, fill: &str) -> [f64; 4] {
    let path = svg.lines().find(|line| line.starts_with("<path") && line.contains(fill)).unwrap();
    let drawn = path.split("d=\"M").nth(1).unwrap();
    let numbers: Vec<f64> =
        drawn.split(['h', 'v', ' ']).take(4).map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn fig_3_shows_the_fullest_slice_after_rounds_up_to_the_last() {
    let (results, dir) = pictured();
    write_results(&results, dir.path()).unwrap();
    let svg = read(dir.path(), "figures/fig3.svg");
    for words in [
        "Attention for ventricles, round after round",
        "Task 2 · case baby-13 · axial slice 9 ",
        "first round (shared)",
        "\n6.25\u{a0}% of slices\n",
        "\n20\u{a0}% of slices\n",
        "\n35\u{a0}% of slices\n",
        "\n50\u{a0}% of slices\n",
        "attention map",
        "commit 0000000-made-up",
        "the first seed, no interval",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert_eq!(svg.matches("% of slices").count(), 4);
    let last = results.records.iter().find(|record| {
        record.task == Task::TISSUE_SEGMENTATION
            && record.strategy == "attention-guided"
            && record.ratio > 0.49
    });
    let case = last.unwrap().cases.iter().find(|case| case.case == "baby-13");
    let (_, dice) = &case.unwrap().dice[3];
    assert!(svg.contains(&format!("\nDice {:.3}\n", dice.unwrap())));
    // The ends of the attention scale, beside the ventricles' own colour.
    for color in ["#00224E", "#FEE838", "#332288"] {
        assert!(fills(&svg).contains(&color), "{color}");
    }
}

#[test]
fn fig_6_has_a_column_a_round_with_the_cases_dice() {
    let (results, dir) = pictured();
    write_results(&results, dir.path()).unwrap();
    let svg = read(dir.path(), "figures/fig6.svg");
    for (strategy, ratio) in [
        (FIRST, 1.0 / 16.0),
        ("attention-guided", 0.15),
        ("attention-guided", 0.30),
        ("attention-guided", 0.50),
        (FULL, 1.0),
    ] {
        let record = results.records.iter().find(|record| {
            record.task == Task::TISSUE_SEGMENTATION
                && record.strategy == strategy
                && (record.ratio - ratio).abs() < 1e-9
        });
        let case = record.unwrap().cases.iter().find(|case| case.case == "baby-13");
        let dice = format!("\nDice {:.3}\n", case.unwrap().mean_dice.unwrap());
        assert!(svg.contains(&dice), "{strategy} {ratio} {dice}");
    }
    assert_eq!(svg.matches("\nDice 0.").count(), 2 * 5);
    // 30, 50 and 70 % of slices 4 to 11.
    for slice in ["\nslice 6\n", "\nslice 8\n", "\nslice 9\n"] {
        assert!(svg.contains(slice), "{slice}");
    }
    let page = read(dir.path(), "report.html");
    assert_eq!(page.matches("neurological orientation").count(), 2);
}

#[test]
fn legend_and_map_have_one_colour_a_class() {
    let (results, dir) = pictured();
    write_results(&results, dir.path()).unwrap();
    let svg = read(dir.path(), "figures/fig6.svg");
    let names = &results.manifest.data[1].classes[1..];
    let mut colors: Vec<&str> = names.iter().map(|name| legend_fill(&svg, name)).collect();
    for (name, color) in names.iter().zip(&colors) {
        assert!(fills(&svg).contains(color), "{name} {color}");
    }
    let hippocampi = colors[7].to_owned();
    colors.sort_unstable();
    colors.dedup();
    assert_eq!(colors.len(), 8);

    // A class that no volume has is in the legend alone.
    let bare = |labels: &LabelMap| volume_of(labels, |class| if class == 8 { 0 } else { class });
    let folder = ResultsFolder::new(dir.path());
    let task = Task::TISSUE_SEGMENTATION;
    nifti::write_labels(&folder.picture_of_case(task, "labels"), &bare(&truth())).unwrap();
    for record in &results.records {
        let path = folder.picture(&run_of(task, &record.strategy), record.round, "sr1");
        if path.exists() {
            nifti::write_labels(&path, &bare(&truth())).unwrap();
        }
    }
    write_results(&results, dir.path()).unwrap();
    let svg = read(dir.path(), "figures/fig6.svg");
    assert_eq!(legend_fill(&svg, &names[7]), hippocampi);
    assert!(!fills(&svg).contains(&hippocampi.as_str()));
}

#[test]
fn anterior_is_up_right_is_right_and_voxels_keep_their_shape() {
    let (mut results, dir) = pictured();
    results.manifest.data.retain(|data| data.task == Task::TISSUE_SEGMENTATION);
    write_results(&results, dir.path()).unwrap();
    let svg = read(dir.path(), "figures/fig6.svg");
    let names = &results.manifest.data[0].classes;
    let of = |class: usize| first_rectangle(&svg, legend_fill(&svg, &names[class]));
    let ([left, top, width, height], [right, upper, ..]) = (of(1), of(5));
    assert!(left < right, "class 5 lies further right");
    assert!(upper < top, "class 5 lies further anterior");
    // Two voxels of 1 mm wide, one of 2 mm high; corners are rounded to tenths of a point.
    assert!((width - height).abs() < 0.25, "{width} × {height}");
}

#[test]
fn without_pictures_there_is_no_figure_of_them() {
    let results = sample::sweep(&[0]);
    let figures = |what: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        if !what.is_empty() {
            keep(&results, dir.path(), what);
        }
        write_results(&results, dir.path()).unwrap();
        ["fig3", "fig6"].map(|name| dir.path().join(format!("figures/{name}.svg")).exists())
    };
    assert_eq!(figures(&[]), [false, false]);
    assert_eq!(figures(&["sr1"]), [false, true]);
    assert_eq!(figures(&["attention"]), [false, false]);
}

#[test]
fn a_damaged_or_foreign_picture_is_one_clear_error() {
    let (results, dir) = pictured();
    let folder = ResultsFolder::new(dir.path());
    let path = folder.picture(&run_of(Task::TISSUE_SEGMENTATION, FULL), 0, "sr1");
    let whole = fs::read(&path).unwrap();
    let refused = |problem: &str| {
        let error = write_results(&results, dir.path()).unwrap_err();
        assert!(matches!(error, ReportError::Picture(_)), "{error}");
        let message = error.to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert!(message.contains(problem) && !message.contains('\n'), "{message}");
    };
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused("truncated gzip stream");

    let mut phantom = phantom::generate(1, 0, 7.0).tissue;
    phantom.voxels.fill(0);
    nifti::write_labels(&path, &phantom).unwrap();
    refused("expected the shape");

    nifti::write_labels(&path, &volume_of(&truth(), |class| 3 * class)).unwrap();
    refused("unknown label value 9 in");

    fs::write(&path, &whole).unwrap();
    write_results(&results, dir.path()).unwrap();
}
