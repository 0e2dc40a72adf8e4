//! `START.html`: what a person who gets a task's folder is to do.

use super::{CaseFiles, palette};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use slicewise_core::SliceAxis;
use slicewise_data::drawn::{DONE, UNSURE};

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 } th, td { text-align: left; padding: .25rem .8rem; border-bottom: 1px solid #ddd }
td.n { text-align: right; font-variant-numeric: tabular-nums }
code { background: #f2f2f2; padding: 0 .25rem; border-radius: 3px }
.swatch { display: inline-block; width: 1em; height: 1em; border: 1px solid #888; vertical-align: -.15em; margin-right: .5em }
";

/// What the page says.
pub(crate) struct Start<'a> {
    /// The task's name.
    pub(crate) task: &'a str,
    /// Whom it is for.
    pub(crate) to: Option<&'a str>,
    /// Names of the classes, background first.
    pub(crate) classes: &'a [String],
    /// Minutes that a slice takes.
    pub(crate) minutes_per_slice: f64,
}

/// Returns the page of a task with these cases.
pub(crate) fn start_page(start: &Start, cases: &[CaseFiles]) -> String {
    let slices: usize = cases.iter().map(|case| case.asked.len()).sum();
    let minutes = start.minutes_per_slice * slices as f64;
    let whom = start.to.map_or_else(String::new, |to| format!(" for {to}"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Task " (start.task) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Task " (start.task) (whom) ": draw " (slices) " slices" }
                p {
                    "In " (cases.len()) " scan(s), about " (format!("{minutes:.0}")) " minutes. Draw every slice \
                     that is listed as a whole, and no other. Where a draft of the model is shown, correct it."
                }
                (labels(start))
                (ways(cases))
                @for case in cases { (of_case(case)) }
            }
        }
    };
    page.into_string()
}

fn labels(start: &Start) -> Markup {
    html! {
        h2 { "Labels" }
        table {
            tr { th scope="col" { "value" } th scope="col" { "label" } th scope="col" { "meaning" } }
            @for label in palette(start.classes) {
                tr {
                    td.n { (label.value) }
                    td {
                        span.swatch style=(format!("background:rgb({},{},{})", label.colour[0], label.colour[1], label.colour[2])) {}
                        (label.name)
                    }
                    td {
                        @match label.name.as_str() {
                            UNSURE => "where nobody can tell; the model learns nothing from it",
                            DONE => "one dab anywhere on a slice says: it is right as it is (it is empty, or its draft is right)",
                            _ => "",
                        }
                    }
                }
            }
        }
    }
}

fn ways(cases: &[CaseFiles]) -> Markup {
    let first = cases.first().map_or("CASE", |case| case.case);
    html! {
        h2 { "With which tool" }
        ul {
            li {
                b { "Browser: " } code { "slicewise annotate" } " in the project's folder."
            }
            li {
                b { "ITK-SNAP: " } "open " code { (first) "/" (first) ".itksnap" } ". "
                i { "Tools → Annotation → Next annotation" }
                " goes from slice to slice. Save the segmentation as " code { "labels.nii.gz" } " where it is."
            }
            li {
                b { "3D Slicer: " } code { "Slicer --python-script " (first) "/open-in-slicer.py" }
                ". In the Python console " code { "go(1)" } " shows the second slice and so on; "
                code { "save()" } " writes " code { "labels.seg.nrrd" } ". Keep the segments' names."
            }
            li {
                b { "Others: " } "open " code { "image.nii.gz" } ", paint on " code { "labels.nii.gz" }
                ", and save it on the same grid. MITK counts axial slices from the other end: go by the position in mm."
            }
        }
        p { "Then " code { "slicewise import" } ", or give this folder back to who sent it." }
    }
}

fn of_case(case: &CaseFiles) -> Markup {
    let (slice, end) = case.axis.slice_and_start();
    let letter = match case.axis {
        SliceAxis::Sagittal => "R",
        SliceAxis::Coronal => "A",
        SliceAxis::Axial | SliceAxis::Thickest => "S",
    };
    let depth = case.shape_xyz()[case.sliced()];
    html! {
        h2 { (case.case) }
        table {
            tr {
                th scope="col" { "ITK-SNAP: " (slice) " (of " (depth) ")" }
                th scope="col" { "3D Slicer: offset in mm" }
                th scope="col" { "others: from 0 at the " (end) " end" }
                th scope="col" { "position " (letter) " in mm" }
                th scope="col" { "why" }
            }
            @for asked in case.asked {
                tr {
                    td.n { (asked.slice + 1) }
                    td.n { (format!("{:.2}", case.offset_mm(asked.slice))) }
                    td.n { (asked.slice) }
                    td.n { (format!("{:.2}", case.position_mm(asked.slice)[case.sliced()])) }
                    td { (asked.why) }
                }
            }
        }
    }
}
