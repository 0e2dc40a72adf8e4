//! How figures look: the Okabe–Ito palette, which stays apart for the colour-blind, a marker
//! and a dash for each strategy as well, one font.

use super::SCALE;
use crate::order::strategy_key;
use plotters::prelude::{Color, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Footers, the full-annotation line, the shared first round.
pub(super) const GREY: RGBColor = RGBColor(96, 96, 96);
/// Grid lines.
pub(super) const FAINT: RGBColor = RGBColor(228, 228, 228);

const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const BLUE: RGBColor = RGBColor(0, 114, 178);
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
    /// Dash and gap in drawn units; `None` for a solid line.
    pub(super) dash: Option<(u32, u32)>,
}

/// The look of each of `strategies`: the paper's have their own, others take what is left.
pub(super) fn looks(strategies: &[String]) -> Vec<Look> {
    const OWN: [Look; 4] = [
        Look {
            color: BLUE,
            marker: Marker::Triangle,
            dash: Some((18, 8)),
        },
        Look {
            color: GREEN,
            marker: Marker::Square,
            dash: Some((8, 8)),
        },
        Look {
            color: PURPLE,
            marker: Marker::Diamond,
            dash: Some((30, 10)),
        },
        Look {
            color: VERMILLION,
            marker: Marker::Circle,
            dash: None,
        },
    ];
    const OTHERS: [Look; 3] = [
        Look {
            color: ORANGE,
            marker: Marker::TriangleDown,
            dash: Some((12, 6)),
        },
        Look {
            color: SKY,
            marker: Marker::Square,
            dash: Some((24, 6)),
        },
        Look {
            color: BLACK,
            marker: Marker::Diamond,
            dash: Some((4, 6)),
        },
    ];
    let mut others = OTHERS.iter().cycle();
    strategies
        .iter()
        .map(|name| {
            let (place, _) = strategy_key(name);
            // 0 and 1 are full annotation and the first round.
            let look = OWN.get(place.wrapping_sub(2)).or_else(|| others.next());
            *look.unwrap_or(&OTHERS[0])
        })
        .collect()
}

/// Makes "sans-serif" DejaVu Sans in bitmaps, so that PNGs need no font on the machine. SVGs
/// name the family and leave the font to the reader's machine.
pub(super) fn register_fonts() {
    let faces: [(FontStyle, &'static [u8]); 2] = [
        (
            FontStyle::Normal,
            include_bytes!("../../fonts/DejaVuSans-subset.ttf"),
        ),
        (
            FontStyle::Bold,
            include_bytes!("../../fonts/DejaVuSans-Bold-subset.ttf"),
        ),
    ];
    for (style, bytes) in faces {
        // The bytes are part of the program: they are a font, or no test here passes.
        let _ = register_font("sans-serif", style, bytes);
    }
}

/// `style` with its anchor at the middle of the top.
pub(super) fn centred(style: TextStyle<'static>) -> TextStyle<'static> {
    style.pos(Pos::new(HPos::Center, VPos::Top))
}

/// A text style of `points` at reading size, anchored at its top left.
pub(super) fn font(points: f64, color: RGBColor) -> TextStyle<'static> {
    face(points, color, FontStyle::Normal)
}

/// As [`font`], bold.
pub(super) fn bold(points: f64, color: RGBColor) -> TextStyle<'static> {
    face(points, color, FontStyle::Bold)
}

fn face(points: f64, color: RGBColor, style: FontStyle) -> TextStyle<'static> {
    // plotters takes a line's height for the size of a font: 1.24 em.
    let size = points * 1.24 * f64::from(SCALE);
    TextStyle {
        font: FontDesc::new(FontFamily::SansSerif, size, style),
        color: color.to_backend_color(),
        pos: Pos::new(HPos::Left, VPos::Top),
    }
}

/// P of Fig. 4.
pub(super) const P_LOOK: Look = Look {
    color: VERMILLION,
    marker: Marker::Circle,
    dash: None,
};
/// R of Fig. 4.
pub(super) const R_LOOK: Look = Look {
    color: BLUE,
    marker: Marker::Square,
    dash: Some((14, 8)),
};
