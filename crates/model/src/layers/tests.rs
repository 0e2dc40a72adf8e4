use super::*;
use crate::config::{MemoryFormat, TrainingConfig};
use crate::{Precision, set_threads};
use rand::SeedableRng;

/// On grids two slices deep, oneDNN's bf16 gradient of the weights is garbage. On grids of
/// three slices it must be right.
#[test]
fn the_middle_of_three_slices_has_the_same_gradients_in_bfloat16_as_in_float32() {
    set_threads(1);
    let made_up = |size: [i64; 5], factor: f64| {
        let count = size.iter().product::<i64>();
        let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * factor).sin();
        values.reshape(size).to_kind(Kind::BFloat16)
    };
    for memory_format in [MemoryFormat::Contiguous, MemoryFormat::ChannelsLast] {
        for (slices, inputs) in [(1, 8), (5, 3), (16, 8), (4, 16)] {
            let output_and_gradients = |precision| {
                let training = TrainingConfig {
                    precision,
                    memory_format,
                    ..TrainingConfig::default()
                };
                let numerics = Numerics::new(&training, Device::Cpu);
                let store = tch::nn::VarStore::new(Device::Cpu);
                let tape = Arc::default();
                let scope = Scope {
                    path: store.root(),
                    generator: &RefCell::new(ChaCha8Rng::seed_from_u64(1)),
                    numerics,
                    tape: &tape,
                };
                let convolution = scope.convolution(inputs, 9, 3);
                let x = numerics
                    .prepare(&made_up([slices, inputs, 3, 12, 16], 0.11))
                    .detach()
                    .set_requires_grad(true);
                let y = convolution.forward_middle(&x);
                let weight = numerics.prepare(&made_up([slices, 9, 1, 12, 16], 0.37));
                (&y * weight).sum(Kind::Float).backward();
                let Convolution { weight, bias, .. } = convolution;
                [y.detach(), x.grad(), weight.grad(), bias.grad()]
            };
            let exact = output_and_gradients(Precision::Float32);
            let fast = output_and_gradients(Precision::Bfloat16);
            for (exact, fast) in exact.iter().zip(fast) {
                let difference = (exact - fast.to_kind(Kind::Float)).norm() / exact.norm();
                let difference = difference.double_value(&[]);
                assert!(
                    difference < 0.02,
                    "{memory_format:?}, {slices}, {inputs}: {difference}"
                );
            }
        }
    }
}
