//! Writes and reads a model as a safetensors file (float32), which Python can read too.
//!
//! Tensors in the file, for each variable NAME:
//! - `NAME`: the averaged weights, which predict;
//! - `last.NAME`: the weights of the last training step;
//! - `momentum.NAME` and `squares.NAME`: the state of the optimiser.
//!
//! One more tensor, `steps`, holds the number of training steps.

use crate::error::ModelError;
use crate::optimizer::Optimizer;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use sha2::{Digest, Sha256};
use slicewise_core::hash::hex;
use slicewise_core::write_whole;
use std::collections::HashMap;
use std::path::Path;
use tch::Tensor;

/// The only metadata key of the file. Its value is the name of the network, a space, and the
/// SHA-256 of all values in hexadecimal, because safetensors has no checksum of its own. There is
/// only one key because the order of several keys is not fixed, and the same model should give the
/// same bytes.
const SLICEWISE: &str = "slicewise";

/// Name of the tensor with the number of training steps. It is one float32, which is exact up to
/// 16 million.
const STEPS: &str = "steps";

/// Returns names and tensors of everything in the file except the steps. The variables follow one
/// another, each with its four tensors in the order of [`Optimizer::on_cpu`].
fn tensors(optimizer: &Optimizer) -> Vec<(String, &Tensor)> {
    let slots = optimizer.slots.iter();
    slots
        .flat_map(|slot| {
            [
                (slot.name.clone(), &slot.variable),
                (format!("last.{}", slot.name), &slot.other),
                (format!("momentum.{}", slot.name), &slot.momentum),
                (format!("squares.{}", slot.name), &slot.squares),
            ]
        })
        .collect()
}

/// Returns the shape of a tensor as safetensors wants it.
fn shape(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|&size| size as usize).collect()
}

/// Returns `values` as little-endian bytes.
fn bytes_of(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Writes the model to `path`. The bytes first go to a temporary file in the same folder, which is
/// renamed once it is on disk. So neither a kill nor a power cut leaves half a checkpoint.
///
/// # Errors
/// Fails when the file cannot be written, or when the weights cannot be copied from the device.
pub(crate) fn save(
    optimizer: &Optimizer,
    architecture: &str,
    path: &Path,
) -> Result<(), ModelError> {
    let file_error = |source| ModelError::CheckpointFile {
        path: path.to_owned(),
        source,
    };
    let mut entries = vec![(
        STEPS.to_owned(),
        vec![1],
        bytes_of(&[optimizer.steps as f32]),
    )];
    let values: Vec<Vec<f32>> = optimizer
        .on_cpu()
        .iter()
        .map(Vec::try_from)
        .collect::<Result<_, _>>()?;
    let mut start = 0;
    for variable in tensors(optimizer).chunks(values.len()) {
        let length = variable[0].1.numel();
        for ((name, tensor), all) in variable.iter().zip(&values) {
            let part = &all[start..start + length];
            entries.push((name.clone(), shape(tensor), bytes_of(part)));
        }
        start += length;
    }
    let damaged = |error: safetensors::SafeTensorError| ModelError::Checkpoint {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut views = Vec::new();
    for (name, shape, bytes) in &entries {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(damaged)?;
        views.push((name.as_str(), view));
    }
    let sum = checksum(entries.iter().map(|(_, _, bytes)| bytes.as_slice()));
    let metadata = HashMap::from([(SLICEWISE.to_owned(), format!("{architecture} {sum}"))]);
    let bytes = serialize(views, Some(metadata)).map_err(damaged)?;
    write_whole(path, &bytes).map_err(file_error)
}

/// Computes the SHA-256 of all values, in the order of the file's entries, in hexadecimal.
fn checksum<'a>(values: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    values.for_each(|bytes| hasher.update(bytes));
    hex(&hasher.finalize())
}

/// Reads a model from `path`. It checks the whole file first, and only then copies the values into
/// the variables and the optimiser.
///
/// # Errors
/// Fails when the file cannot be read, is damaged, or belongs to another network. The model is
/// unchanged then.
pub(crate) fn load(optimizer: &mut Optimizer, path: &Path) -> Result<(), ModelError> {
    let mismatch = |reason: String| ModelError::Checkpoint {
        path: path.to_owned(),
        // The reason may quote names from the file, which may contain line breaks.
        reason: reason.replace(char::is_control, " "),
    };
    let bytes = std::fs::read(path).map_err(|source| ModelError::CheckpointFile {
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| mismatch(error.to_string()))?;
    let tensors = tensors(optimizer);
    if let Some(name) = file
        .names()
        .into_iter()
        .find(|&name| name != STEPS && tensors.iter().all(|(known, _)| known != name))
    {
        return Err(mismatch(format!(
            "tensor {name:?} is not one of this network's"
        )));
    }
    let values = |name: &str, shape: &[usize]| {
        let view = file
            .tensor(name)
            .map_err(|_| mismatch(format!("expected a tensor {name:?}, found none")))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            return Err(mismatch(format!(
                "tensor {name:?}: expected float32 {shape:?}, got {:?} {:?}",
                view.dtype(),
                view.shape()
            )));
        }
        let values = view.data().chunks_exact(4);
        Ok(values
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect::<Vec<f32>>())
    };
    let mut loaded = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let values = values(&name, &shape(tensor))?;
        loaded.push((name, tensor.shallow_clone(), values));
    }
    let steps = values(STEPS, &[1])?[0];
    let sum = checksum(
        std::iter::once(STEPS)
            .chain(loaded.iter().map(|(name, _, _)| name.as_str()))
            .filter_map(|name| file.tensor(name).ok())
            .map(|view| view.data()),
    );
    let (_, metadata) =
        SafeTensors::read_metadata(&bytes).map_err(|error| mismatch(error.to_string()))?;
    let stored = metadata
        .metadata()
        .as_ref()
        .and_then(|map| map.get(SLICEWISE)?.rsplit_once(' '))
        .map(|(_, sum)| sum);
    if stored != Some(sum.as_str()) {
        return Err(mismatch(format!(
            "expected values of SHA-256 {}, got {sum}: the file is damaged",
            stored.unwrap_or("(none)")
        )));
    }
    let _no_gradients = tch::no_grad_guard();
    for (_, mut tensor, values) in loaded {
        let values = Tensor::from_slice(&values).reshape(tensor.size());
        tensor.copy_(&values);
    }
    optimizer.steps = steps as u64;
    Ok(())
}
