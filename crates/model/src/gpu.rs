//! Lists the NVIDIA GPUs that the driver names, and explains why a GPU is not used.

use crate::cuda;
use std::fs;
use tch::Cuda;

/// Oldest driver that CUDA 13 works with.
const LEAST_DRIVER: u32 = 580;

/// Oldest compute capability that CUDA 13 compiles for (Turing).
const LEAST_CAPABILITY: (i32, i32) = (7, 5);

/// Returns the names of the GPUs from the driver's `/proc` entries, in bus order.
pub(crate) fn names() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/driver/nvidia/gpus") else {
        return Vec::new();
    };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
        .iter()
        .filter_map(|folder| {
            let text = fs::read_to_string(folder.join("information")).ok()?;
            let line = text.lines().find(|line| line.starts_with("Model:"))?;
            Some(line.trim_start_matches("Model:").trim().to_owned())
        })
        .collect()
}

/// Returns the version of the driver, such as `580.82.07`. Empty if there is no driver or it does
/// not state a version.
pub(crate) fn driver_version() -> String {
    let text = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    version_in(&text).unwrap_or_default().to_owned()
}

/// Finds the version in a line such as
/// `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release …`.
fn version_in(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
    line.split_whitespace()
        .find(|word| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Loads libtorch's CUDA library if possible, and returns the number of GPUs that libtorch sees.
pub(crate) fn devices() -> usize {
    cuda::load();
    usize::try_from(Cuda::device_count()).unwrap_or(0)
}

/// Says in one line why a GPU of this machine cannot be used, and what to do about it. Returns
/// none if there is no GPU, if `CUDA_VISIBLE_DEVICES` hides it, or if it can be used.
pub fn unused_gpu() -> Option<String> {
    let loaded = cuda::load();
    let folder = cuda::libtorch_folder();
    Found {
        names: names(),
        driver_version: driver_version(),
        driver: loaded.driver,
        hidden: cuda::is_hidden(),
        capabilities: cuda::capabilities(),
        libtorch: env!("SLICEWISE_LIBTORCH_VERSION").to_owned(),
        libtorch_folder: folder.display().to_string(),
        cuda_build: cuda::library(&folder).exists(),
        failure: loaded.failure.clone(),
        devices: devices(),
    }
    .trouble()
}

/// Findings that decide whether a GPU can be used.
struct Found {
    names: Vec<String>,
    driver_version: String,
    driver: bool,
    hidden: bool,
    capabilities: Vec<(i32, i32)>,
    libtorch: String,
    libtorch_folder: String,
    cuda_build: bool,
    failure: Option<String>,
    devices: usize,
}

impl Found {
    /// Returns the first reason why the GPU cannot be used, with its remedy.
    fn trouble(&self) -> Option<String> {
        let named = !self.names.is_empty() || !self.driver_version.is_empty();
        if self.hidden || !(self.driver || named) {
            return None;
        }
        let cuda_13 = self.libtorch.contains("+cu13");
        let release = self.libtorch.split('+').next().unwrap_or_default();
        let or_another =
            format!("set LIBTORCH to a libtorch {release} for CUDA 12.6 ({release}+cu126)");
        let major = self.driver_version.split('.').next();
        let major: Option<u32> = major.and_then(|major| major.parse().ok());
        let trouble = if !self.driver {
            "its driver's library libcuda.so.1 is not found: install it, or hand the GPU to this container"
                .to_owned()
        } else if cuda_13 && major.is_some_and(|major| major < LEAST_DRIVER) {
            format!(
                "libtorch {} wants driver {LEAST_DRIVER} or later, got {}: update the driver, or {or_another}",
                self.libtorch, self.driver_version
            )
        } else if cuda_13 && self.is_too_old() {
            let (major, minor) = self.capabilities[0];
            format!(
                "libtorch {} wants compute capability 7.5 (Turing) or later, got {major}.{minor}: {or_another}",
                self.libtorch
            )
        } else if !self.cuda_build {
            format!(
                "{} holds no libtorch_cuda.so: `./just libtorch` fetches it, unless LIBTORCH names a folder of yours",
                self.libtorch_folder
            )
        } else if let Some(failure) = &self.failure {
            format!("libtorch_cuda.so could not be loaded: {failure}")
        } else if self.devices == 0 {
            "libtorch sees no CUDA device beside the driver: nvidia-smi may say why".to_owned()
        } else {
            return None;
        };
        let name = self.names.first().map_or("an NVIDIA GPU", String::as_str);
        Some(format!("{name} is not used: {trouble}"))
    }

    /// Whether the first GPU, which `auto` chooses, is older than CUDA 13 compiles for.
    fn is_too_old(&self) -> bool {
        let first = self.capabilities.first();
        first.is_some_and(|&capability| capability < LEAST_CAPABILITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            names: vec!["NVIDIA T4".to_owned()],
            driver_version: "580.82.07".to_owned(),
            driver: true,
            hidden: false,
            capabilities: vec![(7, 5)],
            libtorch: "2.11.0+cu130".to_owned(),
            libtorch_folder: "/somewhere/lib".to_owned(),
            cuda_build: true,
            failure: None,
            devices: 1,
        }
    }

    #[test]
    fn a_gpu_that_cannot_be_used_is_explained_in_one_line() {
        assert_eq!(found().trouble(), None);
        #[expect(
            clippy::type_complexity,
            reason = "a change to the findings, and words of the message it leads to"
        )]
        let cases: [(fn(&mut Found), &[&str]); 6] = [
            (|found| found.driver = false, &["libcuda.so.1"]),
            (
                |found| found.driver_version = "570.86.15".to_owned(),
                &[
                    "NVIDIA T4",
                    "driver 580",
                    "got 570.86.15",
                    "LIBTORCH",
                    "2.11.0+cu126",
                ],
            ),
            (
                |found| found.capabilities = vec![(7, 0)],
                &["7.5 (Turing)", "got 7.0", "2.11.0+cu126"],
            ),
            (
                |found| found.cuda_build = false,
                &["/somewhere/lib", "./just libtorch"],
            ),
            (
                |found| found.failure = Some("no cuDNN".to_owned()),
                &["no cuDNN"],
            ),
            (|found| found.devices = 0, &["no CUDA device", "nvidia-smi"]),
        ];
        for (change, words) in cases {
            let mut found = found();
            change(&mut found);
            let message = found.trouble().unwrap();
            assert!(!message.contains('\n'), "{message}");
            for word in words {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
    }

    #[test]
    fn there_is_no_message_without_a_gpu_or_when_it_is_hidden() {
        let mut hidden = found();
        (hidden.hidden, hidden.devices) = (true, 0);
        assert_eq!(hidden.trouble(), None);
        let mut without = found();
        (without.names, without.driver) = (Vec::new(), false);
        without.driver_version.clear();
        assert_eq!(without.trouble(), None);
    }

    #[test]
    fn a_libtorch_for_cuda_12_accepts_an_older_gpu_and_driver() {
        let mut older = found();
        older.libtorch = "2.11.0+cu126".to_owned();
        older.driver_version = "560.35".to_owned();
        older.capabilities = vec![(6, 1)];
        assert_eq!(older.trouble(), None);
    }

    #[test]
    fn the_driver_version_is_found_in_both_of_its_spellings() {
        for (line, version) in [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
                "535.104.05",
            ),
            (
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (a@b.c)",
                "580.65.06",
            ),
        ] {
            let text = format!("{line}\nGCC version:  gcc version 12.2.0\n");
            assert_eq!(version_in(&text), Some(version));
        }
        assert_eq!(version_in("GCC version:  gcc version 12.2.0"), None);
    }
}
