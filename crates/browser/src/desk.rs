//! What the page asks of whoever keeps the drawings.

use serde::{Deserialize, Serialize};

/// Label of a pixel about which the person is unsure; such pixels are left out of training.
pub const UNSURE: u8 = 255;

/// Colours for classes, background first, that people with any colour vision can tell apart and that
/// stand out from grey (Okabe and Ito, Color Universal Design, 2008; without its black).
pub const COLOURS: [&str; 8] = [
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2",
];

/// Hands out slices to draw and keeps what is drawn.
///
/// Called from several threads at once.
pub trait Desk: Send + Sync {
    /// What is asked, and how far each slice is.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn overview(&self) -> Result<Overview, DeskError>;

    /// One slice to draw on. Slices are counted from 0.
    ///
    /// # Errors
    ///
    /// [`DeskError::Input`] if no such slice is asked.
    fn slice(&self, case: &str, slice: usize) -> Result<SliceView, DeskError>;

    /// Keeps a drawing as a new version; earlier versions are kept too.
    ///
    /// # Errors
    ///
    /// [`DeskError::Conflict`] if `answer.version` is not the newest version,
    /// [`DeskError::Input`] if the drawing does not fit the slice (see [`Answer::check`]).
    fn save(&self, answer: &Answer) -> Result<Saved, DeskError>;
}

/// The list on the page's left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// Heading of the page. Drawings that a browser could not save yet are kept under it, so it should
    /// differ from project to project.
    pub title: String,
    /// Classes in the order of their values, background first.
    pub classes: Vec<Class>,
    /// Slices in the order in which they are to be drawn.
    pub slices: Vec<AskedSlice>,
}

/// A class that is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// What a person calls it.
    pub name: String,
    /// `#rrggbb`; [`COLOURS`] has some.
    pub colour: String,
}

/// One slice of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedSlice {
    /// Name of the case.
    pub case: String,
    /// Number of the slice, from 0.
    pub slice: usize,
    /// Number of slices of the case.
    pub of: usize,
    /// Position of the slice along its axis in mm.
    pub position_mm: f64,
    /// Plane, for example `axial`.
    pub plane: String,
    /// Why this slice is asked, one line.
    pub why: String,
    /// How far it is.
    pub state: State,
    /// Who drew it last.
    pub who: Option<String>,
}

/// How far a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was drawn.
    Open,
    /// Something was drawn.
    Begun,
    /// The person said that it is finished.
    Done,
}

/// One slice to draw on.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceView {
    /// Rows and columns, `[H, W]`.
    pub shape: [usize; 2],
    /// Size of a pixel in mm along rows and columns: height, then width.
    pub spacing_mm: [f64; 2],
    /// `H * W` intensities, row by row.
    pub intensities: Vec<f32>,
    /// Intensities shown as black and as white at first.
    pub window: [f32; 2],
    /// `H * W` labels drawn so far, [`UNSURE`] among them.
    pub labels: Option<Vec<u8>>,
    /// `H * W` labels that the model proposes.
    pub draft: Option<Vec<u8>>,
    /// The nearest slice that was drawn before: its number from 0, and its `H * W` labels.
    pub outline: Option<(usize, Vec<u8>)>,
    /// Version of `labels`; 0 if nothing was drawn.
    pub version: u64,
    /// Letters at the left, right, top and bottom, for example `L`, `R`, `A`, `P`.
    pub sides: [String; 4],
}

/// A drawing that the page hands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Name of the case.
    pub case: String,
    /// Number of the slice, from 0.
    pub slice: usize,
    /// `H * W` labels, row by row; [`UNSURE`] where the person is unsure.
    pub labels: Vec<u8>,
    /// Whether the person says that the slice is finished.
    pub finished: bool,
    /// Seconds of work on this slice since it was last saved.
    pub seconds: f64,
    /// The version on which was drawn.
    pub version: u64,
    /// Name of the person.
    pub who: String,
}

impl Answer {
    /// Checks that there is a label for each of the `H * W` pixels and that each is one of `classes`
    /// classes or [`UNSURE`].
    ///
    /// # Errors
    ///
    /// [`DeskError::Input`] otherwise.
    pub fn check(&self, shape: [usize; 2], classes: usize) -> Result<(), DeskError> {
        let Answer { case, slice, .. } = self;
        let [height, width] = shape;
        if self.labels.len() != height * width {
            let got = self.labels.len();
            return Err(DeskError::Input(format!(
                "case {case:?}, slice {slice}: expected {height} × {width} labels, got {got}"
            )));
        }
        let unknown = |&&label: &&u8| usize::from(label) >= classes && label != UNSURE;
        match self.labels.iter().find(unknown) {
            None => Ok(()),
            Some(label) => Err(DeskError::Input(format!(
                "case {case:?}, slice {slice}: expected labels below {classes} or {UNSURE}, got {label}"
            ))),
        }
    }
}

/// A drawing was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Its version.
    pub version: u64,
}

/// Why the desk could not do what was asked. The text is shown on the page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Somebody else saved since the version on which was drawn.
    #[error("somebody else saved this slice in the meantime (version {version})")]
    Conflict {
        /// The newest version.
        version: u64,
    },
    /// What was asked or handed in makes no sense here.
    #[error("{0}")]
    Input(String),
    /// The desk itself failed, for example because the disk is full.
    #[error("{0}")]
    Failed(String),
}
