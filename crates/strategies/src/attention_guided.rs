//! Attention-guided query: the paper's own strategy (Zhang et al. 2019, section 2.2).
//!
//! SR1 is the segmentation from the final feature maps, SR2 the one from their attention map. Where
//! the two disagree the network is likely to be wrong, so the slices with the lowest agreement P
//! are annotated first.

use crate::{CaseView, QueryStrategy, StrategyError};
use rand_chacha::ChaCha8Rng;

/// Scores a slice by 1 − P, in `[0, 1]`. P is measured as the task compares segmentations: P-DSC in
/// Task 1, P-accuracy in Task 2. A slice that is empty in both segmentations has P = 1 and comes
/// last; see [`slicewise_metrics::agreement`].
pub struct AttentionGuided;

impl QueryStrategy for AttentionGuided {
    fn name(&self) -> &'static str {
        "attention-guided"
    }

    fn summary(&self) -> &'static str {
        "lowest agreement of segmentation and attention map first"
    }

    fn source(&self) -> &'static str {
        "Zhang et al. 2019, section 2.2"
    }

    fn needs_attention(&self) -> bool {
        true
    }

    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        let p = view.p(self.name())?;
        Ok(p.into_iter().map(|p| 1.0 - p).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::{Array3, array};
    use slicewise_metrics::Agreement;

    fn select(agreement: Agreement, sr2: Option<Array3<u8>>) -> Result<Vec<usize>, StrategyError> {
        let mut sample = Sample::of(array![[[0, 0]], [[1, 1]], [[1, 2]], [[1, 0]]]);
        sample.case = "baby".to_owned();
        sample.agreement = agreement;
        sample.prediction.sr2 = sr2;
        sample.slices(&AttentionGuided, 4)
    }

    #[test]
    fn lowest_agreement_first_and_empty_last() {
        // By slice, P-DSC is 1 (both empty), 1, 1, 0 and P-accuracy 1, 1/2, 0, 0.
        let sr2 = array![[[0, 0]], [[1, 2]], [[2, 1]], [[0, 0]]];
        let order = |agreement| select(agreement, Some(sr2.clone())).unwrap();
        assert_eq!(order(Agreement::Dice), [3, 0, 1, 2]);
        assert_eq!(order(Agreement::Accuracy), [2, 3, 1, 0]);
    }

    #[test]
    fn the_missing_or_misshapen_map_is_named() {
        let error = select(Agreement::Dice, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "strategy attention-guided needs a model with an attention map; case baby has none"
        );
        let error = select(Agreement::Dice, Some(Array3::zeros((4, 2, 1)))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "strategy attention-guided, case baby: \
             label maps differ in shape [z, y, x]: [4, 1, 2] against [4, 2, 1]"
        );
    }
}
