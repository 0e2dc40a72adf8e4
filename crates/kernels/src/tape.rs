//! Backward passes through operations that libtorch's autograd does not know.
//!
//! tch cannot register our own operations with libtorch's autograd. Therefore the output of such
//! an operation starts a new autograd graph, and the tape records its inputs. [`Tape::backward`]
//! goes through the graphs from the loss back to the image. The backward pass of one graph gives
//! the gradient of its first features. The operation's own backward function then turns this into
//! the gradient of the last features of the graph before.

use crate::normalisation::{self, Affine, Statistics};
use crate::{channels_last, convolution};
use std::sync::{Mutex, PoisonError};
use tch::{Kind, Tensor};

/// The recorded operations of one forward pass, in the order of their execution.
#[derive(Default)]
pub struct Tape(Mutex<Vec<Entry>>);

/// One recorded operation.
struct Entry {
    /// Inputs of the operation.
    inputs: Vec<Input>,
    /// Output of the operation, which starts a new graph.
    output: Tensor,
    operation: Operation,
}

/// One input of a recorded operation.
struct Input {
    /// The features, the last of their graph.
    features: Tensor,
    /// Index of the entry that has these very features as its output, with no operation of
    /// libtorch in between. None if libtorch made them.
    made_by: Option<usize>,
}

enum Operation {
    /// Identity: the output is the input, detached from its graph.
    Cut,
    /// Instance normalisation by [`normalisation::forward`].
    Normalisation {
        scale: Tensor,
        shift: Tensor,
        affine: Affine,
        statistics: Statistics,
    },
    /// Convolution by [`convolution::forward`].
    Convolution { weight: Tensor, bias: Tensor },
}

impl Tape {
    /// Applies instance normalisation and a leaky rectifier to `features` `[N, C, D, H, W]`, which
    /// [`normalisation::takes`] must accept. `scale` and `shift` are `[C]`; `slope` is the slope of
    /// the rectifier below zero.
    pub fn normalise(
        &self,
        features: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        slope: f32,
    ) -> Tensor {
        let affine = Affine {
            scale: crate::values(scale),
            shift: crate::values(shift),
            slope,
        };
        let (output, statistics) = normalisation::forward(features, &affine);
        let trains = features.requires_grad();
        self.note(trains, &[features], output, || Operation::Normalisation {
            scale: scale.shallow_clone(),
            shift: shift.shallow_clone(),
            affine,
            statistics,
        })
    }

    /// Convolves features, whose channels come in `parts`, with `weight` and `bias`.
    /// [`convolution::takes`] must accept the parts.
    pub fn convolve(&self, parts: &[&Tensor], weight: &Tensor, bias: &Tensor) -> Tensor {
        let output = convolution::forward(parts, weight, bias);
        // An image needs no gradient, but the weights of its convolution do. So the tape records
        // the operation whenever libtorch records operations on its parameters.
        let trains = (bias + 0.0).requires_grad();
        self.note(trains, parts, output, || Operation::Convolution {
            weight: weight.shallow_clone(),
            bias: bias.shallow_clone(),
        })
    }

    /// Returns the same features as the start of a graph, which is a new one unless they start a
    /// graph already. Features that several operations of the tape use need this, because the
    /// backward pass goes through each graph only once.
    pub fn cut(&self, features: &Tensor) -> Tensor {
        if features.is_leaf() || !crate::is_for(features) {
            return features.shallow_clone();
        }
        let trains = features.requires_grad();
        self.note(trains, &[features], features.detach(), || Operation::Cut)
    }

    /// Records an operation and returns its output. Records nothing unless `trains`, that is,
    /// unless a backward pass will follow.
    fn note(
        &self,
        trains: bool,
        inputs: &[&Tensor],
        output: Tensor,
        operation: impl FnOnce() -> Operation,
    ) -> Tensor {
        if !trains {
            return output;
        }
        let output = output.set_requires_grad(true);
        let mut entries = self.entries();
        let inputs = inputs.iter().map(|features| Input {
            features: features.shallow_clone(),
            made_by: entries.iter().rposition(|entry| {
                features.is_leaf()
                    && features.requires_grad()
                    && entry.output.data_ptr() == features.data_ptr()
            }),
        });
        let entry = Entry {
            inputs: inputs.collect(),
            output: output.shallow_clone(),
            operation: operation(),
        };
        entries.push(entry);
        output
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes the gradients of `loss` with respect to all variables it depends on, and leaves
    /// them at the variables. The tape is empty afterwards.
    pub fn backward(&self, loss: &Tensor) {
        let mut entries = std::mem::take(&mut *self.entries());
        loss.backward();
        // Gradient of each output that comes from operations of the tape. libtorch itself stores
        // the part that comes from its graphs.
        let mut gradients: Vec<Option<Tensor>> = entries.iter().map(|_| None).collect();
        while let Some(entry) = entries.pop() {
            let from_graphs = Some(entry.output.grad()).filter(Tensor::defined);
            let Some(gradient) = sum(gradients.pop().flatten(), from_graphs) else {
                continue;
            };
            let input_gradients = entry.gradients(&gradient);
            for (input, gradient) in entry.inputs.iter().zip(input_gradients) {
                match input.made_by {
                    Some(index) => {
                        gradients[index] = sum(gradients[index].take(), Some(gradient));
                    }
                    None if input.features.requires_grad() => {
                        carry(&input.features, &gradient).backward();
                    }
                    None => {}
                }
            }
        }
    }

    /// Whether no operation is recorded.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Discards the record of a forward pass that no backward pass follows.
    pub fn clear(&self) {
        self.entries().clear();
    }
}

impl Entry {
    /// Returns the gradients of the inputs, given the `gradient` of the output. Adds the gradients
    /// of the operation's parameters to the parameters.
    fn gradients(&self, gradient: &Tensor) -> Vec<Tensor> {
        let features = &self.inputs[0].features;
        let in_order = || channels_last(&gradient.to_kind(features.kind()));
        match &self.operation {
            Operation::Cut => vec![gradient.shallow_clone()],
            Operation::Normalisation {
                scale,
                shift,
                affine,
                statistics,
            } => {
                let gradients = normalisation::backward(features, &in_order(), statistics, affine);
                let parameters = carry(scale, &Tensor::from_slice(&gradients.scale))
                    + carry(shift, &Tensor::from_slice(&gradients.shift));
                parameters.backward();
                vec![gradients.features]
            }
            Operation::Convolution { weight, bias } => {
                let parts: Vec<&Tensor> = self.inputs.iter().map(|part| &part.features).collect();
                let gradients = convolution::backward(&parts, weight, &in_order());
                (carry(weight, &gradients.weight) + carry(bias, &gradients.bias)).backward();
                gradients.parts
            }
        }
    }
}

/// Adds two optional gradients. A missing one counts as zero.
fn sum(a: Option<Tensor>, b: Option<Tensor>) -> Option<Tensor> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

/// Returns a scalar whose gradient with respect to `tensor` is `gradient`. Its backward pass hands
/// `gradient` on to `tensor`; its value has no meaning.
fn carry(tensor: &Tensor, gradient: &Tensor) -> Tensor {
    if tensor.kind() == Kind::Float {
        // Flattening in memory order copies nothing.
        let flat = |t: &Tensor| match tensor.dim() {
            5 if !tensor.is_contiguous() => t.permute([0, 2, 3, 4, 1]).reshape([-1]),
            _ => t.reshape([-1]),
        };
        return flat(tensor).dot(&flat(gradient));
    }
    // libtorch's scalar product of bf16 vectors takes five times as long.
    (tensor * gradient).sum(tensor.kind())
}
