//! Turns failures of libtorch into errors of one line.
//!
//! tch's operators panic when libtorch throws an exception. The message has many lines: the place
//! in the C++ code, the reason and the stack. [`guard`] catches such a panic in the public
//! functions of this crate. So exhausted memory or a lost GPU ends only one run of a sweep, and
//! the user sees the reason.

use crate::error::ModelError;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Parts of the messages of libtorch, oneDNN, cuDNN and C++ about exhausted memory.
const OUT_OF_MEMORY: &[&str] = &[
    "out of memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    // The first is of cuDNN 8, the second of cuDNN 9. The latter writes INTERNAL_ERROR_ and then
    // HOST_ or DEVICE_ALLOCATION_FAILED.
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "cudaErrorMemoryAllocation",
];

/// Words before the reason in the messages of tch's panics.
const BEFORE: &[&str] = &[
    "called `Result::unwrap()` on an `Err` value: ",
    "Torch(\"",
    "Internal torch error: ",
];

thread_local! {
    /// Whether this thread is inside [`guard`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` and returns its result. If it panics, which is how tch reports exceptions of
/// libtorch, the panic becomes an error. The values that `work` was changing are then in an unknown
/// state.
///
/// # Errors
/// Returns the error of `work`, or [`ModelError::OutOfMemory`] or [`ModelError::Libtorch`] when
/// libtorch fails.
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
        Ok(Err(ModelError::Torch(error))) => Err(from_message(&error.to_string())),
        Ok(result) => result,
        Err(panic) => Err(from_message(text(panic.as_ref()))),
    }
}

/// Returns the message of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// Returns the error that a `message` of libtorch describes.
fn from_message(message: &str) -> ModelError {
    let reason = one_line(message);
    if OUT_OF_MEMORY.iter().any(|words| message.contains(words)) {
        ModelError::OutOfMemory { reason }
    } else {
        ModelError::Libtorch { reason }
    }
}

/// Returns the reason alone, without tch's words before it and the C++ stack after it.
fn one_line(message: &str) -> String {
    // A panic shows the message escaped, as in Rust source. Its newlines are two characters.
    let message = message.replace("\\n", "\n").replace("\\\"", "\"");
    let mut line = message.lines().next().unwrap_or_default().trim();
    for words in BEFORE {
        line = line.strip_prefix(words).unwrap_or(line);
    }
    // The place in the C++ code comes before this word.
    if let Some((_, reason)) = line.split_once("DefaultCPUAllocator: ") {
        line = reason;
    }
    line.trim_end_matches("\")").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    /// The messages have the wording of libtorch 2.11. Those of CUDA need no GPU here.
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
            assert_eq!(from_message(message).to_string(), expected);
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
        // This is more memory than any machine has, so the system refuses it at once. Less might be
        // granted first, and the process killed later.
        let error = guard(|| Ok(tensor(1 << 60))).unwrap_err();
        assert!(matches!(error, ModelError::OutOfMemory { .. }), "{error}");
        assert!(!error.to_string().contains('\n'));
        assert_eq!(guard(|| Ok(1)).unwrap(), 1, "the next call is as before");
    }
}
