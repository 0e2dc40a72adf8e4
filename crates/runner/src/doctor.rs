//! `slicewise doctor`: what a run would run on.

use crate::config::device_name;
use crate::failure::Outcome;
use anyhow::Context;
use ndarray::Array3;
use slicewise_data::DataConfig;
use slicewise_model::{
    ModelConfig, Precision, TchSegmenter, TrainingConfig, choose_device, environment,
};

/// Prints the machine; fails when no run could start on `device`.
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
        (false, _) => println!("CUDA       no, this libtorch is built without"),
        (true, 0) => println!("CUDA       no device seen"),
        (true, devices) => println!(
            "CUDA       {devices} device(s) {}",
            found.gpu_names.join(", ")
        ),
    }
    println!("cuDNN      {}", yes_no(found.cudnn_available));
    println!("oneDNN     {}", yes_no(found.onednn));
    println!(
        "cores      {}, {} threads an operation",
        found.cores, found.threads
    );
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
    // Whatever the versions say: what counts is that a network of every kind of layer answers.
    let training = TrainingConfig::default();
    TchSegmenter::new(&ModelConfig::default(), &training, 2, 0, chosen)
        .and_then(|model| model.predict(&Array3::zeros((8, 8, 8))))
        .context("no run could start: the probe network failed")?;
    println!("probe      a network answered");
    Ok(())
}
