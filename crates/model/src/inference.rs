//! Segmentation of a whole volume.
//!
//! The volume is padded to a multiple of the network's downsampling and cut into overlapping tiles
//! of the size of the training crops. The outputs of the network for the tiles are blended. All of
//! this runs on the device of the network: the volume is copied there once, and only the
//! segmentation comes back.
//!
//! Tiles do more than limit memory. Normalisation and channel attention (CAM) take statistics over
//! their whole input, so a network works best on inputs of the size it was trained on. On three
//! babies held out of Part A, the mean Dice was 0.683 in tiles of the crop's size against 0.596 in
//! one piece (Task 2, crops of 32×64×48, 300 steps).

use crate::architecture::{AttentionMap, NetworkOutput};
use crate::crops::{missing, pad_image, to_tensor};
use crate::error::ModelError;
use ndarray::{Array3, Array4};
use slicewise_core::Prediction;
use tch::{Device, Kind, Tensor};

/// What a network says of a batch of tiles.
pub(crate) struct Answer {
    pub(crate) output: NetworkOutput,
    /// The decoder's last features, float32 `[n, F, d, h, w]`, if they are wanted.
    pub(crate) features: Option<Tensor>,
    /// Final feature maps `[n, classes, d, h, w]` of each member of a committee.
    pub(crate) members: Vec<Tensor>,
}

impl From<NetworkOutput> for Answer {
    fn from(output: NetworkOutput) -> Self {
        Self {
            output,
            features: None,
            members: Vec::new(),
        }
    }
}

/// Segments `image` `[D, H, W]` with the network `forward`.
///
/// `forward` takes images `[n, 1, d, h, w]` on `device`, where d, h and w are multiples of
/// those in `multiple`. It gets tiles of `tile` voxels, at most `at_once` of them per call. Along an axis
/// where the padded volume is smaller than `tile`, the tiles have the size of the volume.
///
/// # Errors
/// Fails when the volume is empty, when an intensity is not finite, or when libtorch fails.
pub(crate) fn segment(
    image: &Array3<f32>,
    multiple: [usize; 3],
    tile: [usize; 3],
    at_once: usize,
    device: Device,
    forward: impl Fn(&Tensor) -> Answer,
) -> Result<Prediction, ModelError> {
    let shape = [image.dim().0, image.dim().1, image.dim().2];
    if shape.contains(&0) {
        return Err(ModelError::EmptyVolume { shape });
    }
    if let Some(&value) = image.iter().find(|value| !value.is_finite()) {
        return Err(ModelError::Intensity { value });
    }
    let padded = [0, 1, 2].map(|axis| shape[axis].next_multiple_of(multiple[axis]));
    let image = to_tensor(image);
    let image = pad_image(&image, missing(&image, padded))
        .unsqueeze(0)
        .unsqueeze(0)
        .to_device(device);

    let tile = [0, 1, 2].map(|axis| tile[axis].min(padded[axis]));
    let answer = if tile == padded {
        forward(&image)
    } else {
        blend(&image, padded, tile, at_once, forward)
    };

    let (probabilities, sr1) = classify(answer.output.maps, shape)?;
    let attention = answer
        .output
        .attention
        .map(|map| classify(map.logits, shape));
    let (attention, sr2) = attention.transpose()?.unzip();
    let features = answer
        .features
        .map(|features| to_array4(&cut(features, shape)));
    let members = answer.members.into_iter();
    let members = members.map(|maps| Ok(classify(maps, shape)?.0));
    Ok(Prediction {
        probabilities,
        sr1,
        sr2,
        attention,
        features: features.transpose()?,
        members: members.collect::<Result<_, ModelError>>()?,
    })
}

/// Cuts the padding off a tensor `[1, C, D', H', W']`.
fn cut(padded: Tensor, shape: [usize; 3]) -> Tensor {
    (0..3).fold(padded, |rest, axis| {
        rest.narrow(axis as i64 + 2, 0, shape[axis] as i64)
    })
}

/// Computes softmax `[C, D, H, W]` and argmax `[D, H, W]` over the classes of logits
/// `[1, C, D', H', W']`, with the padding cut off to `shape`. Takes ownership of the logits to free
/// them early: for a volume of the dHCP each array of this size takes 600 MB.
fn classify(logits: Tensor, shape: [usize; 3]) -> Result<(Array4<f32>, Array3<u8>), ModelError> {
    let logits = cut(logits, shape);
    let classes = to_labels(&argmax(&logits))?;
    Ok((to_array4(&logits.softmax(1, Kind::Float))?, classes))
}

/// Computes the class with the largest of the logits `[1, C, D, H, W]`, the first one if several
/// are equal, as uint8 `[1, D, H, W]`. It goes class by class. libtorch's argmax goes voxel by
/// voxel, which took a third of the time of a prediction.
fn argmax(logits: &Tensor) -> Tensor {
    let mut largest = logits.select(1, 0);
    let mut classes = largest.zeros_like().to_kind(Kind::Uint8);
    for class in 1..logits.size()[1] {
        let next = logits.select(1, class);
        let greater = next.greater_tensor(&largest).to_kind(Kind::Uint8);
        classes = classes.maximum(&(greater * class));
        largest = largest.maximum(&next);
    }
    classes
}

/// Returns the first voxels, along one axis, of tiles that cover `volume` voxels. Neighbouring
/// tiles overlap by at least half.
fn starts(volume: usize, tile: usize) -> Vec<usize> {
    let last = volume - tile;
    let steps = last.div_ceil((tile / 2).max(1));
    (0..=steps).map(|step| last * step / steps.max(1)).collect()
}

/// Returns the weight of each voxel of a tile along one axis. The weights form a triangle and are
/// highest in the middle, where the network sees context on both sides.
fn triangle(size: usize) -> Tensor {
    let weights: Vec<f32> = (0..size)
        .map(|voxel| (voxel + 1).min(size - voxel) as f32)
        .collect();
    Tensor::from_slice(&weights)
}

/// Computes the weighted mean of the outputs of overlapping tiles. `image` is `[1, 1, D, H, W]` of
/// size `volume`, and `forward` gets at most `at_once` tiles per call. The outputs are summed on
/// the device of the image, one tile after another, so that the sums do not depend on `at_once`.
fn blend(
    image: &Tensor,
    volume: [usize; 3],
    tile: [usize; 3],
    at_once: usize,
    forward: impl Fn(&Tensor) -> Answer,
) -> Answer {
    let weight = triangle(tile[0]).reshape([-1, 1, 1])
        * triangle(tile[1]).reshape([-1, 1])
        * triangle(tile[2]).reshape([-1]);
    let weight = weight.to_device(image.device());
    let part = |t: &Tensor, start: [usize; 3]| {
        (0..3).fold(t.shallow_clone(), |t, axis| {
            t.narrow(axis as i64 + 2, start[axis] as i64, tile[axis] as i64)
        })
    };
    let volume_size = volume.map(|size| size as i64);
    let zeros = |channels: i64| {
        let [d, h, w] = volume_size;
        Tensor::zeros([1, channels, d, h, w], (Kind::Float, image.device()))
    };
    let total = zeros(1);
    let mut sums: Option<Answer> = None;
    let places = places(volume, tile);
    // The groups have nearly the same size: 9 tiles form groups of 5 and 4, not of 8 and 1.
    let group = places.len().div_ceil(places.len().div_ceil(at_once));
    for group in places.chunks(group) {
        let tiles: Vec<Tensor> = group.iter().map(|&start| part(image, start)).collect();
        let answer = match &tiles[..] {
            [tile] => forward(tile),
            tiles => forward(&Tensor::cat(tiles, 0)),
        };
        let sums = sums.get_or_insert_with(|| answer.map(&|tiles| zeros(tiles.size()[1])));
        for (n, &start) in (0..).zip(group) {
            // The output is made contiguous, with one class after another in memory, like the
            // sums. libtorch is slow when the classes of a voxel are adjacent and share a weight.
            for (sum, outputs) in sums.tensors().into_iter().zip(answer.tensors()) {
                let output = outputs.narrow(0, n, 1).contiguous();
                let _ = part(sum, start).g_add_(&(output * &weight));
            }
            let _ = part(&total, start).g_add_(&weight);
        }
    }
    let none = || {
        Answer::from(NetworkOutput {
            maps: zeros(1),
            attention: None,
        })
    };
    sums.unwrap_or_else(none).map(&|sum| sum / &total)
}

impl Answer {
    /// All tensors, in an order that depends on which there are alone.
    fn tensors(&self) -> Vec<&Tensor> {
        let mut tensors = vec![&self.output.maps];
        tensors.extend(self.output.attention.iter().map(|map| &map.logits));
        tensors.extend(&self.features);
        tensors.extend(&self.members);
        tensors
    }

    /// The same with another tensor in place of each.
    fn map(&self, change: &dyn Fn(&Tensor) -> Tensor) -> Self {
        Self {
            output: NetworkOutput {
                maps: change(&self.output.maps),
                attention: self.output.attention.as_ref().map(|map| AttentionMap {
                    logits: change(&map.logits),
                    activation: map.activation,
                }),
            },
            features: self.features.as_ref().map(change),
            members: self.members.iter().map(change).collect(),
        }
    }
}

/// Returns the first voxel `[z, y, x]` of each tile of a volume.
fn places(volume: [usize; 3], tile: [usize; 3]) -> Vec<[usize; 3]> {
    let [z, y, x] = [0, 1, 2].map(|axis| starts(volume[axis], tile[axis]));
    z.iter()
        .flat_map(|&z| y.iter().map(move |&y| (z, y)))
        .flat_map(|(z, y)| x.iter().map(move |&x| [z, y, x]))
        .collect()
}

/// Converts a float32 tensor `[1, C, D, H, W]` to an array `[C, D, H, W]` on the CPU.
fn to_array4(tensor: &Tensor) -> Result<Array4<f32>, ModelError> {
    let shape: Vec<usize> = tensor.size()[1..].iter().map(|&n| n as usize).collect();
    let values = Vec::<f32>::try_from(tensor.contiguous().reshape([-1]))?;
    Ok(
        Array4::from_shape_vec([shape[0], shape[1], shape[2], shape[3]], values)
            .expect("as many values as the tensor's shape says"),
    )
}

/// Converts a uint8 tensor `[1, D, H, W]` to an array of classes `[D, H, W]` on the CPU.
fn to_labels(tensor: &Tensor) -> Result<Array3<u8>, ModelError> {
    let shape: Vec<usize> = tensor.size()[1..].iter().map(|&n| n as usize).collect();
    let values = Vec::<u8>::try_from(tensor.contiguous().reshape([-1]))?;
    Ok(
        Array3::from_shape_vec([shape[0], shape[1], shape[2]], values)
            .expect("as many values as the tensor's shape says"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_volume_with_half_overlap_and_reach_its_end() {
        assert_eq!(starts(64, 64), [0]);
        assert_eq!(starts(64, 32), [0, 16, 32]);
        for (volume, tile) in [(40, 24), (65, 8), (9, 8)] {
            let starts = starts(volume, tile);
            assert_eq!(starts.last(), Some(&(volume - tile)));
            assert!(
                starts
                    .windows(2)
                    .all(|w| w[1] > w[0] && w[1] - w[0] <= tile / 2)
            );
        }
    }

    #[test]
    fn the_class_is_the_first_one_with_the_largest_logit() {
        let logits = [[1.0f32, 0.5, 2.0], [1.0, 3.0, -1.0], [0.0, 3.0, 2.5]];
        let logits = Tensor::from_slice2(&logits).view([1, 3, 1, 1, 3]);
        let classes = to_labels(&argmax(&logits)).unwrap();
        assert_eq!(classes.as_slice(), Some([0, 1, 2].as_slice()));
    }

    #[test]
    fn intensities_that_are_not_finite_are_refused() {
        let mut image = Array3::zeros((4, 4, 4));
        image[[1, 2, 3]] = f32::NAN;
        let error =
            segment(&image, [4; 3], [4; 3], 1, Device::Cpu, |_| unreachable!()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("expected finite intensities, got NaN"),
            "{message}"
        );
    }

    #[test]
    fn a_voxelwise_network_gives_the_same_in_tiles_as_in_one_piece() {
        let image = Array3::from_shape_fn((13, 18, 21), |(z, y, x)| {
            ((z * 7 + y * 3 + x * 5) % 11) as f32 - 5.0
        });
        let voxelwise = |tile: &Tensor| Answer {
            output: NetworkOutput {
                maps: Tensor::cat(&[tile * 1.0, tile * -0.5, tile * 0.0 + 0.3], 1),
                attention: None,
            },
            features: Some(tile * 2.0),
            members: vec![Tensor::cat(&[tile * -1.0, tile * 1.0], 1)],
        };
        let in_tiles =
            |tile, at_once| segment(&image, [4; 3], tile, at_once, Device::Cpu, voxelwise).unwrap();
        let whole = in_tiles([64; 3], 1);
        for at_once in [1, 8] {
            let tiled = in_tiles([8, 12, 8], at_once);
            assert_eq!(whole.sr1, tiled.sr1);
            let arrays = |prediction: &Prediction| {
                let features = prediction.features.clone().unwrap();
                [
                    prediction.probabilities.clone(),
                    features,
                    prediction.members[0].clone(),
                ]
            };
            for (whole, tiled) in arrays(&whole).iter().zip(arrays(&tiled)) {
                assert_eq!(whole.dim(), tiled.dim());
                for (a, b) in whole.iter().zip(&tiled) {
                    assert!((a - b).abs() < 1e-5, "{a} against {b}");
                }
            }
        }
    }
}
