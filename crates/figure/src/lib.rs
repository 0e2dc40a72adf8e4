//! Figures in points: each is drawn once, on a [`Canvas`], which is written as SVG and as PNG.
//!
//! ```text
//! canvas ─▶ marks, panel, raster ─▶ curves, dots, matrix,           charts
//!           style, palette               strips, ranked, gallery
//!                                        figure     title, footer, files
//! ```
//!
//! This crate knows numbers and names, nothing of experiments or records: what a figure shows, and
//! what its words say, is its caller's.

mod canvas;
mod curves;
mod dots;
mod figure;
mod gallery;
mod marks;
mod matrix;
mod number;
mod palette;
mod panel;
mod ranked;
mod raster;
mod strips;
mod style;

pub use canvas::Canvas;
pub use curves::{Axes, Curve, DOTS, FEW, Level, Mark, Panels, aside};
pub use dots::{DotBlock, dot_plot};
pub use figure::{Figure, FigureError, Heading};
pub use gallery::{AttentionRow, ClassOnSlice, SegmentedCase, attention_rows, segmented_cases};
pub use marks::Entry;
pub use matrix::{Matrix, heat_map};
pub use number::decimals;
pub use plotters::prelude::WHITE;
pub use ranked::{RankScatter, RankedSlices, ranked_slices};
pub use raster::Scan;
pub use strips::{Strips, strips};
pub use style::{BLACK, BLUE, INK, Look, Marker, ORANGE, OTHERS, P_LOOK, SHARED, looks};
