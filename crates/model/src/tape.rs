//! Where a backward pass leaves libtorch's graph and comes back to it.
//!
//! tch cannot give libtorch's autograd an operation of our own. So features that such an operation
//! makes begin a new graph, and the tape notes what they were made from. [`Tape::backward`]
//! walks through the graphs from the loss to the image: once one is done, the gradient of its
//! first features is known; the operation's own gradient carries it to the last features of the
//! graph before.

use crate::kernel::normalisation::{self, Affine, Statistics};
use crate::kernel::{self, convolution};
use crate::numerics::channels_last;
use std::sync::{Mutex, PoisonError};
use tch::{Kind, Tensor};

/// The operations of one forward pass, in its order.
#[derive(Default)]
pub(crate) struct Tape(Mutex<Vec<Entry>>);

struct Entry {
    /// What it was made from.
    inputs: Vec<Input>,
    /// The first features of a new graph.
    output: Tensor,
    operation: Operation,
}

struct Input {
    /// The last features of a graph.
    features: Tensor,
    /// The entry whose output they are, if no graph of libtorch's lies between.
    made_by: Option<usize>,
}

enum Operation {
    /// The output is the input.
    Cut,
    /// [`normalisation::forward`].
    Normalisation {
        scale: Tensor,
        shift: Tensor,
        affine: Affine,
        statistics: Statistics,
    },
    /// [`convolution::forward`].
    Convolution { weight: Tensor, bias: Tensor },
}

impl Tape {
    /// Instance normalisation of `features` `[N, C, D, H, W]`, which [`normalisation::takes`], by
    /// `scale` and `shift` `[C]`, with the rectifier of `slope`.
    pub(crate) fn normalise(
        &self,
        features: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        slope: f32,
    ) -> Tensor {
        let affine = Affine {
            scale: kernel::values(scale),
            shift: kernel::values(shift),
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

    /// Convolution of features in `parts`, which [`convolution::takes`], with `weight` and `bias`.
    pub(crate) fn convolve(&self, parts: &[&Tensor], weight: &Tensor, bias: &Tensor) -> Tensor {
        let output = convolution::forward(parts, weight, bias);
        // Images have no gradients, the weights of their convolution do: while libtorch notes what
        // is done with a parameter, so does the tape.
        let trains = (bias + 0.0).requires_grad();
        self.note(trains, parts, output, || Operation::Convolution {
            weight: weight.shallow_clone(),
            bias: bias.shallow_clone(),
        })
    }

    /// The same features at the beginning of a graph, a new one unless they are that already:
    /// for those that several operations of the tape follow, since a graph is walked through once.
    pub(crate) fn cut(&self, features: &Tensor) -> Tensor {
        if features.is_leaf() || !kernel::is_for(features) {
            return features.shallow_clone();
        }
        let trains = features.requires_grad();
        self.note(trains, &[features], features.detach(), || Operation::Cut)
    }

    /// Nothing is noted unless a backward pass will come by.
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

    /// Gradients of `loss` with respect to all variables that had a part in it; the tape is empty
    /// afterwards.
    pub(crate) fn backward(&self, loss: &Tensor) {
        let mut entries = std::mem::take(&mut *self.entries());
        loss.backward();
        // What the tape itself brought to each output; libtorch keeps what its graphs brought.
        let mut gradients: Vec<Option<Tensor>> = entries.iter().map(|_| None).collect();
        while let Some(entry) = entries.pop() {
            let of_graphs = Some(entry.output.grad()).filter(Tensor::defined);
            let Some(gradient) = sum(gradients.pop().flatten(), of_graphs) else {
                continue;
            };
            let of_inputs = entry.gradients(&gradient);
            for (input, gradient) in entry.inputs.iter().zip(of_inputs) {
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

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Forgets a forward pass that no backward pass follows.
    pub(crate) fn clear(&self) {
        self.entries().clear();
    }
}

impl Entry {
    /// The gradients of the inputs, where `gradient` is that of the output. Those of parameters go to
    /// the parameters.
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
                let of = normalisation::backward(features, &in_order(), statistics, affine);
                let parameters = carry(scale, &Tensor::from_slice(&of.scale))
                    + carry(shift, &Tensor::from_slice(&of.shift));
                parameters.backward();
                vec![of.features]
            }
            Operation::Convolution { weight, bias } => {
                let parts: Vec<&Tensor> = self.inputs.iter().map(|part| &part.features).collect();
                let of = convolution::backward(&parts, weight, &in_order());
                (carry(weight, &of.weight) + carry(bias, &of.bias)).backward();
                of.parts
            }
        }
    }
}

/// Of what there is.
fn sum(a: Option<Tensor>, b: Option<Tensor>) -> Option<Tensor> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

/// A number whose gradient with respect to `tensor` is `gradient`; the number means nothing.
fn carry(tensor: &Tensor, gradient: &Tensor) -> Tensor {
    if tensor.kind() == Kind::Float {
        // In the order of memory, where flattening copies nothing.
        let flat = |t: &Tensor| match tensor.dim() {
            5 if !tensor.is_contiguous() => t.permute([0, 2, 3, 4, 1]).reshape([-1]),
            _ => t.reshape([-1]),
        };
        return flat(tensor).dot(&flat(gradient));
    }
    // libtorch's scalar product of bf16 vectors takes five times as long.
    (tensor * gradient).sum(tensor.kind())
}
