//! `report.html`, and the page of several sweeps: one file, no script, nothing fetched,
//! printable. What a sweep shows comes first, then a list of the sections, which fold.

use crate::coverage;
use crate::prelude::*;
use crate::section::{Content, Grid, Section};
use crate::sweep::Sweep;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use slicewise_figure::Figure;

/// The page's whole style; without a `font-face`, so nothing is fetched.
const STYLE: &str = include_str!("page/style.css");

const KICKER: &str = "slicewise · slice-wise active learning in 3D segmentation";

/// All that a page says of one sweep.
pub(crate) struct Article {
    pub(crate) name: String,
    question: String,
    markup: Markup,
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
                        p.kicker { (KICKER) }
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

/// The article of a sweep with these sections.
pub(crate) fn article(sweep: &Sweep, sections: &[(&Section, Content)]) -> Article {
    let manifest = &sweep.results.manifest;
    let is_any = |grid: &Grid| !grid.on_page().is_empty();
    let shown =
        sections.iter().filter(|(_, of)| !of.figures.is_empty() || of.grids.iter().any(is_any));
    let shown = shown.collect_vec();
    let address = |name: &str| format!("{}-{name}", manifest.name);
    let more = [("reading", "How to read this page"), ("source", "Where it comes from")];
    let markup = html! {
        article id=(manifest.name) {
            header {
                p.kicker { (KICKER) }
                h1 { (manifest.name) }
                p.question { (manifest.question) }
                p.facts {
                    (sweep.cases_by_task()) " · seeds " (list(sweep.seeds())) " · " (manifest.device) " · commit " (manifest.commit)
                }
            }
            (incomplete(sweep))
            section {
                h2 { "What it shows" }
                @for task in sweep.tasks() { (findings(sections, task)) }
                p.note { "In brackets: 95 % intervals, of a mean over seeds, of a difference over seeds and cases; none below three seeds. Every sentence is made from the records." }
            }
            nav aria-label="Sections" { ol {
                @let titles = shown.iter().map(|(section, _)| (section.name, section.title));
                @for (name, title) in titles.chain(more) { li { a href={ "#" (address(name)) } { (title) } } }
            } }
            @for (section, content) in &shown {
                (folding(&address(section.name), section.title, html! {
                    @for figure in &content.figures { (drawing(figure)) }
                    @for grid in &content.grids { (grid.html(section.title)) }
                }))
            }
            (folding(&address("reading"), more[0].1, reading()))
            (folding(&address("source"), more[1].1, provenance(sweep, sections)))
        }
    };
    let (name, question) = (manifest.name.clone(), manifest.question.clone());
    Article { name, question, markup }
}

/// A section that opens and closes, open at first.
fn folding(address: &str, title: &str, content: Markup) -> Markup {
    html! {
        section id=(address) { details open { summary { h2 { (title) } } (content) } }
    }
}

/// What all sections say of one task.
fn findings(sections: &[(&Section, Content)], task: Task) -> Markup {
    let sentences = sections.iter().flat_map(|(_, content)| &content.sentences);
    html! {
        h3 { (task_title(task)) }
        ul { @for (_, sentence) in sentences.filter(|(of, _)| *of == task) { li { (sentence) } } }
    }
}

/// A line for all that is missing; nothing when the sweep is whole.
fn incomplete(sweep: &Sweep) -> Markup {
    let missing = coverage::missing(sweep);
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
fn drawing(figure: &Figure) -> Markup {
    html! {
        figure {
            div.drawing role="region" aria-label=(figure.title) tabindex="0" { (PreEscaped(figure.svg())) }
            figcaption { (figure.caption) }
        }
    }
}

/// Explains the terms that the page uses.
fn reading() -> Markup {
    html! {
        dl {
            dt { "ratio" } dd { "the share of Part A's slices that is annotated, as it was reached: a volume has whole slices, so that this can differ a little from what the experiment asked for" }
            dt { "first round" } dd { "a few evenly spaced slices, trained once a seed; every strategy forks from it, so it stands once and every curve begins with it" }
            dt { "steps" } dd { "training steps behind a point; it is compared with full annotation of the same number of steps, or with none" }
            dt { "P" } dd { "agreement, slice by slice, of the segmentation with that of the attention map; a strategy may see it" }
            dt { "R" } dd { "agreement of the segmentation with the ground truth; no strategy sees it" }
            dt { "interval" } dd { "95 %. Of a mean: Student's t over seeds, which says what first weights, crops and random choices change, not what other cases would. Of a difference and of P–R: whole seeds and whole cases are random. None below three seeds" }
        }
    }
}

/// Says where the numbers come from.
fn provenance(sweep: &Sweep, sections: &[(&Section, Content)]) -> Markup {
    let manifest = &sweep.results.manifest;
    let tables = sections.iter().filter(|(_, content)| content.frame.is_some());
    let tables: Vec<&str> = tables.map(|(section, _)| section.name).collect();
    html! {
        dl {
            dt { "command" } dd { code { (manifest.command) } }
            dt { "program" } dd {
                "slicewise " (manifest.version) ", commit " code { (manifest.commit) } ", libtorch "
                (manifest.libtorch) ", " (manifest.device)
            }
            dt { "seeds" } dd { (list(sweep.seeds())) }
            dt { "models" } dd {
                (manifest.models.join(", "))
                @if manifest.models.len() > 1 {
                    "; strategies are shown with the first, which is the one that the others are compared with"
                }
            }
            @for data in &manifest.data {
                dt { "data, " (data.task.label()) }
                dd {
                    @if let Some(definition) = &data.definition { (definition) "; " }
                    (Sweep::cases(data)) "; classes "
                    (data.classes.join(", ")) "; SHA-256 of all voxels " code { (data.sha256) }
                }
            }
            dt { "config" } dd { "SHA-256 " code { (manifest.config_sha256) } }
            dt { "tables" } dd { "tables/{" (tables.join(", ")) "} as .csv, .md and .parquet" }
            dt { "source" } dd { "Zhang, Li, Zhong, Jiao and Gao 2019, arXiv 1906.07367" }
        }
        details { summary { "config.yaml" } pre { (sweep.results.config) } }
    }
}
