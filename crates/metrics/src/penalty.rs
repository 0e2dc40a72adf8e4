//! The pairwise penalty matrix of active-learning benchmarks: which method loses to which? (Ash et
//! al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"; nnActive.)
//!
//! At each budget a paired two-sided test compares two methods. Each significant loss adds 1/n,
//! where n is the number of budgets. There are two deviations from the source. First, a pair is
//! judged only by the budgets at which it could be tested, and n counts those. Second, the test is
//! the caller's: a t test over seeds alone, the source's, takes the cases for all there are.

/// Outcome of a test of one method against another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean of the first method minus that of the second.
    pub mean: f64,
    /// Two-sided p-value, in `[0, 1]`.
    pub p: f64,
}

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
/// `budgets[b][m]` are the scores of method `m` at budget `b`; higher is better. `test` compares two
/// methods' scores, and is `None` where they have too little in common. A loss is significant if
/// `p < alpha`.
pub fn pairwise_penalty<T>(
    budgets: &[Vec<T>],
    alpha: f64,
    test: impl Fn(&T, &T) -> Option<Difference>,
) -> Vec<Vec<Option<Penalty>>> {
    let methods = budgets.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |winner: usize, loser: usize| {
        let tests = budgets
            .iter()
            .filter_map(|budget| test(budget.get(winner)?, budget.get(loser)?));
        let (mut losses, mut tested) = (0, 0);
        for difference in tests {
            tested += 1;
            losses += usize::from(difference.p < alpha && difference.mean > 0.0);
        }
        (winner != loser && tested > 0).then(|| Penalty {
            share: losses as f64 / tested as f64,
            budgets: tested,
        })
    };
    (0..methods)
        .map(|winner| (0..methods).map(|loser| cell(winner, loser)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired_t;

    /// A t test over the positions that both have.
    fn test(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Difference> {
        let pairs = ours.iter().zip(theirs);
        let differences: Vec<f64> = pairs.filter_map(|(a, b)| Some((*a)? - (*b)?)).collect();
        let test = paired_t(&differences).ok()?;
        Some(Difference {
            mean: test.statistic,
            p: test.p,
        })
    }

    #[test]
    fn worked_by_hand() {
        // Budget 0: method 0 is a constant ¼ above method 1, a certain win. Budget 1: the
        // differences are +¼ and −¼, no win. Budget 2: there is one shared seed, so no test.
        let budgets = [
            vec![vec![Some(0.75), Some(0.5)], vec![Some(0.5), Some(0.25)]],
            vec![vec![Some(0.75), Some(0.5)], vec![Some(0.5), Some(0.75)]],
            vec![vec![Some(0.75), Some(0.5)], vec![None, Some(0.1)]],
        ];
        let matrix = pairwise_penalty(&budgets, 0.05, |a: &Vec<_>, b| test(a, b));
        let penalty = |share, budgets| Some(Penalty { share, budgets });
        assert_eq!(
            matrix[0],
            [None, penalty(0.5, 2)],
            "method 1 loses to method 0"
        );
        assert_eq!(matrix[1], [penalty(0.0, 2), None]);
    }

    #[test]
    fn what_cannot_be_tested_has_no_penalty() {
        let budgets = [vec![vec![Some(0.9)], vec![Some(0.1)], vec![]]];
        let matrix = pairwise_penalty(&budgets, 0.05, |a: &Vec<_>, b| test(a, b));
        assert!(matrix.iter().flatten().all(Option::is_none));
        assert_eq!(matrix.len(), 3);
    }
}
