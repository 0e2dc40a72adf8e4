//! A desk for trying out the page: phantoms of two cases, drawings in a folder, every version kept.

use slicewise_browser::{
    Answer, AskedSlice, COLOURS, Class, Desk, DeskError, Overview, Saved, SliceView, State,
};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

/// Rows and columns; pixels are 1.5 mm high and 1 mm wide.
pub(crate) const SHAPE: [usize; 2] = [80, 96];

/// Slices that are asked, in this order.
const ASKED: [(&str, usize); 6] = [
    ("sub-01", 12),
    ("sub-01", 30),
    ("sub-01", 44),
    ("sub-02 (thick)", 3),
    ("sub-02 (thick)", 5),
    ("sub-02 (thick)", 8),
];

/// Keeps drawings as `CASE-SLICE-VERSION.labels`, with a line about each in `.txt`.
pub(crate) struct FakeDesk {
    folder: PathBuf,
    saving: Mutex<()>,
}

impl FakeDesk {
    /// A desk that goes on with what lies in `folder`.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let saving = Mutex::new(());
        Self { folder, saving }
    }

    fn file(&self, case: &str, slice: usize, version: u64, kind: &str) -> PathBuf {
        self.folder.join(format!("{case}-{slice}-{version}.{kind}"))
    }

    /// Newest version; 0 if nothing was drawn.
    fn version(&self, case: &str, slice: usize) -> u64 {
        (1..)
            .find(|&version| !self.file(case, slice, version, "txt").exists())
            .map_or(0, |next| next - 1)
    }
}

impl Desk for FakeDesk {
    fn overview(&self) -> Result<Overview, DeskError> {
        let classes = ["background", "grey matter", "white matter", "ventricles"];
        let classes = classes.iter().zip(COLOURS).map(|(&name, colour)| Class {
            name: name.into(),
            colour: colour.into(),
        });
        let slices = ASKED.iter().map(|&(case, slice)| {
            let version = self.version(case, slice);
            let line = fs::read_to_string(self.file(case, slice, version, "txt"));
            let line = line.unwrap_or_default();
            let mut words = line.split('\t');
            AskedSlice {
                case: case.into(),
                slice,
                of: if case == "sub-01" { 60 } else { 12 },
                position_mm: slice as f64 * 1.5 - 20.0,
                plane: "axial".into(),
                why: "model and attention agree least here".into(),
                state: match words.next() {
                    Some("done") => State::Done,
                    Some("begun") => State::Begun,
                    _ => State::Open,
                },
                who: words.next().map(Into::into),
            }
        });
        Ok(Overview {
            title: "Two phantoms".into(),
            classes: classes.collect(),
            slices: slices.collect(),
        })
    }

    fn slice(&self, case: &str, slice: usize) -> Result<SliceView, DeskError> {
        let place = ASKED.iter().position(|&asked| asked == (case, slice));
        let place = place.ok_or_else(|| {
            DeskError::Input(format!(
                "case {case:?}, slice {slice}: no such slice is asked"
            ))
        })?;
        let version = self.version(case, slice);
        let intensities = (0..SHAPE[0] * SHAPE[1]).map(|i| intensity(i, place));
        Ok(SliceView {
            shape: SHAPE,
            spacing_mm: [1.5, 1.0],
            intensities: intensities.collect(),
            window: [0.0, 1200.0],
            labels: fs::read(self.file(case, slice, version, "labels")).ok(),
            // Some slices have a draft, some a slice drawn nearby.
            draft: (place % 3 == 1).then(|| tissue(place, 1.06)),
            outline: (place % 3 != 0).then(|| (slice - 1, tissue(place, 0.92))),
            version,
            sides: ["L", "R", "A", "P"].map(Into::into),
        })
    }

    fn save(&self, answer: &Answer) -> Result<Saved, DeskError> {
        let Answer { case, slice, .. } = answer;
        if !ASKED.contains(&(case.as_str(), *slice)) {
            let line = format!("case {case:?}, slice {slice}: no such slice is asked");
            return Err(DeskError::Input(line));
        }
        answer.check(SHAPE, 4)?;
        let _saving = self.saving.lock();
        let newest = self.version(case, *slice);
        if newest != answer.version {
            return Err(DeskError::Conflict { version: newest });
        }
        let version = newest + 1;
        let state = if answer.finished { "done" } else { "begun" };
        let line = format!("{state}\t{}\t{}", answer.who, answer.seconds);
        // The line comes last: a version counts once it is there.
        fs::write(self.file(case, *slice, version, "labels"), &answer.labels)
            .and_then(|()| fs::write(self.file(case, *slice, version, "txt"), line))
            .map_err(|problem| DeskError::Failed(problem.to_string()))?;
        Ok(Saved { version })
    }
}

/// Distance from the head's centre, 1 at its edge, in mm that differ from place to place.
fn distance(pixel: usize, place: usize, scale: f64) -> f64 {
    let row = (pixel / SHAPE[1]) as f64 + 0.5 - 40.0;
    let column = (pixel % SHAPE[1]) as f64 + 0.5 - 48.0;
    let size = scale * (38.0 + place as f64);
    // A frontal pole that is narrower than the occipital one, so that up and down differ.
    let narrower = 1.0 - 0.004 * row;
    ((row * 1.5 / (1.2 * size)).powi(2) + (column / (narrower * 0.9 * size)).powi(2)).sqrt()
}

/// Labels of a head: grey matter around white matter around two ventricles.
pub(crate) fn tissue(place: usize, scale: f64) -> Vec<u8> {
    let label = |pixel| {
        let column = (pixel % SHAPE[1]) as f64 + 0.5 - 48.0;
        match distance(pixel, place, scale) {
            r if r > 1.0 => 0,
            r if r > 0.78 => 1,
            r if r < 0.3 && column.abs() > 3.0 => 3,
            _ => 2,
        }
    };
    (0..SHAPE[0] * SHAPE[1]).map(label).collect()
}

fn intensity(pixel: usize, place: usize) -> f32 {
    let column = (pixel % SHAPE[1]) as f64 + 0.5 - 48.0;
    let mean = match distance(pixel, place, 1.0) {
        r if r > 1.12 => 15.0,
        r if r > 1.0 => 900.0,
        r if r > 0.78 => 520.0,
        r if r < 0.3 && column.abs() > 3.0 => 1050.0,
        _ => 700.0,
    };
    // A hash of the pixel stands for noise.
    let hash = (pixel as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (mean + (hash as f64 / f64::from(1 << 24) - 0.5) * 140.0) as f32
}
