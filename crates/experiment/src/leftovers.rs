//! Checkpoints that nothing will read again. A run that is killed after it wrote a round's record has
//! no time to remove them; whoever opens that run next does.

use crate::run::PreparedRun;
use std::fs;

impl PreparedRun<'_> {
    /// Removes what the first `done` rounds left among the checkpoints, but the last one's weights:
    /// those of rounds before, and those within rounds that are over.
    pub fn remove_leftovers(&self, done: usize) {
        let rounds = self.plan.rounds(&self.id.strategy);
        let Some(last) = done.checked_sub(1).and_then(|index| rounds.get(index)) else {
            return;
        };
        let kept = [
            self.folder.checkpoint(self.id, last.number),
            self.folder.evaluated_checkpoint(self.id, last.number),
        ];
        let Some(folder) = kept[0].parent() else {
            return;
        };
        // `random-seed1-round`: no other run's files begin so.
        let start = format!("{}-round", self.id.stem());
        for path in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = path.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(rest) = name.and_then(|name| name.strip_prefix(&start)) else {
                continue;
            };
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let number = rest[..digits.unwrap_or(rest.len())].parse::<usize>();
            if number.is_ok_and(|number| number <= last.number) && !kept.contains(&path) {
                // Nothing reads it again; that it may be gone already is no reason to stop.
                let _ = fs::remove_file(path);
            }
        }
    }
}
