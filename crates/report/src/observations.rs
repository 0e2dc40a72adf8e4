//! The one frame of observations: a row a case after a round of a run. Its groups are means over
//! seeds, its joins differences on the same case in the same run.
//!
//! polars groups and joins. Sums are taken here, in the order of seeds and records, so that tables
//! are the same to the byte whatever polars does.

use crate::error::ReportError;
use crate::frame::Columns;
use crate::rounds::{Score, mean, part_name};
use polars::prelude::{
    ChunkCompareEq, DataFrame, DataFrameJoinOps, GroupsIndicator, PolarsResult,
    SortMultipleOptions, df,
};
use slicewise_data::Part;
use slicewise_experiment::{CaseRecord, RoundRecord};
use slicewise_metrics::{CrossedT, crossed_t, mean_interval};
use std::collections::{BTreeMap, BTreeSet};

/// What was trained once: a fold, 0 without folds, and a seed.
pub(crate) type Run = (usize, u64);

/// The run of a record.
pub(crate) fn run_of(record: &RoundRecord) -> Run {
    (record.fold.unwrap_or(0), record.seed)
}

/// The scores of rounds, by their places, and parts.
pub(crate) type Scores = BTreeMap<(usize, Part), Score>;

/// The score of one seed after one round.
pub(crate) struct SeedScore {
    pub(crate) round: usize,
    pub(crate) part: Part,
    pub(crate) seed: u64,
    /// Over cases.
    pub(crate) mean: f64,
    /// Distinct cases scored.
    cases: usize,
}

/// One case after one round of one run.
struct Row<'a> {
    round: usize,
    record: &'a RoundRecord,
    case: &'a CaseRecord,
}

/// The observations of some rounds, which their places name.
pub(crate) struct Observations<'a> {
    rows: Vec<Row<'a>>,
    /// The same rows: `round,part,fold,seed,case,dice`.
    frame: DataFrame,
    /// Rows of each round, part and seed. With folds a seed has several records: Part B of its folds
    /// together is every case once.
    seeds: Vec<Vec<usize>>,
}

impl<'a> Observations<'a> {
    /// All cases of `rounds`, each given by its records, one a run.
    pub(crate) fn of<'r>(
        rounds: impl IntoIterator<Item = &'r Vec<&'a RoundRecord>>,
    ) -> Result<Self, ReportError>
    where
        'a: 'r,
    {
        let mut rows = Vec::new();
        for (round, records) in rounds.into_iter().enumerate() {
            let cases = records.iter().flat_map(|record| record.cases.iter().map(|c| (*record, c)));
            rows.extend(cases.map(|(record, case)| Row { round, record, case }));
        }
        // Stable: within a seed the order of records and cases stays.
        rows.sort_by_key(|row| (row.round, row.case.part, row.record.seed));
        let frame = Columns::of(&rows)
            .count("round", |r| r.round)
            .text("part", |r| part_name(r.case.part))
            .count("fold", |r| run_of(r.record).0)
            .maybe_large("seed", |r| Some(r.record.seed))
            .text("case", |r| r.case.case.as_str())
            .maybe("dice", |r| r.case.mean_dice.filter(|dice| dice.is_finite()))
            .frame("observations")?;
        let seeds = groups(&frame, &["round", "part", "seed"]).map_err(failed)?;
        Ok(Self { rows, frame, seeds })
    }

    /// The mean of `value` over the cases of each round, part and seed that has one, sorted so.
    pub(crate) fn by_seed(&self, value: impl Fn(&CaseRecord) -> Option<f64>) -> Vec<SeedScore> {
        let of_seed = |rows: &Vec<usize>| {
            let rows = rows.iter().map(|row| &self.rows[*row]);
            let scored = rows.clone().filter_map(|row| {
                let value = value(row.case).filter(|value| value.is_finite())?;
                Some((row.case.case.as_str(), value))
            });
            let Row { round, record, case } = rows.clone().next()?;
            let names: BTreeSet<&str> = scored.clone().map(|(name, _)| name).collect();
            let mean = mean(scored.map(|(_, value)| value))?;
            let (round, part, seed) = (*round, case.part, record.seed);
            Some(SeedScore { round, part, seed, mean, cases: names.len() })
        };
        self.seeds.iter().filter_map(of_seed).collect()
    }

    /// The score that `value` gives each round and part of which a case has one.
    pub(crate) fn scores(&self, value: impl Fn(&CaseRecord) -> Option<f64>) -> Scores {
        let seeds = self.by_seed(value);
        let rounds = seeds.chunk_by(|a, b| (a.round, a.part) == (b.round, b.part));
        let scores = rounds.map(|seeds| {
            let means: Vec<f64> = seeds.iter().map(|seed| seed.mean).collect();
            let cases = seeds.iter().map(|seed| seed.cases);
            let value = mean_interval(&means);
            let score =
                Score { value, cases: cases.clone().max().unwrap_or(0), all_cases: cases.sum() };
            ((seeds[0].round, seeds[0].part), score)
        });
        scores.collect()
    }

    /// The mean Dice of every Part B case that has one: its round, run, case and value.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = (usize, Run, &'a str, f64)> {
        let rows = self.rows.iter().filter(|row| row.case.part == Part::B);
        rows.filter_map(|row| {
            let dice = row.case.mean_dice.filter(|dice| dice.is_finite())?;
            Some((row.round, run_of(row.record), row.case.case.as_str(), dice))
        })
    }

    /// Tests the difference in mean Dice of each pair of rounds, the first minus the second, on the
    /// same Part B case in the same run; `None` without any.
    pub(crate) fn differences(
        &self,
        pairs: &[(usize, usize)],
    ) -> Result<Vec<Option<CrossedT>>, ReportError> {
        self.tested(pairs).map_err(failed)
    }

    fn tested(&self, pairs: &[(usize, usize)]) -> PolarsResult<Vec<Option<CrossedT>>> {
        let (part, dice) = (self.frame.column("part")?.str()?, self.frame.column("dice")?);
        let unseen = self.frame.filter(&(part.equal(part_name(Part::B)) & dice.is_not_null()))?;
        let places: Vec<u32> = (0..pairs.len() as u32).collect();
        let (ours, theirs): (Vec<u32>, Vec<u32>) =
            pairs.iter().map(|&(ours, theirs)| (ours as u32, theirs as u32)).unzip();
        let pairs = df!("pair" => &places, "ours" => ours, "theirs" => theirs)?;
        let ours = pairs.inner_join(&unseen, ["ours"], ["round"])?;
        let keys = |round| [round, "fold", "seed", "case"];
        let both = ours.inner_join(&unseen, keys("theirs"), keys("round"))?;
        // The order of sums.
        let both = both.sort(keys("pair"), SortMultipleOptions::default())?;
        let difference = (both.column("dice")? - both.column("dice_right")?)?;
        let (pair, fold) = (both.column("pair")?.u32()?, both.column("fold")?.u32()?);
        let (seed, case) = (both.column("seed")?.u64()?, both.column("case")?.str()?);
        let difference = difference.f64()?;
        let mut tests = vec![None; places.len()];
        for rows in groups(&both, &["pair"])? {
            let scores = rows.iter().filter_map(|&row| {
                Some(((fold.get(row)?, seed.get(row)?), case.get(row)?, difference.get(row)?))
            });
            if let Some(pair) = rows.first().and_then(|row| pair.get(*row)) {
                tests[pair as usize] = crossed_t(&scores.collect::<Vec<_>>()).ok();
            }
        }
        Ok(tests)
    }
}

/// The rows of each group that the columns `by` tell apart; groups and rows in the frame's order.
fn groups(frame: &DataFrame, by: &[&str]) -> PolarsResult<Vec<Vec<usize>>> {
    let rows = |group: GroupsIndicator| -> Vec<usize> {
        match group {
            GroupsIndicator::Idx((_, rows)) => rows.iter().map(|row| *row as usize).collect(),
            GroupsIndicator::Slice([first, n]) => {
                (first..first + n).map(|row| row as usize).collect()
            }
        }
    };
    let grouped = frame.group_by_stable(by.iter().copied())?;
    Ok(grouped.get_groups().iter().map(rows).collect())
}

fn failed(source: polars::error::PolarsError) -> ReportError {
    ReportError::Table { name: "observations", source }
}
