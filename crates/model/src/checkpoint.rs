//! Weights on disk as safetensors (float32), readable from Python.

use crate::error::ModelError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::HashMap;
use std::path::Path;
use tch::Tensor;
use tch::nn::VarStore;

/// The file's metadata key that names the network.
const ARCHITECTURE: &str = "architecture";

/// Variables by name, in order.
fn variables(store: &VarStore) -> Vec<(String, Tensor)> {
    let mut variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

/// Shape of a variable.
fn shape(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|&size| size as usize).collect()
}

/// Writes to a file beside `path` and renames it, so that a kill leaves no half checkpoint.
pub(crate) fn save(store: &VarStore, architecture: &str, path: &Path) -> Result<(), ModelError> {
    let file_error = |source| ModelError::CheckpointFile {
        path: path.to_owned(),
        source,
    };
    let mut tensors = Vec::new();
    for (name, variable) in variables(store) {
        let values = Vec::<f32>::try_from(variable.detach().reshape([-1]))?;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        tensors.push((name, shape(&variable), bytes));
    }
    let damaged = |error: safetensors::SafeTensorError| ModelError::Checkpoint {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut views = Vec::new();
    for (name, shape, bytes) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(damaged)?;
        views.push((name.as_str(), view));
    }
    let metadata = HashMap::from([(ARCHITECTURE.to_owned(), architecture.to_owned())]);
    let bytes = serialize(views, Some(metadata)).map_err(damaged)?;
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).map_err(file_error)?;
    std::fs::rename(&partial, path).map_err(file_error)
}

/// Checks the whole file, then copies its values into the variables.
pub(crate) fn load(store: &VarStore, path: &Path) -> Result<(), ModelError> {
    let mismatch = |reason: String| ModelError::Checkpoint {
        path: path.to_owned(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|source| ModelError::CheckpointFile {
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| mismatch(error.to_string()))?;
    let variables = variables(store);
    if let Some(name) = file
        .names()
        .into_iter()
        .find(|&name| variables.iter().all(|(known, _)| known != name))
    {
        return Err(mismatch(format!(
            "tensor {name:?} is not one of this network's"
        )));
    }
    let mut loaded = Vec::with_capacity(variables.len());
    for (name, variable) in variables {
        let view = file
            .tensor(&name)
            .map_err(|_| mismatch(format!("expected a tensor {name:?}, found none")))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape(&variable) {
            return Err(mismatch(format!(
                "tensor {name:?}: expected float32 {:?}, got {:?} {:?}",
                shape(&variable),
                view.dtype(),
                view.shape()
            )));
        }
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        loaded.push((variable, values));
    }
    tch::no_grad(|| {
        for (mut variable, values) in loaded {
            let values = Tensor::from_slice(&values).reshape(variable.size());
            variable.copy_(&values);
        }
    });
    Ok(())
}
