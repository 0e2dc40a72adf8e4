//! Predictions of a network, with features and a committee where they are wanted.

use super::TchSegmenter;
use crate::error::ModelError;
use crate::fault::guard;
use crate::inference::{self, Answer};
use crate::slices::Slices;
use ndarray::Array3;
use slicewise_core::{Prediction, Wanted};
use tch::{Kind, Tensor};

impl TchSegmenter {
    /// Segments one volume `[D, H, W]` of normalised intensities. The network is applied to
    /// overlapping tiles of the size of the training crops, and its outputs are blended.
    ///
    /// # Errors
    /// Fails when the volume is empty, when an intensity is not finite, or when libtorch fails.
    pub fn predict(&self, image: &Array3<f32>) -> Result<Prediction, ModelError> {
        self.answer(image, |features| {
            Answer::from(self.network.head(features, &Slices::All))
        })
    }

    /// As [`Self::predict`], with features and members where they are wanted.
    ///
    /// # Errors
    /// As those of [`Self::predict`]; fails also when members are wanted of a network without a
    /// committee, or before those that are networks of their own are trained.
    pub fn predict_with(
        &mut self,
        image: &Array3<f32>,
        wanted: Wanted,
    ) -> Result<Prediction, ModelError> {
        let committee = match (wanted.committee, self.committee) {
            (None, _) => None,
            (Some(seed), Some(committee)) => Some((seed, committee)),
            (Some(_), None) => {
                return Err(ModelError::Config {
                    field: "committee",
                    expected: "its members, because a strategy asks them".to_owned(),
                    got: "none".to_owned(),
                });
            }
        };
        if let Some((_, committee)) = committee
            && committee.seeds != self.members.len()
        {
            return Err(ModelError::Config {
                field: "committee.seeds",
                expected: format!("{} trained members", committee.seeds),
                got: self.members.len().to_string(),
            });
        }
        let mut prediction = self.answer(image, |features| {
            let member = |pass| {
                let (seed, committee) = committee?;
                let dropped = committee.drop(features, seed, pass);
                Some(self.network.head(&dropped, &Slices::All).maps)
            };
            let passes = committee.map_or(0, |(_, committee)| committee.passes);
            Answer {
                output: self.network.head(features, &Slices::All),
                features: wanted.features.then(|| features.to_kind(Kind::Float)),
                members: (0..passes).filter_map(member).collect(),
            }
        })?;
        if committee.is_some_and(|(_, committee)| committee.last_weights) {
            self.optimizer.exchange();
            let last = self.predict(image);
            self.optimizer.exchange();
            prediction.members.push(last?.probabilities);
        }
        if committee.is_some() {
            for member in &self.members {
                let predicted = member.predict(image)?;
                prediction.members.push(predicted.probabilities);
            }
        }
        Ok(prediction)
    }

    /// Segments a volume; `of` is what is asked of the decoder's last features.
    fn answer(
        &self,
        image: &Array3<f32>,
        of: impl Fn(&Tensor) -> Answer,
    ) -> Result<Prediction, ModelError> {
        let (multiple, tile) = (self.model.downsampling(), self.training.crop);
        guard(|| {
            let _no_gradients = tch::no_grad_guard();
            let (at_once, device) = (self.dispatch.tiles, self.store.device());
            inference::segment(image, multiple, tile, at_once, device, |tiles| {
                of(&self.network.features(&self.numerics.prepare(tiles)))
            })
        })
    }
}
