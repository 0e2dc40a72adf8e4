//! Made-up cases.

use ndarray::{Array3, Array4, Axis, s};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slicewise_metrics::Agreement;
use slicewise_strategies::{Prediction, Sample};

const CLASSES: usize = 4;

/// Makes a random prediction, with features and a committee of three, of `depth` slices of 5 × 6
/// voxels, with every `step`-th slice annotated.
pub(crate) fn random(seed: u64, depth: usize, step: usize) -> Sample {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut probabilities = || {
        let shape = (CLASSES, depth, 5, 6);
        let mut probabilities = Array4::from_shape_simple_fn(shape, || rng.random::<f32>());
        for mut voxel in probabilities.lanes_mut(Axis(0)) {
            let sum = voxel.sum();
            voxel /= sum;
        }
        probabilities
    };
    let members = vec![probabilities(), probabilities(), probabilities()];
    let features = Some(probabilities());
    let probabilities = probabilities();
    let mut labels =
        || Array3::from_shape_simple_fn((depth, 5, 6), || rng.random_range(0..CLASSES as u8));
    let prediction = Prediction {
        probabilities,
        sr1: labels(),
        sr2: Some(labels()),
        attention: None,
        features,
        members,
    };
    Sample {
        case: format!("case-{seed}"),
        place: seed as usize,
        round: [2, 5],
        spacing_mm: [2.0, 0.5, 0.5],
        agreement: Agreement::Accuracy,
        image: labels().mapv(f32::from),
        truth: labels(),
        prediction,
        annotated: (0..depth).map(|slice| slice % step == 0).collect(),
    }
}

/// Makes a case in which all slices are alike and none is annotated: certain background.
pub(crate) fn constant(depth: usize) -> Sample {
    let mut sample = random(0, depth, 1);
    sample.case = format!("constant-{depth}");
    let prediction = &mut sample.prediction;
    prediction.probabilities.fill(0.0);
    prediction
        .probabilities
        .slice_mut(s![0, .., .., ..])
        .fill(1.0);
    prediction.members = vec![prediction.probabilities.clone(); 3];
    prediction.features = Some(prediction.probabilities.clone());
    prediction.sr1.fill(0);
    prediction.sr2 = Some(prediction.sr1.clone());
    sample.truth.fill(0);
    sample.image.fill(0.0);
    sample.annotated = vec![false; depth];
    sample
}

pub(crate) fn remaining(sample: &Sample) -> usize {
    sample.annotated.iter().filter(|&&done| !done).count()
}

/// Returns cases that a strategy meets in practice and at the edges: sparse, odd, nearly
/// unannotated, empty, one slice (annotated or not), constant scores, nothing left.
pub(crate) fn samples() -> Vec<Sample> {
    vec![
        random(1, 64, 16),
        random(2, 37, 5),
        random(3, 9, usize::MAX),
        random(4, 0, 1),
        random(5, 1, 1),
        random(6, 12, 1),
        constant(1),
        constant(20),
    ]
}
