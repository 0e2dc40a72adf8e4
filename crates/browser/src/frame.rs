//! Arrays on their way between page and server.
//!
//! A frame is the length of its header (4 bytes, little-endian), the header in JSON, and bytes:
//! 32-bit floats, little-endian, and labels of one byte. Intensities arrive exactly, so window and
//! level work on them as they are, and 512 × 512 of them are 1 MB.

use crate::desk::{Answer, DeskError, SliceView};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct SliceHeader<'a> {
    shape: [usize; 2],
    spacing_mm: [f64; 2],
    window: [f32; 2],
    version: u64,
    sides: &'a [String; 4],
    /// Which of the three arrays of labels follow the intensities, in this order.
    labels: bool,
    draft: bool,
    /// Number of the slice whose outline follows.
    outline: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerHeader {
    case: String,
    slice: usize,
    finished: bool,
    seconds: f64,
    version: u64,
    who: String,
}

/// The slice as a frame: intensities, then labels, draft and outline as far as they are there.
///
/// # Errors
///
/// [`DeskError::Failed`] if an array does not have the slice's shape.
pub(crate) fn of_slice(view: &SliceView) -> Result<Vec<u8>, DeskError> {
    let [height, width] = view.shape;
    let pixels = height * width;
    let fits = |what: &str, got: usize| {
        if got == pixels {
            return Ok(());
        }
        Err(DeskError::Failed(format!(
            "expected {height} × {width} values of {what}, got {got}"
        )))
    };
    fits("intensities", view.intensities.len())?;
    let outline = view.outline.as_ref().map(|(_, labels)| labels);
    let arrays = [
        ("labels", view.labels.as_ref()),
        ("the draft", view.draft.as_ref()),
        ("the outline", outline),
    ];
    for (what, array) in arrays {
        fits(what, array.map_or(pixels, Vec::len))?;
    }
    let header = serde_json::to_vec(&SliceHeader {
        shape: view.shape,
        spacing_mm: view.spacing_mm,
        window: view.window,
        version: view.version,
        sides: &view.sides,
        labels: view.labels.is_some(),
        draft: view.draft.is_some(),
        outline: view.outline.as_ref().map(|&(slice, _)| slice),
    })
    .map_err(|problem| DeskError::Failed(problem.to_string()))?;
    let length = u32::try_from(header.len()).map_err(|_| {
        DeskError::Failed(format!("a header of {} bytes is too long", header.len()))
    })?;
    let mut frame = Vec::with_capacity(4 + header.len() + 7 * pixels);
    frame.extend(length.to_le_bytes());
    frame.extend(header);
    frame.extend(
        view.intensities
            .iter()
            .flat_map(|value| value.to_le_bytes()),
    );
    for labels in arrays.into_iter().filter_map(|(_, array)| array) {
        frame.extend(labels);
    }
    Ok(frame)
}

/// Reads a frame whose bytes are the labels of an answer.
///
/// # Errors
///
/// [`DeskError::Input`] if it is none.
pub(crate) fn answer(frame: &[u8]) -> Result<Answer, DeskError> {
    let short = || {
        DeskError::Input(format!(
            "expected the length of a header, the header and labels, got {} bytes",
            frame.len()
        ))
    };
    let (length, rest) = frame.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| short())?;
    let (header, labels) = rest.split_at_checked(length).ok_or_else(short)?;
    let header: AnswerHeader = serde_json::from_slice(header).map_err(|problem| {
        DeskError::Input(format!(
            "expected the header of an answer in JSON: {problem}"
        ))
    })?;
    if !(header.seconds.is_finite() && header.seconds >= 0.0) {
        return Err(DeskError::Input(format!(
            "expected seconds of at least 0, got {}",
            header.seconds
        )));
    }
    Ok(Answer {
        case: header.case,
        slice: header.slice,
        labels: labels.to_vec(),
        finished: header.finished,
        seconds: header.seconds,
        version: header.version,
        who: header.who,
    })
}
