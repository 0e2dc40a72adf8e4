//! The pairwise penalty matrix of active-learning benchmarks: which method loses to which? (Ash et
//! al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"; nnActive.)
//!
//! At each budget a paired two-sided t-test over seeds compares two methods. Each significant loss
//! adds 1/n, where n is the number of budgets. There are two deviations from the source. First, a
//! pair is judged only by the budgets that both methods have in two seeds or more, and n counts
//! those. Second, scores are paired by seed, not by position.

use crate::{MetricsError, paired_t};
use std::collections::BTreeMap;

/// Scores of one method at one budget, by seed.
pub type SeedScores = BTreeMap<u64, f64>;

/// How often one method loses to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Share of the budgets at which it loses significantly, in `[0, 1]`.
    pub share: f64,
    /// Number of budgets at which the two could be tested.
    pub budgets: usize,
}

/// Returns `matrix[winner][loser]`: what the method of the *column* loses to that of the *row*. It
/// is `None` on the diagonal and where no budget could be tested.
///
/// `budgets[b][m]` are the scores of method `m` at budget `b`; higher is better. They are empty
/// where the method has none. A loss is significant if `p < alpha`.
///
/// # Errors
/// A score is not finite.
pub fn pairwise_penalty(
    budgets: &[Vec<SeedScores>],
    alpha: f64,
) -> Result<Vec<Vec<Option<Penalty>>>, MetricsError> {
    let methods = budgets.iter().map(Vec::len).max().unwrap_or(0);
    let mut matrix = vec![vec![None; methods]; methods];
    for (winner, row) in matrix.iter_mut().enumerate() {
        for (loser, cell) in row
            .iter_mut()
            .enumerate()
            .filter(|(loser, _)| *loser != winner)
        {
            let (mut losses, mut tested) = (0, 0);
            for budget in budgets {
                let (Some(ours), Some(theirs)) = (budget.get(winner), budget.get(loser)) else {
                    continue;
                };
                let differences: Vec<f64> = ours
                    .iter()
                    .filter_map(|(seed, score)| Some(score - theirs.get(seed)?))
                    .collect();
                match paired_t(&differences) {
                    Ok(test) => {
                        tested += 1;
                        losses += usize::from(test.p < alpha && test.statistic > 0.0);
                    }
                    // There are too few seeds for a test, so this budget says nothing about the
                    // pair.
                    Err(MetricsError::TooFew { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            *cell = (tested > 0).then(|| Penalty {
                share: losses as f64 / tested as f64,
                budgets: tested,
            });
        }
    }
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(pairs: &[(u64, f64)]) -> SeedScores {
        pairs.iter().copied().collect()
    }

    #[test]
    fn worked_by_hand() {
        // Budget 0: method 0 is a constant ¼ above method 1, a certain win. Budget 1: the
        // differences are +¼ and −¼, no win. Budget 2: there is one shared seed, so no test.
        let budgets = [
            vec![
                scores(&[(1, 0.75), (2, 0.5)]),
                scores(&[(2, 0.25), (1, 0.5)]),
            ],
            vec![
                scores(&[(1, 0.75), (2, 0.5)]),
                scores(&[(1, 0.5), (2, 0.75)]),
            ],
            vec![
                scores(&[(1, 0.75), (2, 0.5)]),
                scores(&[(3, 0.1), (2, 0.1)]),
            ],
        ];
        let matrix = pairwise_penalty(&budgets, 0.05).unwrap();
        let penalty = |share, budgets| Some(Penalty { share, budgets });
        assert_eq!(
            matrix[0],
            [None, penalty(0.5, 2)],
            "method 1 loses to method 0"
        );
        assert_eq!(matrix[1], [penalty(0.0, 2), None]);
    }

    #[test]
    fn one_seed_tests_nothing() {
        let budgets = [vec![
            scores(&[(1, 0.9)]),
            scores(&[(1, 0.1)]),
            SeedScores::new(),
        ]];
        let matrix = pairwise_penalty(&budgets, 0.05).unwrap();
        assert!(matrix.iter().flatten().all(Option::is_none));
        assert_eq!(matrix.len(), 3);
    }

    #[test]
    fn a_score_that_is_none_is_refused() {
        let budgets = [vec![
            scores(&[(1, 0.9), (2, f64::NAN)]),
            scores(&[(1, 0.1), (2, 0.1)]),
        ]];
        assert!(pairwise_penalty(&budgets, 0.05).is_err());
    }
}
