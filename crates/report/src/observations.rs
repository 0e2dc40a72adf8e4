//! The one frame of observations: a row a case after a round of a run. Its groups are means over
//! seeds, its joins differences on the same case in the same run.
//!
//! polars joins. Sums are taken here, in the order of seeds and records, so that tables
//! are the same to the byte whatever polars does.

use crate::grid::Format;
use crate::prelude::*;
use crate::rounds::{Score, part_name};
use crate::table::Table;
use polars::prelude::{
    ChunkCompareEq, DataFrame, DataFrameJoinOps, PolarsResult, SortMultipleOptions, df,
};
use slicewise_metrics::{CrossedT, crossed_t, holm, mean_interval};

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
    /// Those of each round, part and seed are neighbours. With folds a seed has several records: Part
    /// B of its folds together is every case once.
    rows: Vec<Row<'a>>,
    /// The same rows: `round,part,fold,seed,case,value`.
    frame: DataFrame,
}

impl<'a> Row<'a> {
    fn key(&self) -> (usize, Part, u64) {
        (self.round, self.case.part, self.record.seed)
    }

    /// Case id and finite value, if it has one.
    fn scored(&self, value: impl Fn(&CaseRecord) -> Option<f64>) -> Option<(&'a str, f64)> {
        let value = value(self.case).filter(|value| value.is_finite())?;
        Some((self.case.case.as_str(), value))
    }
}

impl<'a> Observations<'a> {
    /// All cases of `rounds`, each given by its records, one a run, to be compared by `value`.
    pub(crate) fn of(
        rounds: &[&[&'a RoundRecord]],
        value: fn(&CaseRecord) -> Option<f64>,
    ) -> Result<Self> {
        let mut rows = Vec::new();
        for (round, records) in rounds.iter().enumerate() {
            let cases = records.iter().flat_map(|record| record.cases.iter().map(|c| (*record, c)));
            rows.extend(cases.map(|(record, case)| Row { round, record, case }));
        }
        // Stable: within a seed the order of records and cases stays.
        rows.sort_by_key(Row::key);
        let frame = Table::of(&rows, "")
            .tidy("round", |r| r.round)
            .tidy("part", |r| r.case.part)
            .tidy("fold", |r| run_of(r.record).0)
            .tidy("seed", |r| r.record.seed)
            .tidy("case", |r| r.case.case.as_str())
            .tidy("value", |r| Some(r.scored(value)?.1))
            .frame("observations")?;
        Ok(Self { rows, frame })
    }

    /// The mean of `value` over the cases of each round, part and seed that has one, sorted so.
    pub(crate) fn by_seed(&self, value: impl Fn(&CaseRecord) -> Option<f64>) -> Vec<SeedScore> {
        let of_seed = |rows: &[Row]| {
            let scored = rows.iter().filter_map(|row| row.scored(&value));
            let cases = scored.clone().map(|(case, _)| case).collect::<BTreeSet<&str>>().len();
            let (round, part, seed) = rows[0].key();
            let mean = mean(scored.map(|(_, value)| value))?;
            Some(SeedScore { round, part, seed, mean, cases })
        };
        self.rows.chunk_by(|a, b| a.key() == b.key()).filter_map(of_seed).collect()
    }

    /// The score that `value` gives each round and part of which a case has one.
    pub(crate) fn scores(&self, value: impl Fn(&CaseRecord) -> Option<f64>) -> Scores {
        let seeds = self.by_seed(value);
        let rounds = seeds.chunk_by(|a, b| (a.round, a.part) == (b.round, b.part));
        let scores = rounds.map(|seeds| {
            let means: Vec<f64> = seeds.iter().map(|seed| seed.mean).collect();
            let cases = seeds.iter().map(|seed| seed.cases);
            let (most, all_cases) = (cases.clone().max().unwrap_or(0), cases.sum());
            let score = Score { value: mean_interval(&means), cases: most, all_cases };
            ((seeds[0].round, seeds[0].part), score)
        });
        scores.collect()
    }

    /// The mean Dice of every Part B case that has one: its round, run, case and value.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = (usize, Run, &'a str, f64)> {
        let rows = self.rows.iter().filter(|row| row.case.part == Part::B);
        rows.filter_map(|row| {
            let (case, dice) = row.scored(|case| case.mean_dice)?;
            Some((row.round, run_of(row.record), case, dice))
        })
    }

    /// Tests the difference in value of each pair of rounds, the first minus the second, on the
    /// same Part B case in the same run; `None` without any.
    pub(crate) fn differences(&self, pairs: &[[&Round; 2]]) -> Result<Vec<Option<CrossedT>>> {
        let name = "observations";
        self.tested(pairs).map_err(|source| ReportError::Table { name, source })
    }

    fn tested(&self, pairs: &[[&Round; 2]]) -> PolarsResult<Vec<Option<CrossedT>>> {
        let (part, value) = (self.frame.column("part")?.str()?, self.frame.column("value")?);
        let unseen = self.frame.filter(&(part.equal(part_name(Part::B)) & value.is_not_null()))?;
        let places: Vec<u32> = (0..pairs.len() as u32).collect();
        let [ours, theirs] = [0, 1]
            .map(|side| pairs.iter().map(|pair| pair[side].place as u32).collect::<Vec<u32>>());
        let frame = df!("pair" => places, "ours" => ours, "theirs" => theirs)?;
        let ours = frame.inner_join(&unseen, ["ours"], ["round"])?;
        let keys = |round| [round, "fold", "seed", "case"];
        let both = ours.inner_join(&unseen, keys("theirs"), keys("round"))?;
        // The order of sums.
        let both = both.sort(keys("pair"), SortMultipleOptions::default())?;
        let difference = (both.column("value")? - both.column("value_right")?)?;
        let (pair, fold) = (both.column("pair")?.u32()?, both.column("fold")?.u32()?);
        let (seed, case) = (both.column("seed")?.u64()?, both.column("case")?.str()?);
        let difference = difference.f64()?;
        let mut scores = vec![Vec::new(); pairs.len()];
        let score = |row: usize| {
            let run = (fold.get(row)?, seed.get(row)?);
            Some((pair.get(row)? as usize, (run, case.get(row)?, difference.get(row)?)))
        };
        for (pair, score) in (0..both.height()).filter_map(score) {
            scores[pair].push(score);
        }
        Ok(scores.iter().map(|scores| crossed_t(scores).ok()).collect())
    }
}

/// Says what interval and p of [`Paired`] are.
pub(crate) const CROSSED: &str = "Behind ± stands half the 95 % interval, and p is two-sided, of a t test in which \
    whole seeds and whole cases are random: other seeds and other cases would give another mean. Below three seeds \
    the value stands alone.";
/// Says what Holm's correction starts from, for tables that have it.
pub(crate) const STRICT: &str = "What Holm's correction starts from is the largest of this p and those of t tests \
    over means of seeds and over means of cases.";

/// How the Part B Dice of two rounds differs where both have one, or another value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paired {
    /// Mean over cases, and its 95 % interval for random runs and cases; without ends below three
    /// runs. `n` counts pairs of run and case.
    pub(crate) difference: Interval,
    /// p of the same test.
    pub(crate) p: Option<f64>,
    /// [`CrossedT::strict`], corrected by Holm over the family of comparisons.
    pub(crate) p_holm: Option<f64>,
    /// Runs that both have.
    pub(crate) runs: usize,
    /// Cases that both have.
    pub(crate) cases: usize,
}

impl From<CrossedT> for Paired {
    fn from(test: CrossedT) -> Self {
        let CrossedT { interval: difference, p, strict: p_holm, runs, cases, .. } = test;
        Self { difference, p, p_holm, runs, cases }
    }
}

/// Two rounds and how the first differs from the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) ours: &'a Round<'a>,
    pub(crate) theirs: &'a Round<'a>,
    pub(crate) paired: Paired,
}

/// Compares pairs of rounds, and corrects the p-values of neighbours whose first round is of the same
/// `family` together. Pairs without a common case and run are left out.
pub(crate) fn compare<'a, F: PartialEq>(
    observations: &Observations,
    pairs: &[[&'a Round<'a>; 2]],
    family: impl Fn(&Round) -> F,
) -> Result<Vec<Compared<'a>>> {
    let compared = pairs.iter().zip(observations.differences(pairs)?);
    let compared = compared.filter_map(|(&[ours, theirs], test)| {
        Some(Compared { ours, theirs, paired: test?.into() })
    });
    let mut compared: Vec<Compared> = compared.collect();
    for family in compared.chunk_by_mut(|a, b| family(a.ours) == family(b.ours)) {
        correct(family.iter_mut().map(|compared| &mut compared.paired));
    }
    Ok(compared)
}

/// Corrects, once, the p-values of one family by Holm.
pub(crate) fn correct<'p>(family: impl IntoIterator<Item = &'p mut Paired>) {
    let tested = family.into_iter().filter_map(|paired| paired.p_holm.as_mut()).collect_vec();
    let p = tested.iter().map(|p| **p).collect_vec();
    // p-values of a test are never outside [0, 1], the one thing refused.
    let corrected = holm(&p).unwrap_or(p);
    tested.into_iter().zip(corrected).for_each(|(p, corrected)| *p = corrected);
}

impl<'r, R> Table<'r, R> {
    /// Adds a difference, its interval and its test: in the frame the columns of [`Table::interval`],
    /// `p`, `p_holm`, `seeds`, `cases` and `n`.
    pub(crate) fn paired(self, value: impl Fn(&'r R) -> Paired) -> Self {
        self.interval(|row| value(row).difference)
            .shown("difference", Format::Difference, |row| value(row).difference)
            .shown("interval", Format::Ends, |row| value(row).difference)
            .column(("p", "p"), Format::P, |row| value(row).p)
            .column(("p_holm", "p, Holm"), Format::P, |row| value(row).p_holm)
            .column(("seeds", "seeds"), Format::Decimals(0), |row| value(row).runs)
            .column(("cases", "cases"), Format::Decimals(0), |row| value(row).cases)
            .tidy("n", |row| value(row).difference.n)
    }
}
