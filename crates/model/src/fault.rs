//! libtorch's failures as errors of one line.
//!
//! tch's operators panic when libtorch throws, with a message of many lines: C++ place, reason,
//! stack. [`guard`] catches that at the door of this crate, so that memory that runs out or a GPU
//! that is lost ends one cell with its reason.

use crate::error::ModelError;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What libtorch, oneDNN, cuDNN and C++ say when memory ran out.
const OUT_OF_MEMORY: &[&str] = &[
    "out of memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    // cuDNN 8, then 9, which says INTERNAL_ERROR_ before HOST_ or DEVICE_ALLOCATION_FAILED.
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "cudaErrorMemoryAllocation",
];

/// What stands before the reason in tch's panics.
const BEFORE: &[&str] = &[
    "called `Result::unwrap()` on an `Err` value: ",
    "Torch(\"",
    "Internal torch error: ",
];

thread_local! {
    /// Whether this thread is inside [`guard`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it, which is how tch reports libtorch's exceptions, becomes an error.
/// After one, what `work` was changing is in an unknown state.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                hook(panic);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    match result {
        Ok(Err(ModelError::Torch(error))) => Err(of_message(&error.to_string())),
        Ok(result) => result,
        Err(panic) => Err(of_message(text(panic.as_ref()))),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// The error that libtorch's `message` stands for.
fn of_message(message: &str) -> ModelError {
    let reason = one_line(message);
    if OUT_OF_MEMORY.iter().any(|words| message.contains(words)) {
        ModelError::OutOfMemory { reason }
    } else {
        ModelError::Libtorch { reason }
    }
}

/// The reason alone: neither tch's words before it nor the C++ stack after it.
fn one_line(message: &str) -> String {
    // A panic shows the message as Rust source does, so that its newlines are two characters.
    let message = message.replace("\\n", "\n").replace("\\\"", "\"");
    let mut line = message.lines().next().unwrap_or_default().trim();
    for words in BEFORE {
        line = line.strip_prefix(words).unwrap_or(line);
    }
    // Before it stands the place in C++ that asked.
    if let Some((_, reason)) = line.split_once("DefaultCPUAllocator: ") {
        line = reason;
    }
    line.trim_end_matches("\")").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    /// Messages as libtorch 2.11 words them; no GPU is needed for those of CUDA.
    #[test]
    fn messages_become_one_line_and_out_of_memory_is_known() {
        for (message, expected) in [
            (
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.06 GiB is free.\nException raised from malloc at /pytorch/c10/cuda/CUDACachingAllocator.cpp:1424 (most recent call first):\nframe #0: c10::Error::Error",
                "out of memory: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.06 GiB is free. (a smaller --jobs, training.crop, training.batch or base_width needs less)",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: Torch(\"[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory)\\nframe #0: c10::ThrowEnforceNotMet\")",
                "out of memory: can't allocate memory: you tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory) (a smaller --jobs, training.crop, training.batch or base_width needs less)",
            ),
            (
                "std::bad_alloc",
                "out of memory: std::bad_alloc (a smaller --jobs, training.crop, training.batch or base_width needs less)",
            ),
            (
                "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED\nException raised from",
                "out of memory: cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED (a smaller --jobs, training.crop, training.batch or base_width needs less)",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA error: unspecified launch failure\\nCUDA kernel errors might be asynchronously reported at some other API call\\n\")",
                "libtorch: CUDA error: unspecified launch failure",
            ),
        ] {
            assert_eq!(of_message(message).to_string(), expected);
        }
    }

    #[test]
    fn an_exception_of_libtorch_is_caught_with_its_reason() {
        let tensor = |size| Tensor::zeros([size], (Kind::Float, Device::Cpu));
        let error = guard(|| Ok(tensor(2) + tensor(3))).unwrap_err().to_string();
        assert_eq!(
            error,
            "libtorch: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"
        );
        // More than any machine has: refused, not granted and killed for later.
        let error = guard(|| Ok(tensor(1 << 60))).unwrap_err();
        assert!(matches!(error, ModelError::OutOfMemory { .. }), "{error}");
        assert!(!error.to_string().contains('\n'));
        assert_eq!(guard(|| Ok(1)).unwrap(), 1, "the next call is as before");
    }
}
