//! Resolves `precision: auto` to the precision that suits the device.

use crate::config::Precision;
use crate::environment::environment;
use slicewise_kernels::InstructionSet;
use tch::Device;

impl Precision {
    /// Returns the precision to compute in on `device`: this one, or for `auto` the one of
    /// [`fastest_on`](Self::fastest_on).
    pub fn on(self, device: Device) -> Self {
        match self {
            Self::Auto => Self::fastest_on(device).0,
            chosen => chosen,
        }
    }

    /// Returns the faster precision on `device`, never `auto`, and the reason for it in words.
    ///
    /// On a CPU this is bfloat16 if the CPU multiplies it faster than float32
    /// ([`InstructionSet::is_fast_in_bf16`]).
    ///
    /// On a GPU this is bfloat16 from compute capability 8.0 (Ampere) on. tch cannot ask for the
    /// capability, so the names that the driver gives decide: float32 if one of them belongs to an
    /// earlier generation. libtorch and the driver number the GPUs in different orders, so one
    /// such GPU decides for all. Without names (a container may hide them) it is bfloat16, because
    /// most GPUs that libtorch 2.11 runs on have it.
    ///
    /// Nothing is timed, because records must not depend on a stopwatch.
    pub fn fastest_on(device: Device) -> (Self, String) {
        match device {
            Device::Cpu => fastest_on_processor(InstructionSet::available()),
            Device::Cuda(_) => fastest_on_gpus(&environment().gpu_names),
            other => (
                Self::Float32,
                format!("of {other:?} no bf16 arithmetic is known"),
            ),
        }
    }

    /// Returns the name of the precision in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
        }
    }
}

/// Returns the faster precision on a processor with these instructions, and the reason.
fn fastest_on_processor(set: InstructionSet) -> (Precision, String) {
    let name = set.name();
    if set.is_fast_in_bf16() {
        let why = format!("this processor ({name}) has bf16 instructions");
        (Precision::Bfloat16, why)
    } else if set.has_bf16() {
        let why = format!("Intel's {name} instructions are slower than float32's");
        (Precision::Float32, why)
    } else {
        let why = format!("this processor ({name}) has no bf16 instructions");
        (Precision::Float32, why)
    }
}

/// Returns the faster precision on GPUs with these names, and the reason.
fn fastest_on_gpus(names: &[String]) -> (Precision, String) {
    match names.iter().find(|name| before_ampere(name)) {
        Some(name) => (
            Precision::Float32,
            format!("the GPU {name} has no bf16 arithmetic (compute capability below 8.0)"),
        ),
        None => (
            Precision::Bfloat16,
            match names {
                [] => "the GPU does not tell its name; most have bf16 arithmetic".to_owned(),
                names => format!("the GPU {} has bf16 arithmetic", names.join(", ")),
            },
        ),
    }
}

/// Whether NVIDIA's name belongs to a GPU below compute capability 8.0: a GeForce up to RTX 20, a
/// Quadro or a Titan, or a data-centre GPU such as T4, V100 and P100.
fn before_ampere(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_old_series = [
        "gtx",
        "rtx 20",
        "quadro",
        "titan",
        "geforce mx",
        "geforce gt ",
    ]
    .iter()
    .any(|series| lower.contains(series));
    // The first letter of Turing, Volta, Pascal, Maxwell or Kepler stands before a number, as in
    // `Tesla T4` and `V100-SXM2`.
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    is_old_series
        || words.any(|word| {
            let number = word.strip_prefix(['t', 'v', 'p', 'm', 'k']);
            number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_and_gpus_with_bf16_get_it_and_others_float32() {
        let chosen = |set| fastest_on_processor(set).0;
        let with_avx512_bf16 = if InstructionSet::Avx512Bf16.is_fast_in_bf16() {
            Precision::Bfloat16
        } else {
            Precision::Float32
        };
        assert_eq!(chosen(InstructionSet::Avx512Bf16), with_avx512_bf16);
        assert_eq!(chosen(InstructionSet::AmxBf16), Precision::Bfloat16);
        for set in [
            InstructionSet::Plain,
            InstructionSet::Avx2,
            InstructionSet::Avx512,
        ] {
            assert_eq!(chosen(set), Precision::Float32);
        }
        assert_eq!(
            fastest_on_processor(InstructionSet::Avx2).1,
            "this processor (AVX2) has no bf16 instructions"
        );
        let gpu = |name: &str| fastest_on_gpus(&[name.to_owned()]).0;
        for name in [
            "NVIDIA H100 80GB HBM3",
            "NVIDIA H200",
            "NVIDIA A100-SXM4-40GB",
            "NVIDIA A10G",
            "NVIDIA L4",
            "NVIDIA GeForce RTX 3060 Laptop GPU",
            "NVIDIA GeForce RTX 5090",
            "NVIDIA RTX A2000",
            "NVIDIA RTX 6000 Ada Generation",
            "NVIDIA GB200",
        ] {
            assert_eq!(gpu(name), Precision::Bfloat16, "{name}");
        }
        for name in [
            "Tesla T4",
            "Tesla V100-SXM2-16GB",
            "Tesla P100-PCIE-16GB",
            "NVIDIA GeForce RTX 2080 Ti",
            "NVIDIA GeForce GTX 1660",
            "Quadro RTX 4000",
            "NVIDIA T1000",
            "NVIDIA TITAN RTX",
        ] {
            assert_eq!(gpu(name), Precision::Float32, "{name}");
        }
        assert_eq!(fastest_on_gpus(&[]).0, Precision::Bfloat16);
    }

    #[test]
    fn a_chosen_precision_is_kept_and_auto_is_resolved() {
        for chosen in [Precision::Float32, Precision::Bfloat16] {
            assert_eq!(chosen.on(Device::Cpu), chosen);
        }
        let auto = Precision::Auto.on(Device::Cpu);
        assert_eq!(auto, Precision::fastest_on(Device::Cpu).0);
        assert_ne!(auto, Precision::Auto);
    }
}
