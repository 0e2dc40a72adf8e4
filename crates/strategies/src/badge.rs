//! BADGE: slices whose gradients are large and differ from each other. Source: Ash et al. 2020, "Deep
//! batch active learning by diverse, uncertain gradient lower bounds".
//!
//! The gradient of a slice is that of the last layer, taking the model's own answer for the truth:
//! Σ over voxels of (p − one-hot(SR1)) ⊗ φ, where φ are the decoder's last features. The first slice is
//! the one of longest gradient, further ones are drawn as in k-means++.

use crate::features::{Points, first_largest, in_proportion, squared};
use crate::pool::Picks;
use crate::{CaseView, Choice, Pool, QueryStrategy, StrategyError};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// Draws slices in proportion to the squared distance of their gradient to the nearest drawn before;
/// the score is that distance.
pub struct Badge;

impl QueryStrategy for Badge {
    fn name(&self) -> &'static str {
        "badge"
    }

    fn summary(&self) -> &'static str {
        "slices with large and different gradients of the last layer"
    }

    fn source(&self) -> &'static str {
        "Ash et al. 2020"
    }

    fn needs_features(&self) -> bool {
        true
    }

    /// All alike, because gradients are compared with each other.
    fn scores(&self, view: &CaseView, _rng: &mut ChaCha8Rng) -> Result<Vec<f64>, StrategyError> {
        Ok(vec![0.0; view.depth()])
    }

    /// The gradient of each slice, `[D, C × F]`, per voxel of the slice.
    fn vectors(&self, view: &CaseView, _: &mut ChaCha8Rng) -> Result<Array2<f64>, StrategyError> {
        let features = view.features(self.name())?;
        let prediction = view.prediction;
        let (classes, depth, height, width) = prediction.probabilities.dim();
        let channels = features.dim().0;
        let mut gradients = Array2::zeros((depth, classes * channels));
        for ((class, z, y, x), &p) in prediction.probabilities.indexed_iter() {
            let own = usize::from(prediction.sr1[[z, y, x]]) == class;
            let error = f64::from(p) - f64::from(u8::from(own));
            for channel in 0..channels {
                let feature = f64::from(features[[channel, z, y, x]]);
                gradients[[z, class * channels + channel]] += error * feature;
            }
        }
        Ok(gradients / (height * width).max(1) as f64)
    }

    fn choose(&self, pool: &Pool, rng: &mut ChaCha8Rng) -> Result<Vec<Choice>, StrategyError> {
        let points = Points::of(pool);
        let zero = ndarray::Array1::zeros(points.mean().len());
        let length = |point: usize| squared(points.vectors[point], zero.view());
        let mut nearest: Vec<f64> = (0..points.len()).map(length).collect();
        let mut picks = Picks::new(pool);
        let mut begun = false;
        loop {
            let open = points.open(&picks);
            let weights: Vec<f64> = open.iter().map(|&point| nearest[point]).collect();
            let drawn = if begun {
                in_proportion(&weights, rng).map(|index| open[index])
            } else {
                None
            };
            // Where all that are left coincide with drawn ones, the first.
            let Some(next) = drawn.or_else(|| first_largest(&open, |point| nearest[point])) else {
                return Ok(picks.done());
            };
            points.take(&mut picks, next, nearest[next]);
            for (point, nearest) in nearest.iter_mut().enumerate() {
                let distance = squared(points.vectors[point], points.vectors[next]);
                *nearest = if begun {
                    nearest.min(distance)
                } else {
                    distance
                };
            }
            begun = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use ndarray::{Array3, Array4};

    #[test]
    fn a_gradient_is_error_times_feature_and_the_longest_comes_first() {
        // One voxel a slice, one feature. SR1 is class 0; p of class 0 is 1, 0.5 and 0.75.
        let mut sample = Sample::of(Array3::zeros((3, 1, 1)));
        for (z, p) in [1.0, 0.5, 0.75].into_iter().enumerate() {
            sample.prediction.probabilities[[0, z, 0, 0]] = p;
            sample.prediction.probabilities[[1, z, 0, 0]] = 1.0 - p;
        }
        let features = [3.0_f32, 4.0, -4.0];
        sample.prediction.features = Some(Array4::from_shape_fn((1, 3, 1, 1), |(_, z, _, _)| {
            features[z]
        }));
        let mut rng = rand::SeedableRng::seed_from_u64(0);
        let gradients = Badge.vectors(&sample.view(false), &mut rng).unwrap();
        let expected = ndarray::array![[0.0, 0.0], [-2.0, 2.0], [1.0, -1.0]];
        assert_eq!(gradients, expected);
        let choices = sample.ask(&Badge, 3, 0).unwrap();
        // Squared length 8. From there slice 2 is 18 away and slice 0 is 8.
        assert_eq!(choices.iter().find(|c| c.slice == 1).unwrap().score, 8.0);
        let mut second = [0_u32; 3];
        for seed in 0..2600 {
            let choices = sample.ask(&Badge, 2, seed).unwrap();
            let other = choices.iter().find(|choice| choice.slice != 1).unwrap();
            second[other.slice] += 1;
        }
        // Expected 800 and 1800, with a standard deviation of 24.
        assert!((700..900).contains(&second[0]), "{second:?}");
    }
}
