//! Is the mean of scores of several runs on several cases 0? A t test, and its interval, for which
//! runs and cases are both random: the next sweep would have other seeds and other patients.
//!
//! Scores of one run, and scores of one case, rise and fall together, so a test over single scores
//! finds differences where there are none. The model is score = mean + run + case + residual. Where
//! cases are unseen by some runs only (folds), a run meets the cases of its own fold, and the
//! design falls into parts that share neither run nor case. The variance of the mean follows from
//! the mean squares (Henderson 1953, "Estimation of variance and covariance components", method 3,
//! Biometrics 9), its degrees of freedom from Satterthwaite 1946 ("An approximate distribution of
//! estimates of variance components", Biometrics Bulletin 2).
//!
//! A component that could well be nothing is taken for nothing, and its squares go to the residual
//! ("sometimes pooling", Bancroft 1964, Biometrics 20). Without that the test rejects a true null
//! in 1 % at 0.05 where runs and cases hardly matter; the more readily it pools, the more it
//! rejects where they do. `POOL` holds the rate between the two (`./just simulate-tests`).
//!
//! That is so at 0.05, of one comparison. Far below it the test of few runs rejects too often: where
//! three seeds agree by chance, it takes them for no component at all. What is corrected for
//! many comparisons is therefore [`CrossedT::strict`].

use crate::{Interval, LEAST_RUNS, MetricsError, paired_t, rank::finite};
use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};
use std::collections::{BTreeMap, BTreeSet};

/// p of a component's F test above which the component is taken for nothing.
const POOL: f64 = 0.35;

/// Result of [`crossed_t`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossedT {
    /// Mean over cases of the mean over the case's runs, and its 95 % interval, without ends
    /// where there is no test. `n` counts scores.
    pub interval: Interval,
    /// Two-sided p of the null that the mean is 0; `None` below [`LEAST_RUNS`] runs, and where
    /// the design does not tell runs or cases from the residual (a single case).
    pub p: Option<f64>,
    /// Two-sided p that holds its level far below 0.05 too, so that it can be corrected for many
    /// comparisons: the largest of `p` and of the p of plain t tests over the means of runs and
    /// over the means of cases; `None` as `p`.
    pub strict: Option<f64>,
    /// Standard error of the mean, where there is a test.
    pub error: Option<f64>,
    /// Degrees of freedom, where there is a test.
    pub freedom: Option<f64>,
    /// Number of runs.
    pub runs: usize,
    /// Number of cases.
    pub cases: usize,
}

/// Variances of what a score is the sum of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// Between runs. It is below 0 where runs differ less than residuals alone would make them.
    pub run: f64,
    /// Between cases; as `run`.
    pub case: f64,
    /// Of what is left.
    pub residual: f64,
}

/// Tests, two-sided, whether the mean of `scores`, each (run, case, value), is 0, and gives its
/// interval. Runs and cases are random, and effects roughly normal. A run is what was trained
/// once: a seed, or a fold with a seed. Pairs of run and case may be missing.
///
/// Where each part of the design has one run or one case, at least three means of parts are
/// tested by a plain t test.
///
/// # Errors
/// There is no score, a score is not finite, or a pair of run and case has two.
pub fn crossed_t<R: Ord, C: Ord>(scores: &[(R, C, f64)]) -> Result<CrossedT, MetricsError> {
    let design = Design::of(scores)?;
    let mean = design.mean();
    let spread = match design.runs.len() {
        0..LEAST_RUNS => None,
        _ => design.squares().map_or_else(
            || design.spread_of_parts(mean),
            |squares| Some(design.spread(&squares)),
        ),
    };
    let test = spread.map(|(variance, freedom)| {
        let student = StudentsT::new(0.0, 1.0, freedom)
            .expect("a unit scale and at least one degree of freedom");
        let error = variance.sqrt();
        let p = match (mean == 0.0, error == 0.0) {
            (true, _) => 1.0,
            // The limit for a vanishing variance.
            (false, true) => 0.0,
            (false, false) => (2.0 * student.cdf(-(mean / error).abs())).min(1.0),
        };
        (p, error, freedom, student.inverse_cdf(0.975) * error)
    });
    let over = |level: &[Vec<usize>]| {
        let means = level.iter().map(|places| mean_of(&design.values, places));
        paired_t(&means.collect::<Vec<_>>()).map_or(1.0, |test| test.p)
    };
    Ok(CrossedT {
        interval: Interval {
            mean,
            low: test.map(|test| mean - test.3),
            high: test.map(|test| mean + test.3),
            n: design.values.len(),
        },
        p: test.map(|test| test.0),
        strict: test.map(|test| test.0.max(over(&design.runs)).max(over(&design.cases))),
        error: test.map(|test| test.1),
        freedom: test.map(|test| test.2),
        runs: design.runs.len(),
        cases: design.cases.len(),
    })
}

/// Estimates the variances between runs, between cases and of residuals, unbiased; `None` where
/// the design does not tell them apart.
///
/// # Errors
/// Those of [`crossed_t`].
pub fn variance_components<R: Ord, C: Ord>(
    scores: &[(R, C, f64)],
) -> Result<Option<Components>, MetricsError> {
    let design = Design::of(scores)?;
    Ok(design.squares().map(|squares| {
        let residual = squares.residual.mean();
        let of = |part: Squares, level: &[Vec<usize>]| {
            (part.sum - part.freedom * residual) / design.coefficient(level)
        };
        Components {
            run: of(squares.run, &design.cases),
            case: of(squares.case, &design.runs),
            residual,
        }
    }))
}

/// Which scores belong to which run and which case.
struct Design {
    values: Vec<f64>,
    /// Places in `values` of each run's scores.
    runs: Vec<Vec<usize>>,
    /// The same of each case.
    cases: Vec<Vec<usize>>,
    /// Weight of each score in the mean.
    weights: Vec<f64>,
    /// Places in `values` of each part, the parts sharing neither run nor case.
    parts: Vec<Vec<usize>>,
}

/// A sum of squares with its degrees of freedom.
#[derive(Clone, Copy)]
struct Squares {
    sum: f64,
    freedom: f64,
}

impl Squares {
    fn mean(self) -> f64 {
        self.sum / self.freedom
    }

    fn with(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            freedom: self.freedom + other.freedom,
        }
    }
}

/// Squares of runs beside cases, of cases beside runs, and of residuals.
struct AllSquares {
    run: Squares,
    case: Squares,
    residual: Squares,
}

impl Design {
    fn of<R: Ord, C: Ord>(scores: &[(R, C, f64)]) -> Result<Self, MetricsError> {
        if scores.is_empty() {
            return Err(MetricsError::TooFew { needed: 1, got: 0 });
        }
        let values: Vec<f64> = scores.iter().map(|score| score.2).collect();
        finite(&values)?;
        let mut pairs = BTreeSet::new();
        if let Some(index) = scores.iter().position(|s| !pairs.insert((&s.0, &s.1))) {
            return Err(MetricsError::Repeated { index });
        }
        let (mut runs, mut cases) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for (place, (run, case, _)) in scores.iter().enumerate() {
            runs.entry(run).or_default().push(place);
            cases.entry(case).or_default().push(place);
        }
        let (runs, cases) = (
            Vec::from_iter(runs.into_values()),
            Vec::from_iter(cases.into_values()),
        );
        let mut weights = vec![0.0; values.len()];
        for case in &cases {
            for &place in case {
                weights[place] = 1.0 / (cases.len() * case.len()) as f64;
            }
        }
        let parts = parts(values.len(), &runs, &cases);
        Ok(Self {
            values,
            runs,
            cases,
            weights,
            parts,
        })
    }

    fn mean(&self) -> f64 {
        let means = self.cases.iter().map(|case| mean_of(&self.values, case));
        means.sum::<f64>() / self.cases.len() as f64
    }

    /// Returns the squares; `None` where one of the three has no degree of freedom.
    fn squares(&self) -> Option<AllSquares> {
        let (n, parts) = (self.values.len() as f64, self.parts.len() as f64);
        let (runs, cases) = (self.runs.len() as f64, self.cases.len() as f64);
        let [run, case, residual] = [runs - parts, cases - parts, n - runs - cases + parts];
        if run < 1.0 || case < 1.0 || residual < 1.0 {
            return None;
        }
        let without = |levels: &[&[Vec<usize>]]| sum_of_squares(self.values.clone(), levels);
        let both = without(&[&self.runs, &self.cases]);
        let beside = |other: &[Vec<usize>]| (without(&[other]) - both).max(0.0);
        Some(AllSquares {
            run: Squares {
                sum: beside(&self.cases),
                freedom: run,
            },
            case: Squares {
                sum: beside(&self.runs),
                freedom: case,
            },
            residual: Squares {
                sum: both,
                freedom: residual,
            },
        })
    }

    /// How often a component counts in the expected sum of its squares, given the other level.
    fn coefficient(&self, other: &[Vec<usize>]) -> f64 {
        (self.values.len() - other.len()) as f64
    }

    /// Returns the variance of the mean and its degrees of freedom.
    fn spread(&self, squares: &AllSquares) -> (f64, f64) {
        // The variance is a sum of mean squares, each with a factor that makes its expectation
        // that of the mean: for each component the sum of squared weights of its levels.
        let levels = |level: &[Vec<usize>]| -> f64 {
            let weights = level.iter().map(|places| sum_at(&self.weights, places));
            weights.map(|weight| weight * weight).sum()
        };
        let factor =
            |level, other, of: Squares| levels(level) * of.freedom / self.coefficient(other);
        let all = self
            .weights
            .iter()
            .map(|weight| weight * weight)
            .sum::<f64>();
        let (mut pooled, mut rest) = (squares.residual, all);
        let mut kept = Vec::new();
        for (of, factor) in [
            (squares.run, factor(&self.runs, &self.cases, squares.run)),
            (squares.case, factor(&self.cases, &self.runs, squares.case)),
        ] {
            if is_nothing(of, squares.residual) {
                pooled = pooled.with(of);
            } else {
                kept.push((of, factor));
                rest -= factor;
            }
        }
        kept.push((pooled, rest));
        let terms = || {
            kept.iter()
                .map(|(of, factor)| (factor * of.mean(), of.freedom))
        };
        let variance = terms()
            .map(|(term, _)| term)
            .sum::<f64>()
            .max(all * pooled.mean());
        let fourth: f64 = terms().map(|(term, freedom)| term * term / freedom).sum();
        let freedom = if fourth > 0.0 {
            variance * variance / fourth
        } else {
            pooled.freedom
        };
        (variance, freedom.max(1.0))
    }

    /// Returns the variance of the mean from the means of at least three parts alone.
    fn spread_of_parts(&self, mean: f64) -> Option<(f64, f64)> {
        let parts = self.parts.len() as f64;
        let squares: f64 = self
            .parts
            .iter()
            .map(|part| {
                // The part's share of the mean, less what it would be if it were like all.
                let share: f64 = part
                    .iter()
                    .map(|&p| self.weights[p] * (self.values[p] - mean))
                    .sum();
                share * share
            })
            .sum();
        (parts >= LEAST_RUNS as f64).then(|| (squares * parts / (parts - 1.0), parts - 1.0))
    }
}

/// Tells whether a component could well be nothing beside the residual.
fn is_nothing(of: Squares, residual: Squares) -> bool {
    if residual.sum <= 0.0 {
        return of.sum <= 0.0;
    }
    let f = FisherSnedecor::new(of.freedom, residual.freedom).expect("degrees of freedom above 0");
    f.sf(of.mean() / residual.mean()) > POOL
}

fn sum_at(values: &[f64], places: &[usize]) -> f64 {
    places.iter().map(|&place| values[place]).sum()
}

fn mean_of(values: &[f64], places: &[usize]) -> f64 {
    sum_at(values, places) / places.len() as f64
}

/// Returns the squares left when the means of each of `levels` are taken away, fitted together.
fn sum_of_squares(mut left: Vec<f64>, levels: &[&[Vec<usize>]]) -> f64 {
    let scale = left
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    // A whole table is done after one round, one with gaps after some tens.
    for _ in 0..10_000 {
        let mut moved = 0.0_f64;
        for group in levels.iter().copied().flatten() {
            let mean = mean_of(&left, group);
            moved = moved.max(mean.abs());
            group.iter().for_each(|&place| left[place] -= mean);
        }
        if moved <= 1e-14 * scale {
            break;
        }
    }
    left.iter().map(|value| value * value).sum()
}

/// Returns the places of each part: scores linked by a common run or case, over any number of
/// steps.
fn parts(n: usize, runs: &[Vec<usize>], cases: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut part = Vec::from_iter(0..n);
    let mut changed = true;
    while changed {
        changed = false;
        for group in runs.iter().chain(cases) {
            let least = group.iter().map(|&place| part[place]).min().unwrap_or(0);
            for &place in group {
                changed |= part[place] != least;
                part[place] = least;
            }
        }
    }
    let mut parts = BTreeMap::<_, Vec<_>>::new();
    for (place, part) in part.into_iter().enumerate() {
        parts.entry(part).or_default().push(place);
    }
    parts.into_values().collect()
}

#[cfg(test)]
mod tests;
