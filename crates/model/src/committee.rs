//! A committee: several predictions that differ.
//!
//! Its cheap members are predictions of one network. Each is the network with some of its last decoder
//! features switched off at random (dropout of whole channels, Tompson et al. 2015; as a committee Gal et
//! al. 2017). A further member has the weights of the last step in place of their average. Deviation from
//! Gal et al.: networks are trained without dropout, and features are switched off in prediction alone, as
//! in Ledda et al. 2023 ("dropout injection"). A pass costs the last layer alone, since the features are
//! computed once.
//!
//! Its dear members are networks of other seeds, trained anew before each query on the slices that are
//! annotated then, for as many steps as the network that is queried has behind it (a deep ensemble,
//! Lakshminarayanan et al. 2017; as a committee Beluch et al. 2018).

use crate::error::ModelError;
use crate::error::check;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The members of the committee that `bald`, `committee` and `power-bald` ask. Its cost: a pass costs
/// the last layer, `last_weights` a second prediction, each of `seeds` a training before every query.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommitteeConfig {
    /// Number of members with features switched off, from 0 to 100. The default is 8.
    pub passes: usize,
    /// Probability with which each of the last decoder features is switched off, above 0 and below 1.
    /// The default is 0.2.
    pub dropout: f64,
    /// Whether the weights of the last step are a member, beside their average. It needs
    /// `training.averaging`. The default is `true`.
    pub last_weights: bool,
    /// Number of members that are networks of their own, from 0 to 20, each with first weights and crops of
    /// another seed. They are trained anew before each query of a strategy that asks a committee.
    /// `check` says how many steps these are. The default is 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub seeds: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Default for CommitteeConfig {
    fn default() -> Self {
        Self {
            passes: 8,
            dropout: 0.2,
            last_weights: true,
            seeds: 0,
        }
    }
}

impl CommitteeConfig {
    /// Checks the values. `averaging` is the training's.
    ///
    /// # Errors
    /// Fails when a number is out of range, when the last weights are no other than those that predict,
    /// or when there are fewer than two members.
    pub fn validate(&self, averaging: f64) -> Result<(), ModelError> {
        check(
            self.passes <= 100,
            "committee.passes",
            "0 to 100",
            self.passes,
        )?;
        check(
            self.dropout > 0.0 && self.dropout < 1.0,
            "committee.dropout",
            "above 0 and below 1",
            self.dropout,
        )?;
        check(
            !self.last_weights || averaging > 0.0,
            "committee.last_weights",
            "false, because without training.averaging the network predicts with them",
            self.last_weights,
        )?;
        check(self.seeds <= 20, "committee.seeds", "0 to 20", self.seeds)?;
        let members = self.passes + usize::from(self.last_weights) + self.seeds;
        check(members >= 2, "committee", "two members or more", members)
    }

    /// Switches off some channels of `features` `[N, F, D, H, W]` for one pass and makes up for them in
    /// the others. The same seed and pass switch off the same ones, so that all tiles of a volume have
    /// one member.
    pub(crate) fn drop(&self, features: &Tensor, seed: u64, pass: usize) -> Tensor {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(pass as u64);
        let channels = features.size()[1];
        let scale = 1.0 / (1.0 - self.dropout);
        let kept: Vec<f32> = (0..channels)
            .map(|_| {
                if generator.random_bool(self.dropout) {
                    0.0
                } else {
                    scale as f32
                }
            })
            .collect();
        let mask = Tensor::from_slice(&kept)
            .reshape([1, channels, 1, 1, 1])
            .to_device(features.device())
            .to_kind(features.kind());
        features * mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn whole_channels_go_and_the_mean_stays() {
        let committee = CommitteeConfig::default();
        let ones = Tensor::ones([2, 400, 2, 2, 2], (Kind::Float, Device::Cpu));
        let dropped = committee.drop(&ones, 5, 1);
        let of_channels = dropped.mean_dim([0, 2, 3, 4].as_slice(), false, Kind::Float);
        let values = Vec::<f32>::try_from(of_channels).unwrap();
        assert!(values.iter().all(|&value| value == 0.0 || value == 1.25));
        // Expected 80 of 400, with a standard deviation of 8.
        let gone = values.iter().filter(|&&value| value == 0.0).count();
        assert!((50..110).contains(&gone), "{gone}");
        assert_eq!(dropped, committee.drop(&ones, 5, 1));
        assert_ne!(dropped, committee.drop(&ones, 5, 2));
        assert_ne!(dropped, committee.drop(&ones, 6, 1));
    }

    #[test]
    fn a_committee_of_one_is_none() {
        let with = |passes, last_weights| CommitteeConfig {
            passes,
            last_weights,
            ..CommitteeConfig::default()
        };
        assert!(with(1, true).validate(0.98).is_ok());
        let message = with(1, false).validate(0.98).unwrap_err().to_string();
        assert!(
            message.contains("committee: expected two members or more, got 1"),
            "{message}"
        );
        assert!(with(8, true).validate(0.0).is_err());
        let of_seeds = |seeds| CommitteeConfig {
            seeds,
            ..with(0, false)
        };
        assert!(of_seeds(1).validate(0.98).is_err());
        assert!(of_seeds(2).validate(0.98).is_ok());
        assert!(of_seeds(21).validate(0.98).is_err());
    }
}
