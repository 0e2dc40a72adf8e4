//! What a network learns from slices that nobody has annotated.

use crate::error::{ModelError, check};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Learning from unannotated slices. Instead of these keys, the name of the `method` alone may
/// stand there; the other keys then have their defaults.
///
/// Beside its annotated slices a crop has others, between and around them. In each training step
/// the moving average of the weights (`training.averaging`, which must be above 0) predicts the
/// crop: it is the teacher. Where the teacher is confident of a voxel that nobody annotated, the
/// loss has a further term. True labels of unannotated slices are never read. A crop without
/// unannotated slices is trained as with `none`. Other steps take about 1.5 times as long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlabelled {
    /// What the network learns from the teacher: `none`, `pseudo-labels` or `mean-teacher`. Required.
    pub method: UnlabelledMethod,
    /// Weight of the further term once `ramp` is over, a number from 0. The cross-entropy over the
    /// annotated voxels has weight 1. The default is 1 for `pseudo-labels` and 10 for `mean-teacher`,
    /// whose source has 100 for the mean over ten classes; here it is their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Probability that the teacher must give its class before a voxel counts, above 0.5, so that
    /// only one class can have it, and at most 1. The default is 0.9.
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// Number of steps over which the weight rises, a whole number from 0. At share t of them it
    /// is multiplied by exp(−5(1 − t)²), as in the mean teacher's source: a network that knows
    /// nothing has nothing to teach. The steps of a network are counted over all rounds. The
    /// default is 200. With 0 the weight is whole from the first step.
    #[serde(default = "ramp")]
    pub ramp: usize,
}

fn confidence() -> f64 {
    0.9
}

fn ramp() -> usize {
    200
}

/// What a network learns from the teacher on unannotated slices. The paper uses annotated slices
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnlabelledMethod {
    /// Nothing: only annotated slices teach, as in the paper.
    #[default]
    None,
    /// Pseudo-labels (Lee 2013): the class of which the teacher is confident counts as the voxel's
    /// label, in a weighted cross-entropy of its own. They are made anew in each step.
    PseudoLabels,
    /// Mean teacher (Tarvainen and Valpola 2017) with a mask of confident voxels as in UA-MT (Yu et
    /// al. 2019): the squared difference between the class probabilities of network and teacher.
    /// The teacher sees the crop with noise of at most 0.2 in each voxel.
    MeanTeacher,
}

impl Default for Unlabelled {
    fn default() -> Self {
        UnlabelledMethod::None.into()
    }
}

impl From<UnlabelledMethod> for Unlabelled {
    /// Returns the default settings of a method.
    fn from(method: UnlabelledMethod) -> Self {
        Self {
            method,
            weight: None,
            confidence: confidence(),
            ramp: ramp(),
        }
    }
}

impl Unlabelled {
    /// Tells whether it is the default.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the weight of the further term, or the method's default.
    pub(crate) fn weight(&self) -> f64 {
        self.weight.unwrap_or(match self.method {
            UnlabelledMethod::MeanTeacher => 10.0,
            UnlabelledMethod::None | UnlabelledMethod::PseudoLabels => 1.0,
        })
    }

    /// Checks the values, for a training with this `averaging`.
    ///
    /// # Errors
    /// Fails when a number is out of range, or when there is no average to teach.
    pub(super) fn validate(&self, averaging: f64) -> Result<(), ModelError> {
        check(
            self.weight().is_finite() && self.weight() >= 0.0,
            "training.unlabelled.weight",
            "a number from 0",
            self.weight(),
        )?;
        check(
            self.confidence > 0.5 && self.confidence <= 1.0,
            "training.unlabelled.confidence",
            "above 0.5, at most 1",
            self.confidence,
        )?;
        check(
            self.method == UnlabelledMethod::None || averaging > 0.0,
            "training.averaging",
            "above 0 for training.unlabelled, whose teacher is the moving average of the weights",
            averaging,
        )
    }
}

/// Reads a method's name, or a map with the keys of [`Unlabelled`].
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Unlabelled, D::Error> {
    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Unlabelled;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("none, pseudo-labels, mean-teacher, or a map with the key method")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Unlabelled, E> {
            UnlabelledMethod::deserialize(StrDeserializer::new(name)).map(Unlabelled::from)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Unlabelled, A::Error> {
            Unlabelled::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Reader)
}

/// As [`read`], for a key that overrides another.
pub(super) fn read_own<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Unlabelled>, D::Error> {
    read(deserializer).map(Some)
}

/// The schema of what [`read`] reads.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let keys = generator.subschema_for::<Unlabelled>();
    json_schema!({"anyOf": [{"enum": ["none", "pseudo-labels", "mean-teacher"]}, keys]})
}

#[cfg(test)]
mod tests {
    use crate::config::{ModelConfig, TrainingConfig, Unlabelled, UnlabelledMethod};

    fn training(text: &str) -> Result<TrainingConfig, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_a_method_with_its_defaults_and_the_default_is_not_written() {
        let named = training(r#"{"unlabelled": "mean-teacher"}"#).unwrap();
        assert_eq!(named.unlabelled, UnlabelledMethod::MeanTeacher.into());
        let by_key = training(r#"{"unlabelled": {"method": "mean-teacher", "ramp": 7}}"#).unwrap();
        let expected = Unlabelled {
            ramp: 7,
            ..named.unlabelled.clone()
        };
        assert_eq!(by_key.unlabelled, expected);
        for config in [&named, &by_key] {
            let written = serde_json::to_string(config).unwrap();
            assert_eq!(&training(&written).unwrap(), config);
        }
        let none = training(r#"{"unlabelled": "none"}"#).unwrap();
        assert_eq!(none, TrainingConfig::default());
        let written = serde_json::to_string(&none).unwrap();
        assert!(!written.contains("unlabelled"), "{written}");
        let model = serde_json::to_string(&ModelConfig::default()).unwrap();
        assert!(!model.contains("unlabelled"), "{model}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            (r#""mean-techer""#, "unknown variant `mean-techer`"),
            (r#"{"weight": 1}"#, "missing field `method`"),
            (r#"{"method": "none", "wait": 1}"#, "unknown field `wait`"),
            ("3", "expected none, pseudo-labels, mean-teacher, or a map"),
        ] {
            let text = format!(r#"{{"unlabelled": {text}}}"#);
            let message = training(&text).unwrap_err();
            assert!(message.contains(words), "{message}");
            let message = serde_json::from_str::<ModelConfig>(&text).unwrap_err();
            assert!(message.to_string().contains(words), "{message}");
        }
    }

    #[test]
    fn a_model_s_own_setting_comes_first() {
        let training = training(r#"{"unlabelled": "mean-teacher"}"#).unwrap();
        for (text, method) in [
            ("{}", UnlabelledMethod::MeanTeacher),
            (r#"{"unlabelled": "none"}"#, UnlabelledMethod::None),
            (
                r#"{"unlabelled": {"method": "pseudo-labels"}}"#,
                UnlabelledMethod::PseudoLabels,
            ),
        ] {
            let model: ModelConfig = serde_json::from_str(text).unwrap();
            assert_eq!(training.for_model(&model).unlabelled.method, method);
        }
    }
}
