//! The slices that a strategy chooses from, and how many it may take.

use crate::described::Described;
use std::cmp::Ordering;

/// A slice to annotate, with the score that chose it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Place of the case in the pool, from 0.
    pub case: usize,
    /// Axial index from 0, the inferior end.
    pub slice: usize,
    /// The strategy's score. Its meaning depends on the strategy; choices are listed by falling
    /// score.
    pub score: f64,
}

/// How many slices to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Number of slices in all.
    pub total: usize,
    /// The fewest of each case; a case that is not listed has no lower limit.
    pub least: Vec<usize>,
    /// The most of each case; a case that is not listed has no upper limit.
    pub most: Vec<usize>,
}

impl Quota {
    /// A quota of `total` slices, from whichever cases.
    pub fn of(total: usize) -> Self {
        Self {
            total,
            least: Vec::new(),
            most: Vec::new(),
        }
    }
}

/// The cases that a strategy chooses from together, sorted by id, with a quota that can be met.
#[derive(Debug, Clone)]
pub struct Pool<'a> {
    /// What the strategy keeps of each case.
    pub cases: Vec<&'a Described>,
    total: usize,
    least: Vec<usize>,
    most: Vec<usize>,
}

impl<'a> Pool<'a> {
    /// Joins cases with a quota. What the quota asks for beyond the slices that are left is dropped.
    pub fn new(cases: Vec<&'a Described>, quota: &Quota) -> Self {
        let left = cases.iter().map(|case| {
            let left = case.annotated.iter().filter(|&&done| !done);
            left.count()
        });
        let most: Vec<usize> = left
            .enumerate()
            .map(|(case, left)| quota.most.get(case).map_or(left, |&most| most.min(left)))
            .collect();
        let total = quota.total.min(most.iter().sum());
        let mut least: Vec<usize> = (most.iter().enumerate())
            .map(|(case, &most)| quota.least.get(case).map_or(0, |&least| least.min(most)))
            .collect();
        // More lower limits than slices: the highest give way, of equals the last.
        for _ in 0..least.iter().sum::<usize>().saturating_sub(total) {
            if let Some(highest) = least.iter_mut().max() {
                *highest -= 1;
            }
        }
        Self {
            cases,
            total,
            least,
            most,
        }
    }

    /// Number of slices to choose.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns the choice of the slices with the highest scores.
    pub fn highest(&self) -> Vec<Choice> {
        let scores: Vec<&[f64]> = self.cases.iter().map(|case| &case.scores[..]).collect();
        self.highest_of(&scores)
    }

    /// Returns the choice of the slices with the highest of these `scores`, `[case][D]`.
    pub fn highest_of<S: AsRef<[f64]>>(&self, scores: &[S]) -> Vec<Choice> {
        let mut order: Vec<(usize, usize)> = self.open_slices().collect();
        let score = |&(case, slice): &(usize, usize)| scores[case].as_ref()[slice];
        // Slices are in order and the sort is stable, so of equal scores the first stays first.
        // Unlike total_cmp, partial_cmp treats 0.0 and -0.0 as equal.
        order.sort_by(|a, b| descending(score(a), score(b)));
        let mut picks = Picks::new(self);
        // A lower limit can bar a slice now and admit it later, hence again from the start.
        while let Some(&(case, slice)) = order.iter().find(|&&(case, slice)| picks.may(case, slice))
        {
            picks.take(case, slice, scores[case].as_ref()[slice]);
        }
        picks.done()
    }

    /// Chooses one slice after another: `scores` is asked anew, for each case that is still open,
    /// with all earlier picks counted as annotated, and the highest score is taken. It returns one
    /// score for each slice of the case, `[D]`. For strategies that place slices jointly.
    pub fn one_by_one(&self, mut scores: impl FnMut(&Picks, usize) -> Vec<f64>) -> Vec<Choice> {
        let mut picks = Picks::new(self);
        while picks.take_best(&mut scores).is_some() {}
        picks.done()
    }

    /// Returns case and slice of all that are not annotated yet, in order.
    pub fn open_slices(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.cases.iter().enumerate().flat_map(|(case, described)| {
            let slices = described.annotated.iter().enumerate();
            slices.filter_map(move |(slice, &done)| (!done).then_some((case, slice)))
        })
    }
}

/// The picks made so far in a pool.
#[derive(Debug, Clone)]
pub struct Picks<'a> {
    pool: &'a Pool<'a>,
    annotated: Vec<Vec<bool>>,
    taken: Vec<usize>,
    choices: Vec<Choice>,
}

impl<'a> Picks<'a> {
    /// Begins with nothing picked.
    pub fn new(pool: &'a Pool<'a>) -> Self {
        Self {
            pool,
            annotated: pool
                .cases
                .iter()
                .map(|case| case.annotated.clone())
                .collect(),
            taken: vec![0; pool.cases.len()],
            choices: Vec::new(),
        }
    }

    /// Whether each slice of a case is annotated or picked, `[D]`.
    pub fn annotated(&self, case: usize) -> &[bool] {
        &self.annotated[case]
    }

    /// Number of slices still to pick.
    pub fn left(&self) -> usize {
        self.pool.total - self.choices.len()
    }

    /// Whether another slice of a case may be picked now. A case at its upper limit has no more; when
    /// only as many picks are left as lower limits ask for, no other case has.
    pub fn is_open(&self, case: usize) -> bool {
        let wanting = |case: usize| self.pool.least[case].saturating_sub(self.taken[case]);
        let owed: usize = (0..self.taken.len()).map(wanting).sum();
        self.left() > 0
            && self.taken[case] < self.pool.most[case]
            && (self.left() > owed || wanting(case) > 0)
    }

    /// Whether this slice may be picked now.
    pub fn may(&self, case: usize, slice: usize) -> bool {
        !self.annotated[case][slice] && self.is_open(case)
    }

    /// Picks a slice that [`may`](Self::may) be.
    pub fn take(&mut self, case: usize, slice: usize, score: f64) {
        debug_assert!(self.may(case, slice), "case {case}, slice {slice}");
        self.annotated[case][slice] = true;
        self.taken[case] += 1;
        self.choices.push(Choice { case, slice, score });
    }

    /// Returns case, slice and score of the highest score that may be picked now, the first of equals.
    /// `scores` returns those of a case, `[D]`.
    fn best<S: AsRef<[f64]>>(
        &self,
        mut scores: impl FnMut(&Picks, usize) -> S,
    ) -> Option<(usize, usize, f64)> {
        let mut best: Option<(usize, usize, f64)> = None;
        for case in (0..self.taken.len()).filter(|&case| self.is_open(case)) {
            for (slice, &score) in scores(self, case).as_ref().iter().enumerate() {
                let higher = best.is_none_or(|(_, _, highest)| score > highest);
                if higher && !self.annotated[case][slice] {
                    best = Some((case, slice, score));
                }
            }
        }
        best
    }

    /// Picks the slice with the highest of these scores that may be picked now, the first of equals.
    /// `scores` returns those of a case, `[D]`. Returns case and slice, or `None` if no slice may be
    /// picked.
    pub fn take_best<S: AsRef<[f64]>>(
        &mut self,
        scores: impl FnMut(&Picks, usize) -> S,
    ) -> Option<(usize, usize)> {
        let (case, slice, score) = self.best(scores)?;
        self.take(case, slice, score);
        Some((case, slice))
    }

    /// Returns the picks by falling score; those of equal score in the order in which they were made.
    pub fn done(mut self) -> Vec<Choice> {
        self.choices.sort_by(|a, b| descending(a.score, b.score));
        self.choices
    }
}

fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// Returns the distance of each slice, in slices, to the nearest annotated one below and above, `[D]`.
/// The places just outside the volume count as annotated.
pub(crate) fn gaps(annotated: &[bool]) -> Vec<[f64; 2]> {
    let sweep = |slices: &mut dyn Iterator<Item = &bool>| {
        let mut distance = 0.0;
        slices
            .map(|&done| {
                distance = if done { 0.0 } else { distance + 1.0 };
                distance
            })
            .collect::<Vec<f64>>()
    };
    let from_below = sweep(&mut annotated.iter());
    let from_above = sweep(&mut annotated.iter().rev());
    let both = from_below.into_iter().zip(from_above.into_iter().rev());
    both.map(|(below, above)| [below, above]).collect()
}

/// Returns the distance of each slice, in slices, to the nearest annotated one or end of the
/// volume, `[D]`.
pub(crate) fn distances(annotated: &[bool]) -> Vec<f64> {
    let gaps = gaps(annotated).into_iter();
    gaps.map(|[below, above]| below.min(above)).collect()
}

/// Returns `score`, which is not below 0, or in place of 0 the number −1 / (1 + `distance`), where that is
/// the slice's from the nearest annotated one. So where nothing tells slices apart, the farthest come first
/// and not the lowest.
pub(crate) fn or_farthest(score: f64, distance: f64) -> f64 {
    if score == 0.0 {
        -1.0 / (1.0 + distance)
    } else {
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn case(id: &str, scores: &[f64], annotated: &[usize]) -> Described {
        Described {
            case: id.to_owned(),
            place: 0,
            round: [1, 1],
            spacing_mm: [1.0; 3],
            annotated: (0..scores.len()).map(|z| annotated.contains(&z)).collect(),
            scores: scores.to_vec(),
            vectors: Array2::zeros((scores.len(), 0)),
        }
    }

    fn picked(quota: &Quota) -> Vec<(usize, usize)> {
        let a = case("a", &[9.0, 8.0, 7.0, 6.0], &[0]);
        let b = case("b", &[1.0, 7.5, 2.0], &[]);
        let pool = Pool::new(vec![&a, &b], quota);
        let highest = pool.highest();
        // Placed one by one, scores that do not change give the same.
        assert_eq!(
            highest,
            pool.one_by_one(|_, case| pool.cases[case].scores.clone())
        );
        highest
            .iter()
            .map(|choice| (choice.case, choice.slice))
            .collect()
    }

    #[test]
    fn without_limits_the_highest_of_the_whole_pool_come_first() {
        assert_eq!(picked(&Quota::of(3)), [(0, 1), (1, 1), (0, 2)]);
        assert_eq!(picked(&Quota::of(99)).len(), 6, "all that are left");
        assert_eq!(picked(&Quota::of(0)), []);
    }

    #[test]
    fn limits_hold_for_each_case() {
        let quota = |least: [usize; 2], most: [usize; 2]| Quota {
            total: 3,
            least: least.to_vec(),
            most: most.to_vec(),
        };
        assert_eq!(picked(&quota([0, 2], [9, 9])), [(0, 1), (1, 1), (1, 2)]);
        assert_eq!(picked(&quota([0, 0], [1, 9])), [(0, 1), (1, 1), (1, 2)]);
        assert_eq!(picked(&quota([0, 0], [9, 0])), [(0, 1), (0, 2), (0, 3)]);
        // Limits that cannot be met: there are only so many slices, and so much quota.
        assert_eq!(picked(&quota([9, 9], [9, 9])), [(0, 1), (1, 1), (0, 2)]);
        assert_eq!(picked(&quota([0, 0], [1, 1])), [(0, 1), (1, 1)]);
    }

    #[test]
    fn picks_count_as_annotated_for_the_next() {
        let a = case("a", &[0.0; 7], &[]);
        let b = case("b", &[0.0; 3], &[]);
        let pool = Pool::new(vec![&a, &b], &Quota::of(4));
        let choices = pool.one_by_one(|picks, case| distances(picks.annotated(case)));
        let order: Vec<_> = choices.iter().map(|c| (c.case, c.slice, c.score)).collect();
        assert_eq!(order, [(0, 3, 4.0), (0, 1, 2.0), (0, 5, 2.0), (1, 1, 2.0)]);
    }
}
