use super::*;
use crate::is_for;
use crate::tests::{assert_close, features};

/// Compares with libtorch's normalisation in float32. In bf16, values are rounded to 2⁻⁸ of
/// their size.
#[test]
fn values_and_gradients_equal_libtorch_s() {
    for (kind, tolerance) in [(Kind::BFloat16, 0.005), (Kind::Float, 1e-5)] {
        for (size, slope) in [
            ([2, 8, 5, 7, 3], 0.01),
            ([1, 16, 4, 4, 4], 0.01),
            ([3, 64, 2, 3, 1], 1.0),
            ([2, 1, 9, 30, 31], 0.01),
        ] {
            let channels = size[1];
            let affine = Affine {
                scale: (0..channels).map(|c| 0.5 + 0.1 * c as f32).collect(),
                shift: (0..channels).map(|c| 0.3 - 0.05 * c as f32).collect(),
                slope,
            };
            let (x, weight) = (features(size, 0.37, kind), features(size, 0.71, kind));
            if !is_for(&x) {
                eprintln!("no loops for {kind:?} here");
                continue;
            }
            assert!(takes(&x) && takes(&weight));
            let (y, statistics) = forward(&x, &affine);
            let ours = backward(&x, &weight, &statistics, &affine);

            let leaf = |t: Tensor| t.set_requires_grad(true);
            let x = leaf(x.to_kind(Kind::Float).copy());
            let scale = leaf(Tensor::from_slice(&affine.scale));
            let shift = leaf(Tensor::from_slice(&affine.shift));
            let contiguous = x.contiguous();
            let z = contiguous.group_norm(channels, Some(&scale), Some(&shift), EPSILON, false);
            let theirs = z.clamp_min(0.0) + z.clamp_max(0.0) * f64::from(slope);
            (&theirs * weight.to_kind(Kind::Float))
                .sum(Kind::Float)
                .backward();
            assert_close(&y, &theirs, tolerance);
            assert_close(&ours.features, &x.grad(), tolerance);
            assert_close(&Tensor::from_slice(&ours.scale), &scale.grad(), 1e-4);
            assert_close(&Tensor::from_slice(&ours.shift), &shift.grad(), 1e-4);
        }
    }
}

#[test]
fn unsuitable_features_are_refused() {
    for kind in [Kind::BFloat16, Kind::Float] {
        let good = features([1, 8, 4, 4, 4], 0.1, kind);
        assert_eq!(takes(&good), is_for(&good));
        assert!(!takes(&good.to_kind(Kind::Double)));
        assert!(!takes(&good.contiguous()));
        assert!(!takes(&features([1, 12, 4, 4, 4], 0.1, kind)));
        assert!(!takes(&good.narrow(4, 1, 2)));
    }
}
