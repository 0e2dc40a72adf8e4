//! Figures in points: each is drawn once, on a [`Canvas`], which is written as SVG and as PNG.
//!
//! ```text
//! canvas ─▶ marks, panel, raster ─▶ curves, dots, matrix,    charts
//!           style, palette               strips
//!                                        figure     title, footer, files
//! ```
//!
//! This crate knows numbers and names, nothing of experiments or records: what a figure shows, and
//! what its words say, is its caller's.

mod canvas;
mod curves;
mod dots;
mod figure;
mod marks;
mod matrix;
mod number;
mod palette;
mod panel;
mod raster;
mod strips;
mod style;

pub use canvas::{Canvas, Dash, Font, Place, font};
pub use curves::{Axes, Curve, DOTS, FEW, Level, Mark, Panels, aside};
pub use dots::{DotBlock, dot_plot};
pub use figure::{EDGE, Figure, FigureError, Heading, WIDTH};
pub use marks::Entry;
pub use matrix::{Matrix, heat_map};
pub use number::decimals;
pub use palette::{cividis, of_class};
pub use panel::{Axis, Panel};
pub use plotters::prelude::{RGBColor, WHITE};
pub use raster::{Scan, Slice};
pub use strips::{Strips, strips};
pub use style::{
    BLACK, BLUE, FAINT, GREY, INK, Look, Marker, ORANGE, OTHERS, P_LOOK, R_LOOK, SHARED,
    VERMILLION, looks,
};
