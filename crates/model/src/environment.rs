//! What the program runs on, for `slicewise doctor` and for a run's manifest.

use crate::error::ModelError;
use crate::instructions::InstructionSet;
use crate::{cuda, gpu};
use serde::Serialize;
use tch::{Cuda, Device};

/// The version that `Cargo.toml` pins: a crate cannot ask for its dependencies'.
const TCH_VERSION: &str = "0.24.0";

/// libtorch and the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// libtorch's version, as its folder states it.
    pub libtorch_version: String,
    /// tch's version.
    pub tch_version: String,
    /// The folder it was loaded from.
    pub libtorch_folder: String,
    /// Whether this libtorch has its half for CUDA.
    pub cuda_build: bool,
    /// Whether it sees a GPU.
    pub cuda_available: bool,
    /// GPUs seen.
    pub cuda_devices: usize,
    /// Their names, as the driver gives them; empty where it does not.
    pub gpu_names: Vec<String>,
    /// The version of NVIDIA's driver, as it states it; empty where there is none.
    pub gpu_driver: String,
    /// Whether cuDNN can be used.
    pub cudnn_available: bool,
    /// Its version, such as `9.19.0`; empty where it cannot be used.
    pub cudnn_version: String,
    /// Whether convolutions on the CPU go to oneDNN.
    pub onednn: bool,
    /// Threads of one operation.
    pub threads: usize,
    /// The processor's model, as the system names it; `unknown` where it does not.
    pub cpu: String,
    /// The vector instructions that the loops of our own use.
    pub instruction_set: InstructionSet,
    /// Cores that the system offers this process.
    pub cores: usize,
    /// The CPU's bf16 instructions (`avx512_bf16`, `amx_bf16`); without any, `precision:
    /// bfloat16` is slow on the CPU.
    pub cpu_bf16: Vec<String>,
    /// Instructions oneDNN needs to compute bf16 convolutions at all.
    pub cpu_avx512: bool,
}

/// Asks libtorch and the system.
pub fn environment() -> Environment {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags: Vec<&str> = cpu
        .lines()
        .find(|line| line.starts_with("flags"))
        .map(|line| line.split_whitespace().collect())
        .unwrap_or_default();
    cuda::load();
    let folder = cuda::libtorch_folder();
    let cudnn = Cuda::cudnn_is_available();
    Environment {
        libtorch_version: env!("SLICEWISE_LIBTORCH_VERSION").to_owned(),
        cuda_build: cuda::library(&folder).exists(),
        libtorch_folder: folder.display().to_string(),
        tch_version: TCH_VERSION.to_owned(),
        cuda_available: Cuda::is_available(),
        cuda_devices: gpu::devices(),
        gpu_names: gpu::names(),
        gpu_driver: gpu::driver_version(),
        cudnn_available: cudnn,
        cudnn_version: if cudnn {
            cudnn_version(tch::utils::version_cudnn())
        } else {
            String::new()
        },
        onednn: tch::utils::has_mkldnn(),
        threads: usize::try_from(tch::get_num_threads()).unwrap_or(1),
        cpu: cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
        instruction_set: InstructionSet::available(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        cpu_bf16: ["avx512_bf16", "amx_bf16"]
            .into_iter()
            .filter(|flag| flags.contains(flag))
            .map(str::to_owned)
            .collect(),
        cpu_avx512: ["avx512bw", "avx512vl", "avx512dq"]
            .iter()
            .all(|flag| flags.contains(flag)),
    }
}

/// cuDNN's number as words: 91900 is 9.19.0, 8907 is 8.9.7.
fn cudnn_version(number: i64) -> String {
    let thousands = if number >= 90_000 { 10_000 } else { 1000 };
    let (major, rest) = (number / thousands, number % thousands);
    format!("{major}.{}.{}", rest / 100, rest % 100)
}

/// `cpu`, `cuda:N`, or `auto`: the first GPU where there is one that can be used. Where `auto` is
/// the CPU, [`unused_gpu`](gpu::unused_gpu) says whether a GPU was passed over, and why.
///
/// # Errors
/// Another word, or a GPU that is not there.
pub fn choose_device(name: &str) -> Result<Device, ModelError> {
    let fail = |reason: String| ModelError::Device {
        name: name.to_owned(),
        reason,
    };
    match name {
        "auto" if gpu::devices() > 0 && gpu::unused_gpu().is_none() => return Ok(Device::Cuda(0)),
        "auto" | "cpu" => return Ok(Device::Cpu),
        _ => {}
    }
    let index: usize = name
        .strip_prefix("cuda:")
        .and_then(|index| index.parse().ok())
        .ok_or_else(|| fail("expected auto, cpu or cuda:N".to_owned()))?;
    let devices = gpu::devices();
    if index < devices {
        return Ok(Device::Cuda(index));
    }
    let why = gpu::unused_gpu().map_or_else(String::new, |why| format!("; {why}"));
    Err(fail(format!("libtorch sees {devices} CUDA devices{why}")))
}

/// Threads of one operation, for this and later threads of the process. Call it before any
/// work: sums depend on it.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(i32::MAX));
}

/// Environment variables, name and value, for a process that is to train with so many threads.
///
/// Two are the thread counts of libtorch and rayon. The third is how glibc's allocator works. A
/// training step makes and drops hundreds of tensors of megabytes; by default each goes back to
/// the system and comes again, page by page. Kept, and in large pages, a step takes a sixth less.
/// The fourth keeps float32 on a GPU float32: by default convolutions round to ten bits there (TF32).
/// A user's own setting comes later and wins.
pub fn process_settings(threads: usize) -> [(&'static str, String); 4] {
    let ours = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:\
        glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=67108864";
    let allocator = match std::env::var("GLIBC_TUNABLES") {
        Ok(theirs) => format!("{ours}:{theirs}"),
        Err(_) => ours.to_owned(),
    };
    [
        ("OMP_NUM_THREADS", threads.to_string()),
        ("RAYON_NUM_THREADS", threads.to_string()),
        ("GLIBC_TUNABLES", allocator),
        (
            "NVIDIA_TF32_OVERRIDE",
            std::env::var("NVIDIA_TF32_OVERRIDE").unwrap_or_else(|_| "0".to_owned()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_name_or_refused() {
        assert_eq!(choose_device("cpu").unwrap(), Device::Cpu);
        for name in ["gpu", "cuda", "cuda:x", "cuda:99"] {
            let message = choose_device(name).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn what_is_found_is_named() {
        let found = environment();
        assert_eq!(found.cuda_available, found.cuda_devices > 0);
        assert_eq!(found.cudnn_available, !found.cudnn_version.is_empty());
        assert!(found.cuda_build || !found.cuda_available);
        assert_eq!(cudnn_version(91_900), "9.19.0");
        assert_eq!(cudnn_version(8907), "8.9.7");
    }

    #[test]
    fn libtorch_is_the_version_that_tch_binds() {
        let version = environment().libtorch_version;
        assert!(version.starts_with("2.11.0"), "{version}");
        let lock = include_str!("../../../Cargo.lock");
        let tch = format!("name = \"tch\"\nversion = \"{TCH_VERSION}\"\n");
        assert!(
            lock.contains(&tch),
            "expected tch {TCH_VERSION} in Cargo.lock"
        );
    }
}
