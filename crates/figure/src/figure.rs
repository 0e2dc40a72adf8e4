//! One figure: a canvas with a title and a footer, and its files.

use crate::canvas::{Canvas, font};
use crate::style::{GREY, INK};
use std::fs;
use std::path::{Path, PathBuf};

/// Distance of words from the edge of a figure, in points.
pub(crate) const EDGE: f64 = 16.0;
/// Width of most figures, in points.
pub(crate) const WIDTH: f64 = 900.0;

/// What stands above and below a figure.
#[derive(Debug, Clone)]
pub struct Heading {
    /// File name without ending.
    pub name: String,
    /// On top.
    pub title: String,
    /// Two lines at the bottom.
    pub footer: [String; 2],
}

/// One figure.
#[derive(Debug)]
pub struct Figure {
    /// File name without ending.
    pub name: String,
    /// What stands on top.
    pub title: String,
    /// What is to be seen, for the page that it is put on.
    pub caption: String,
    /// What is drawn.
    pub canvas: Canvas,
}

/// Why a figure cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// plotters could not draw.
    #[error("figure {name}: {problem}")]
    Draw {
        /// The figure's name.
        name: String,
        /// plotters' reason.
        problem: String,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Figure {
    /// An empty figure of `width` × `height` points under its heading, without a caption.
    pub fn new(heading: Heading, (width, height): (f64, f64)) -> Self {
        let Heading { name, title, footer } = heading;
        let mut canvas = Canvas::new(width, height);
        canvas.text(&title, (EDGE, 20.0), font(15.0, INK).bold());
        for (line, from_bottom) in footer.iter().zip([30.0, 14.0]) {
            canvas.text(line, (EDGE, height - from_bottom), font(10.0, GREY));
        }
        Self { name, title, caption: String::new(), canvas }
    }

    /// The figure with words of what is to be seen.
    pub fn captioned(self, caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..self }
    }

    /// The whole SVG document.
    pub fn svg(&self) -> String {
        self.canvas.svg(&self.title)
    }

    /// Writes `NAME.png` into `folder`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be drawn or written.
    pub fn write_png(&self, folder: &Path) -> Result<PathBuf, FigureError> {
        let path = folder.join(format!("{}.png", self.name));
        // plotters goes by the ending, and writes in place.
        let partial = folder.join(format!("{}.partial.png", self.name));
        let drawn = self.canvas.write_png(&partial);
        let drawn = drawn.map_err(|problem| FigureError::Draw { name: self.name.clone(), problem });
        let whole = drawn.and_then(|()| {
            let moved = fs::rename(&partial, &path);
            moved.map_err(|source| FigureError::Write { path: path.clone(), source })
        });
        if whole.is_err() {
            let _ = fs::remove_file(&partial);
        }
        whole.map(|()| path)
    }
}
