//! Convolution and normalisation layers, whose first weights come from a seeded generator.

use crate::config::Norm;
use crate::numerics::Numerics;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use slicewise_kernels::Tape;
use slicewise_kernels::convolution;
use slicewise_kernels::normalisation::{self, EPSILON};
use std::cell::RefCell;
use std::sync::Arc;
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

/// Slope of the leaky rectifier below zero, as in nnU-Net.
const SLOPE: f32 = 0.01;

/// Context in which a network creates its parameters. The order in which layers are created
/// determines their first values.
pub(crate) struct Scope<'a> {
    /// Path that names the parameters.
    pub(crate) path: Path<'a>,
    /// Generator of the first values.
    pub(crate) generator: &'a RefCell<ChaCha8Rng>,
    /// Precision and memory order of the features.
    pub(crate) numerics: Numerics,
    /// Tape on which layers record the operations that libtorch's graph does not hold.
    pub(crate) tape: &'a Arc<Tape>,
}

impl<'a> Scope<'a> {
    /// Returns the scope of the part of the network called `name`.
    pub(crate) fn sub(&self, name: impl ToString) -> Scope<'a> {
        Scope {
            path: self.path.sub(name),
            generator: self.generator,
            numerics: self.numerics,
            tape: self.tape,
        }
    }

    /// Creates weights of `shape`, drawn from a uniform distribution of variance 2 / `fan_in` (He
    /// et al. 2015). A uniform distribution needs no logarithm or cosine, unlike a normal one, so
    /// the weights have the same bits on every machine.
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

    /// Creates a vector of `size` parameters that all have the same value.
    fn filled(&self, name: &str, size: i64, value: f64) -> Tensor {
        let values = Tensor::full([size], value, (Kind::Float, Device::Cpu));
        self.path.var_copy(name, &values)
    }

    /// Creates a convolution that keeps the grid, with a kernel of `size³` voxels, zero padding
    /// and a bias.
    pub(crate) fn convolution(&self, inputs: i64, outputs: i64, size: i64) -> Convolution {
        self.biased_convolution(inputs, outputs, size, 0.0)
    }

    /// Creates the same as [`Self::convolution`], with a bias that starts at `bias`.
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
            stride: [1; 3],
            padding: size / 2,
            numerics: self.numerics,
            tape: Arc::clone(self.tape),
        }
    }

    /// Creates a convolution whose kernel has the size of its `stride` `[D, H, W]`, which halves the
    /// grid along axes with a stride of 2.
    pub(crate) fn downsampling(&self, inputs: i64, outputs: i64, stride: [i64; 3]) -> Convolution {
        let [d, h, w] = stride;
        Convolution {
            weight: self.weight(&[outputs, inputs, d, h, w], inputs * d * h * w),
            bias: self.filled("bias", outputs, 0.0),
            stride,
            padding: 0,
            numerics: self.numerics,
            tape: Arc::clone(self.tape),
        }
    }

    /// Creates a transposed convolution whose kernel has the size of its `stride` `[D, H, W]`, which
    /// doubles the grid along axes with a stride of 2. It has no bias: the normalisation after it (in
    /// the U-Net one convolution later) would remove a constant anyway, and oneDNN's gradient of the
    /// bias takes 3 % of a training step.
    pub(crate) fn upsampling(&self, inputs: i64, outputs: i64, stride: [i64; 3]) -> Upsampling {
        let [d, h, w] = stride;
        Upsampling {
            // Kernel and stride are equal, so each output voxel depends on one input voxel.
            weight: self.weight(&[inputs, outputs, d, h, w], inputs),
            stride,
            numerics: self.numerics,
        }
    }

    /// Creates a normalisation of `channels` feature maps with learned scale and shift.
    pub(crate) fn normalisation(&self, channels: i64, norm: Norm) -> Normalisation {
        let (groups, affine) = match norm {
            Norm::Instance => (channels, true),
            // This is the smallest number of equal groups with at most 8 channels each.
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

    /// Creates a block of two rounds, each a 3×3×3 convolution, a normalisation and a leaky
    /// rectifier.
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

/// A convolution that keeps the grid or halves it.
pub(crate) struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: [i64; 3],
    padding: i64,
    numerics: Numerics,
    tape: Arc<Tape>,
}

impl Convolution {
    /// Maps features `[N, inputs, D, H, W]` to `[N, outputs, D, H, W]`, where a stride of 2 halves
    /// D, H or W. Both are in the precision of features.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.forward_parts(&[features])
    }

    /// Does the same as [`Self::forward`] for features whose channels come in several parts, in
    /// this order.
    pub(crate) fn forward_parts(&self, parts: &[&Tensor]) -> Tensor {
        if self.stride == [1; 3]
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
            // On a grid two slices deep, oneDNN's bf16 weight gradient of a 3×3×3 convolution is
            // garbage (libtorch 2.11 on AVX512-BF16, in either memory order). At all other depths
            // it is right.
            return self.numerics.prepare(&self.forward_float32(&features));
        }
        // oneDNN takes a slow path for one input channel: 8 outputs on 32×64×48 voxels take
        // 8.8 ms forward and backward, contiguous. With a second channel of zeros it takes a fast
        // one (3.1 ms).
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
            self.stride,
            [self.padding; 3],
            [1, 1, 1],
            1,
        )
    }

    /// Computes a 3×3×3 convolution for the middle one of three slices: maps
    /// `[K, inputs, 3, H, W]` to `[K, outputs, 1, H, W]`.
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

    /// Does the same as [`Self::forward`] in float32, whatever the precision of features.
    pub(crate) fn forward_float32(&self, features: &Tensor) -> Tensor {
        features.to_kind(Kind::Float).conv3d(
            &self.weight,
            Some(&self.bias),
            self.stride,
            [self.padding; 3],
            [1, 1, 1],
            1,
        )
    }
}

/// Adds a second channel of zeros: maps `[N, 1, …]` to `[N, 2, …]`.
fn second_channel(tensor: &Tensor) -> Tensor {
    tensor.pad([0, 0, 0, 0, 0, 0, 0, 1], "constant", 0.0)
}

/// A transposed convolution that doubles the grid, or some of its axes.
pub(crate) struct Upsampling {
    weight: Tensor,
    stride: [i64; 3],
    numerics: Numerics,
}

impl Upsampling {
    /// Maps features `[N, inputs, D, H, W]` to `[N, outputs, 2D, 2H, 2W]`, if all axes are
    /// doubled.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        if features.kind() == Kind::Float
            && features.device() == Device::Cpu
            && self.numerics.is_channels_last()
        {
            return self.as_matrix_product(features);
        }
        let weight = self.numerics.prepare(&self.weight);
        features.conv_transpose3d(
            &weight,
            None::<&Tensor>,
            self.stride,
            [0, 0, 0],
            [0, 0, 0],
            1,
            [1, 1, 1],
        )
    }
}

impl Upsampling {
    /// Does the same as [`Self::forward`] by one matrix product, whose results are then arranged
    /// on the finer grid. In float32 with channels last this takes half the time of oneDNN's
    /// transposed convolution.
    fn as_matrix_product(&self, features: &Tensor) -> Tensor {
        let &[n, inputs, d, h, w] = features.size().as_slice() else {
            unreachable!("features have five dimensions");
        };
        let outputs = self.weight.size()[1];
        let [a, b, c] = self.stride;
        let weight = self.weight.permute([0, 2, 3, 4, 1]);
        features
            .permute([0, 2, 3, 4, 1])
            .reshape([-1, inputs])
            .matmul(&weight.reshape([inputs, a * b * c * outputs]))
            .view([n, d, h, w, a, b, c, outputs].as_slice())
            .permute([0, 1, 4, 2, 5, 3, 6, 7].as_slice())
            .reshape([n, a * d, b * h, c * w, outputs])
            .permute([0, 4, 1, 2, 3])
    }
}

/// Instance normalisation, group normalisation or no normalisation.
pub(crate) struct Normalisation {
    groups: i64,
    affine: Option<(Tensor, Tensor)>,
    numerics: Numerics,
    tape: Arc<Tape>,
}

impl Normalisation {
    /// Normalises features `[N, C, D, H, W]` and keeps their shape. The statistics are computed in
    /// float32 or float64.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.rectified(features, 1.0)
    }

    /// Does the same as [`Self::forward`] and applies the leaky rectifier.
    pub(crate) fn leaky_relu(&self, features: &Tensor) -> Tensor {
        self.rectified(features, SLOPE)
    }

    /// Normalises features and applies a rectifier with slope `slope` below zero. A slope of 1
    /// changes nothing.
    fn rectified(&self, features: &Tensor, slope: f32) -> Tensor {
        if let Some((scale, shift)) = &self.affine
            && self.groups == features.size()[1]
            && normalisation::takes(features)
        {
            return self.tape.normalise(features, scale, shift, slope);
        }
        let normalised = match &self.affine {
            None => features.shallow_clone(),
            // libtorch's group-norm kernel is 20 to 40 times slower on channels-last features than
            // on contiguous ones (8 maps of 32×64×48 in bf16: 38 ms against 0.9). So the features
            // are reordered before and after.
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
        // Several operations of the tape may use these features, as with those of our own loops.
        self.tape.cut(&rectified)
    }
}

/// Applies the leaky rectifier with slope [`SLOPE`], which is libtorch's default.
fn leaky_relu(features: &Tensor) -> Tensor {
    features.leaky_relu()
}

/// The basic block of U-Net and V-Net: two rounds of convolution, normalisation and rectifier.
pub(crate) struct DoubleConvolution {
    rounds: [(Convolution, Normalisation); 2],
    tape: Arc<Tape>,
}

impl DoubleConvolution {
    /// Maps features `[N, inputs, D, H, W]` to `[N, outputs, D, H, W]`.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        self.forward_parts(&[features])
    }

    /// Does the same as [`Self::forward`] for features whose channels come in several parts, in
    /// this order.
    pub(crate) fn forward_parts(&self, parts: &[&Tensor]) -> Tensor {
        let [(convolve, normalise), (convolve_again, normalise_again)] = &self.rounds;
        let features = normalise.leaky_relu(&convolve.forward_parts(parts));
        let features = normalise_again.leaky_relu(&convolve_again.forward(&features));
        self.tape.cut(&features)
    }

    /// Does the same as [`Self::forward_parts`], but adds `shortcut` before the last rectifier.
    /// `shortcut` has `outputs` channels or one.
    pub(crate) fn residual(&self, parts: &[&Tensor], shortcut: &Tensor) -> Tensor {
        let [(convolve, normalise), (convolve_again, normalise_again)] = &self.rounds;
        let features = normalise.leaky_relu(&convolve.forward_parts(parts));
        let features = normalise_again.forward(&convolve_again.forward(&features));
        self.tape.cut(&leaky_relu(&(features + shortcut)))
    }
}

#[cfg(test)]
mod tests;
