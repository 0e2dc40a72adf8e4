//! TypiClust: typical slices of clusters that no annotated slice represents yet. Source: Hacohen et
//! al. 2022, "Active learning on a budget: opposite strategies suit high and low budgets".
//!
//! Slices are clustered by k-means into as many clusters as there will be annotated slices. Clusters
//! are visited in order of how few of their slices are annotated, the larger first; of each the slice
//! with the smallest mean distance to its neighbours in the cluster is taken. Deviations: the source
//! drops clusters of five points and fewer, which among a few dozen slices are most; and its features
//! are self-supervised, ours those of the network in training.

use crate::features::{Points, first_largest, pooled};
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// The most clusters, as in the source.
const MOST_CLUSTERS: usize = 500;
/// Typicality looks at so many nearest neighbours, as in the source.
const NEIGHBOURS: usize = 20;

/// Visits the clusters again and again. The score is the typicality of a slice: 1 / its mean distance
/// to its neighbours in the cluster, at most 10⁶.
pub struct Typiclust;

/// Returns 1 / the mean distance of a point to its nearest neighbours among `cluster`.
fn typicality(points: &Points, point: usize, cluster: &[usize]) -> f64 {
    let others = cluster.iter().filter(|&&other| other != point);
    let mut distances: Vec<f64> = others.map(|&other| points.distance(point, other)).collect();
    distances.sort_by(f64::total_cmp);
    distances.truncate(NEIGHBOURS);
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    1.0 / mean.max(1e-6)
}

impl QueryStrategy for Typiclust {
    fn name(&self) -> &'static str {
        "typiclust"
    }

    fn summary(&self) -> &'static str {
        "typical slices of clusters in features that nothing annotated represents"
    }

    fn source(&self) -> &'static str {
        "Hacohen et al. 2022"
    }

    fn needs_features(&self) -> bool {
        true
    }

    /// All alike, because slices are typical of a cluster and not by themselves.
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(vec![0.0; view.depth()])
    }

    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        pooled(view, self.name())
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let points = Points::of(pool);
        let annotated = points.annotated.iter().filter(|&&done| done).count();
        let wanted = (annotated + pool.total()).clamp(1, MOST_CLUSTERS);
        let assigned = points.clusters(wanted, rng);
        let mut clusters: Vec<Vec<usize>> = vec![Vec::new(); wanted];
        for (point, &cluster) in assigned.iter().enumerate() {
            clusters[cluster].push(point);
        }
        let covered = |c: &Vec<usize>| c.iter().filter(|&&p| points.annotated[p]).count();
        clusters.sort_by_key(|cluster| (covered(cluster), usize::MAX - cluster.len()));
        let mut picks = Picks::new(pool);
        let mut before = usize::MAX;
        // Once around may find nothing in clusters that the limits of the pool have closed.
        while picks.left() > 0 && picks.left() < before {
            before = picks.left();
            for cluster in &clusters {
                let open: Vec<usize> = points.open(&picks);
                let open: Vec<usize> = cluster
                    .iter()
                    .copied()
                    .filter(|p| open.contains(p))
                    .collect();
                let typical = |point: usize| typicality(&points, point, cluster);
                if let Some(next) = first_largest(&open, typical) {
                    points.take(&mut picks, next, typical(next));
                }
            }
        }
        Ok(picks.done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::{Array3, Array4};

    #[test]
    fn the_middle_of_the_cluster_without_an_annotated_slice() {
        // Two heaps on a line, at 0 to 2 and at 10 to 14; slice 1 is annotated.
        let at = [0.0_f32, 1.0, 2.0, 10.0, 12.0, 14.0, 11.5];
        let mut sample = Sample::of(Array3::zeros((7, 1, 1))).annotated(&[1]);
        sample.prediction.features =
            Some(Array4::from_shape_fn((1, 7, 1, 1), |(_, z, _, _)| at[z]));
        // Distances of slice 4 within its heap are 2, 2 and 0.5; of slice 6 they are 1.5, 0.5, 2.5.
        let choices = sample.ask(&Typiclust, 1, 3).unwrap();
        assert!(
            choices[0].slice == 4 || choices[0].slice == 6,
            "{choices:?}"
        );
        assert!((choices[0].score - 1.0 / 1.5).abs() < 1e-9, "{choices:?}");
    }
}
