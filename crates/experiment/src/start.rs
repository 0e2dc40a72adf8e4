//! Where the first round's slices lie in each volume.
//!
//! The paper annotates "every 16 or 32 slices" first (Zhang et al. 2019, section 2.2) and gives no
//! phase. If every volume starts at the same place, the network sees the anatomy at a few heights
//! only; if the volumes start at different places, all of them together cover every height, at the
//! same cost.

use crate::seed;
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The phase of the first round's slices in each Part A volume: the index of the lowest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The same place in every volume: `first_every / 2`, so both ends are equally far from an
    /// annotated slice.
    Same,
    /// Places evenly spread over the volumes, so that all volumes together cover every height.
    #[default]
    Staggered,
    /// A random place in each volume, drawn from the run's seed.
    Random,
    /// About as many slices in a quarter of the volumes: every fourth volume has about four times as
    /// many, and the others have none. With a budget per volume the others catch up in later rounds,
    /// and more slices are annotated then than from other starts; with `budget: pool` as many are.
    FewVolumes,
}

/// With [`Start::FewVolumes`], one volume in so many has slices.
const FEW: usize = 4;

impl Start {
    /// Returns `[n, phase]` of each of `cases` (ids, sorted), whose every n-th slice is annotated from
    /// the phase on; `None` for a volume without slices. `every` is the plan's.
    ///
    /// Staggered: the case at place i of n has phase ⌊(m·i mod n) · every / n⌋. The multiplier m is
    /// the number nearest to 0.618 n that has no divisor in common with n, so all phases occur once
    /// and neighbours in the list are far apart.
    pub(crate) fn grids(
        self,
        cases: &[&str],
        every: usize,
        seed: u64,
        task: &str,
    ) -> Vec<Option<[usize; 2]>> {
        let n = cases.len();
        let multiplier = coprime(n);
        let grid = |(index, case): (usize, &&str)| match self {
            Start::Same => Some([every, every / 2]),
            Start::Staggered => Some([every, (multiplier * index % n) * every / n]),
            Start::Random => {
                let mut generator = seed::generator(seed, &[task, "start", case]);
                Some([every, generator.random_range(0..every)])
            }
            Start::FewVolumes => {
                // The whole distance with which so many volumes come nearest to the slices of all.
                let dense = ((2 * n.div_ceil(FEW) * every + n) / (2 * n)).max(1);
                index.is_multiple_of(FEW).then_some([dense, dense / 2])
            }
        };
        cases.iter().enumerate().map(grid).collect()
    }
}

/// Returns the staggered phase of the case at `place` of `cases`, as a share of the distance between two
/// slices, in `(0, 1)`: the middle of one of as many equal parts as there are cases.
pub fn staggered_phase(place: usize, cases: usize) -> f64 {
    let cases = cases.max(1);
    ((coprime(cases) * place % cases) as f64 + 0.5) / cases as f64
}

/// Returns the whole number nearest to 0.618 n that has no divisor in common with n.
fn coprime(n: usize) -> usize {
    let ideal = n as f64 * 0.618;
    let candidates = (1..n.max(2)).filter(|&m| greatest_common_divisor(m, n) == 1);
    let nearest = candidates.min_by(|&a, &b| {
        (a as f64 - ideal)
            .abs()
            .total_cmp(&(b as f64 - ideal).abs())
    });
    nearest.unwrap_or(1)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(start: Start, cases: &[&str], every: usize, seed: u64) -> Vec<usize> {
        let grids = start.grids(cases, every, seed, "task").into_iter();
        let phases = grids.map(|grid| {
            let [n, phase] = grid.unwrap();
            assert_eq!(n, every);
            phase
        });
        phases.collect()
    }

    #[test]
    fn staggered_volumes_cover_every_height_once() {
        for n in 1..40 {
            let cases: Vec<String> = (0..n).map(|case| format!("case-{case:02}")).collect();
            let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
            let mut phases = phases(Start::Staggered, &cases, n, 1);
            phases.sort_unstable();
            assert_eq!(phases, (0..n).collect::<Vec<_>>(), "{n} volumes");
        }
        let few = phases(Start::Staggered, &["a", "b", "c", "d"], 16, 1);
        assert_eq!(few, [0, 12, 8, 4]);
    }

    #[test]
    fn the_same_start_is_centred_and_a_random_one_follows_the_seed() {
        assert_eq!(phases(Start::Same, &["a", "b"], 16, 1), [8, 8]);
        let cases: Vec<String> = (0..64).map(|case| format!("case-{case}")).collect();
        let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
        let random = |seed| phases(Start::Random, &cases, 16, seed);
        assert_eq!(random(1), random(1));
        assert_ne!(random(1), random(2));
        assert!((0..16).all(|phase| random(1).contains(&phase)));
    }

    #[test]
    fn few_volumes_have_as_many_slices_as_all_would() {
        let cases = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let grids = Start::FewVolumes.grids(&cases, 16, 1, "task");
        let few = Some([4, 2]);
        assert_eq!(grids, [few, None, None, None, few, None, None, None]);
        // Two of five volumes: every 6th slice of them is 1 in 15 of all, where 1 in 16 was asked for.
        let grids = Start::FewVolumes.grids(&cases[..5], 16, 1, "task");
        let few = Some([6, 3]);
        assert_eq!(grids, [few, None, None, None, few]);
    }
}
