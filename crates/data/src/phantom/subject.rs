//! What differs between newborns: size, pose, shape, folding and contrast.

use super::noise::{Noise, Point};
use super::shapes::dot;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Draws uniform numbers directly from ChaCha8's words, so that no later version of `rand` can
/// change them by changing its distributions.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// Makes the generator of one subject. Stream 0 is for anatomy, the others are for noise.
    pub(super) fn new(seed: u64, subject: usize, stream: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(subject as u64).to_le_bytes());
        key[16..].copy_from_slice(b"slicewisephantom");
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Draws uniformly from `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// Draws uniformly from `[-range, range)`.
    pub(super) fn around_zero(&mut self, range: f64) -> f64 {
        self.between(-range, range)
    }

    /// Draws a nearly Gaussian number with mean 0 and standard deviation 1: the sum of four uniform
    /// 16-bit words.
    ///
    /// Box-Muller would need a logarithm and a cosine, whose last bits may differ between machines.
    pub(super) fn gaussian(&mut self) -> f64 {
        let word = self.0.next_u64();
        let sum: u64 = (0..4).map(|n| (word >> (16 * n)) & 0xFFFF).sum();
        let centred = (sum as f64 + 2.0) / 65536.0 - 2.0;
        centred * 3.0f64.sqrt()
    }

    fn noise(&mut self, cell_mm: f64) -> Noise {
        Noise::new(self.0.next_u32(), cell_mm)
    }
}

/// The parameters of one newborn. Lengths are in mm; a "factor" multiplies the template's value.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// Size factor from head to template for each axis `[x, y, z]`.
    scale: Point,
    /// Rotation matrix from head to template.
    rotation: [[f64; 3]; 3],
    /// Position of the template's origin in the scanner.
    shift: Point,
    /// Smooth displacement `[x, y, z]` that makes every shape individual and asymmetric.
    warp: [Noise; 3],
    warp_mm: f64,

    /// 0 means folded little, wide CSF, low contrast (about 37 weeks); 1 means the opposite (about
    /// 44 weeks).
    pub(super) maturity: f64,
    /// Radius factor of the lateral ventricle, `[left, right]`.
    pub(super) ventricle: [f64; 2],
    /// Radius factor of the third and fourth ventricle.
    pub(super) midline_ventricle: f64,
    /// Radius factor of caudate, putamen and thalamus.
    pub(super) deep_grey: f64,
    /// Radius factor of hippocampus and amygdala, `[left, right]`.
    pub(super) hippocampus: [f64; 2],
    /// Size factor of the cerebellum.
    pub(super) cerebellum: f64,
    /// Radius factor of the brainstem.
    pub(super) brainstem: f64,
    /// Displacements of small structures from the template: ventricles, deep grey matter,
    /// hippocampi, posterior fossa.
    pub(super) offset: [Point; 4],
    /// Thickness of the cortical ribbon.
    pub(super) cortex_mm: f64,
    /// Mean depth of the larger and of the smaller sulci.
    pub(super) sulcus_depth_mm: [f64; 2],
    /// Half-width of the CSF in a sulcus.
    pub(super) sulcus_mm: f64,
    /// Half-width of the interhemispheric and Sylvian fissures.
    pub(super) fissure_mm: f64,
    /// Thickness of the CSF between brain and skull.
    pub(super) rim_mm: f64,
    /// Mean thickness of the skull.
    pub(super) skull_mm: f64,
    /// Mean thickness of the scalp.
    pub(super) scalp_mm: f64,
    /// Fields whose zero sets are the larger and the smaller sulci.
    pub(super) folds: [Noise; 2],
    /// Field that varies thickness and depth from place to place.
    relief: Noise,
    /// Fields for fine and coarse texture of soft tissue, and of the signal inside tissues.
    texture: [Noise; 2],
    /// Orientation and phase of the cerebellar folia.
    pub(super) folia: [f64; 2],

    /// Signal factor of each tissue; see `appearance`.
    pub(super) contrast: [f64; 10],
    /// Coefficients of the bias field for x, y, z, x², y², z², in units of the field of view.
    pub(super) bias: [f64; 6],
    /// Irregular part of the bias field.
    pub(super) bias_noise: Noise,
    /// Scanner units for one unit of white-matter signal.
    pub(super) gain: f64,
    /// Standard deviation of the noise in both channels, in units of white-matter signal.
    pub(super) noise: f64,
}

impl Subject {
    /// Draws the parameters of subject number `subject` of the population `seed`.
    pub(super) fn new(seed: u64, subject: usize) -> Self {
        let mut draw = Draw::new(seed, subject, 0);
        let maturity = draw.between(0.0, 1.0);
        // Older heads are larger. The rest of the spread is individual.
        let size = 0.96 + 0.05 * maturity + draw.around_zero(0.02);
        let scale = [
            size * (1.0 + draw.around_zero(0.03)),
            size * (1.0 + draw.around_zero(0.03)),
            size * (1.0 + draw.around_zero(0.03)),
        ];
        // Tangents of half angles up to 0.07 = tan(4°) rotate by up to 8 degrees about each axis.
        let rotation = rotation([
            draw.around_zero(0.07),
            draw.around_zero(0.07),
            draw.around_zero(0.07),
        ]);
        let shift = [
            draw.around_zero(1.5),
            draw.around_zero(2.0),
            draw.around_zero(3.0),
        ];
        let ventricle = draw.between(0.75, 1.35);
        let hippocampus = draw.between(0.9, 1.12);
        let mut offset = [[0.0; 3]; 4];
        for axis in offset.iter_mut().flatten() {
            *axis = draw.around_zero(1.5);
        }
        Self {
            scale,
            rotation,
            shift,
            warp: [draw.noise(34.0), draw.noise(34.0), draw.noise(34.0)],
            warp_mm: draw.between(2.0, 3.8),
            maturity,
            ventricle: [
                ventricle * (1.0 + draw.around_zero(0.15)),
                ventricle * (1.0 + draw.around_zero(0.15)),
            ],
            midline_ventricle: draw.between(0.8, 1.3),
            deep_grey: draw.between(0.92, 1.08),
            hippocampus: [
                hippocampus * (1.0 + draw.around_zero(0.06)),
                hippocampus * (1.0 + draw.around_zero(0.06)),
            ],
            cerebellum: draw.between(0.9, 1.02) + 0.06 * maturity,
            brainstem: draw.between(0.94, 1.08),
            offset,
            cortex_mm: draw.between(2.2, 2.7),
            sulcus_depth_mm: [
                8.0 + 5.0 * maturity + draw.around_zero(1.5),
                3.5 + 4.0 * maturity + draw.around_zero(1.0),
            ],
            sulcus_mm: draw.between(0.05, 0.3),
            fissure_mm: 1.0 - 0.5 * maturity + draw.around_zero(0.2),
            rim_mm: 1.4 - 0.6 * maturity + draw.around_zero(0.25),
            skull_mm: draw.between(1.5, 2.3),
            scalp_mm: draw.between(3.0, 4.5),
            folds: [draw.noise(14.0), draw.noise(10.5)],
            relief: draw.noise(19.0),
            texture: [draw.noise(7.0), draw.noise(24.0)],
            folia: [draw.around_zero(0.4), draw.between(0.0, 1.0)],
            contrast: std::array::from_fn(|_| 1.0 + draw.around_zero(0.06)),
            bias: std::array::from_fn(|_| draw.around_zero(0.12)),
            bias_noise: draw.noise(55.0),
            gain: draw.between(250.0, 450.0),
            noise: draw.between(0.04, 0.065),
        }
    }

    /// Computes what all points share in the voxel whose middle is at `p`, in scanner mm.
    pub(super) fn place(&self, p: Point) -> Place {
        let d = [
            p[0] - self.shift[0],
            p[1] - self.shift[1],
            p[2] - self.shift[2],
        ];
        let mut stiff = [[0.0; 3]; 3];
        let mut q = [0.0; 3];
        for axis in 0..3 {
            stiff[axis] = self.rotation[axis].map(|r| r / self.scale[axis]);
            q[axis] = dot(stiff[axis], d);
        }
        let mut middle = q;
        let mut jacobian = stiff;
        for axis in 0..3 {
            let (value, gradient) = self.warp[axis].value_and_gradient(q);
            middle[axis] += self.warp_mm * value;
            for column in 0..3 {
                let along = dot(
                    gradient,
                    [stiff[0][column], stiff[1][column], stiff[2][column]],
                );
                jacobian[axis][column] += self.warp_mm * along;
            }
        }
        Place {
            middle,
            jacobian,
            relief: self.relief.value(middle),
            grain: self.texture[0].value(middle),
            patch: self.texture[1].value(middle),
        }
    }
}

/// A voxel in the template: the linearised map to the template, and the fields that vary so slowly
/// that they are constant over a voxel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The voxel's middle in the template, mm.
    pub(super) middle: Point,
    /// Derivative of template coordinates with respect to scanner coordinates.
    jacobian: [[f64; 3]; 3],
    /// Local variation of thickness and depth, `[-1, 1]`.
    pub(super) relief: f64,
    /// Fine texture, `[-1, 1]`.
    pub(super) grain: f64,
    /// Coarse texture, `[-1, 1]`.
    pub(super) patch: f64,
}

impl Place {
    /// Returns the template position of the point `offset` mm (in the scanner) from the voxel's
    /// middle.
    pub(super) fn at(&self, offset: Point) -> Point {
        std::array::from_fn(|axis| self.middle[axis] + dot(self.jacobian[axis], offset))
    }
}

/// Returns the rotation matrix of the unnormalised quaternion `(1, half[0], half[1], half[2])`.
fn rotation(half: Point) -> [[f64; 3]; 3] {
    let norm = (1.0 + half[0] * half[0] + half[1] * half[1] + half[2] * half[2]).sqrt();
    let (w, x, y, z) = (1.0 / norm, half[0] / norm, half[1] / norm, half[2] / norm);
    [
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
        ],
        [
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
        ],
        [
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        ],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::shapes::length;

    #[test]
    fn the_gaussian_has_unit_variance() {
        let mut draw = Draw::new(1, 2, 3);
        let sample: Vec<f64> = (0..20_000).map(|_| draw.gaussian()).collect();
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        let variance = sample.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / sample.len() as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
    }

    #[test]
    fn rotations_are_orthonormal() {
        let r = rotation([0.07, -0.05, 0.03]);
        for i in 0..3 {
            assert!((length(r[i]) - 1.0).abs() < 1e-12);
            assert!(dot(r[i], r[(i + 1) % 3]).abs() < 1e-12);
        }
    }
}
