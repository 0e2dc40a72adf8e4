//! `report.html`, and the page of several sweeps: one file, no script, nothing fetched,
//! printable.

mod agreement;
mod between;
mod full_annotation;
mod heads;
mod minimum_cost;
mod sections;
mod stop;

use crate::agreement::PrAgreement;
use crate::comparison::Comparison;
use crate::coverage;
use crate::curve::Curves;
use crate::figure::Drawing;
use crate::finding::{findings, task_title};
use crate::statistics::Statistic;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use slicewise_experiment::Results;

/// The page's whole style; without a `font-face`, so nothing is fetched.
const STYLE: &str = include_str!("page/style.css");

/// The section of statistics between strategies.
pub(crate) fn between(statistics: &[Statistic], comparisons: &[Comparison]) -> Markup {
    between::between(statistics, comparisons)
}

/// A page of `articles`, each with its sweep's name and question; a list of them comes first where
/// there are several.
pub(crate) fn document(title: &str, articles: &[Article]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · slicewise" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if articles.len() > 1 {
                    header {
                        p.kicker { "slicewise · slice-wise active learning in 3D segmentation" }
                        h1 { (title) }
                        ol { @for article in articles {
                            li { a href={ "#" (article.name) } { (article.name) } ": " (article.question) }
                        } }
                    }
                }
                @for article in articles { (article.markup) }
            }
        }
    };
    page.into_string()
}

/// All that a page says of one sweep.
pub(crate) struct Article {
    pub(crate) name: String,
    pub(crate) question: String,
    markup: Markup,
}

/// The article of a sweep; `between` is [the section of that name](between()).
pub(crate) fn article(
    results: &Results,
    curves: &Curves,
    agreements: &[PrAgreement],
    drawings: &[Drawing],
    between: Markup,
) -> Article {
    let manifest = &results.manifest;
    let only_full = !curves.has_rounds();
    let markup = html! {
        article id=(manifest.name) {
            header {
                p.kicker { "slicewise · slice-wise active learning in 3D segmentation" }
                h1 { (manifest.name) }
                p.question { (manifest.question) }
                p.facts { (facts(results)) }
            }
            (incomplete(results))
            section {
                h2 { "What it shows" }
                @for task in curves.tasks() {
                    h3 { (task_title(task)) }
                    ul { @for sentence in findings(curves, agreements, task) { li { (sentence) } } }
                }
                p.note { "In brackets: 95 % Student-t intervals over seeds. Every sentence is made from the records." }
            }
            @if only_full { (full_annotation::table_1(results)) }
            (sections::table_2(curves))
            @for drawing in drawings { (figure(drawing)) }
            (between)
            (minimum_cost::minimum_cost(curves))
            (stop::stop(results, curves))
            (agreement::agreement(agreements))
            (heads::heads(results))
            (sections::tissues(results))
            @if !only_full { (full_annotation::table_1(results)) }
            (sections::cost(curves))
            (sections::reading())
            (sections::provenance(results))
        }
    };
    Article {
        name: manifest.name.clone(),
        question: manifest.question.clone(),
        markup,
    }
}

/// One line: how much data, which seeds, where.
fn facts(results: &Results) -> String {
    let manifest = &results.manifest;
    let data = manifest.data.iter().map(|data| {
        let (a, b) = (data.part_a.len(), data.part_b.len());
        format!(
            "Task {}: {a} training and {b} unseen cases",
            data.task.number()
        )
    });
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    let rest = [
        format!("seeds {}", seeds.join(", ")),
        manifest.device.clone(),
        format!("commit {}", manifest.commit),
    ];
    data.chain(rest).collect::<Vec<_>>().join(" · ")
}

/// A line for all that is missing; nothing when the sweep is whole.
fn incomplete(results: &Results) -> Markup {
    let missing = coverage::missing(results);
    html! {
        @if !missing.is_empty() {
            section.incomplete {
                p { strong { "This sweep is incomplete." } " The page shows what is there. Missing:" }
                ul { @for line in &missing { li { (line) } } }
            }
        }
    }
}

/// An inline SVG, so that the page is one file, with its caption.
fn figure(drawing: &Drawing) -> Markup {
    html! {
        figure {
            div.drawing { (PreEscaped(&drawing.svg)) }
            figcaption { (drawing.caption) }
        }
    }
}
