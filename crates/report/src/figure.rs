//! Figures: each drawn once, by one function, into an SVG and a PNG.
//!
//! Coordinates are twice the reading size: a figure of 900 points is drawn on 1800 units, so
//! that PNGs are sharp and plotters' whole-number coordinates are fine enough for the SVG, whose
//! `width` and `height` are then set to the reading size.

mod attention;
mod curves;
mod heads;
mod marks;
mod palette;
mod panel;
mod penalty;
mod raster;
mod rounds;
mod segmentations;
mod slices;
mod style;
mod svg;

use crate::agreement::PrAgreement;
use crate::curve::Curves;
use crate::error::ReportError;
use crate::put;
use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, DrawingArea, DrawingAreaErrorKind, DrawingBackend, IntoDrawingArea, SVGBackend,
    WHITE,
};
use slicewise_experiment::Results;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a figure is drawn.
type Area<DB> = DrawingArea<DB, Shift>;

/// What drawing returns.
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A place on a figure in drawn units: right and down from the top left.
type Place = (i32, i32);

/// Drawn units in one point at reading size.
const SCALE: u32 = 2;

/// Something that can be drawn into any backend.
trait Figure {
    /// File name without ending.
    fn name(&self) -> &'static str;
    /// Reading size in points, width and height.
    fn size(&self) -> (u32, u32);
    /// Draws on an empty white area of [`SCALE`] times that size.
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
    /// What is to be seen, for the page.
    fn caption(&self) -> String;
}

/// A figure as it is on disk and goes into the page.
pub(crate) struct Drawing {
    /// What is to be seen.
    pub(crate) caption: String,
    /// The whole SVG document.
    pub(crate) svg: String,
    /// `NAME.svg` and `NAME.png`.
    pub(crate) files: [PathBuf; 2],
}

/// Draws every figure whose data the sweep has into `folder`; volumes are read from the results
/// folder `root`.
pub(crate) fn write_all(
    results: &Results,
    curves: &Curves,
    agreements: &[PrAgreement],
    root: &Path,
    folder: &Path,
) -> Result<Vec<Drawing>, ReportError> {
    style::register_fonts();
    let by = |axis| write(&curves::CurveFigure::new(results, curves, axis), folder);
    let mut drawings = Vec::new();
    if curves.has_rounds() {
        drawings.extend([by(curves::Axis::Slices)?, by(curves::Axis::Voxels)?]);
    }
    if let Some(figure) = slices::SliceFigure::new(results) {
        drawings.push(write(&figure, folder)?);
    }
    if let Some(figure) = rounds::RoundFigure::new(results, agreements) {
        drawings.push(write(&figure, folder)?);
    }
    if let Some(figure) = attention::AttentionFigure::new(results, root)? {
        drawings.push(write(&figure, folder)?);
    }
    if let Some(figure) = segmentations::SegmentationFigure::new(results, root)? {
        drawings.push(write(&figure, folder)?);
    }
    if let Some(figure) = penalty::PenaltyFigure::new(results, curves) {
        drawings.push(write(&figure, folder)?);
    }
    if let Some(figure) = heads::HeadFigure::new(results) {
        drawings.push(write(&figure, folder)?);
    }
    Ok(drawings)
}

fn write<F: Figure>(figure: &F, folder: &Path) -> Result<Drawing, ReportError> {
    let name = figure.name();
    let [svg_file, png_file] = ["svg", "png"].map(|ending| folder.join(format!("{name}.{ending}")));
    let (width, height) = figure.size();
    let drawn = (width * SCALE, height * SCALE);
    let problem = |problem: String| ReportError::Draw { name, problem };

    let mut svg = String::new();
    on_white(figure, SVGBackend::with_string(&mut svg, drawn)).map_err(problem)?;
    let svg = svg::join_rectangles(&svg).replacen(
        &format!("width=\"{}\" height=\"{}\"", drawn.0, drawn.1),
        &format!("width=\"{width}\" height=\"{height}\""),
        1,
    );
    put(&svg_file, svg.as_bytes())?;
    // plotters goes by the ending, and writes in place.
    let partial = folder.join(format!("{name}.partial.png"));
    let drawn = on_white(figure, BitMapBackend::new(&partial, drawn)).map_err(problem);
    let whole =
        drawn.and_then(|()| fs::rename(&partial, &png_file).map_err(ReportError::io(&png_file)));
    if whole.is_err() {
        let _ = fs::remove_file(&partial);
    }
    whole?;
    Ok(Drawing {
        caption: figure.caption(),
        svg,
        files: [svg_file, png_file],
    })
}

fn on_white<F: Figure, DB: DrawingBackend>(figure: &F, backend: DB) -> Result<(), String> {
    let area = backend.into_drawing_area();
    let draw = || {
        area.fill(&WHITE)?;
        figure.draw(&area)?;
        area.present()
    };
    draw().map_err(|error: DrawingAreaErrorKind<DB::ErrorType>| error.to_string())
}

/// Two lines that say where a figure's numbers come from.
fn footer(results: &Results, statistics: &str) -> [String; 2] {
    let manifest = &results.manifest;
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    let cases: Vec<String> = manifest
        .data
        .iter()
        .map(|data| {
            let (a, b) = (data.part_a.len(), data.part_b.len());
            format!(
                "Task {}: {a} cases in Part A, {b} in Part B",
                data.task.number()
            )
        })
        .collect();
    [
        format!(
            "{} · {} · seeds {}",
            manifest.name,
            cases.join(" · "),
            seeds.join(", ")
        ),
        format!(
            "{statistics} · slicewise {}, commit {}",
            manifest.version, manifest.commit
        ),
    ]
}

/// Draws [`footer`] at the bottom left.
fn draw_footer<DB: DrawingBackend>(root: &Area<DB>, lines: &[String; 2]) -> Drawn<DB> {
    let (_, height) = root.dim_in_pixel();
    let (height, scale) = (height as i32, SCALE as i32);
    for (line, from_bottom) in lines.iter().zip([36, 20]) {
        let at = (16 * scale, height - from_bottom * scale);
        root.draw_text(line, &style::font(10.0, style::GREY), at)?;
    }
    Ok(())
}
