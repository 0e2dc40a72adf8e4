//! Features of a slice, and distances between slices by them.

use crate::{CaseView, Picks, Pool, StrategyError};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Returns φ of each slice, `[D, 2 F]`: mean and standard deviation over the slice of each of the
/// decoder's last features. `strategy` is the caller's name.
pub(crate) fn pooled(view: &CaseView, strategy: &str) -> Result<Array2<f64>, StrategyError> {
    let features = view.features(strategy)?;
    let (channels, depth, height, width) = features.dim();
    let voxels = (height * width).max(1) as f64;
    let mut pooled = Array2::zeros((depth, 2 * channels));
    for (channel, volume) in features.outer_iter().enumerate() {
        for (z, slice) in volume.outer_iter().enumerate() {
            let sum: f64 = slice.iter().map(|&value| f64::from(value)).sum();
            let mean = sum / voxels;
            let spread: f64 = slice
                .iter()
                .map(|&value| (f64::from(value) - mean).powi(2))
                .sum();
            pooled[[z, channel]] = mean;
            pooled[[z, channels + channel]] = (spread / voxels).sqrt();
        }
    }
    Ok(pooled)
}

/// All slices of a pool by their vectors.
pub(crate) struct Points<'a> {
    /// Case and slice of each point.
    pub(crate) places: Vec<(usize, usize)>,
    /// Its vector, `[F]`.
    pub(crate) vectors: Vec<ArrayView1<'a, f64>>,
    /// Whether it is annotated already.
    pub(crate) annotated: Vec<bool>,
}

impl<'a> Points<'a> {
    /// Lists the slices of a pool.
    pub(crate) fn of(pool: &Pool<'a>) -> Self {
        let mut points = Self {
            places: Vec::new(),
            vectors: Vec::new(),
            annotated: Vec::new(),
        };
        for (case, &described) in pool.cases.iter().enumerate() {
            for (slice, vector) in described.vectors.axis_iter(Axis(0)).enumerate() {
                points.places.push((case, slice));
                points.vectors.push(vector);
                points.annotated.push(described.annotated[slice]);
            }
        }
        points
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Euclidean distance of two points.
    pub(crate) fn distance(&self, a: usize, b: usize) -> f64 {
        squared(self.vectors[a], self.vectors[b]).sqrt()
    }

    /// Returns the mean of all vectors, `[F]`.
    pub(crate) fn mean(&self) -> Array1<f64> {
        let length = self.vectors.first().map_or(0, |vector| vector.len());
        let mut mean = Array1::zeros(length);
        for vector in &self.vectors {
            mean.scaled_add(1.0 / self.len() as f64, vector);
        }
        mean
    }

    /// Returns those of `points` that may be picked now.
    pub(crate) fn open_of(&self, points: impl Iterator<Item = usize>, picks: &Picks) -> Vec<usize> {
        let may = |&point: &usize| picks.may(self.places[point].0, self.places[point].1);
        points.filter(may).collect()
    }

    /// Returns the points that may be picked now.
    pub(crate) fn open(&self, picks: &Picks) -> Vec<usize> {
        self.open_of(0..self.len(), picks)
    }

    /// Picks a point.
    pub(crate) fn take(&self, picks: &mut Picks, point: usize, score: f64) {
        let (case, slice) = self.places[point];
        picks.take(case, slice, score);
    }

    /// Returns the distance of each point to the nearest annotated one; infinite if none is.
    pub(crate) fn to_annotated(&self) -> Vec<f64> {
        let annotated: Vec<usize> = (0..self.len()).filter(|&p| self.annotated[p]).collect();
        let nearest = |point: usize| {
            let distances = annotated.iter().map(|&other| self.distance(point, other));
            distances.fold(f64::INFINITY, f64::min)
        };
        (0..self.len()).map(nearest).collect()
    }

    /// Lowers these distances where `point`, which is picked, is nearer.
    pub(crate) fn approach(&self, to_annotated: &mut [f64], point: usize) {
        for (other, nearest) in to_annotated.iter_mut().enumerate() {
            *nearest = nearest.min(self.distance(other, point));
        }
    }

    /// Assigns each point to one of at most `clusters` clusters by k-means (Lloyd's algorithm from a
    /// k-means++ start). Returns the cluster of each point.
    pub(crate) fn clusters(&self, clusters: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        if self.len() == 0 {
            return Vec::new();
        }
        let start = self.spread_out(clusters.max(1), rng);
        let mut centres: Vec<_> = start.iter().map(|&p| self.vectors[p].to_owned()).collect();
        let mut assigned = vec![usize::MAX; self.len()];
        for _ in 0..MOST_ITERATIONS {
            let nearest: Vec<usize> = self
                .vectors
                .iter()
                .map(|vector| nearest(vector.view(), centres.iter().map(|c| c.view())))
                .collect();
            if nearest == assigned {
                break;
            }
            assigned = nearest;
            for (cluster, centre) in centres.iter_mut().enumerate() {
                let mut sum = Array1::zeros(centre.len());
                let mut count = 0.0;
                for (vector, _) in self
                    .vectors
                    .iter()
                    .zip(&assigned)
                    .filter(|a| *a.1 == cluster)
                {
                    sum += vector;
                    count += 1.0;
                }
                if count > 0.0 {
                    *centre = sum / count;
                }
            }
        }
        assigned
    }

    /// Draws `count` points by k-means++ (Arthur and Vassilvitskii 2007): the first at random, each
    /// further one in proportion to its squared distance from the nearest of those before. It returns
    /// fewer if all others coincide with one of them.
    fn spread_out(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut chosen = vec![rng.random_range(0..self.len())];
        let mut nearest: Vec<f64> = (0..self.len())
            .map(|p| squared(self.vectors[p], self.vectors[chosen[0]]))
            .collect();
        while chosen.len() < count {
            let Some(next) = in_proportion(&nearest, rng) else {
                break;
            };
            chosen.push(next);
            for (p, nearest) in nearest.iter_mut().enumerate() {
                *nearest = nearest.min(squared(self.vectors[p], self.vectors[next]));
            }
        }
        chosen
    }
}

/// k-means ends after so many iterations, if it has not come to rest before.
const MOST_ITERATIONS: usize = 100;

fn nearest<'v>(
    vector: ArrayView1<f64>,
    centres: impl Iterator<Item = ArrayView1<'v, f64>>,
) -> usize {
    let mut best = (0, f64::INFINITY);
    for (cluster, centre) in centres.enumerate() {
        let distance = squared(vector, centre);
        if distance < best.1 {
            best = (cluster, distance);
        }
    }
    best.0
}

/// Squared Euclidean distance.
pub(crate) fn squared(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Draws an index in proportion to these weights; `None` if none is above 0.
pub(crate) fn in_proportion(weights: &[f64], rng: &mut ChaCha8Rng) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    let mut rest = rng.random::<f64>() * total;
    let mut last = None;
    for (index, &weight) in weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0.0)
    {
        last = Some(index);
        rest -= weight;
        if rest < 0.0 {
            break;
        }
    }
    // Rounding can leave a rest behind the last one.
    last
}

/// Returns the first of the points with the largest value. Of pairs the first number counts, and the second
/// where the first is equal.
pub(crate) fn first_largest<V: PartialOrd + Copy>(
    points: &[usize],
    value: impl Fn(usize) -> V,
) -> Option<usize> {
    let mut best: Option<(usize, V)> = None;
    for &point in points {
        let value = value(point);
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((point, value));
        }
    }
    best.map(|(point, _)| point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Described, Quota};
    use ndarray::array;
    use rand::SeedableRng;

    #[test]
    fn two_heaps_are_two_clusters() {
        let case = Described {
            case: "case".to_owned(),
            place: 0,
            round: [1, 1],
            spacing_mm: [1.0; 3],
            annotated: vec![false; 5],
            scores: vec![0.0; 5],
            vectors: array![[0.0, 0.0], [9.0, 9.0], [0.0, 1.0], [9.0, 8.0], [1.0, 0.0]],
        };
        let pool = Pool::new(vec![&case], &Quota::of(1));
        let points = Points::of(&pool);
        for seed in 0..20 {
            let c = points.clusters(2, &mut ChaCha8Rng::seed_from_u64(seed));
            assert!(
                c[0] == c[2] && c[0] == c[4] && c[1] == c[3] && c[0] != c[1],
                "{c:?}"
            );
        }
        // More clusters than points.
        let mut of_nine = points.clusters(9, &mut ChaCha8Rng::seed_from_u64(0));
        of_nine.sort_unstable();
        of_nine.dedup();
        assert_eq!(of_nine.len(), 5);
    }
}
