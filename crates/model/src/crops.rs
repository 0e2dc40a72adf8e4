//! The training set on the device, and random crops from it.
//!
//! The crops are drawn on the CPU by a seeded generator. Every crop holds at least one annotated
//! slice: first a volume is drawn, then one of its annotated slices, then a position of the crop
//! that contains this slice. Where the crop is larger than the volume, the border of the image is
//! repeated, and these voxels are unannotated.

use crate::error::ModelError;
use ndarray::{Array3, Axis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use slicewise_core::IGNORE;
use slicewise_core::TrainingCase;
use tch::{Device, Kind, Tensor};

/// The training volumes on the device.
pub(crate) struct TrainingSet {
    /// All volumes that have at least one annotated slice.
    volumes: Vec<ResidentVolume>,
    /// Number of annotated voxels of each class, `[classes]`.
    pub(crate) counts: Vec<u64>,
}

/// The crops of one training step.
pub(crate) struct Batch {
    /// Intensities, float32 `[N, 1, D, H, W]`.
    pub(crate) images: Tensor,
    /// Class of each voxel, or [`IGNORE`] if it is unannotated, int64 `[N, D, H, W]`.
    pub(crate) labels: Tensor,
    /// Annotated slices in order: index of the sample, index of the slice in it. Each sample has at
    /// least one.
    pub(crate) annotated: Vec<[i64; 2]>,
    /// Size `[D, H, W]` of the part of each sample that lies in its volume. What comes after it is
    /// padding.
    pub(crate) inside: Vec<[i64; 3]>,
}

/// A training volume on the device.
struct ResidentVolume {
    /// Intensities, float32 `[D, H, W]`.
    image: Tensor,
    /// Class of each voxel, or [`IGNORE`] on slices without annotation, uint8 `[D, H, W]`.
    labels: Tensor,
    /// Indices z of the annotated slices, ascending.
    annotated: Vec<usize>,
    /// Shape `[D, H, W]` of the volume.
    shape: [usize; 3],
}

impl TrainingSet {
    /// Checks the volumes and copies them to the device. It never reads the labels of unannotated
    /// slices. A label of [`IGNORE`] on an annotated slice is a voxel that nobody was sure of.
    ///
    /// # Errors
    /// Fails when the arrays of a volume do not fit together, when an intensity is not finite, when
    /// a label is neither below `classes` nor [`IGNORE`], or when no slice is annotated.
    pub(crate) fn new(
        cases: &[TrainingCase],
        classes: usize,
        device: Device,
    ) -> Result<Self, ModelError> {
        let mut counts = vec![0; classes];
        let mut volumes = Vec::with_capacity(cases.len());
        for (index, case) in cases.iter().enumerate() {
            let volume = ResidentVolume::new(case, &mut counts, device)
                .map_err(|reason| ModelError::TrainingVolume { index, reason })?;
            if !volume.annotated.is_empty() {
                volumes.push(volume);
            }
        }
        if volumes.is_empty() {
            return Err(ModelError::NothingAnnotated { cases: cases.len() });
        }
        Ok(Self { volumes, counts })
    }

    /// Draws a batch of `batch` crops of `size` `[D, H, W]`. With `flip`, it mirrors half of the
    /// crops along W, chosen at random.
    pub(crate) fn batch(
        &self,
        batch: usize,
        size: [usize; 3],
        flip: bool,
        generator: &mut ChaCha8Rng,
    ) -> Batch {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        let (mut annotated, mut insides) = (Vec::new(), Vec::new());
        for sample in 0..batch {
            let (volume, start, mirror) = self.draw(size, flip, generator);
            let crop = |whole: &Tensor| {
                let crop = cut(whole, start, size);
                if mirror { crop.flip([2]) } else { crop }
            };
            let missing = missing(&crop(&volume.labels), size);
            images.push(pad_image(&crop(&volume.image), missing).unsqueeze(0));
            labels.push(crop(&volume.labels).pad(missing, "constant", f64::from(IGNORE)));
            insides.push(
                [0, 1, 2].map(|axis| size[axis].min(volume.shape[axis] - start[axis]) as i64),
            );
            let inside = |z: &&usize| (start[0]..start[0] + size[0]).contains(z);
            let in_crop = volume.annotated.iter().filter(inside);
            annotated.extend(in_crop.map(|z| [sample as i64, (z - start[0]) as i64]));
        }
        Batch {
            images: Tensor::stack(&images, 0),
            labels: Tensor::stack(&labels, 0).to_kind(Kind::Int64),
            annotated,
            inside: insides,
        }
    }

    /// Draws the random numbers of a batch without making it. A training that continues after
    /// earlier steps then gets the same crops as an uninterrupted one.
    pub(crate) fn skip(
        &self,
        batch: usize,
        size: [usize; 3],
        flip: bool,
        generator: &mut ChaCha8Rng,
    ) {
        for _ in 0..batch {
            self.draw(size, flip, generator);
        }
    }

    /// Draws a volume, the first voxel `[z, y, x]` of a crop in it, and whether to mirror the crop.
    fn draw(
        &self,
        size: [usize; 3],
        flip: bool,
        generator: &mut ChaCha8Rng,
    ) -> (&ResidentVolume, [usize; 3], bool) {
        let volume = &self.volumes[generator.random_range(0..self.volumes.len())];
        let start = volume.position(size, generator);
        (volume, start, flip && generator.random_bool(0.5))
    }

    /// Returns the crop size to use for a configured size `wanted` `[D, H, W]`. Along each axis it
    /// is at most the length of the largest volume, rounded up to a multiple of `multiple` `[D, H, W]`.
    /// Voxels outside every volume would cost time and teach nothing.
    pub(crate) fn crop_size(&self, wanted: [usize; 3], multiple: [usize; 3]) -> [usize; 3] {
        let largest = |axis: usize| self.volumes.iter().map(|volume| volume.shape[axis]).max();
        [0, 1, 2].map(|axis| match largest(axis) {
            Some(size) => wanted[axis].min(size.next_multiple_of(multiple[axis])),
            None => wanted[axis],
        })
    }
}

impl ResidentVolume {
    fn new(case: &TrainingCase, counts: &mut [u64], device: Device) -> Result<Self, String> {
        let (depth, height, width) = case.image.dim();
        if case.labels.dim() != case.image.dim() || depth * height * width == 0 {
            return Err(format!(
                "expected labels of the image's shape {:?}, got {:?}",
                case.image.dim(),
                case.labels.dim()
            ));
        }
        if case.annotated.len() != depth {
            return Err(format!(
                "expected one annotated flag for each of {depth} slices, got {}",
                case.annotated.len()
            ));
        }
        if let Some(value) = case.image.iter().find(|value| !value.is_finite()) {
            return Err(format!("expected finite intensities, got {value}"));
        }
        let known = |z: usize| {
            let slice = case.labels.index_axis(Axis(0), z);
            slice.iter().any(|&label| label != IGNORE)
        };
        let annotated = (0..depth).filter(|&z| case.annotated[z] && known(z));
        let annotated: Vec<usize> = annotated.collect();
        let mut labels = Array3::from_elem(case.labels.dim(), IGNORE);
        for &z in &annotated {
            let slice = case.labels.index_axis(Axis(0), z);
            for &label in slice.iter().filter(|&&label| label != IGNORE) {
                let Some(count) = counts.get_mut(usize::from(label)) else {
                    return Err(format!(
                        "expected labels below {}, got {label} in slice {z}",
                        counts.len()
                    ));
                };
                *count += 1;
            }
            labels.index_axis_mut(Axis(0), z).assign(&slice);
        }
        Ok(Self {
            image: to_tensor(case.image).to_device(device),
            labels: to_tensor(&labels).to_device(device),
            annotated,
            shape: [depth, height, width],
        })
    }

    /// Draws the first voxel `[z, y, x]` of a crop of `size` that contains an annotated slice.
    fn position(&self, size: [usize; 3], generator: &mut ChaCha8Rng) -> [usize; 3] {
        let slice = self.annotated[generator.random_range(0..self.annotated.len())];
        let last = |axis: usize| self.shape[axis].saturating_sub(size[axis]);
        let lowest = (slice + 1).saturating_sub(size[0]).min(last(0));
        let highest = slice.min(last(0));
        [
            generator.random_range(lowest..=highest),
            generator.random_range(0..=last(1)),
            generator.random_range(0..=last(2)),
        ]
    }
}

/// Computes a hash of 64 bits over the volumes and their annotation. It serves to tell whether they
/// are the same as in the previous call. The values are mixed into eight lanes in turn, each lane
/// by the method of rustc's FxHash, which runs at nearly the speed of memory.
pub(crate) fn fingerprint(cases: &[TrainingCase]) -> u64 {
    let mut lanes = [0; 8];
    for case in cases {
        let (depth, height, width) = case.image.dim();
        mix_in(&mut lanes, [depth, height, width].map(|size| size as u64));
        mix_in(
            &mut lanes,
            case.image.iter().map(|v| u64::from(v.to_bits())),
        );
        mix_in(&mut lanes, case.labels.iter().map(|&class| class.into()));
        mix_in(&mut lanes, case.annotated.iter().map(|&flag| flag.into()));
    }
    lanes.into_iter().fold(cases.len() as u64, mix)
}

/// Mixes words into the lanes in turn.
fn mix_in(lanes: &mut [u64; 8], words: impl IntoIterator<Item = u64>) {
    for (index, word) in words.into_iter().enumerate() {
        let lane = &mut lanes[index % 8];
        *lane = mix(*lane, word);
    }
}

/// Mixes one word into a lane.
fn mix(lane: u64, word: u64) -> u64 {
    (lane.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Converts a volume `[D, H, W]` to a tensor on the CPU.
pub(crate) fn to_tensor<T: tch::kind::Element + Copy>(volume: &Array3<T>) -> Tensor {
    let (depth, height, width) = volume.dim();
    let shape = [depth as i64, height as i64, width as i64];
    match volume.as_slice() {
        Some(values) => Tensor::from_slice(values),
        None => Tensor::from_slice(&volume.iter().copied().collect::<Vec<T>>()),
    }
    .reshape(shape)
}

/// Cuts the box of `size` at `start` out of a tensor `[D, H, W]`, or the part of the box that lies
/// inside the tensor.
fn cut(whole: &Tensor, start: [usize; 3], size: [usize; 3]) -> Tensor {
    (0..3).fold(whole.shallow_clone(), |rest, axis| {
        let start = start[axis] as i64;
        let available = (whole.size()[axis] - start).min(size[axis] as i64);
        rest.narrow(axis as i64, start, available)
    })
}

/// Returns the padding that brings a tensor `[D, H, W]` to `size`, in libtorch's order: before and
/// after, last axis first. All padding comes after the tensor.
pub(crate) fn missing(tensor: &Tensor, size: [usize; 3]) -> [i64; 6] {
    let after = |axis: usize| size[axis] as i64 - tensor.size()[axis];
    [0, after(2), 0, after(1), 0, after(0)]
}

/// Pads an image `[D, H, W]` by repeating its outermost voxels. So the outside of a scan gets the
/// intensity of its border, whatever value the normalisation gave to air.
pub(crate) fn pad_image(image: &Tensor, padding: [i64; 6]) -> Tensor {
    if padding == [0; 6] {
        return image.shallow_clone();
    }
    image.unsqueeze(0).replication_pad3d(padding).squeeze_dim(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Returns a training set of one volume, whose intensity in slice z is z and whose label is
    /// `z % 3`.
    fn set(depth: usize, annotated: &[usize]) -> TrainingSet {
        let image = Array3::from_shape_fn((depth, 5, 6), |(z, _, _)| z as f32);
        let labels = Array3::from_shape_fn((depth, 5, 6), |(z, _, _)| (z % 3) as u8);
        let flags: Vec<bool> = (0..depth).map(|z| annotated.contains(&z)).collect();
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &flags,
        };
        TrainingSet::new(&[case], 3, Device::Cpu).unwrap()
    }

    #[test]
    fn crops_are_no_larger_than_the_largest_volume_needs() {
        let set = set(20, &[3]);
        assert_eq!(set.crop_size([16, 4, 16], [4; 3]), [16, 4, 8]);
        assert_eq!(set.crop_size([32, 32, 32], [8; 3]), [24, 8, 8]);
    }

    #[test]
    fn every_crop_holds_an_annotated_slice_and_labels_stay_with_their_image() {
        for (depth, annotated) in [(20, vec![0, 19]), (20, vec![7]), (3, vec![1])] {
            let set = set(depth, &annotated);
            let mut generator = ChaCha8Rng::seed_from_u64(1);
            for _ in 0..50 {
                let Batch {
                    images,
                    labels,
                    annotated: places,
                    inside,
                } = set.batch(2, [4, 8, 4], true, &mut generator);
                let known = labels.not_equal(i64::from(IGNORE));
                let found = known.flatten(2, 3).any_dim(2, false).nonzero();
                let places: Vec<i64> = places.into_iter().flatten().collect();
                assert_eq!(Vec::<i64>::try_from(found.flatten(0, 1)).unwrap(), places);
                assert_eq!(images.size(), [2, 1, 4, 8, 4]);
                // The volume has five rows and the crop eight.
                assert_eq!(inside, [[depth.min(4) as i64, 5, 4]; 2]);
                for n in 0..2 {
                    let mut seen = 0;
                    for z in 0..4 {
                        let label = labels.int64_value(&[n, z, 0, 0]);
                        if label == i64::from(IGNORE) {
                            continue;
                        }
                        seen += 1;
                        let slice = images.double_value(&[n, 0, z, 0, 0]) as usize;
                        assert!(annotated.contains(&slice));
                        assert_eq!(label, (slice % 3) as i64);
                        // The volume has five rows and the crop eight. The rest is unannotated.
                        assert_eq!(labels.int64_value(&[n, z, 5, 0]), i64::from(IGNORE));
                    }
                    assert!(seen > 0);
                }
            }
        }
    }

    #[test]
    fn every_position_that_holds_the_slice_is_drawn() {
        let set = set(20, &[7]);
        let mut generator = ChaCha8Rng::seed_from_u64(2);
        let mut starts: Vec<usize> = (0..200)
            .map(|_| set.volumes[0].position([4, 4, 4], &mut generator)[0])
            .collect();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts, [4, 5, 6, 7]);
    }

    #[test]
    fn a_fingerprint_changes_with_one_voxel_one_label_and_one_slice() {
        let image = Array3::from_shape_fn((3, 5, 7), |(z, y, x)| (z * y + x) as f32);
        let labels = Array3::from_shape_fn((3, 5, 7), |(z, _, _)| z as u8);
        let fingerprints = |change: fn(&mut Array3<f32>, &mut Array3<u8>, &mut [bool; 3])| {
            let (mut image, mut labels, mut annotated) = (image.clone(), labels.clone(), [true; 3]);
            change(&mut image, &mut labels, &mut annotated);
            let case = TrainingCase {
                image: &image,
                labels: &labels,
                annotated: &annotated,
            };
            [fingerprint(&[case]), fingerprint(&[case, case])]
        };
        let unchanged = fingerprints(|_, _, _| {});
        assert_eq!(fingerprints(|_, _, _| {}), unchanged);
        assert_ne!(unchanged[0], unchanged[1]);
        for changed in [
            fingerprints(|image, _, _| image[[2, 4, 6]] = -image[[2, 4, 6]]),
            fingerprints(|image, _, _| image[[0, 0, 0]] += 1e-6),
            fingerprints(|_, labels, _| labels[[1, 2, 3]] = 2),
            fingerprints(|_, _, annotated| annotated[1] = false),
            fingerprints(|image, _, _| image.swap([0, 0, 1], [0, 1, 2])),
        ] {
            assert_ne!(changed[0], unchanged[0]);
        }
    }

    #[test]
    fn counts_are_those_of_annotated_slices() {
        assert_eq!(set(20, &[0, 3, 4]).counts, [60, 30, 0]);
    }
}
