//! Measures the seconds of one training step and one prediction on one thread.
//!
//! Run it with
//! `cargo run --release -p slicewise-model --example speed -- [VARIANT [N [STEPS]]]`. It runs only
//! VARIANT (default: all), annotates every N-th slice (default: 4) and trains for STEPS steps
//! (default: 12; with more it does not measure the prediction).
//!
//! It prints minimum and median over the steps, in seconds that this thread ran on a core. Other
//! work on the machine does not count.

use ndarray::Array3;
use slicewise_core::TrainingCase;
use slicewise_model::{
    Device, MemoryFormat, ModelConfig, Norm, Precision, TchSegmenter, TrainingConfig,
    UnlabelledMethod,
};
use std::ops::ControlFlow;

/// Returns the seconds that the main thread of this process has run. Works on Linux only.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e9
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    slicewise_model::set_threads(1);
    println!("{:?}", slicewise_model::environment());
    let shape = (64, 80, 64);
    let image = Array3::from_shape_fn(shape, |(z, y, x)| {
        ((z * 7 + y * 5 + x * 3) % 13) as f32 / 6.0
    });
    let labels = Array3::from_shape_fn(shape, |(z, y, x)| ((z / 8 + y / 8 + x / 8) % 9) as u8);
    let every = match std::env::args().nth(2) {
        Some(every) => every.parse()?,
        None => 4,
    };
    let annotated: Vec<bool> = (0..shape.0).map(|z| z % every == 0).collect();
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &annotated,
    };

    let default = (ModelConfig::default(), TrainingConfig::default());
    let variant = |change: fn(&mut ModelConfig, &mut TrainingConfig)| {
        let (mut model, mut training) = default.clone();
        change(&mut model, &mut training);
        (model, training)
    };
    let variants = [
        ("default", variant(|_, _| {})),
        ("soft dice", variant(|_, t| t.soft_dice = 1.0)),
        (
            "pseudo-labels",
            variant(|_, t| t.unlabelled = UnlabelledMethod::PseudoLabels.into()),
        ),
        (
            "mean teacher",
            variant(|_, t| t.unlabelled = UnlabelledMethod::MeanTeacher.into()),
        ),
        ("unet", variant(|m, _| m.architecture = "unet".into())),
        ("v-net", variant(|m, _| m.architecture = "v-net".into())),
        ("group norm", variant(|m, _| m.norm = Norm::Group)),
        ("3 levels", variant(|m, _| m.levels = 3)),
        ("base 12", variant(|m, _| m.base_width = 12)),
        ("base 16", variant(|m, _| m.base_width = 16)),
        (
            "bf16 contiguous",
            variant(|_, t| t.memory_format = MemoryFormat::Contiguous),
        ),
        (
            "f32 channels-last",
            variant(|_, t| t.precision = Precision::Float32),
        ),
        (
            "f32 contiguous",
            variant(|_, t| {
                t.precision = Precision::Float32;
                t.memory_format = MemoryFormat::Contiguous;
            }),
        ),
    ];
    let only = std::env::args().nth(1);
    println!(
        "{:18} {:>10} {:>8} {:>8} {:>9}",
        "variant", "parameters", "step min", "median", "predict"
    );
    for (name, (model, training)) in variants {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let mut segmenter = TchSegmenter::new(&model, &training, 9, 0, Device::Cpu)?;
        let mut seconds = Vec::new();
        let mut last = cpu_seconds();
        let steps: usize = std::env::args().nth(3).map_or(Ok(12), |n| n.parse())?;
        segmenter.train(&[case], 0..steps, steps, 0, &mut |_, _| {
            let now = cpu_seconds();
            seconds.push(now - last);
            last = now;
            ControlFlow::Continue(())
        })?;
        seconds.remove(0);
        seconds.sort_by(f64::total_cmp);
        let mut predict = f64::INFINITY;
        for _ in 0..if steps > 12 { 0 } else { 3 } {
            let start = cpu_seconds();
            segmenter.predict(&image)?;
            predict = predict.min(cpu_seconds() - start);
        }
        println!(
            "{name:18} {:>10} {:8.3} {:8.3} {predict:9.3}",
            segmenter.parameters(),
            seconds[0],
            seconds[seconds.len() / 2],
        );
    }
    Ok(())
}
