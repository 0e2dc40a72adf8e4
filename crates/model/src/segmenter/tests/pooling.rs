//! Networks that spare a thick axis: they compute what libtorch's graph says, fit volumes of a few
//! slices, and are today's networks where no axis is spared.

use super::*;
use crate::pooling::Pooling;

/// Strides `[D, H, W]` of three levels that spare one axis at one or both.
const SPARING: [[[usize; 3]; 2]; 3] = [
    [[1, 2, 2], [1, 2, 2]],
    [[1, 2, 2], [2, 2, 2]],
    [[2, 2, 1], [2, 2, 2]],
];

fn pooled(architecture: &str, strides: &[[usize; 3]]) -> ModelConfig {
    ModelConfig {
        levels: strides.len() + 1,
        pooling: Pooling::Strides(strides.to_vec()),
        ..model_with(architecture, HeadConfig::default())
    }
}

#[test]
fn halving_every_axis_is_the_network_without_the_setting() {
    for architecture in ARCHITECTURES {
        let name = architecture.name;
        for computation in [EXACT, FAST] {
            let auto = model_with(name, HeadConfig::default());
            let (loss, gradients) = loss_and_gradients(auto, &ALL, computation);
            let stated = pooled(name, &[[2; 3]; 2]);
            let (same_loss, same) = loss_and_gradients(stated, &ALL, computation);
            assert_eq!(loss, same_loss, "{name}");
            assert!(gradients.iter().zip(&same).all(|(a, b)| a == b), "{name}");
        }
    }
}

#[test]
fn every_network_has_the_gradient_of_libtorch_s_graph_with_a_spared_axis() {
    for architecture in ARCHITECTURES {
        for strides in SPARING {
            let case = format!("{} {strides:?}", architecture.name);
            let coarsest = strides.iter().map(|strides| strides[0]).product::<usize>();
            // One and two slices too: oneDNN has been wrong on grids two slices deep.
            for depth in [8, 4, 2, 1]
                .into_iter()
                .filter(|depth| depth % coarsest == 0)
            {
                let annotated = &ALL[..2 * depth];
                let case = format!("{case}, {depth} slices");
                let compute = |computation| {
                    let model = pooled(architecture.name, &strides);
                    loss_and_gradients(model, annotated, computation)
                };
                let exact = compute(EXACT);
                let cosine = cosine(&exact.1, &compute(FAST).1);
                // Rounding weighs more the fewer voxels there are: with 8, 4, 2 and 1 slices the U-Net has
                // 0.994, 0.987, 0.979 and 0.971. A wrong gradient would fall at one depth.
                let least = if depth < 4 { 0.95 } else { 0.98 };
                assert!(cosine > least, "{case}: {cosine}");
                let channels_last = Computation {
                    memory_format: MemoryFormat::ChannelsLast,
                    ..EXACT
                };
                assert_alike(&case, &compute(channels_last), &exact, 1e-5, 1e-4);
                let whole = Computation {
                    slices: None,
                    ..EXACT
                };
                assert_alike(&case, &compute(whole), &exact, 1e-5, 1e-5);
            }
        }
    }
}

/// Five slices need no padding to eight.
#[test]
fn a_volume_of_five_slices_is_trained_on_and_segmented_as_it_is() {
    let image = Array3::from_shape_fn((5, 21, 18), |(z, y, x)| {
        ((z + 1) * y % 7) as f32 - x as f32 * 0.1
    });
    let labels = image.mapv(|value| u8::from(value > 0.0));
    for architecture in ARCHITECTURES {
        let model = pooled(architecture.name, &[[1, 2, 2], [1, 2, 2]]);
        assert_eq!(model.downsampling(), [1, 4, 4]);
        let training = TrainingConfig {
            crop: [5, 16, 16],
            ..TrainingConfig::default()
        };
        let mut segmenter = TchSegmenter::new(&model, &training, 2, 1, Device::Cpu).unwrap();
        let case = TrainingCase {
            image: &image,
            labels: &labels,
            annotated: &[true, false, true, false, false],
        };
        segmenter
            .train(&[case], 0..2, 2, 3, &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        let prediction = segmenter.predict(&image).unwrap();
        assert_eq!(prediction.sr1.dim(), (5, 21, 18));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        segmenter.save(&path).unwrap();
        segmenter.load(&path).unwrap();
        let other = pooled(architecture.name, &[[2; 3]; 2]);
        let training = TrainingConfig::default();
        let mut other = TchSegmenter::new(&other, &training, 2, 1, Device::Cpu).unwrap();
        let message = other.load(&path).unwrap_err().to_string();
        assert!(message.contains("expected float32"), "{message}");
    }
}
