//! Where a backward pass leaves libtorch's graph and comes back to it.
//!
//! tch cannot give libtorch's autograd an operation of our own. So features that such an operation
//! makes begin a new graph, and the tape notes what they were made from. [`Tape::backward`]
//! walks through the graphs from the loss to the image: once one is done, the gradient of its
//! first features is known; the operation's own gradient carries it to the last features of the
//! graph before.

use crate::kernel::{self, Affine, Statistics};
use crate::numerics::channels_last;
use std::sync::{Mutex, PoisonError};
use tch::Tensor;

/// The operations of one forward pass, in its order.
#[derive(Default)]
pub(crate) struct Tape(Mutex<Vec<Entry>>);

struct Entry {
    /// The last features of a graph.
    before: Tensor,
    /// The first features of the next.
    after: Tensor,
    operation: Operation,
}

enum Operation {
    /// `after` is `before`.
    Cut,
    /// [`kernel::forward`].
    Normalisation {
        scale: Tensor,
        shift: Tensor,
        affine: Affine,
        statistics: Statistics,
    },
}

impl Tape {
    /// Instance normalisation of `features` `[N, C, D, H, W]`, which [`kernel::takes`] accepts, by
    /// `scale` and `shift` `[C]`, with the rectifier of `slope`.
    pub(crate) fn normalise(
        &self,
        features: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        slope: f32,
    ) -> Tensor {
        let values = |parameter: &Tensor| {
            Vec::<f32>::try_from(parameter.detach()).expect("a vector of float32")
        };
        let affine = Affine {
            scale: values(scale),
            shift: values(shift),
            slope,
        };
        let (output, statistics) = kernel::forward(features, &affine);
        self.note(features, output, || Operation::Normalisation {
            scale: scale.shallow_clone(),
            shift: shift.shallow_clone(),
            affine,
            statistics,
        })
    }

    /// The same features at the beginning of a graph, a new one unless they are that already:
    /// for those that several operations of the tape follow, since a graph is walked through once.
    pub(crate) fn cut(&self, features: &Tensor) -> Tensor {
        if features.is_leaf() || !kernel::is_for(features) {
            return features.shallow_clone();
        }
        self.note(features, features.detach(), || Operation::Cut)
    }

    /// Nothing is noted outside training.
    fn note(
        &self,
        before: &Tensor,
        after: Tensor,
        operation: impl FnOnce() -> Operation,
    ) -> Tensor {
        if !before.requires_grad() {
            return after;
        }
        let after = after.set_requires_grad(true);
        self.entries().push(Entry {
            before: before.shallow_clone(),
            after: after.shallow_clone(),
            operation: operation(),
        });
        after
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gradients of `loss` with respect to all variables that had a part in it; the tape is empty
    /// afterwards.
    pub(crate) fn backward(&self, loss: &Tensor) {
        let entries = std::mem::take(&mut *self.entries());
        loss.backward();
        for entry in entries.into_iter().rev() {
            let gradient = entry.after.grad();
            if !gradient.defined() {
                continue;
            }
            match entry.operation {
                Operation::Cut => carry(&entry.before, &gradient).backward(),
                Operation::Normalisation {
                    scale,
                    shift,
                    affine,
                    statistics,
                } => {
                    let gradient = channels_last(&gradient.to_kind(entry.before.kind()));
                    let gradients =
                        kernel::backward(&entry.before, &gradient, &statistics, &affine);
                    let parameters = carry(&scale, &Tensor::from_slice(&gradients.scale))
                        + carry(&shift, &Tensor::from_slice(&gradients.shift));
                    parameters.backward();
                    carry(&entry.before, &gradients.features).backward();
                }
            }
        }
    }

    /// Forgets a forward pass that no backward pass follows.
    pub(crate) fn clear(&self) {
        self.entries().clear();
    }
}

/// A number whose gradient with respect to `tensor` is `gradient`; the number means nothing.
/// (libtorch's scalar product of bf16 vectors takes five times as long.)
fn carry(tensor: &Tensor, gradient: &Tensor) -> Tensor {
    (tensor * gradient).sum(tensor.kind())
}
