//! TypiClust: typical slices of clusters that no annotated slice represents yet. Source: Hacohen et
//! al. 2022, "Active learning on a budget: opposite strategies suit high and low budgets".
//!
//! Slices are clustered by k-means into as many clusters as there will be annotated slices. Clusters
//! are visited in order of how few of their slices are annotated, the larger first; of each the slice
//! with the smallest mean squared distance to its neighbours among the cluster's open slices is taken.
//! (The paper has the distance; the square is that of its authors' code, whose choices ours are tested
//! against.) Deviations: the source drops clusters of five points and fewer, which among a few dozen
//! slices are most; and its features are self-supervised and of unit length, ours those of the network
//! in training as they are.

use crate::features::{Points, first_largest, pooled, squared};
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// The most clusters, as in the source.
const MOST_CLUSTERS: usize = 500;
/// Typicality looks at so many nearest neighbours, as in the source.
const NEIGHBOURS: usize = 20;

/// Visits the clusters again and again. The score is the typicality of a slice: 1 / its mean squared
/// distance to its neighbours.
pub struct Typiclust;

/// Returns the typicality of a point among the `open` points of its cluster.
fn typicality(points: &Points, point: usize, open: &[usize]) -> f64 {
    let others = open.iter().filter(|&&other| other != point);
    let vector = points.vectors[point];
    let mut distances: Vec<f64> = others
        .map(|&other| squared(vector, points.vectors[other]))
        .collect();
    distances.sort_by(f64::total_cmp);
    // Of a small cluster half, as in the source's code.
    distances.truncate(NEIGHBOURS.min(open.len() / 2));
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    1.0 / (mean + 1e-5)
}

/// Chooses among points that are assigned to these clusters.
fn visit(pool: &Pool, points: &Points, assigned: &[usize]) -> Vec<Choice> {
    let count = assigned.iter().max().map_or(0, |last| last + 1);
    let mut clusters: Vec<Vec<usize>> = vec![Vec::new(); count];
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
            let open = points.open_of(cluster.iter().copied(), &picks);
            let typical = |point: usize| typicality(points, point, &open);
            if let Some(next) = first_largest(&open, typical) {
                points.take(&mut picks, next, typical(next));
            }
        }
    }
    picks.done()
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
        Ok(visit(pool, &points, &points.clusters(wanted, rng)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use crate::authors::AuthorsCase;
    use ndarray::{Array3, Array4};

    #[test]
    fn the_middle_of_the_cluster_without_an_annotated_slice() {
        // Two heaps on a line, at 0 to 2 and at 10 to 14; slice 1 is annotated.
        let at = [0.0_f32, 1.0, 2.0, 10.0, 12.0, 14.0, 11.5];
        let mut sample = Sample::of(Array3::zeros((7, 1, 1))).annotated(&[1]);
        sample.prediction.features =
            Some(Array4::from_shape_fn((1, 7, 1, 1), |(_, z, _, _)| at[z]));
        // Of four open slices two neighbours count: squared distances of slice 6 are 0.25 and 2.25.
        let choices = sample.ask(&Typiclust, 1, 3).unwrap();
        assert_eq!(choices[0].slice, 6);
        assert!(
            (choices[0].score - 1.0 / 1.25001).abs() < 1e-9,
            "{choices:?}"
        );
    }

    #[test]
    fn the_choices_are_those_of_the_authors_code() {
        let case = AuthorsCase::read();
        let pool = case.pool();
        let mut chosen: Vec<usize> = visit(&pool, &Points::of(&pool), &case.clusters)
            .iter()
            .map(|choice| choice.slice)
            .collect();
        // Theirs come in the order of the clusters, ours by typicality.
        let mut theirs = case.typiclust.clone();
        chosen.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(chosen, theirs);
    }
}
