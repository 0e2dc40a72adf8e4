//! The averaged weights as a teacher: their forward pass leaves no trace.

use super::*;

#[test]
fn the_teacher_s_forward_pass_leaves_weights_tape_and_gradients_alone() {
    for architecture in ARCHITECTURES {
        let model = ModelConfig {
            architecture: architecture.name.into(),
            ..ModelConfig::default()
        };
        // Channels last, so that our own loops run and the tape could record them.
        let training = TrainingConfig {
            memory_format: MemoryFormat::ChannelsLast,
            ..TrainingConfig::default()
        };
        let mut segmenter = TchSegmenter::new(&model, &training, 9, 1, Device::Cpu).unwrap();
        let images = Tensor::ones([1, 1, 16, 16, 16], (Kind::Float, Device::Cpu));
        let images = segmenter.numerics.prepare(&images);
        // Average and last weights differ from here on.
        let mut variable = segmenter.optimizer.slots[0].variable.shallow_clone();
        tch::no_grad(|| {
            let _ = variable.f_add_scalar_(1.0).unwrap();
        });
        let values = |segmenter: &TchSegmenter| {
            let tensors = segmenter.optimizer.on_cpu();
            tensors.map(|tensor| Vec::<f32>::try_from(tensor).unwrap())
        };
        let before = values(&segmenter);
        assert!(before[0] != before[1]);
        let forward = || segmenter.network.forward(&images, &Slices::All).maps;
        let taught = segmenter.optimizer.with_average(forward);
        assert!(!taught.requires_grad(), "{}", architecture.name);
        assert!(segmenter.tape.is_empty(), "{}", architecture.name);
        assert!(values(&segmenter) == before, "{}", architecture.name);
        // The last weights give something else, and are those that learn.
        let last = segmenter.network.forward(&images, &Slices::All).maps;
        assert!(last.requires_grad() && !segmenter.tape.is_empty());
        assert!((&last - &taught).abs().max().double_value(&[]) > 0.0);
        segmenter.tape.clear();
    }
}
