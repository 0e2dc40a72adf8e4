//! What `check` says of the cases, and `sweep` before it starts: a table of what each is like as it is
//! stored, with a mark at what stands out, and what became of them.

use crate::config::ExperimentConfig;
use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use crate::segmenter;
use slicewise_data::{Case, CaseFacts, IntensityScale, Part, SliceAxis, Task, TaskData};
use slicewise_experiment::record::{FIRST, FULL};
use slicewise_experiment::uneven::Shares;
use slicewise_experiment::{PreparedRun, ResultsFolder, Run};
use std::collections::BTreeMap;
use std::path::Path;

/// The most rows on a terminal unless all are asked for.
const MOST_ROWS: usize = 30;

/// A share is missed where what is reached differs by more than this share of it.
const FAR_OFF: f64 = 0.15;

/// With more foreground classes than this a row has the foreground as a whole.
const MOST_CLASSES: usize = 4;

/// Writes the table, a line a case, its columns aligned. `part_of` names the part or fold of a case.
/// Unless `all` are asked for, at most some thirty cases are shown, those with a mark first of all.
fn table(
    cases: &[CaseFacts],
    classes: &[String],
    all: bool,
    part_of: impl Fn(&CaseFacts) -> String,
) -> String {
    let shown = shown(cases, all);
    let foreground = classes.get(1..).unwrap_or_default();
    let few = foreground.len() <= MOST_CLASSES;
    let mut header = vec![
        "case",
        "part",
        "voxels",
        "size in mm",
        "axes",
        "intensities",
    ];
    match few {
        true => header.extend(foreground.iter().map(String::as_str)),
        false => header.push("foreground"),
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for case in &shown {
        let by = |values: [String; 3]| values.join("×");
        let mut row = vec![
            case.case.clone(),
            part_of(case),
            by(case.shape.map(|length| length.to_string())),
            by(case.spacing_mm.map(short)),
            case.orientation.clone(),
            case.intensities
                .map(|value| short(f64::from(value)))
                .join(" to "),
        ];
        let voxels = case.voxels.get(1..).unwrap_or_default();
        match few {
            true => row.extend(voxels.iter().map(u64::to_string)),
            false => row.push(voxels.iter().sum::<u64>().to_string()),
        }
        rows.push(row);
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let marks =
        std::iter::once(String::new()).chain(shown.iter().map(|case| case.marks.join("; ")));
    let mut text = String::new();
    for (row, marks) in rows.iter().zip(marks) {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, &width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let marks = if marks.is_empty() {
            marks
        } else {
            format!("  ! {marks}")
        };
        text.push_str(&format!("  {}\n", format!("{line}{marks}").trim_end()));
    }
    let hidden = cases.len() - shown.len();
    if hidden > 0 {
        text.push_str(&format!(
            "  … and {hidden} more; `slicewise check --all` shows every case\n"
        ));
    }
    text
}

/// Names the part of a case, or with `folds` the one in which it is unseen. Those of `held_out` are
/// marked.
fn part_or_fold(case: &CaseFacts, folds: &[Vec<String>], held_out: &[String]) -> String {
    let fold = folds.iter().position(|fold| fold.contains(&case.case));
    let held = held_out.contains(&case.case);
    match (fold, case.part) {
        (Some(fold), _) if held => format!("fold {}, held out", fold + 1),
        (Some(fold), _) => format!("fold {}", fold + 1),
        (None, Some(Part::A)) if held => "held out".to_owned(),
        (None, Some(Part::A)) => "A".to_owned(),
        (None, Some(Part::B)) => "B".to_owned(),
        (None, None) => "?".to_owned(),
    }
}

/// Says where an experiment asks for a share of slices that its volumes cannot give, or for two that
/// come to the same, a line each.
pub(crate) fn missed_shares(
    config: &ExperimentConfig,
    folder: &ResultsFolder,
    data: &TaskData,
    runs: &[Run],
) -> Vec<String> {
    let plan = &config.tasks[&data.task];
    let first = |run: &&Run| run.fold.is_none_or(|fold| fold == 1) && run.strategy != FULL;
    let own = runs
        .iter()
        .filter(|run| run.task == data.task)
        .filter(first);
    let mut shares: BTreeMap<u64, f64> = BTreeMap::new();
    let mut of_strategies: BTreeMap<u64, Shares> = BTreeMap::new();
    for id in own {
        let pictured = false;
        let run = PreparedRun {
            folder,
            id,
            plan,
            data,
            pictured,
        };
        for (asked, got) in run.shares() {
            // Ratios in (0, 1] sort as their bits do.
            let bits = asked.to_bits();
            let farthest = shares.entry(bits).or_insert(got);
            if (got - asked).abs() > (*farthest - asked).abs() {
                *farthest = got;
            }
            if id.strategy != FIRST && id.seed == config.seeds[0] {
                let of = of_strategies.entry(bits).or_default();
                of.add(got, &id.strategy);
            }
        }
    }
    let shares: Vec<(f64, f64)> = shares
        .into_iter()
        .map(|(bits, got)| (f64::from_bits(bits), got))
        .collect();
    let depths = data.cases.iter().filter(|case| case.part == Part::A);
    let depths = depths.map(|case| case.labels.voxels.dim().0);
    let (thinnest, thickest) = (depths.clone().min().unwrap_or(0), depths.max().unwrap_or(0));
    let depths = match thinnest == thickest {
        true => thinnest.to_string(),
        false => format!("{thinnest} to {thickest}"),
    };
    let percent = |share: f64| format!("{} %", short(100.0 * share));
    let missed = shares
        .iter()
        .filter(|(asked, got)| (got / asked - 1.0).abs() > FAR_OFF);
    let mut lines: Vec<String> = missed
        .map(|(asked, got)| {
            format!(
                "{} of the slices are asked for, {} is what volumes of {depths} slices give; tables \
                 show that",
                percent(*asked),
                percent(*got)
            )
        })
        .collect();
    lines.extend(
        shares
            .windows(2)
            .filter(|pair| pair[0].1 >= pair[1].1)
            .map(|pair| {
                format!(
                    "{} and {} of the slices are the same {}; leave one out",
                    percent(pair[0].0),
                    percent(pair[1].0),
                    percent(pair[1].1)
                )
            }),
    );
    lines.extend(of_strategies.into_iter().filter_map(|(asked, of)| {
        Some(format!(
            "{} of the slices are asked for, but {}: they stand side by side all the same; give all a \
             budget of one kind, or another start",
            percent(f64::from_bits(asked)),
            of.uneven()?
        ))
    }));
    lines
}

/// Shows what the cases are like that a sweep is about to begin with, and what its endpoint can hardly
/// tell. Phantoms are not shown: they are what the experiment says.
pub(crate) fn show(config: &ExperimentConfig, cache: &Path) -> Outcome {
    if let Some(warning) = config.endpoint_warning() {
        notice(format_args!("note: {warning}"));
    }
    for &task in config.tasks.keys() {
        let definition = config.definition(task)?;
        let facts = slicewise_data::survey(task, &definition, &config.data, cache);
        let survey = facts.map_err(Failure::input)?;
        if let Some(text) = stored(config, task, &survey.cases, &survey.classes, false)? {
            notice(text);
        }
    }
    Ok(())
}

/// Returns the cases of a task in a table with its heading; `None` without cases.
pub(crate) fn stored(
    config: &ExperimentConfig,
    task: Task,
    cases: &[CaseFacts],
    classes: &[String],
    all: bool,
) -> Outcome<Option<String>> {
    if cases.is_empty() {
        return Ok(None);
    }
    // Folds that cannot be dealt are a problem of their own.
    let folds = slicewise_data::folds(&config.definition(task)?, &config.data).unwrap_or_default();
    let held_out = config.data.held_out.as_deref().unwrap_or_default();
    let table = table(cases, classes, all, |case| {
        part_or_fold(case, &folds, held_out)
    });
    let heading = format!("{}, the cases as they are stored:", task.name());
    Ok(Some(format!("{heading}\n{}", table.trim_end())))
}

/// Says how many cases are cut in which plane.
pub(crate) fn planes(cases: &[Case]) -> String {
    let axes = [SliceAxis::Axial, SliceAxis::Sagittal, SliceAxis::Coronal];
    let counts = axes.map(|axis| {
        let of_axis = |case: &&Case| case.labels.geometry.slice_axis() == axis;
        (axis, cases.iter().filter(of_axis).count())
    });
    let there = counts.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = there
        .map(|(axis, count)| format!("{count} case(s) in {}", axis.words()))
        .collect();
    let mixed = if words.len() > 1 {
        "mixed planes: "
    } else {
        ""
    };
    format!("{mixed}{}", words.join(", "))
}

/// Says how the intensities of every case were scaled.
pub(crate) fn intensities(scale: &IntensityScale) -> String {
    let IntensityScale {
        low,
        high,
        zero,
        unit,
    } = scale;
    format!(
        "intensities in HU: clipped to {low:.1} and {high:.1}, minus {zero:.1}, divided by {unit:.1}"
    )
}

/// Says which axes a model's levels halve.
pub(crate) fn pooling(model: &str, strides: &[[usize; 3]], data: &TaskData) -> String {
    let [d, h, w] = segmenter::median_spacing_mm(data);
    format!(
        "{model}: pooled by {strides:?} ([D, H, W] from level to level), for voxels of {d:.2} × \
         {h:.2} × {w:.2} mm"
    )
}

/// Chooses what there is room for, in the order of the cases: those with a mark before others.
fn shown(cases: &[CaseFacts], all: bool) -> Vec<&CaseFacts> {
    let most = if all { cases.len() } else { MOST_ROWS };
    let marked = cases
        .iter()
        .filter(|case| !case.marks.is_empty())
        .count()
        .min(most);
    let (mut marked, mut plain) = (marked, most - marked);
    let chosen = cases.iter().filter(|case| {
        let room = if case.marks.is_empty() {
            &mut plain
        } else {
            &mut marked
        };
        let fits = *room > 0;
        *room = room.saturating_sub(1);
        fits
    });
    chosen.collect()
}

/// Writes a number with at most four digits that count.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 1000.0 => 0,
        large if large >= 10.0 => 1,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(case: &CaseFacts) -> String {
        part_or_fold(case, &[], &[])
    }

    fn case(number: usize, marks: &[&str]) -> CaseFacts {
        CaseFacts {
            case: format!("case-{number}"),
            part: Some(if number == 0 { Part::B } else { Part::A }),
            shape: [217, 290, 290],
            spacing_mm: [0.859_375, 0.859_375, 10.0],
            orientation: "LAS".to_owned(),
            intensities: [-1024.0, 3071.5],
            voxels: vec![1000, 20, 3],
            content: 0,
            marks: marks.iter().map(|&mark| mark.to_owned()).collect(),
        }
    }

    #[test]
    fn a_row_says_what_a_case_is_like_and_what_stands_out() {
        let cases = [
            case(0, &[]),
            case(1, &["no two", "spacing z 10.000 mm, elsewhere 1.000"]),
        ];
        let classes = ["background", "one", "two"].map(str::to_owned);
        assert_eq!(
            table(&cases, &classes, false, part),
            "  case    part  voxels       size in mm      axes  intensities    one  two\n  \
             case-0  B     217×290×290  0.859×0.859×10  LAS   -1024 to 3072  20   3\n  \
             case-1  A     217×290×290  0.859×0.859×10  LAS   -1024 to 3072  20   3    ! no two; \
             spacing z 10.000 mm, elsewhere 1.000\n"
        );
        let many: Vec<String> = (0..9).map(|class| format!("class {class}")).collect();
        let folds = [vec!["case-1".to_owned()], vec!["case-0".to_owned()]];
        assert_eq!(part_or_fold(&cases[0], &folds, &[]), "fold 2");
        let held = ["case-0", "case-1"].map(str::to_owned);
        assert_eq!(part_or_fold(&cases[0], &folds, &held), "fold 2, held out");
        assert_eq!(part_or_fold(&cases[1], &[], &held), "held out");
        assert!(table(&cases, &many, false, part).contains("intensities    foreground\n"));
    }

    #[test]
    fn of_many_cases_those_with_a_mark_are_shown() {
        let mut cases: Vec<CaseFacts> = (0..100).map(|number| case(number, &[])).collect();
        cases[70].marks.push("no one".to_owned());
        let text = table(&cases, &[], false, part);
        assert_eq!(text.lines().count(), 1 + MOST_ROWS + 1);
        assert!(
            text.contains("case-70") && !text.contains("case-71"),
            "{text}"
        );
        assert!(text.ends_with("… and 70 more; `slicewise check --all` shows every case\n"));
        assert_eq!(table(&cases, &[], true, part).lines().count(), 101);
    }
}
