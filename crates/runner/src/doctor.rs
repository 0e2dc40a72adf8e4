//! `slicewise doctor`: prints the machine that runs would use.

use crate::config::device_name;
use crate::failure::Outcome;
use crate::provenance::COMMIT;
use anyhow::Context;
use ndarray::Array3;
use serde::Serialize;
use slicewise_core::TrainingCase;
use slicewise_data::DataConfig;
use slicewise_model::{
    Device, Environment, ModelConfig, ModelError, Precision, TchSegmenter, TrainingConfig,
    choose_device, environment, unused_gpu,
};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What there is, and what a run would use of it: the object that `--json` prints.
#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    commit: &'static str,
    environment: Environment,
    /// Why a GPU that is there would not be used.
    unused_gpu: Option<String>,
    /// The folder of real volumes, and whether it is there.
    data: PathBuf,
    data_found: bool,
    /// What `device: auto`, or the device asked for, comes to; absent where it is not there.
    device: Option<String>,
    /// What `precision: auto` comes to on it, and why.
    precision: Option<&'static str>,
    precision_reason: Option<String>,
    /// Why no run could start.
    problem: Option<String>,
}

/// Prints the machine, as lines or as JSON; fails when no run could start on `device`.
pub(crate) fn run(device: &str, json: bool) -> Outcome {
    let mut found = Findings::of_machine();
    if !json {
        found.print_machine();
    }
    let outcome: Outcome = found.start(device).map_err(Into::into);
    found.problem = outcome.as_ref().err().map(ToString::to_string);
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return outcome;
    }
    if let Some(device) = &found.device {
        println!("device     {device}");
    }
    if let (Some(precision), Some(why)) = (found.precision, &found.precision_reason) {
        println!("precision  {precision}: {why}");
    }
    outcome?;
    println!("probe      a network answered, and took a training step");
    Ok(())
}

impl Findings {
    fn of_machine() -> Self {
        let data = DataConfig::new("").root();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: COMMIT,
            environment: environment(),
            unused_gpu: unused_gpu(),
            data_found: data.is_dir(),
            data,
            device: None,
            precision: None,
            precision_reason: None,
            problem: None,
        }
    }

    /// Chooses device and arithmetic, and tries them.
    fn start(&mut self, device: &str) -> anyhow::Result<()> {
        let chosen = choose_device(device).context("no run could start")?;
        self.device = Some(device_name(chosen));
        let (precision, why) = Precision::fastest_on(chosen);
        self.precision = Some(precision.name());
        self.precision_reason = Some(why);
        probe(chosen).with_context(|| {
            let hint = self.unused_gpu.as_ref();
            let hint = hint.map_or_else(String::new, |reason| format!("; {reason}"));
            format!("no run could start: the probe network failed{hint}")
        })
    }

    fn print_machine(&self) {
        let found = &self.environment;
        let yes_no = |yes: bool| if yes { "yes" } else { "no" };
        println!("slicewise  {} ({})", self.version, self.commit);
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
        if let Some(reason) = &self.unused_gpu {
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
        println!(
            "real data  {} ({})",
            self.data.display(),
            if self.data_found {
                "found"
            } else {
                "not found; phantoms need none"
            }
        );
    }
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
