//! How figures look: the Okabe–Ito palette, which stays apart for the colour-blind, and a marker
//! and a dash for each strategy as well.

use super::canvas::Dash;
use crate::arm::Arm;
use plotters::prelude::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Footers, the full-annotation line, the shared first round.
pub(super) const GREY: RGBColor = RGBColor(96, 96, 96);
/// Grid lines.
pub(super) const FAINT: RGBColor = RGBColor(228, 228, 228);

pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);

/// The shape that marks a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Star,
}

/// How one series is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) color: RGBColor,
    pub(super) marker: Marker,
    pub(super) dash: Dash,
}

impl Look {
    pub(super) const fn new(color: RGBColor, marker: Marker, dash: Dash) -> Self {
        Self { color, marker, dash }
    }
}

/// The paper's strategies, in its order.
const OWN: [Look; 4] = [
    Look::new(BLUE, Marker::Triangle, Some((9.0, 4.0))),
    Look::new(GREEN, Marker::Square, Some((4.0, 4.0))),
    Look::new(PURPLE, Marker::Diamond, Some((15.0, 5.0))),
    Look::new(VERMILLION, Marker::Circle, None),
];

/// All others; they come again, with other markers, where there are more.
const OTHERS: [Look; 3] = [
    Look::new(ORANGE, Marker::TriangleDown, Some((6.0, 3.0))),
    Look::new(SKY, Marker::Square, Some((12.0, 3.0))),
    Look::new(BLACK, Marker::Diamond, Some((2.0, 3.0))),
];

/// Full annotation and the shared first round.
pub(super) const SHARED: Look = Look::new(GREY, Marker::Circle, None);
/// P of Fig. 4.
pub(super) const P_LOOK: Look = Look::new(VERMILLION, Marker::Circle, None);
/// R of Fig. 4.
pub(super) const R_LOOK: Look = Look::new(BLUE, Marker::Square, Some((7.0, 4.0)));

/// The look of each of `arms`: the paper's have their own, others take what is left.
pub(super) fn looks(arms: &[Arm]) -> Vec<Look> {
    const MARKERS: [Marker; 4] =
        [Marker::TriangleDown, Marker::Square, Marker::Diamond, Marker::Triangle];
    let mut others = 0..;
    let looks = arms.iter().map(|arm| match arm.place_in_paper() {
        Some(place) => OWN[place],
        None => {
            let other: usize = others.next().unwrap_or(0);
            let (turn, place) = (other / OTHERS.len(), other % OTHERS.len());
            Look { marker: MARKERS[(place + turn) % MARKERS.len()], ..OTHERS[place] }
        }
    });
    looks.collect()
}
