//! How figures look: the Okabe–Ito palette, which stays apart for the colour-blind, and a marker
//! and a dash for each strategy as well.

use crate::canvas::Dash;
use plotters::prelude::RGBColor;

/// Text and axes.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// Footers, the full-annotation line, the shared first round.
pub(crate) const GREY: RGBColor = RGBColor(96, 96, 96);
/// Grid lines.
pub(crate) const FAINT: RGBColor = RGBColor(228, 228, 228);

/// Okabe and Ito's vermillion.
pub(crate) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
/// Their blue.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
/// Their orange.
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
/// Their black.
pub const BLACK: RGBColor = RGBColor(0, 0, 0);
/// Wine of Tol's muted scheme, since Okabe and Ito's yellow is too pale for a line.
const WINE: RGBColor = RGBColor(136, 34, 85);

/// The shape that marks a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Star,
}

/// How one series is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Of line and marker.
    pub color: RGBColor,
    /// At each point.
    pub marker: Marker,
    /// Of the line.
    pub dash: Dash,
}

impl Look {
    /// A look of these three.
    pub const fn new(color: RGBColor, marker: Marker, dash: Dash) -> Self {
        Self { color, marker, dash }
    }
}

/// Series that have a look of their own: the paper's strategies, in its order.
const OWN: [Look; 4] = [
    Look::new(BLUE, Marker::Triangle, Some((9.0, 4.0))),
    Look::new(GREEN, Marker::Square, Some((4.0, 4.0))),
    Look::new(PURPLE, Marker::Diamond, Some((15.0, 5.0))),
    Look::new(VERMILLION, Marker::Circle, None),
];

/// All others; they come again, with other markers, where there are more.
const LEFT: [Look; 4] = [
    Look::new(ORANGE, Marker::TriangleDown, Some((6.0, 3.0))),
    Look::new(SKY, Marker::Square, Some((12.0, 3.0))),
    Look::new(BLACK, Marker::Diamond, Some((2.0, 3.0))),
    Look::new(WINE, Marker::Triangle, Some((18.0, 3.0))),
];

/// Full annotation and the shared first round.
pub const SHARED: Look = Look::new(GREY, Marker::Circle, None);
/// Curves for which a figure has no look left.
pub const OTHERS: Look = Look::new(RGBColor(190, 190, 190), Marker::Circle, None);
/// P of Fig. 4.
pub const P_LOOK: Look = Look::new(VERMILLION, Marker::Circle, None);
/// R of Fig. 4.
pub(crate) const R_LOOK: Look = Look::new(BLUE, Marker::Square, Some((7.0, 4.0)));

/// The look of each series: one with a place among the paper's strategies, counted from 0, has its own;
/// others take what is left.
pub fn looks(places: impl IntoIterator<Item = Option<usize>>) -> Vec<Look> {
    const MARKERS: [Marker; 4] =
        [Marker::TriangleDown, Marker::Square, Marker::Diamond, Marker::Triangle];
    let mut others = 0..;
    let looks = places.into_iter().map(|place| match place {
        Some(place) => OWN[place % OWN.len()],
        None => {
            let other: usize = others.next().unwrap_or(0);
            let (turn, place) = (other / LEFT.len(), other % LEFT.len());
            Look { marker: MARKERS[(place + turn) % MARKERS.len()], ..LEFT[place] }
        }
    });
    looks.collect()
}
