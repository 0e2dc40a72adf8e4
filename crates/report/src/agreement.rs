//! Does P, which a strategy may see, tell R, which it may not? (paper, Fig. 4) And does it tell
//! more than the uncertainty query's score?
//!
//! Per seed all Part B slices of all cases are ranked together by the signal and by R; the
//! coefficient of the regression through the ranks is Spearman's correlation. The paper shows one
//! sample a task, so the mean of the coefficients within cases stands beside the pooled one:
//! differences between cases, which no slice of a case can see, count in the latter only. Slices
//! without foreground are easy for both scores and tie at the top, so the coefficient over
//! foreground slices only stands beside that over all, and that over all with 0 for empty slices.

use crate::observations::run_of;
use crate::paper;
use crate::prelude::*;
use rayon::prelude::*;
use slicewise_metrics::{crossed_t, spearman};

/// Enums of choices, each with its word in tidy tables.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $choice:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$of])* $choice,)+
        }

        impl $name {
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
        /// Every slice, but one that is empty in both maps scores 0 and not 1: the paper's quotient
        /// is 0/0 there, and it does not say what it takes.
        Zero = "all-zero",
    }
}

choices! {
    /// What a strategy may see of a slice; higher promises a better segmentation.
    Signal {
        /// The agreement of SR1 with SR2.
        P = "p",
        /// The summed entropy of the slice with its sign flipped: the more, the worse.
        Uncertainty = "uncertainty",
        /// The mean entropy over the voxels predicted as foreground, with its sign flipped.
        ForegroundEntropy = "foreground-entropy",
        /// The number of these voxels.
        Area = "area",
    }
}

choices! {
    /// Which slices are ranked together.
    Scope {
        /// Those of all cases of a run.
        Pooled = "pooled",
        /// Those of one case; then the mean over the cases that have a coefficient.
        WithinCase = "within-case",
    }
}

impl Slices {
    /// Those that figures show.
    pub(crate) const SHOWN: [Self; 2] = [Self::All, Self::Foreground];
    /// All, in the order of tables.
    pub(crate) const ALL: [Self; 3] = [Self::All, Self::Foreground, Self::Zero];
}

impl Signal {
    /// The scores of the paper's two queries.
    pub(crate) const OF_QUERIES: [Self; 2] = [Self::P, Self::Uncertainty];
    /// All, in the order of tables: those of the queries first.
    pub(crate) const ALL: [Self; 4] =
        [Self::P, Self::Uncertainty, Self::ForegroundEntropy, Self::Area];

    /// The word where a person reads it: the sign is part of it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::Uncertainty => "−uncertainty",
            Self::ForegroundEntropy => "−mean entropy of the foreground",
            Self::Area => "predicted area",
        }
    }
}

/// How well a signal ranks the slices as R does, at one round of one arm.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) task: Task,
    pub(crate) arm: Arm,
    pub(crate) ratio: f64,
    /// Part B; Part A in sweeps with rounds between reports, which have no other.
    pub(crate) part: Part,
    pub(crate) signal: Signal,
    pub(crate) scope: Scope,
    pub(crate) slices: Slices,
    /// Spearman's correlation with R.
    pub(crate) spearman: Correlation,
    /// Share of the single cases, of all runs, whose coefficient is at least that of the paper's one
    /// sample: of P within cases, in the paper's tasks.
    pub(crate) as_paper: Option<f64>,
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

/// The agreements of every round of the primary model whose records hold P, in the order of `rounds`;
/// full annotation once.
pub(crate) fn agreements(rounds: &[Round]) -> Vec<Agreement> {
    let between = rounds.iter().any(|round| round.primary && !round.evaluated);
    let ranked = [(Part::B, Scope::Pooled), (Part::B, Scope::WithinCase)].into_iter();
    let ranked = ranked.chain(between.then_some((Part::A, Scope::WithinCase)));
    let ranked = ranked.cartesian_product(Slices::ALL).map(|((part, scope), of)| (part, scope, of));
    let ranked: Vec<(Ranked, &[Signal])> = ranked
        .map(|of| (of, if of == PREDICTORS { &Signal::ALL[..] } else { &Signal::OF_QUERIES }))
        .collect();
    let longest = rounds.par_iter().filter(|round| round.primary && round.longest);
    let rows = longest.flat_map_iter(|round| {
        let all = ranked.iter().flat_map(|(of, signals)| signals.iter().map(move |s| (*s, *of)));
        all.filter_map(|(signal, of)| agreement(round, signal, of))
    });
    rows.collect()
}

fn agreement(round: &Round, signal: Signal, ranked: Ranked) -> Option<Agreement> {
    let (part, scope, slices) = ranked;
    let (spearman, by_case) = correlation(&round.records, signal, ranked)?;
    let (task, arm, ratio) = (round.task, round.arm.clone(), round.ratio);
    let papers = paper::rank_coefficient(task);
    let papers = papers.filter(|_| (signal, scope) == (Signal::P, Scope::WithinCase));
    let as_paper = papers.map(|papers| {
        let reached = by_case.iter().filter(|coefficient| **coefficient >= papers).count();
        reached as f64 / by_case.len() as f64
    });
    Some(Agreement { task, arm, ratio, part, signal, scope, slices, spearman, as_paper })
}

/// Of which part, ranked how, which slices.
pub(crate) type Ranked = (Part, Scope, Slices);

/// What all signals are compared by; all else is of the two queries alone.
pub(crate) const PREDICTORS: Ranked = (Part::B, Scope::WithinCase, Slices::Foreground);

/// The correlation of a signal with R over records of one model, one a run, and what each case of each
/// run contributes, within cases its own; `None` without P, or where no run has a coefficient.
pub(crate) fn correlation(
    records: &[&RoundRecord],
    signal: Signal,
    (part, scope, slices): Ranked,
) -> Option<(Correlation, Vec<f64>)> {
    let mut means = Vec::new();
    let mut by_case = Vec::new();
    let mut ranked: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        let cases = cases_of(record, part).map(|case| (case, pairs(case, signal, slices)));
        let cases = cases.collect_vec();
        let (mean, coefficients) = match scope {
            Scope::Pooled => pseudo_values(&cases).unzip(),
            Scope::WithinCase => {
                let own = cases.iter().map(|(_, pairs)| coefficient(pairs)).collect_vec();
                (mean(own.iter().flatten().copied()), Some(own))
            }
        };
        means.extend(mean);
        for (place, (case, pairs)) in cases.iter().enumerate() {
            let name = case.case.as_str();
            let coefficient = coefficients.as_ref().and_then(|all| all[place]);
            by_case.extend(coefficient.map(|found| (run_of(record), name, found)));
            if scope == Scope::Pooled || coefficient.is_some() {
                let n = ranked.entry(name).or_default();
                *n = pairs.len().max(*n);
            }
        }
    }
    let mean = mean(means.iter().copied())?;
    let around = crossed_t(&by_case).ok().map(|test| test.interval);
    let end = |of: fn(Interval) -> Option<f64>| Some(mean + (of(around?)? - around?.mean));
    // No correlation is beyond 1.
    let low = end(|around| around.low).map(|low| low.max(-1.0));
    let high = end(|around| around.high).map(|high| high.min(1.0));
    let value = Interval { mean, low, high, n: means.len() };
    let contributions = by_case.into_iter().map(|(.., of_case)| of_case).collect();
    Some((Correlation { value, n: ranked.values().sum() }, contributions))
}

/// The coefficient over the slices of all cases, and what each case contributes to it: its
/// pseudo-value, k times the coefficient less k − 1 times that without the case, for k cases (the
/// jackknife; Tukey 1958). They are as spread as the coefficient is uncertain.
fn pseudo_values(cases: &[(&CaseRecord, Vec<(f64, f64)>)]) -> Option<(f64, Vec<Option<f64>>)> {
    let without = |left_out: Option<usize>| {
        let kept = cases.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
        coefficient(&kept.flat_map(|(_, (_, pairs))| pairs.iter().copied()).collect_vec())
    };
    let (all, k) = (without(None)?, cases.len() as f64);
    let value = |case| Some(k * all - (k - 1.0) * without(Some(case))?);
    Some((all, (0..cases.len()).map(value).collect()))
}

/// Spearman's correlation; `None` where all slices tie or too few are left.
fn coefficient(pairs: &[(f64, f64)]) -> Option<f64> {
    let (signal, r): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    spearman(&signal, &r).ok()
}

/// The signal and R of each slice asked for; nothing without attention, for any signal, since all are
/// compared on the same models, and nothing that the records do not know.
pub(crate) fn pairs(case: &CaseRecord, signal: Signal, slices: Slices) -> Vec<(f64, f64)> {
    let Some(p) = &case.p else { return Vec::new() };
    let of_slice = |slice: usize| {
        let foreground = *case.foreground.get(slice)?;
        let pair = (seen(case, p, signal, slice)?, *case.r.get(slice)?);
        match slices {
            Slices::All => Some(pair),
            Slices::Foreground => foreground.then_some(pair),
            Slices::Zero => {
                let empty = *case.predicted_voxels.get(slice)? == 0;
                // A P of 1 where SR1 is empty means that SR2 is too.
                let p_is_empty = signal == Signal::P && empty && pair.0 == 1.0;
                let r = if empty && !foreground { 0.0 } else { pair.1 };
                Some((if p_is_empty { 0.0 } else { pair.0 }, r))
            }
        }
    };
    (0..p.len()).filter_map(of_slice).collect()
}

/// What a strategy sees of a slice, more of which promises a better segmentation.
fn seen(case: &CaseRecord, p: &[f64], signal: Signal, slice: usize) -> Option<f64> {
    match signal {
        Signal::P => p.get(slice).copied(),
        Signal::Uncertainty => case.uncertainty.get(slice).map(|uncertainty| -uncertainty),
        // Below all others where nothing is predicted.
        Signal::ForegroundEntropy => {
            case.foreground_entropy.get(slice).map(|entropy| entropy.map_or(f64::MIN, |e| -e))
        }
        Signal::Area => case.predicted_voxels.get(slice).map(|voxels| *voxels as f64),
    }
}
