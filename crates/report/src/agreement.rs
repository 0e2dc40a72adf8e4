//! Does P, which a strategy may see, tell R, which it may not? (paper, Fig. 4) And does it tell
//! more than the uncertainty query's score?
//!
//! Per seed all Part B slices of all cases are ranked together by the signal and by R; the
//! coefficient of the regression through the ranks is Spearman's correlation. The paper shows one
//! sample a task, so the mean of the coefficients within cases stands beside the pooled one:
//! differences between cases, which no slice of a case can see, count in the latter only. Slices
//! without foreground are easy for both scores and tie at the top, so the coefficient over
//! foreground slices only stands beside that over all.

use crate::curve::{cases_of, mean, over_seeds};
use rayon::prelude::*;
use slicewise_data::{Part, Task};
use slicewise_experiment::{CaseRecord, Results, RoundRecord};
use slicewise_metrics::{Interval, mean_interval, spearman};

/// Which slices are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slices {
    /// Every axial slice.
    All,
    /// Those whose ground truth has foreground.
    Foreground,
}

impl Slices {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::All, Self::Foreground];

    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Foreground => "foreground",
        }
    }
}

/// What a strategy may see of a slice; higher promises a better segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Agreement of SR1 with SR2.
    P,
    /// Summed entropy of the slice, its sign flipped: the more, the worse.
    Uncertainty,
}

impl Signal {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::P, Self::Uncertainty];

    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P => "p",
            Self::Uncertainty => "uncertainty",
        }
    }

    /// The word where it is read: the sign is part of it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::Uncertainty => "−uncertainty",
        }
    }

    fn of(self, p: f64, uncertainty: f64) -> f64 {
        match self {
            Self::P => p,
            Self::Uncertainty => -uncertainty,
        }
    }
}

/// Which slices are ranked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Those of all cases of a seed.
    Pooled,
    /// Those of one case; then the mean over the cases that have a coefficient.
    WithinCase,
}

impl Scope {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Pooled, Self::WithinCase];

    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::WithinCase => "within-case",
        }
    }
}

/// How well a signal ranks the slices as R does, at one round of one strategy.
#[derive(Debug, Clone)]
pub(crate) struct PrAgreement {
    pub(crate) task: Task,
    pub(crate) strategy: String,
    pub(crate) signal: Signal,
    pub(crate) ratio: f64,
    pub(crate) scope: Scope,
    pub(crate) slices: Slices,
    /// Spearman's correlation in `[-1, 1]`: mean and interval over the seeds that have one.
    pub(crate) spearman: Interval,
    /// Slices ranked, all seeds together.
    pub(crate) n: usize,
}

impl PrAgreement {
    /// Whether it is the coefficient that the paper's claim is about, save for the choice of
    /// slices: P against R, all cases together.
    pub(crate) fn is_pooled_p(&self) -> bool {
        self.signal == Signal::P && self.scope == Scope::Pooled
    }
}

/// Of every task, strategy and ratio whose records hold P.
pub(crate) fn agreements(results: &Results) -> Vec<PrAgreement> {
    let rows = over_seeds(results)
        .into_par_iter()
        .flat_map_iter(|records| {
            let mut rows = Vec::new();
            for scope in Scope::ALL {
                for slices in Slices::ALL {
                    let of_signal = |signal| of_group(&records, signal, scope, slices);
                    rows.extend(Signal::ALL.into_iter().filter_map(of_signal));
                }
            }
            rows
        });
    rows.collect()
}

/// Of records of one model, one a seed: all cases ranked together; `None` without P, or where no
/// seed has a coefficient.
pub(crate) fn pooled(
    records: &[&RoundRecord],
    signal: Signal,
    slices: Slices,
) -> Option<PrAgreement> {
    of_group(records, signal, Scope::Pooled, slices)
}

fn of_group(
    records: &[&RoundRecord],
    signal: Signal,
    scope: Scope,
    slices: Slices,
) -> Option<PrAgreement> {
    let mut coefficients = Vec::new();
    let mut n = 0;
    for record in records {
        let of_cases = cases_of(record, Part::B).map(|case| pairs(case, signal, slices));
        let ranked: Vec<(f64, usize)> = match scope {
            Scope::Pooled => coefficient(&of_cases.flatten().collect::<Vec<_>>())
                .into_iter()
                .collect(),
            Scope::WithinCase => of_cases.filter_map(|pairs| coefficient(&pairs)).collect(),
        };
        coefficients.extend(mean(ranked.iter().map(|(coefficient, _)| *coefficient)));
        n += ranked.iter().map(|(_, n)| n).sum::<usize>();
    }
    let first = records.first().filter(|_| !coefficients.is_empty())?;
    Some(PrAgreement {
        task: first.task,
        strategy: first.strategy.clone(),
        signal,
        ratio: first.ratio,
        scope,
        slices,
        spearman: mean_interval(&coefficients),
        n,
    })
}

/// Spearman's correlation and the number of pairs; undefined where all slices tie or too few are
/// left.
fn coefficient(pairs: &[(f64, f64)]) -> Option<(f64, usize)> {
    let (signal, r): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    Some((spearman(&signal, &r).ok()?, pairs.len()))
}

/// (signal, R) of each slice asked for. None without attention, for either signal: the two are
/// compared on the same models.
pub(crate) fn pairs(case: &CaseRecord, signal: Signal, slices: Slices) -> Vec<(f64, f64)> {
    let Some(p) = &case.p else { return Vec::new() };
    p.iter()
        .zip(&case.uncertainty)
        .zip(case.r.iter().zip(&case.foreground))
        .filter(|(_, (_, foreground))| slices == Slices::All || **foreground)
        .map(|((p, uncertainty), (r, _))| (signal.of(*p, *uncertainty), *r))
        .collect()
}
