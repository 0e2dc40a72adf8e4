//! The one frame of observations: a row a case after a round of a run. Its groups are means over
//! seeds, its joins differences on the same case in the same run.
//!
//! polars groups and joins. Sums are taken here, in the order of seeds and records, so that tables
//! are the same to the byte whatever polars does.

use crate::error::ReportError;
use crate::frame::Columns;
use crate::rounds::{mean, part_name};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataFrameJoinOps, GroupsIndicator, PolarsResult, df,
};
use slicewise_data::Part;
use slicewise_experiment::{CaseRecord, RoundRecord};
use slicewise_metrics::{CrossedT, Interval, crossed_t, mean_interval};
use std::collections::{BTreeMap, BTreeSet};

/// What was trained once: a fold, 0 without folds, and a seed.
pub(crate) type Run = (usize, u64);

/// The run of a record.
pub(crate) fn run_of(record: &RoundRecord) -> Run {
    (record.fold.unwrap_or(0), record.seed)
}

/// A score of cases.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    /// Mean over cases, then mean and 95 % Student-t interval over seeds.
    pub(crate) value: Interval,
    /// Distinct cases scored in one seed.
    pub(crate) cases: usize,
    /// The same, all seeds together.
    pub(crate) all_cases: usize,
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
    /// `round,fold,seed,case,row` of the cases of Part B that have a Dice.
    unseen: DataFrame,
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
        let mut frame = Columns::of(&rows)
            .count("round", |r| r.round)
            .text("part", |r| part_name(r.case.part))
            .count("fold", |r| run_of(r.record).0)
            .maybe_large("seed", |r| Some(r.record.seed))
            .text("case", |r| r.case.case.as_str())
            .frame("observations")?;
        let row: Vec<u32> = (0..rows.len() as u32).collect();
        let unseen = |r: &Row| r.case.part == Part::B && r.case.mean_dice.is_finite();
        let unseen: BooleanChunked = rows.iter().map(unseen).collect();
        let made = || {
            let seeds = groups(&frame, &["round", "part", "seed"])?;
            let unseen = frame.with_column(Column::new("row".into(), row))?.filter(&unseen)?;
            Ok((seeds, unseen.select(["round", "fold", "seed", "case", "row"])?))
        };
        let (seeds, unseen) = made().map_err(failed)?;
        Ok(Self { rows, unseen, seeds })
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

    /// Tests the difference in mean Dice of each pair of rounds, the first minus the second, on the
    /// same Part B case in the same run; `None` without any.
    pub(crate) fn differences(
        &self,
        pairs: &[(usize, usize)],
    ) -> Result<Vec<Option<CrossedT>>, ReportError> {
        let mut tests = vec![None; pairs.len()];
        for (pair, scores) in self.joined(pairs).map_err(failed)? {
            tests[pair] = crossed_t(&scores).ok();
        }
        Ok(tests)
    }

    /// Run, case and difference of every case that both rounds of a pair have, by pair.
    fn joined(&self, pairs: &[(usize, usize)]) -> PolarsResult<Vec<(usize, Differences<'_>)>> {
        let dice = |row: usize| self.rows[row].case.mean_dice;
        let side = |of: fn(&(usize, usize)) -> usize| pairs.iter().map(move |p| of(p) as u32);
        let pairs = df!(
            "pair" => (0..pairs.len() as u32).collect::<Vec<_>>(),
            "round" => side(|pair| pair.0).collect::<Vec<_>>(),
            "other" => side(|pair| pair.1).collect::<Vec<_>>(),
        )?;
        let ours = pairs.inner_join(&self.unseen, ["round"], ["round"])?;
        let keys = |round| [round, "fold", "seed", "case"];
        let both = ours.inner_join(&self.unseen, keys("other"), keys("round"))?;
        let columns = ["pair", "row", "row_right"].map(|name| both.column(name)?.u32());
        let [pair, ours, theirs] = columns;
        let (pair, ours, theirs) = (pair?, ours?, theirs?);
        let joined = groups(&both, &["pair"])?.into_iter().filter_map(|places| {
            let differences = places.iter().filter_map(|&place| {
                let [ours, theirs] = [ours.get(place)? as usize, theirs.get(place)? as usize];
                let Row { record, case, .. } = &self.rows[ours];
                Some((run_of(record), case.case.as_str(), dice(ours) - dice(theirs)))
            });
            let mut differences: Differences = differences.collect();
            differences.sort_by_key(|(run, case, _)| (*run, *case));
            Some((pair.get(*places.first()?)? as usize, differences))
        });
        Ok(joined.collect())
    }
}

/// Run, case and difference.
type Differences<'r> = Vec<(Run, &'r str, f64)>;

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
