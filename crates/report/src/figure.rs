//! Figures: each is drawn once, on a [`Canvas`], which is written as SVG and as PNG.

mod canvas;
mod marks;
mod palette;
mod panel;
mod raster;
mod style;

pub(crate) mod attention;
mod curves;
pub(crate) mod dice;
pub(crate) mod heads;
pub(crate) mod penalty;
pub(crate) mod ranks;
pub(crate) mod segmentations;
pub(crate) mod slices;

use crate::error::ReportError;
use crate::sweep::Sweep;
use canvas::{Canvas, font};
use slicewise_metrics::LEAST_RUNS;
use std::fs;
use std::path::{Path, PathBuf};
use style::{GREY, INK};

/// Distance of words from the edge of a figure, in points.
const EDGE: f64 = 16.0;
/// Width of most figures, in points.
const WIDTH: f64 = 900.0;

/// A figure's file name without ending, and its title.
type Name<'a> = (&'static str, &'a str);

/// One figure.
pub(crate) struct Figure {
    /// File name without ending.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// What is to be seen, for the page.
    pub(crate) caption: String,
    canvas: Canvas,
}

impl Figure {
    /// An empty figure of `width` × `height` points with its title on top. At the bottom two lines
    /// say where its numbers come from; the second begins with `over`.
    fn new((name, title): Name, (width, height): (f64, f64), sweep: &Sweep, over: &str) -> Self {
        let manifest = &sweep.results.manifest;
        let cases = manifest
            .data
            .iter()
            .map(|data| format!("{}: {}", data.task.label(), Sweep::cases(data)));
        let cases = cases.collect::<Vec<_>>().join(" · ");
        let (version, commit) = (&manifest.version, &manifest.commit);
        let footer = [
            format!("{} · {cases} · seeds {}", manifest.name, sweep.seeds()),
            format!("{over} · slicewise {version}, commit {commit}"),
        ];
        let mut canvas = Canvas::new(width, height);
        canvas.text(title, (EDGE, 20.0), font(15.0, INK).bold());
        for (line, from_bottom) in footer.iter().zip([30.0, 14.0]) {
            canvas.text(line, (EDGE, height - from_bottom), font(10.0, GREY));
        }
        Self { name, title: title.to_owned(), caption: String::new(), canvas }
    }

    /// The whole SVG document.
    pub(crate) fn svg(&self) -> String {
        self.canvas.svg(&self.title)
    }

    /// Writes `NAME.png` into `folder`, whole or not at all.
    pub(crate) fn write_png(&self, folder: &Path) -> Result<PathBuf, ReportError> {
        let path = folder.join(format!("{}.png", self.name));
        // plotters goes by the ending, and writes in place.
        let partial = folder.join(format!("{}.partial.png", self.name));
        let drawn = self.canvas.write_png(&partial);
        let drawn = drawn.map_err(|problem| ReportError::Draw { name: self.name, problem });
        let whole =
            drawn.and_then(|()| fs::rename(&partial, &path).map_err(ReportError::io(&path)));
        if whole.is_err() {
            let _ = fs::remove_file(&partial);
        }
        whole.map(|()| path)
    }
}

/// What intervals of a figure are, for its footer: there are none below three seeds.
fn intervals(sweep: &Sweep, words: &str) -> String {
    let seeds = sweep.results.manifest.seeds.len();
    if seeds < LEAST_RUNS { format!("{seeds} seed(s), so no intervals") } else { words.to_owned() }
}
