//! Does P, which a strategy may see, tell R, which it may not? (paper, Fig. 4) And does it tell
//! more than the uncertainty query's score?
//!
//! Per seed all Part B slices of all cases are ranked together by the signal and by R; the
//! coefficient of the regression through the ranks is Spearman's correlation. The paper shows one
//! sample a task, so the mean of the coefficients within cases stands beside the pooled one:
//! differences between cases, which no slice of a case can see, count in the latter only. Slices
//! without foreground are easy for both scores and tie at the top, so the coefficient over
//! foreground slices only stands beside that over all.

use crate::arm::Arm;
use crate::paired::{Run, run_of};
use crate::rounds::{Round, cases_of, mean};
use rayon::prelude::*;
use slicewise_data::{Part, Task};
use slicewise_experiment::{CaseRecord, RoundRecord};
use slicewise_metrics::{Interval, crossed_t, spearman};
use std::collections::BTreeMap;

/// Two choices, each with its word in tidy tables.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $choice:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$of])* $choice,)+
        }

        impl $name {
            /// Both, in the order of tables.
            pub(crate) const ALL: [Self; 2] = [$(Self::$choice),+];

            /// The word in tables.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$choice => $word,)+
                }
            }
        }
    };
}

choices! {
    /// Which slices are ranked.
    Slices {
        /// Every slice.
        All = "all",
        /// Those whose ground truth has foreground.
        Foreground = "foreground",
    }
}

choices! {
    /// What a strategy may see of a slice; higher promises a better segmentation.
    Signal {
        /// The agreement of SR1 with SR2.
        P = "p",
        /// The summed entropy of the slice with its sign flipped: the more, the worse.
        Uncertainty = "uncertainty",
    }
}

choices! {
    /// Which slices are ranked together.
    Scope {
        /// Those of all cases of a seed.
        Pooled = "pooled",
        /// Those of one case; then the mean over the cases that have a coefficient.
        WithinCase = "within-case",
    }
}

impl Signal {
    /// The word where a person reads it: the sign is part of it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::Uncertainty => "−uncertainty",
        }
    }
}

/// How well a signal ranks the slices as R does, at one round of one arm.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    pub(crate) ratio: f64,
    pub(crate) signal: Signal,
    pub(crate) scope: Scope,
    pub(crate) slices: Slices,
    /// Spearman's correlation with R.
    pub(crate) spearman: Correlation,
}

/// Spearman's correlation over runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correlation {
    /// In `[-1, 1]`: mean over the runs that have one, with the interval for random runs and
    /// cases; without ends below three runs. `n` counts runs.
    pub(crate) value: Interval,
    /// Distinct slices ranked: each once, however many seeds saw it.
    pub(crate) n: usize,
}

/// The agreements of every round whose records hold P, in the order of `rounds`.
pub(crate) fn agreements(rounds: &[&Round]) -> Vec<Agreement> {
    let rows = rounds.par_iter().flat_map_iter(|round| {
        let of = |scope, slices, signal| {
            let spearman = correlation(&round.records, signal, scope, slices)?;
            let (task, arm, ratio) = (round.task, round.arm.clone(), round.ratio);
            Some(Agreement { task, arm, ratio, signal, scope, slices, spearman })
        };
        let mut rows = Vec::new();
        for scope in Scope::ALL {
            for slices in Slices::ALL {
                rows.extend(Signal::ALL.into_iter().filter_map(|signal| of(scope, slices, signal)));
            }
        }
        rows
    });
    rows.collect()
}

/// The correlation of a signal with R over records of one model, one a run; `None` without P, or
/// where no run has a coefficient.
pub(crate) fn correlation(
    records: &[&RoundRecord],
    signal: Signal,
    scope: Scope,
    slices: Slices,
) -> Option<Correlation> {
    let mut means = Vec::new();
    let mut by_case: Vec<(Run, &str, f64)> = Vec::new();
    let mut ranked: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        let cases = cases_of(record, Part::B).map(|case| (case, pairs(case, signal, slices)));
        let cases: Vec<(&CaseRecord, Vec<(f64, f64)>)> = cases.collect();
        let coefficients = match scope {
            Scope::Pooled => pseudo_values(&cases, &mut means),
            Scope::WithinCase => {
                let found: Vec<_> = cases.iter().map(|(_, pairs)| coefficient(pairs)).collect();
                means.extend(mean(found.iter().flatten().copied()));
                found
            }
        };
        for ((case, pairs), coefficient) in cases.iter().zip(coefficients) {
            let name = case.case.as_str();
            by_case.extend(coefficient.map(|found| (run_of(record), name, found)));
            if scope == Scope::Pooled || coefficient.is_some() {
                let n = ranked.entry(name).or_default();
                *n = pairs.len().max(*n);
            }
        }
    }
    let mean = mean(means.iter().copied())?;
    let around = crossed_t(&by_case).ok().map(|test| test.interval);
    let ends =
        around.and_then(|around| Some((around.low? - around.mean, around.high? - around.mean)));
    let value = Interval {
        mean,
        // No correlation is beyond 1.
        low: ends.map(|(low, _)| (mean + low).max(-1.0)),
        high: ends.map(|(_, high)| (mean + high).min(1.0)),
        n: means.len(),
    };
    Some(Correlation { value, n: ranked.values().sum() })
}

/// Appends the coefficient over the slices of all cases to `means`, and says what each case
/// contributes to it: its pseudo-value, k times the coefficient less k − 1 times that without the
/// case, for k cases (the jackknife; Tukey 1958). They are as spread as the coefficient is uncertain.
fn pseudo_values(
    cases: &[(&CaseRecord, Vec<(f64, f64)>)],
    means: &mut Vec<f64>,
) -> Vec<Option<f64>> {
    let without = |left_out: Option<usize>| {
        let kept = cases.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
        let pooled: Vec<_> = kept.flat_map(|(_, (_, pairs))| pairs.iter().copied()).collect();
        coefficient(&pooled)
    };
    let Some(all) = without(None) else { return vec![None; cases.len()] };
    means.push(all);
    let k = cases.len() as f64;
    (0..cases.len()).map(|case| Some(k * all - (k - 1.0) * without(Some(case))?)).collect()
}

/// Spearman's correlation; `None` where all slices tie or too few are left.
fn coefficient(pairs: &[(f64, f64)]) -> Option<f64> {
    let (signal, r): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    spearman(&signal, &r).ok()
}

/// The signal and R of each slice asked for; nothing without attention, for either signal, since the
/// two are compared on the same models.
pub(crate) fn pairs(case: &CaseRecord, signal: Signal, slices: Slices) -> Vec<(f64, f64)> {
    let Some(p) = &case.p else { return Vec::new() };
    p.iter()
        .zip(&case.uncertainty)
        .zip(case.r.iter().zip(&case.foreground))
        .filter(|(_, (_, foreground))| slices == Slices::All || **foreground)
        .map(|((p, uncertainty), (r, _))| match signal {
            Signal::P => (*p, *r),
            Signal::Uncertainty => (-uncertainty, *r),
        })
        .collect()
}
