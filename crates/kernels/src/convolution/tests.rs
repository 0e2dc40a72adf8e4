use super::*;
use crate::tests::{assert_close, features};

/// Compares with libtorch's convolution in float32. In bf16, values are rounded to 2⁻⁸ of their
/// size.
#[cfg(target_arch = "x86_64")]
#[test]
fn values_and_gradients_equal_libtorch_s() {
    if let Some(registers) = bf16::Avx512::detect() {
        compare(registers, 0.005, 1e-5);
    }
    if let Some(registers) = float32::Avx512::detect() {
        compare(registers, 1e-5, 1e-5);
    }
    if let Some(registers) = float32::Avx2::detect() {
        compare(registers, 1e-5, 1e-5);
    }
}

/// Asserts that values and gradients agree with libtorch's, within `tolerance`. The gradient of
/// the weights must agree within `weight_tolerance`.
#[cfg(target_arch = "x86_64")]
fn compare<P: Processor>(registers: P, tolerance: f64, weight_tolerance: f64) {
    let kind = P::Value::KIND;
    for (grid, inputs) in [
        ([3, 5, 7], vec![8]),
        ([2, 4, 16], vec![8, 8]),
        ([1, 3, 33], vec![16]),
        ([4, 1, 48], vec![8, 16]),
        ([2, 2, 70], vec![24]),
        ([1, 1, 1], vec![8]),
        ([3, 5, 21], vec![1]),
    ] {
        if inputs == [1] && kind != Kind::Float {
            continue;
        }
        let on_grid =
            |channels: i64, seed| features([2, channels, grid[0], grid[1], grid[2]], seed, kind);
        let parts: Vec<Tensor> = inputs
            .iter()
            .map(|&c| on_grid(c, 0.37 / c as f64))
            .collect();
        let parts: Vec<&Tensor> = parts.iter().collect();
        let count: i64 = inputs.iter().sum();
        let outputs = if kind == Kind::Float && count == 16 {
            24
        } else {
            8
        };
        let weight =
            (Tensor::arange(outputs * count * 27, (Kind::Float, tch::Device::Cpu)) * 0.7).sin();
        // The weights are rounded to bf16, so that they are the same in both computations.
        let weight = weight
            .reshape([outputs, count, 3, 3, 3])
            .to_kind(Kind::BFloat16)
            .to_kind(Kind::Float);
        let bias = (Tensor::arange(outputs, (Kind::Float, tch::Device::Cpu)) * 0.9).cos();
        assert!(outputs > 8 || takes(&parts, &weight.size()));
        let gradient = on_grid(outputs, 0.71);
        let y = forward_with(registers, &parts, &weight, &bias);
        let ours = backward_with(registers, &parts, &weight, &gradient);

        let leaf = |t: &Tensor| t.to_kind(Kind::Float).copy().set_requires_grad(true);
        let leaves: Vec<Tensor> = parts.iter().map(|part| leaf(part)).collect();
        let (weight, bias) = (leaf(&weight), leaf(&bias));
        let theirs =
            Tensor::cat(&leaves, 1).conv3d(&weight, Some(&bias), [1; 3], [1; 3], [1; 3], 1);
        (&theirs * gradient.to_kind(Kind::Float))
            .sum(Kind::Float)
            .backward();
        assert_close(&y, &theirs, tolerance);
        if inputs != [1] {
            for (ours, leaf) in zip(&ours.parts, &leaves) {
                assert_close(ours, &leaf.grad(), tolerance);
            }
        }
        assert_close(&ours.weight, &weight.grad(), weight_tolerance);
        assert_close(&ours.bias, &bias.grad(), 1e-5);
    }
}

#[test]
fn unsuitable_features_are_refused() {
    for kind in [Kind::BFloat16, Kind::Float] {
        let part = |channels, width| features([1, channels, 4, 4, width], 0.1, kind);
        let good = part(8, 4);
        assert_eq!(
            takes(&[&good], &[8, 8, 3, 3, 3]),
            Registers::for_kind(kind).is_some()
        );
        assert!(!takes(&[&good], &[12, 8, 3, 3, 3]));
        assert_eq!(
            takes(&[&good], &[24, 8, 3, 3, 3]),
            kind == Kind::Float && takes(&[&good], &[8, 8, 3, 3, 3])
        );
        let two = features([2, 8, 4, 4, 4], 0.1, kind);
        assert!(!takes(&[&two], &[24, 8, 3, 3, 3]));
        assert!(!takes(&[&good], &[8, 8, 1, 1, 1]));
        assert!(!takes(&[&good], &[8, 16, 3, 3, 3]));
        assert!(!takes(&[&good, &part(8, 2)], &[8, 16, 3, 3, 3]));
        assert!(!takes(&[&good.contiguous()], &[8, 8, 3, 3, 3]));
        assert!(!takes(&[&good.to_kind(Kind::Double)], &[8, 8, 3, 3, 3]));
        assert!(!takes(&[&part(12, 4)], &[8, 12, 3, 3, 3]));
        let other = features([1, 8, 4, 4, 4], 0.1, Kind::Float);
        assert!(kind == Kind::Float || !takes(&[&good, &other], &[8, 16, 3, 3, 3]));
    }
}
