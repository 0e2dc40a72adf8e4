//! Members of a committee that are networks of their own.

use super::TchSegmenter;
use crate::error::ModelError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slicewise_core::TrainingCase;
use std::ops::ControlFlow;

impl TchSegmenter {
    /// Trains the members of the committee that are networks of their own: from new weights, `steps` steps
    /// each. Their weights and crops follow from `seed`, and those before them are forgotten. After
    /// each step `go_on` is called; a break ends the call, with members missing.
    ///
    /// # Errors
    /// As those of [`Self::train`].
    pub fn train_members(
        &mut self,
        cases: &[TrainingCase],
        steps: usize,
        seed: u64,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        self.members.clear();
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..self.committee.map_or(0, |committee| committee.seeds) {
            let (weights, crops) = (generator.random(), generator.random());
            let device = self.store.device();
            let mut member = Self::new(&self.model, &self.training, self.classes, weights, device)?;
            let mut stopped = false;
            member.train(cases, 0..steps, steps, crops, &mut |_, _| {
                let go_on = go_on();
                stopped = go_on.is_break();
                go_on
            })?;
            if stopped {
                break;
            }
            // The volumes that it was trained on are not needed again.
            member.resident = None;
            self.members.push(member);
        }
        Ok(())
    }
}
