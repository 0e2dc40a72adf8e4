//! `slicewise doctor`: prints the machine that runs would use.

use crate::config::device_name;
use crate::failure::Outcome;
use anyhow::Context;
use ndarray::Array3;
use slicewise_core::TrainingCase;
use slicewise_data::DataConfig;
use slicewise_model::{
    Device, ModelConfig, ModelError, Precision, TchSegmenter, TrainingConfig, choose_device,
    environment, unused_gpu,
};
use std::ops::ControlFlow;

/// Prints the machine. Fails if no run could start on `device`.
pub(crate) fn run(device: &str) -> Outcome {
    let found = environment();
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    println!(
        "slicewise  {} ({})",
        env!("CARGO_PKG_VERSION"),
        crate::sweep::commit()
    );
    println!(
        "libtorch   {} in {}",
        found.libtorch_version, found.libtorch_folder
    );
    match (found.cuda_build, found.cuda_devices) {
        (false, _) => println!("CUDA       no, this libtorch has its half for the CPU alone"),
        (true, 0) => println!("CUDA       no device seen"),
        (true, devices) => println!(
            "CUDA       {devices} device(s) {}",
            found.gpu_names.join(", ")
        ),
    }
    if !found.gpu_driver.is_empty() {
        println!("driver     {}", found.gpu_driver);
    }
    let unused = unused_gpu();
    if let Some(reason) = &unused {
        println!("GPU        {reason}");
    }
    println!(
        "cuDNN      {}",
        if found.cudnn_available {
            &found.cudnn_version
        } else {
            "no"
        }
    );
    println!("oneDNN     {}", yes_no(found.onednn));
    println!(
        "cores      {}, {} threads an operation",
        found.cores, found.threads
    );
    println!("processor  {}", found.cpu);
    println!("our loops  {}", found.instruction_set.name());
    println!(
        "bf16       {}",
        if found.cpu_bf16.is_empty() {
            "no CPU instructions".to_owned()
        } else {
            found.cpu_bf16.join(", ")
        }
    );
    let data = DataConfig::new("").root();
    println!(
        "real data  {} ({})",
        data.display(),
        if data.is_dir() {
            "found"
        } else {
            "not found; phantoms need none"
        }
    );
    let chosen = choose_device(device).context("no run could start")?;
    println!("device     {}", device_name(chosen));
    let (precision, why) = Precision::fastest_on(chosen);
    println!("precision  {}: {why}", precision.name());
    probe(chosen).with_context(|| {
        let hint = unused.map_or_else(String::new, |reason| format!("; {reason}"));
        format!("no run could start: the probe network failed{hint}")
    })?;
    println!("probe      a network answered, and took a training step");
    Ok(())
}

/// Trains and applies a network with every kind of layer, forward and backward. Versions alone do
/// not show whether libtorch works here.
fn probe(device: Device) -> Result<(), ModelError> {
    let image = Array3::from_shape_fn((8, 8, 8), |(z, y, x)| ((z * y + x) % 7) as f32);
    let labels = image.mapv(|value| u8::from(value > 3.0));
    let volume = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &[true; 8],
    };
    let training = TrainingConfig {
        crop: [8, 8, 8],
        batch: 1,
        ..TrainingConfig::default()
    };
    let mut model = TchSegmenter::new(&ModelConfig::default(), &training, 2, 0, device)?;
    model.train(&[volume], 0..1, 1, 0, &mut |_, _| ControlFlow::Continue(()))?;
    model.predict(&image).map(drop)
}
