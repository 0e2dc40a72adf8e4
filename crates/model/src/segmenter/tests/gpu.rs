//! Tests that need a GPU (docs/gpu.md).

use super::dispatch::{
    assert_close, assert_gpu_settings_train_like_cpu_settings, assert_tiles_at_once_do_not_matter,
    trained,
};
use super::*;

/// Returns the GPU. Without a GPU it returns none, or panics if `SLICEWISE_REQUIRE_GPU` is 1.
fn gpu() -> Option<Device> {
    let device = crate::choose_device("auto").unwrap();
    if device.is_cuda() {
        let tf32 = std::env::var("NVIDIA_TF32_OVERRIDE");
        assert_eq!(tf32.as_deref(), Ok("0"), "expected NVIDIA_TF32_OVERRIDE=0");
        return Some(device);
    }
    let required = std::env::var_os("SLICEWISE_REQUIRE_GPU").is_some_and(|v| v == "1");
    assert!(
        !required,
        "SLICEWISE_REQUIRE_GPU=1, but libtorch sees no GPU"
    );
    eprintln!("SKIPPED: libtorch sees no GPU");
    None
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_one_step_equals_the_cpus_for_every_network_and_head() {
    let Some(device) = gpu() else { return };
    for model in models() {
        for memory_format in [MemoryFormat::Contiguous, MemoryFormat::ChannelsLast] {
            let case = format!("{memory_format:?} {model:?}");
            let exact = loss_and_gradients(model.clone(), &SOME, EXACT);
            let on_gpu = |computation| {
                let computation = Computation {
                    memory_format,
                    device,
                    ..computation
                };
                loss_and_gradients(model.clone(), &SOME, computation)
            };
            assert_alike(&case, &on_gpu(EXACT), &exact, 1e-5, 1e-4);
            let fast = on_gpu(FAST);
            assert!((fast.0 / exact.0 - 1.0).abs() < 1e-2, "{case}: {}", fast.0);
            let cosine = cosine(&fast.1, &exact.1);
            assert!(cosine > 0.99, "{case}: {cosine}");
        }
    }
}

/// Crops of four and eight slices have one and two slices at the coarsest of three levels. At
/// two, oneDNN's bf16 gradient on the CPU is garbage.
#[test]
#[ignore = "needs a CUDA device"]
fn gpu_bfloat16_is_right_where_grids_are_two_slices_deep() {
    let Some(device) = gpu() else { return };
    for architecture in ARCHITECTURES {
        for depth in [4, 8] {
            let annotated = vec![1; 2 * depth];
            let gradients = |computation| {
                let model = model_with(architecture.name, HeadConfig::default());
                loss_and_gradients(model, &annotated, computation).1
            };
            let on_gpu = gradients(Computation { device, ..FAST });
            let cosine = cosine(&on_gpu, &gradients(EXACT));
            assert!(cosine > 0.99, "{} {depth}: {cosine}", architecture.name);
        }
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_padding_slices_change_neither_loss_nor_gradients() {
    let Some(device) = gpu() else { return };
    assert_padding_changes_nothing(device);
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_tiles_together_give_the_same_as_single_tiles() {
    let Some(device) = gpu() else { return };
    assert_tiles_at_once_do_not_matter(device);
}

#[test]
#[ignore = "needs a CUDA device"]
fn gpu_training_gives_the_losses_of_the_cpu() {
    let Some(device) = gpu() else { return };
    assert_gpu_settings_train_like_cpu_settings(device);
    let (on_gpu, on_cpu) = (
        trained(device, Dispatch::GPU).1,
        trained(Device::Cpu, Dispatch::CPU).1,
    );
    assert_close(&on_gpu, &on_cpu, 1e-3);
}
