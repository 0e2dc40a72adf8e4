//! Describes libtorch and the machine, for `slicewise doctor` and for the manifest of a run.

use crate::error::ModelError;
use crate::{cuda, gpu};
use serde::Serialize;
use slicewise_kernels::InstructionSet;
use tch::{Cuda, Device};

/// Version of tch that `Cargo.toml` pins. A crate cannot ask for the versions of its dependencies.
const TCH_VERSION: &str = "0.24.0";

/// Description of libtorch and of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Version of libtorch, as its folder states it.
    pub libtorch_version: String,
    /// Version of tch.
    pub tch_version: String,
    /// Folder that libtorch was loaded from.
    pub libtorch_folder: String,
    /// Whether this libtorch has its CUDA library, `libtorch_cuda`.
    pub cuda_build: bool,
    /// Whether libtorch sees a GPU.
    pub cuda_available: bool,
    /// Number of GPUs that libtorch sees.
    pub cuda_devices: usize,
    /// Names of the GPUs, as the driver gives them. Empty if the driver gives none.
    pub gpu_names: Vec<String>,
    /// Version of NVIDIA's driver, as the driver states it. Empty if there is no driver.
    pub gpu_driver: String,
    /// Whether cuDNN can be used.
    pub cudnn_available: bool,
    /// Version of cuDNN, such as `9.19.0`. Empty if cuDNN cannot be used.
    pub cudnn_version: String,
    /// Whether oneDNN computes convolutions on the CPU.
    pub onednn: bool,
    /// Number of threads of one operation.
    pub threads: usize,
    /// Model of the processor, as the system names it. `unknown` if the system gives no name.
    pub cpu: String,
    /// Vector instructions that slicewise's own loops use.
    pub instruction_set: InstructionSet,
    /// Number of cores that the system offers this process.
    pub cores: usize,
    /// bf16 instructions of the CPU (`avx512_bf16`, `amx_bf16`). Without any of them, `precision:
    /// bfloat16` is slow on the CPU.
    pub cpu_bf16: Vec<String>,
    /// Whether the CPU has the AVX-512 instructions (BW, VL and DQ) that oneDNN needs to compute
    /// bf16 convolutions at all.
    pub cpu_avx512: bool,
}

/// Asks libtorch and the system, and returns what they say.
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

/// Converts cuDNN's version number to text: 91900 becomes `9.19.0` and 8907 becomes `8.9.7`.
fn cudnn_version(number: i64) -> String {
    let thousands = if number >= 90_000 { 10_000 } else { 1000 };
    let (major, rest) = (number / thousands, number % thousands);
    format!("{major}.{}.{}", rest / 100, rest % 100)
}

/// Returns the device called `name`: `cpu`, `cuda:N` or `auto`.
///
/// `auto` means the first GPU if it can be used, else the CPU. In the latter case
/// [`unused_gpu`](gpu::unused_gpu) says whether a GPU was passed over, and why.
///
/// # Errors
/// Fails when `name` is another word or names a GPU that libtorch does not see.
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

/// Sets the number of threads of one operation, for this thread and later threads of the process.
/// Call it before any computation, because the rounding of sums depends on it.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(i32::MAX));
}

/// Returns the environment variables, as names and values, for a process that trains with
/// `threads` threads.
///
/// - `OMP_NUM_THREADS` and `RAYON_NUM_THREADS` set the thread counts of libtorch and rayon.
/// - `GLIBC_TUNABLES` tunes glibc's allocator. A training step allocates and frees hundreds of
///   tensors of several megabytes. By default glibc returns each of them to the system and then
///   requests the memory again, page by page. With the memory kept, and in large pages, a step
///   takes a sixth less time. The user's own tunables follow ours and override them.
/// - `NVIDIA_TF32_OVERRIDE=0` keeps float32 convolutions on a GPU in full float32. By default
///   they round to ten bits (TF32). A value set by the user is kept.
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
