//! Convolutions and normalisation, with weights from a seeded generator.

use crate::config::Norm;
use crate::kernel::convolution;
use crate::kernel::normalisation::{self, EPSILON};
use crate::numerics::Numerics;
use crate::tape::Tape;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::sync::Arc;
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

/// Of the leaky rectifier below zero, as in nnU-Net.
const SLOPE: f32 = 0.01;

/// Where a network's parameters are made: their names, the generator of their first values,
/// and the arithmetic they will be used in. Order of construction fixes the values.
pub(crate) struct Scope<'a> {
    pub(crate) path: Path<'a>,
    pub(crate) generator: &'a RefCell<ChaCha8Rng>,
    pub(crate) numerics: Numerics,
    /// Where layers note what libtorch's graph does not hold.
    pub(crate) tape: &'a Arc<Tape>,
}

impl<'a> Scope<'a> {
    /// A named part.
    pub(crate) fn sub(&self, name: impl ToString) -> Scope<'a> {
        Scope {
            path: self.path.sub(name),
            generator: self.generator,
            numerics: self.numerics,
            tape: self.tape,
        }
    }

    /// Weights of `shape`, uniform with variance 2 / `fan_in` (He et al. 2015). Uniform rather
    /// than normal: no logarithm or cosine, so the same bits on every machine.
    fn weight(&self, shape: &[i64], fan_in: i64) -> Tensor {
        let bound = (6.0 / fan_in as f64).sqrt() as f32;
        let count = shape.iter().product::<i64>() as usize;
        let mut generator = self.generator.borrow_mut();
        let values: Vec<f32> = (0..count)
            .map(|_| generator.random_range(-bound..bound))
            .collect();
        let values = Tensor::from_slice(&values).reshape(shape);
        self.path.var_copy("weight", &values)
    }

    /// `size` parameters of one value.
    fn filled(&self, name: &str, size: i64, value: f64) -> Tensor {
        let values = Tensor::full([size], value, (Kind::Float, Device::Cpu));
        self.path.var_copy(name, &values)
    }

    /// Convolution that keeps the grid: kernel `size³`, zero padding, with bias.
    pub(crate) fn convolution(&self, inputs: i64, outputs: i64, size: i64) -> Convolution {
        self.biased_convolution(inputs, outputs, size, 0.0)
    }

    /// [`Self::convolution`] whose bias starts at `bias`.
    pub(crate) fn biased_convolution(
        &self,
        inputs: i64,
        outputs: i64,
        size: i64,
        bias: f64,
    ) -> Convolution {
        Convolution {
            weight: self.weight(
                &[outputs, inputs, size, size, size],
                inputs * size * size * size,
            ),
            bias: self.filled("bias", outputs, bias),
            stride: 1,
            padding: size / 2,
            numerics: self.numerics,
            tape: Arc::clone(self.tape),
        }
    }

    /// Strided 2×2×2 convolution that halves the grid.
    pub(crate) fn downsampling(&self, inputs: i64, outputs: i64) -> Convolution {
        Convolution {
            weight: self.weight(&[outputs, inputs, 2, 2, 2], inputs * 8),
            bias: self.filled("bias", outputs, 0.0),
            stride: 2,
            padding: 0,
            numerics: self.numerics,
            tape: Arc::clone(self.tape),
        }
    }

    /// Transposed 2×2×2 convolution that doubles the grid. Without bias: the normalisation after
    /// it (in the U-Net one convolution later) takes a constant off again, and oneDNN's gradient
    /// of it takes 3 % of a training step.
    pub(crate) fn upsampling(&self, inputs: i64, outputs: i64) -> Upsampling {
        Upsampling {
            // Kernel and stride are equal: each output voxel sees one input voxel.
            weight: self.weight(&[inputs, outputs, 2, 2, 2], inputs),
            numerics: self.numerics,
        }
    }

    /// Normalisation of `channels` feature maps with learned scale and shift.
    pub(crate) fn normalisation(&self, channels: i64, norm: Norm) -> Normalisation {
        let (groups, affine) = match norm {
            Norm::Instance => (channels, true),
            // The fewest groups of at most 8 feature maps that divide the channels.
            Norm::Group => (
                (1..=channels)
                    .find(|g| channels % g == 0 && channels / g <= 8)
                    .unwrap_or(channels),
                true,
            ),
            Norm::None => (0, false),
        };
        Normalisation {
            groups,
            affine: affine.then(|| {
                (
                    self.filled("scale", channels, 1.0),
                    self.filled("shift", channels, 0.0),
                )
            }),
            numerics: self.numerics,
            tape: Arc::clone(self.tape),
        }
    }

    /// Two rounds of convolution 3×3×3, normalisation and leaky rectifier.
    pub(crate) fn double_convolution(
        &self,
        inputs: i64,
        outputs: i64,
        norm: Norm,
    ) -> DoubleConvolution {
        let round = |name: &str, inputs: i64| {
            let scope = self.sub(name);
            (
                scope.convolution(inputs, outputs, 3),
                scope.sub("norm").normalisation(outputs, norm),
            )
        };
        DoubleConvolution {
            rounds: [round("first", inputs), round("second", outputs)],
            tape: Arc::clone(self.tape),
        }
    }
}

/// Convolution that keeps the grid or halves it.
pub(crate) struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
    numerics: Numerics,
    tape: Arc<Tape>,
}

impl Convolution {
    /// `[N, inputs, D, H, W]` → `[N, outputs, D, H, W]` (each axis over the stride), both in the
    /// arithmetic of features.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.forward_parts(&[features])
    }

    /// [`Self::forward`] of features whose channels come in parts, one behind the other.
    pub(crate) fn forward_parts(&self, parts: &[&Tensor]) -> Tensor {
        if self.stride == 1
            && self.numerics.is_channels_last()
            && convolution::takes(parts, &self.weight.size())
        {
            return self.tape.convolve(parts, &self.weight, &self.bias);
        }
        let features = match parts {
            [features] => features.shallow_clone(),
            _ => Tensor::cat(parts, 1),
        };
        if features.kind() == Kind::BFloat16 && features.size()[2] == 2 && self.padding > 0 {
            // With two slices, oneDNN's bf16 weight gradient of a 3×3×3 convolution is garbage
            // (libtorch 2.11 on AVX512-BF16, either layout; all other depths are right).
            return self.numerics.prepare(&self.forward_float32(&features));
        }
        // oneDNN takes its slow path for one channel (8 of them from 32×64×48 voxels, forward and
        // backward, 8.8 ms, contiguous); with a second one of zeros it does not (3.1 ms).
        let (features, weight) = if features.size()[1] == 1 {
            let features = self.numerics.order(&second_channel(&features));
            (features, second_channel(&self.weight))
        } else {
            (features, self.weight.shallow_clone())
        };
        let weight = self.numerics.prepare(&weight);
        let bias = self.numerics.cast(&self.bias);
        features.conv3d(
            &weight,
            Some(bias),
            [self.stride; 3],
            [self.padding; 3],
            [1, 1, 1],
            1,
        )
    }

    /// [`Self::forward`] of a 3×3×3 convolution for the middle one of three slices:
    /// `[K, inputs, 3, H, W]` → `[K, outputs, 1, H, W]`.
    pub(crate) fn forward_middle(&self, features: &Tensor) -> Tensor {
        features.conv3d(
            &self.numerics.prepare(&self.weight),
            Some(self.numerics.cast(&self.bias)),
            [1; 3],
            [0, 1, 1],
            [1, 1, 1],
            1,
        )
    }

    /// The convolution in float32, whatever the features' arithmetic.
    pub(crate) fn forward_float32(&self, features: &Tensor) -> Tensor {
        features.to_kind(Kind::Float).conv3d(
            &self.weight,
            Some(&self.bias),
            [self.stride; 3],
            [self.padding; 3],
            [1, 1, 1],
            1,
        )
    }
}

/// `[N, 1, …]` → `[N, 2, …]`, the new one zero.
fn second_channel(tensor: &Tensor) -> Tensor {
    tensor.pad([0, 0, 0, 0, 0, 0, 0, 1], "constant", 0.0)
}

/// Transposed convolution that doubles the grid.
pub(crate) struct Upsampling {
    weight: Tensor,
    numerics: Numerics,
}

impl Upsampling {
    /// `[N, inputs, D, H, W]` → `[N, outputs, 2D, 2H, 2W]`.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        if features.kind() == Kind::Float
            && features.device() == Device::Cpu
            && self.numerics.is_channels_last()
        {
            return self.multiplied(features);
        }
        let weight = self.numerics.prepare(&self.weight);
        let twice = [2, 2, 2];
        features.conv_transpose3d(
            &weight,
            None::<&Tensor>,
            twice,
            [0, 0, 0],
            [0, 0, 0],
            1,
            [1, 1, 1],
        )
    }
}

impl Upsampling {
    /// [`Self::forward`] as one product of matrices, whose outputs are then laid out on the finer
    /// grid: in float32 with channels last half the time of oneDNN's transposed convolution.
    fn multiplied(&self, features: &Tensor) -> Tensor {
        let &[n, inputs, d, h, w] = features.size().as_slice() else {
            unreachable!("features have five dimensions");
        };
        let outputs = self.weight.size()[1];
        let weight = self.weight.permute([0, 2, 3, 4, 1]);
        features
            .permute([0, 2, 3, 4, 1])
            .reshape([-1, inputs])
            .matmul(&weight.reshape([inputs, 8 * outputs]))
            .view([n, d, h, w, 2, 2, 2, outputs].as_slice())
            .permute([0, 1, 4, 2, 5, 3, 6, 7].as_slice())
            .reshape([n, 2 * d, 2 * h, 2 * w, outputs])
            .permute([0, 4, 1, 2, 3])
    }
}

/// Instance or group normalisation, or none.
pub(crate) struct Normalisation {
    groups: i64,
    affine: Option<(Tensor, Tensor)>,
    numerics: Numerics,
    tape: Arc<Tape>,
}

impl Normalisation {
    /// Shape kept. Statistics are float32, or more.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.rectified(features, 1.0)
    }

    /// [`Self::forward`] and the leaky rectifier.
    pub(crate) fn leaky_relu(&self, features: &Tensor) -> Tensor {
        self.rectified(features, SLOPE)
    }

    /// With slope `slope` below zero; 1 leaves all as it is.
    fn rectified(&self, features: &Tensor, slope: f32) -> Tensor {
        if let Some((scale, shift)) = &self.affine
            && self.groups == features.size()[1]
            && normalisation::takes(features)
        {
            return self.tape.normalise(features, scale, shift, slope);
        }
        let normalised = match &self.affine {
            None => features.shallow_clone(),
            // libtorch's group-norm kernel is 20 to 40 times slower on channels-last features
            // than on contiguous ones (8 maps of 32×64×48, bf16: 38 ms against 0.9), so reorder
            // twice.
            Some((scale, shift)) => self.numerics.order(&features.contiguous().group_norm(
                self.groups,
                Some(self.numerics.cast(scale)),
                Some(self.numerics.cast(shift)),
                EPSILON,
                true,
            )),
        };
        let rectified = if slope == 1.0 {
            normalised
        } else {
            leaky_relu(&normalised)
        };
        // Several operations may follow, as after the loops of our own.
        self.tape.cut(&rectified)
    }
}

/// Slope below zero: libtorch's default 0.01 is [`SLOPE`].
fn leaky_relu(features: &Tensor) -> Tensor {
    features.leaky_relu()
}

/// The block of U-Net and V-Net.
pub(crate) struct DoubleConvolution {
    rounds: [(Convolution, Normalisation); 2],
    tape: Arc<Tape>,
}

impl DoubleConvolution {
    /// `[N, inputs, D, H, W]` → `[N, outputs, D, H, W]`.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.forward_parts(&[features])
    }

    /// [`Self::forward`] of features whose channels come in parts, one behind the other.
    pub(crate) fn forward_parts(&self, parts: &[&Tensor]) -> Tensor {
        let [(convolve, normalise), (convolve_again, normalise_again)] = &self.rounds;
        let features = normalise.leaky_relu(&convolve.forward_parts(parts));
        let features = normalise_again.leaky_relu(&convolve_again.forward(&features));
        self.tape.cut(&features)
    }

    /// [`Self::forward_parts`] with `shortcut` (`outputs` channels or one) added before the last
    /// rectifier.
    pub(crate) fn residual(&self, parts: &[&Tensor], shortcut: &Tensor) -> Tensor {
        let [(convolve, normalise), (convolve_again, normalise_again)] = &self.rounds;
        let features = normalise.leaky_relu(&convolve.forward_parts(parts));
        let features = normalise_again.forward(&convolve_again.forward(&features));
        self.tape.cut(&leaky_relu(&(features + shortcut)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layout, TrainingConfig};
    use crate::{Precision, set_threads};
    use rand::SeedableRng;

    /// On grids two slices deep oneDNN's bf16 gradient of the weights is garbage; on three it is
    /// not.
    #[test]
    fn the_middle_of_three_slices_has_float32_s_gradients_in_bfloat16() {
        set_threads(1);
        let made_up = |size: [i64; 5], factor: f64| {
            let count = size.iter().product::<i64>();
            let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * factor).sin();
            values.reshape(size).to_kind(Kind::BFloat16)
        };
        for layout in [Layout::Contiguous, Layout::ChannelsLast] {
            for (slices, inputs) in [(1, 8), (5, 3), (16, 8), (4, 16)] {
                let of = |precision| {
                    let training = TrainingConfig {
                        precision,
                        layout,
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
                let exact = of(Precision::Float32);
                for (exact, fast) in exact.iter().zip(of(Precision::Bfloat16)) {
                    let off = (exact - fast.to_kind(Kind::Float)).norm() / exact.norm();
                    let off = off.double_value(&[]);
                    assert!(off < 0.02, "{layout:?}, {slices}, {inputs}: {off}");
                }
            }
        }
    }
}
