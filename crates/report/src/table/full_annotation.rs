//! Table 1: `table1`.

use super::between::{difference, ends, grid, p_value};
use super::paper_layout::{plus_minus, three};
use super::tidy::{count, interval, maybe, part_name, text};
use crate::full_annotation::{FullAnnotation, how};
use crate::paper;
use polars::prelude::{Column, DataFrame, PolarsResult};
use slicewise_data::Part;
use slicewise_experiment::Results;

/// `task,part,model,mean,ci_low,ci_high,seeds,cases,parameters,steps,difference,difference_low,
/// difference_high,boot_low,boot_high,p,p_holm,n,paper_model,paper`: full annotation of every
/// model. `difference` is the model's Dice minus the primary model's, `n` its pairs of case and
/// seed; the paper's value and the difference are given on Part B only.
pub(super) fn table_1(models: &[FullAnnotation]) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = models
        .iter()
        .flat_map(|model| {
            model
                .parts
                .iter()
                .flatten()
                .map(move |point| (model, point))
        })
        .collect();
    let unseen = |part: Part| part == Part::B;
    let paired = || {
        rows.iter()
            .map(|(m, p)| m.against.as_ref().filter(|_| unseen(p.part)))
    };
    let paper = rows
        .iter()
        .map(|(m, p)| unseen(p.part).then(|| paper::table_1(m.paper, m.task)));
    let counts = |name: &str, values: Vec<Option<u64>>| Column::new(name.into(), values);
    DataFrame::new_infer_height(
        [
            vec![
                count("task", rows.iter().map(|(m, _)| u32::from(m.task.number()))),
                text("part", rows.iter().map(|(_, p)| part_name(p.part))),
                text("model", rows.iter().map(|(m, _)| m.model.as_str())),
            ],
            interval(rows.iter().map(|(_, p)| p.dice)),
            vec![
                count("seeds", rows.iter().map(|(_, p)| p.dice.n as u32)),
                count("cases", rows.iter().map(|(_, p)| p.cases as u32)),
                counts(
                    "parameters",
                    rows.iter().map(|(m, _)| m.parameters).collect(),
                ),
                counts("steps", rows.iter().map(|(m, _)| Some(m.steps)).collect()),
                maybe(
                    "difference",
                    paired().map(|c| Some(c?.paired.difference.mean)),
                ),
                maybe("difference_low", paired().map(|c| c?.paired.difference.low)),
                maybe(
                    "difference_high",
                    paired().map(|c| c?.paired.difference.high),
                ),
                maybe("boot_low", paired().map(|c| c?.paired.boot.low)),
                maybe("boot_high", paired().map(|c| c?.paired.boot.high)),
                maybe("p", paired().map(|c| Some(c?.paired.p))),
                maybe("p_holm", paired().map(|c| Some(c?.p_holm))),
                counts("n", paired().map(|c| Some(c?.paired.n as u64)).collect()),
                text("paper_model", rows.iter().map(|(m, _)| m.paper.name())),
                maybe("paper", paper),
            ],
        ]
        .concat(),
    )
}

/// Markdown, with a line that says how the numbers were computed.
pub(super) fn markdown(models: &[FullAnnotation], results: &Results) -> String {
    let primary = results.manifest.models.first().map_or("", String::as_str);
    let minus = format!("minus {primary}");
    let header = [
        "model",
        "task",
        "parameters",
        "steps",
        "Part A",
        "Part B",
        "seeds",
        "cases A + B",
        &minus,
        "bootstrap interval",
        "p",
        "p, Holm",
        "n",
        "paper",
        "paper's model",
    ];
    let body = models.iter().map(|row| {
        let against = row.against.as_ref();
        let of = |text: Option<String>| text.unwrap_or_default();
        let [a, b] = row.parts.each_ref().map(|part| {
            let cell = part.as_ref().map(|point| plus_minus(point.dice));
            (of(cell), part.as_ref().map_or(0, |point| point.cases))
        });
        let seeds = row.parts.iter().flatten().map(|point| point.dice.n).max();
        vec![
            row.model.clone(),
            row.task.number().to_string(),
            of(row.parameters.map(|n| n.to_string())),
            row.steps.to_string(),
            a.0,
            b.0,
            of(seeds.map(|n| n.to_string())),
            format!("{} + {}", a.1, b.1),
            of(against.map(|c| difference(c.paired.difference))),
            of(against.map(|c| ends(c.paired.boot))),
            of(against.map(|c| p_value(c.paired.p))),
            of(against.map(|c| p_value(c.p_holm))),
            of(against.map(|c| c.paired.n.to_string())),
            three(paper::table_1(row.paper, row.task)),
            row.paper.name().to_owned(),
        ]
    });
    let header = header.map(str::to_owned).to_vec();
    grid(&how(primary), results, header, body, 1)
}
