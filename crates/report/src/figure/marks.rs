//! Lines, markers, whiskers, words: all in drawn units of the whole figure.

use super::style::{INK, Look, Marker};
use super::{Area, Drawn, Place};
use plotters::element::DashedPathElement;
use plotters::prelude::{
    Color, DrawingBackend, PathElement, Polygon, RGBColor, ShapeStyle, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width of a curve.
const LINE: u32 = 4;

/// A style of `width` drawn units.
pub(super) fn stroke(color: RGBColor, width: u32) -> ShapeStyle {
    color.stroke_width(width)
}

/// A curve through `points`, dashed as `look` says.
pub(super) fn line<DB: DrawingBackend>(area: &Area<DB>, points: &[Place], look: Look) -> Drawn<DB> {
    let style = stroke(look.color, LINE);
    match look.dash {
        None => area.draw(&PathElement::new(points.to_vec(), style)),
        Some((dash, gap)) => area.draw(&DashedPathElement::new(
            points.iter().copied(),
            dash,
            gap,
            style,
        )),
    }
}

/// A vertical whisker at `x` from `low` to `high`; an end that is `None` leaves the panel and
/// has no cap.
pub(super) fn whisker<DB: DrawingBackend>(
    area: &Area<DB>,
    x: i32,
    (low, low_cap): (i32, bool),
    (high, high_cap): (i32, bool),
    color: RGBColor,
) -> Drawn<DB> {
    let style = stroke(color, 2);
    area.draw(&PathElement::new(vec![(x, low), (x, high)], style))?;
    for (y, cap) in [(low, low_cap), (high, high_cap)] {
        if cap {
            area.draw(&PathElement::new(vec![(x - 6, y), (x + 6, y)], style))?;
        }
    }
    Ok(())
}

/// A marker of about `radius` drawn units, edged so that it stands off its curve: stars dark,
/// others white.
pub(super) fn marker<DB: DrawingBackend>(
    area: &Area<DB>,
    at: Place,
    shape: Marker,
    radius: f64,
    color: RGBColor,
) -> Drawn<DB> {
    let edge = if shape == Marker::Star { INK } else { WHITE };
    let mut corners = outline(at, shape, radius);
    area.draw(&Polygon::new(corners.clone(), color.filled()))?;
    corners.push(corners[0]);
    area.draw(&PathElement::new(corners, stroke(edge, 2)))
}

/// As [`marker`], but white with an outline of its colour.
pub(super) fn hollow_marker<DB: DrawingBackend>(
    area: &Area<DB>,
    at: Place,
    shape: Marker,
    radius: f64,
    color: RGBColor,
) -> Drawn<DB> {
    let mut corners = outline(at, shape, radius);
    area.draw(&Polygon::new(corners.clone(), WHITE.filled()))?;
    corners.push(corners[0]);
    area.draw(&PathElement::new(corners, stroke(color, 4)))
}

/// Corners of a marker, as angles from the top and shares of the radius.
fn outline((x, y): Place, shape: Marker, radius: f64) -> Vec<Place> {
    let (corners, turn) = match shape {
        Marker::Circle => (24, 0.0),
        Marker::Square => (4, 0.125),
        Marker::Diamond => (4, 0.0),
        Marker::Triangle => (3, 0.0),
        Marker::TriangleDown => (3, 0.5),
        Marker::Star => (10, 0.0),
    };
    (0..corners)
        .map(|corner| {
            let angle = (f64::from(corner) / f64::from(corners) + turn) * std::f64::consts::TAU;
            let reach = match shape {
                Marker::Star if corner % 2 == 1 => 0.45 * radius,
                // Equal areas look equally large: fewer corners reach further.
                Marker::Triangle | Marker::TriangleDown => 1.3 * radius,
                Marker::Square | Marker::Diamond => 1.15 * radius,
                _ => radius,
            };
            (
                x + (reach * angle.sin()).round() as i32,
                y - (reach * angle.cos()).round() as i32,
            )
        })
        .collect()
}

/// `text` with its left edge at `x` and its middle at `y`.
pub(super) fn text<DB: DrawingBackend>(
    area: &Area<DB>,
    text: &str,
    style: &TextStyle,
    at: Place,
) -> Drawn<DB> {
    area.draw_text(text, &style.pos(Pos::new(HPos::Left, VPos::Center)), at)
}

/// A dot of `radius` drawn units, hollow or filled.
pub(super) fn dot<DB: DrawingBackend>(
    area: &Area<DB>,
    at: Place,
    radius: f64,
    filled: bool,
) -> Drawn<DB> {
    marker(area, at, Marker::Circle, radius, INK)?;
    if filled {
        Ok(())
    } else {
        marker(area, at, Marker::Circle, 0.45 * radius, WHITE)
    }
}

/// One entry of a legend.
pub(super) struct Entry {
    pub(super) label: String,
    pub(super) line: Option<Look>,
    pub(super) marker: Option<(Marker, RGBColor)>,
}

/// Entries from `left` on, in rows of at most `width`; returns the height used.
pub(super) fn legend<DB: DrawingBackend>(
    area: &Area<DB>,
    entries: &[Entry],
    style: &TextStyle,
    (left, top): Place,
    width: i32,
) -> Result<i32, plotters::drawing::DrawingAreaErrorKind<DB::ErrorType>> {
    const ROW: i32 = 44;
    const SAMPLE: i32 = 72;
    let (mut x, mut y) = (left, top + ROW / 2);
    for entry in entries {
        let (text_width, _) = area.estimate_text_size(&entry.label, style)?;
        let entry_width = SAMPLE + 12 + text_width as i32 + 36;
        if x > left && x + entry_width > left + width {
            (x, y) = (left, y + ROW);
        }
        if let Some(look) = entry.line {
            line(area, &[(x, y), (x + SAMPLE, y)], look)?;
        }
        if let Some((shape, color)) = entry.marker {
            let radius = if shape == Marker::Star { 16.0 } else { 10.0 };
            marker(area, (x + SAMPLE / 2, y), shape, radius, color)?;
        }
        text(area, &entry.label, style, (x + SAMPLE + 12, y))?;
        x += entry_width;
    }
    Ok(y + ROW / 2 - top)
}
