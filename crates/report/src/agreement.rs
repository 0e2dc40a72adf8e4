//! Does P, which a strategy may see, tell R, which it may not? (paper, Fig. 4)
//!
//! Per seed all Part B slices of all cases are ranked together by P and by R; the coefficient of
//! the regression through the ranks is Spearman's correlation. The paper shows one sample a
//! task. Slices without foreground are easy for both scores and tie at the top, so the
//! coefficient over foreground slices only stands beside that over all.

use crate::curve::{cases_of, over_seeds};
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
    fn of(self, p: f64, uncertainty: f64) -> f64 {
        match self {
            Self::P => p,
            Self::Uncertainty => -uncertainty,
        }
    }
}

/// How well a signal ranks the slices as R does, at one round of one strategy.
#[derive(Debug, Clone)]
pub(crate) struct PrAgreement {
    pub(crate) task: Task,
    pub(crate) strategy: String,
    pub(crate) ratio: f64,
    pub(crate) slices: Slices,
    /// Spearman's correlation in `[-1, 1]`: mean and interval over the seeds that have one.
    pub(crate) spearman: Interval,
    /// Slices ranked, all seeds together.
    pub(crate) n: usize,
}

/// Of every task, strategy and ratio whose records hold P.
pub(crate) fn agreements(results: &Results) -> Vec<PrAgreement> {
    let both = [Slices::All, Slices::Foreground];
    over_seeds(results)
        .iter()
        .flat_map(|records| {
            both.into_iter()
                .filter_map(|slices| pooled(records, Signal::P, slices))
        })
        .collect()
}

/// Of records of one model, one a seed; `None` without P, or where no seed has a coefficient.
pub(crate) fn pooled(
    records: &[&RoundRecord],
    signal: Signal,
    slices: Slices,
) -> Option<PrAgreement> {
    let mut coefficients = Vec::new();
    let mut n = 0;
    for record in records {
        let pairs: Vec<(f64, f64)> = cases_of(record, Part::B)
            .flat_map(|case| pairs(case, signal, slices))
            .collect();
        let (p, r): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        // Undefined where all slices tie or too few are left: that seed has no coefficient.
        if let Ok(coefficient) = spearman(&p, &r) {
            coefficients.push(coefficient);
            n += p.len();
        }
    }
    let first = records.first().filter(|_| !coefficients.is_empty())?;
    Some(PrAgreement {
        task: first.task,
        strategy: first.strategy.clone(),
        ratio: first.ratio,
        slices,
        spearman: mean_interval(&coefficients),
        n,
    })
}

/// (signal, R) of each slice asked for. None without attention, for either signal: the two are
/// compared on the same models.
fn pairs(case: &CaseRecord, signal: Signal, slices: Slices) -> Vec<(f64, f64)> {
    let Some(p) = &case.p else { return Vec::new() };
    p.iter()
        .zip(&case.uncertainty)
        .zip(case.r.iter().zip(&case.foreground))
        .filter(|(_, (_, foreground))| slices == Slices::All || **foreground)
        .map(|((p, uncertainty), (r, _))| (signal.of(*p, *uncertainty), *r))
        .collect()
}
