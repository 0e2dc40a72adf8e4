//! The learning curve of a run: its mean training loss, piece by piece, in `losses/`, with the Dice of cases
//! that are held out.
//!
//! Losses are kept apart from the records: no table is made from them, and whoever packs a folder may leave
//! them out.

use crate::folder::ResultsFolder;
use crate::plan::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// One point of a learning curve, a line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Number of the round.
    pub round: usize,
    /// Steps of the round at the end of the piece.
    pub steps: usize,
    /// Mean training loss of the piece.
    pub loss: f64,
    /// Mean Dice of the cases that are held out, after the piece; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_dice: Option<f64>,
}

/// Reads a run's losses, by rising round and steps; empty if there are none. A run that was killed trains a
/// piece again, on the same crops, and writes its line again: the last one counts. A line that
/// cannot be read is left out.
pub fn read(folder: &ResultsFolder, run: &Run) -> Vec<Loss> {
    let text = fs::read_to_string(folder.losses(run)).unwrap_or_default();
    let losses = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let places = losses.map(|loss: Loss| ((loss.round, loss.steps), loss));
    places.collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slicewise_core::Task;

    #[test]
    fn the_last_line_of_a_piece_counts_and_a_torn_one_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::new(scratch.path());
        let run = Run {
            task: Task::TISSUE_SEGMENTATION,
            model: "unet".to_owned(),
            strategy: "full".to_owned(),
            seed: 1,
            fold: None,
        };
        assert_eq!(read(&folder, &run), []);
        let path = folder.losses(&run);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = |round: usize, steps: usize, loss: f64| Loss {
            round,
            steps,
            loss,
            held_out_dice: None,
        };
        let written = [
            line(0, 50, 0.5),
            line(0, 100, 0.4),
            line(0, 100, 0.3),
            line(1, 50, 0.2),
        ];
        let lines = written.map(|loss| serde_json::to_string(&loss).unwrap());
        fs::write(&path, lines.join("\n") + "\n{\"round\":1,\"st").unwrap();
        assert_eq!(read(&folder, &run), [written[0], written[2], written[3]]);
    }
}
