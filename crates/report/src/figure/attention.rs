//! Fig. 3 of the paper: the attention map of one class on one unseen slice, round after round,
//! beside the truth and the segmentation.

use super::palette::{cividis, grey, of_class};
use super::raster::{Brightness, Frame, Window};
use super::style::{GREY, INK, bold, centred, font};
use super::{Area, Drawn, Figure, Place, SCALE, draw_footer, footer};
use crate::error::ReportError;
use crate::order::{label, percent};
use crate::picture::{Kept, Labels, Pictures};
use crate::table::three;
use plotters::prelude::{Color, DrawingBackend, RGBColor, Rectangle};
use slicewise_data::Volume;
use slicewise_experiment::record::FIRST;
use slicewise_experiment::{DataManifest, Results, RoundRecord};
use std::cmp::Reverse;
use std::path::Path;

/// Rounds shown after the first.
const ROUNDS: usize = 3;

const WIDTH: u32 = 760;
/// Words at the left of a row.
const LABEL: u32 = 136;
/// Colour bar at the right.
const BAR: u32 = 76;
const GAP: u32 = 8;
const HEAD: u32 = 88;
const FOOT: u32 = 56;
const COLUMNS: [&str; 4] = [
    "scan, true outline",
    "ground truth",
    "segmentation",
    "attention map",
];
/// Stands off every grey.
const OUTLINE: RGBColor = RGBColor(255, 170, 0);

/// One axial slice after several rounds.
pub(super) struct AttentionFigure<'a> {
    pictures: Pictures<'a>,
    class: usize,
    class_name: &'a str,
    /// The slice with most of the class.
    slice: usize,
    window: Window,
    seed: u64,
    rows: Vec<Row>,
    footer: [String; 2],
}

/// One round.
struct Row {
    words: [String; 3],
    segmentation: Labels,
    attention: Volume<f64>,
}

impl<'a> AttentionFigure<'a> {
    /// Of Task 2, else of Task 1; `None` if no attention map was kept or the case lacks the class.
    pub(super) fn new(results: &'a Results, root: &Path) -> Result<Option<Self>, ReportError> {
        let mut tasks: Vec<&DataManifest> = results.manifest.data.iter().collect();
        tasks.sort_by_key(|data| Reverse(data.task));
        for data in tasks {
            if let Some(pictures) = Pictures::read(results, root, data)?
                && let Some(figure) = Self::of_case(results, pictures)?
            {
                return Ok(Some(figure));
            }
        }
        Ok(None)
    }

    fn of_case(results: &Results, pictures: Pictures<'a>) -> Result<Option<Self>, ReportError> {
        let Some((class, class_name)) = pictures.class() else {
            return Ok(None);
        };
        let (Some(slice), Some(window)) = (
            fullest_slice(&pictures.truth, class),
            Window::around(&pictures.truth),
        ) else {
            return Ok(None);
        };
        let mut records = pictures.rounds(FIRST, Kept::Attention);
        if let Some(strategy) = pictures.strategy(Kept::Attention) {
            let own = pictures.rounds(strategy, Kept::Attention);
            records.extend(spread(&own, ROUNDS));
        }
        let Some(seed) = records.first().map(|record| record.seed) else {
            return Ok(None);
        };
        let rows = records
            .into_iter()
            .map(|record| row(&pictures, record, class_name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Self {
            class,
            class_name,
            slice,
            window,
            seed,
            rows,
            footer: footer(
                results,
                "one slice of one unseen case (n = 1), the first seed, no interval",
            ),
            pictures,
        }))
    }

    fn image_width(&self) -> u32 {
        (WIDTH - LABEL - BAR) / 4 - GAP
    }

    fn row_height(&self) -> u32 {
        (f64::from(self.image_width()) * self.window.aspect()).ceil() as u32 + GAP
    }

    /// Grey scan with the class in its colour.
    fn on_scan<'f>(
        &'f self,
        labels: &'f Labels,
        brightness: &'f Brightness,
    ) -> impl Fn(usize, usize) -> RGBColor + 'f {
        move |y, x| {
            if self.is_class(labels, y, x) {
                of_class(self.class)
            } else {
                grey(brightness.share(self.pictures.scan.voxels[[self.slice, y, x]]))
            }
        }
    }

    fn is_class(&self, labels: &Labels, y: usize, x: usize) -> bool {
        usize::try_from(labels.voxels[[self.slice, y, x]]) == Ok(self.class)
    }

    fn draw_row<DB: DrawingBackend>(&self, root: &Area<DB>, row: &Row, top: i32) -> Drawn<DB> {
        let scale = SCALE as i32;
        let brightness = Brightness::of(&self.pictures.scan, &self.window);
        let frame = |column: i32| Frame {
            window: &self.window,
            place: (
                (LABEL as i32 + column * (self.image_width() + GAP) as i32) * scale,
                top,
            ),
            width: self.image_width() as i32 * scale,
        };
        let truth = &self.pictures.truth;
        let scan = |y, x| grey(brightness.share(self.pictures.scan.voxels[[self.slice, y, x]]));
        frame(0).fill(root, scan)?;
        frame(0).outline(root, |y, x| self.is_class(truth, y, x), OUTLINE)?;
        frame(1).fill(root, self.on_scan(truth, &brightness))?;
        frame(2).fill(root, self.on_scan(&row.segmentation, &brightness))?;
        frame(3).fill(root, |y, x| {
            cividis(row.attention.voxels[[self.slice, y, x]])
        })?;
        for (line, words) in row.words.iter().enumerate() {
            let at = (16 * scale, top + (4 + 17 * line as i32) * scale);
            let color = if line == 0 { INK } else { GREY };
            root.draw_text(words, &font(11.0, color), at)?;
        }
        Ok(())
    }

    fn draw_bar<DB: DrawingBackend>(&self, root: &Area<DB>, (left, top): Place) -> Drawn<DB> {
        const STEPS: i32 = 40;
        let (width, height) = (
            14 * SCALE as i32,
            (self.row_height() - GAP) as i32 * SCALE as i32,
        );
        let y = |step: i32| top + height - step * height / STEPS;
        for step in 0..STEPS {
            let color = cividis((f64::from(step) + 0.5) / f64::from(STEPS));
            let corners = [(left, y(step + 1)), (left + width, y(step))];
            root.draw(&Rectangle::new(corners, color.filled()))?;
        }
        for (step, words) in [(0, "0"), (STEPS / 2, "0.5"), (STEPS, "1")] {
            super::marks::text(root, words, &font(10.0, INK), (left + width + 8, y(step)))?;
        }
        Ok(())
    }
}

/// The axial slice with most voxels of `class`; `None` if none has any.
fn fullest_slice(labels: &Labels, class: usize) -> Option<usize> {
    let mut voxels = vec![0_usize; labels.voxels.dim().0];
    for ((z, _, _), &label) in labels.voxels.indexed_iter() {
        voxels[z] += usize::from(usize::try_from(label) == Ok(class));
    }
    let most = *voxels.iter().max().filter(|&&most| most > 0)?;
    voxels.iter().position(|&count| count == most)
}

/// At most `wanted` of `items`, evenly spread, the last among them.
fn spread<T: Copy>(items: &[T], wanted: usize) -> Vec<T> {
    let mut places: Vec<usize> = (1..=wanted).map(|k| k * items.len() / wanted).collect();
    places.dedup();
    let places = places.into_iter().filter_map(|place| place.checked_sub(1));
    places.map(|place| items[place]).collect()
}

fn row(pictures: &Pictures, record: &RoundRecord, class: &str) -> Result<Row, ReportError> {
    let scores = pictures.scores(record);
    let of_class = scores.and_then(|case| case.dice.iter().find(|(name, _)| name == class));
    let dice = of_class.and_then(|(_, dice)| *dice);
    Ok(Row {
        words: [
            label(&record.strategy).to_owned(),
            format!("{} of slices", percent(record.ratio)),
            dice.map_or_else(String::new, |dice| format!("Dice {}", three(dice))),
        ],
        segmentation: pictures.segmentation(record)?,
        attention: pictures.attention(record)?,
    })
}

impl Figure for AttentionFigure<'_> {
    fn name(&self) -> &'static str {
        "fig3"
    }

    fn size(&self) -> (u32, u32) {
        let rows = self.rows.len() as u32 * self.row_height();
        (WIDTH, HEAD + rows + FOOT)
    }

    fn draw<DB: DrawingBackend>(&self, root: &Area<DB>) -> Drawn<DB> {
        let scale = SCALE as i32;
        let at = |x: u32, y: u32| (x as i32 * scale, y as i32 * scale);
        let title = format!("Attention for {}, round after round", self.class_name);
        root.draw_text(&title, &bold(15.0, INK), at(16, 10))?;
        let place = format!(
            "Task {} · case {} · axial slice {} (from inferior, from 0) · seed {}",
            self.pictures.data.task.number(),
            self.pictures.case,
            self.slice,
            self.seed,
        );
        root.draw_text(&place, &font(11.0, GREY), at(16, 36))?;
        for (column, words) in COLUMNS.iter().enumerate() {
            let middle =
                LABEL + column as u32 * (self.image_width() + GAP) + self.image_width() / 2;
            root.draw_text(words, &centred(font(11.0, INK)), at(middle, 66))?;
        }
        for (index, row) in self.rows.iter().enumerate() {
            let (_, top) = at(0, HEAD + index as u32 * self.row_height());
            self.draw_row(root, row, top)?;
        }
        self.draw_bar(root, at(WIDTH - BAR + 8, HEAD))?;
        draw_footer(root, &self.footer)
    }

    fn caption(&self) -> String {
        format!(
            "One axial slice of an unseen case, that with most true voxels of {class}, after growing \
             annotation (the paper's Fig. 3): the scan with the true outline, the truth, the class \
             in the segmentation, and the attention map's channel of {class}, weighed against the \
             other classes (softmax), from 0 to 1. Dice is that of {class} over the whole case. Anterior is up and the subject's right is on the right \
             (neurological orientation). One case and one seed: an illustration, not a finding.",
            class = self.class_name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_spread_up_to_the_last() {
        let of = |n: usize| spread(&(1..=n).collect::<Vec<_>>(), 3);
        assert_eq!(of(9), [3, 6, 9]);
        assert_eq!(of(4), [1, 2, 4]);
        assert_eq!(of(2), [1, 2]);
        assert_eq!(of(1), [1]);
        assert!(of(0).is_empty());
    }
}
