//! Which axes of the grid each level of a network halves.
//!
//! Scans with thick slices would lose their few slices to pooling long before the plane is coarse. As
//! in nnU-Net (Isensee et al. 2021), an axis whose voxels are twice as long as the shortest, or longer,
//! is spared until the others have grown to within a factor of two. Cubic voxels are halved along
//! every axis at each level, as in the 3D U-Net.
//!
//! Deviations from nnU-Net: it also flattens the convolutions above such a pooling to 1×3×3, and it
//! stops where a grid would have fewer than four voxels. Here all convolutions are 3×3×3 and the
//! number of levels is given.

use crate::error::{ModelError, check};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How far a voxel may be from twice the length of another and still count as that: the rounding of
/// a header in single precision.
const ROUNDING: f64 = 1e-5;

/// The setting `pooling` of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pooling {
    /// Chosen by the voxels of the training cases, see [`strides_for`]. Where there are none to look
    /// at, every axis is halved.
    #[default]
    Auto,
    /// For each level but the coarsest, finest first: the strides `[D, H, W]`, 1 or 2, with which the
    /// next coarser grid is made.
    Strides(Vec<[usize; 3]>),
}

/// Returns the strides `[D, H, W]` of a network of `levels` levels, finest first, for voxels of
/// `spacing_mm` `[D, H, W]`.
pub fn strides_for(mut spacing_mm: [f64; 3], levels: usize) -> Vec<[usize; 3]> {
    let halve = |_| {
        let shortest = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
        let strides = spacing_mm.map(|length| match length < 2.0 * shortest * (1.0 - ROUNDING) {
            true => 2,
            false => 1,
        });
        for (length, stride) in spacing_mm.iter_mut().zip(strides) {
            *length *= stride as f64;
        }
        strides
    };
    (1..levels).map(halve).collect()
}

impl Pooling {
    /// Tells whether it is the default.
    pub(crate) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// Returns the strides of a network of `levels` levels.
    pub(crate) fn strides(&self, levels: usize) -> Vec<[usize; 3]> {
        match self {
            Self::Auto => vec![[2; 3]; levels - 1],
            Self::Strides(strides) => strides.clone(),
        }
    }

    /// Checks that there are strides for each level.
    ///
    /// # Errors
    /// There are more or fewer, or one is neither 1 nor 2.
    pub(crate) fn validate(&self, levels: usize) -> Result<(), ModelError> {
        let Self::Strides(strides) = self else {
            return Ok(());
        };
        let known = strides
            .iter()
            .flatten()
            .all(|stride| [1, 2].contains(stride));
        check(
            known && strides.len() == levels - 1,
            "model.pooling",
            format!(
                "auto, or {} times [D, H, W] of 1 or 2 for {levels} levels",
                levels - 1
            ),
            strides,
        )
    }
}

impl Serialize for Pooling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Strides(strides) => strides.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pooling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Pooling;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("auto, or a list of strides [D, H, W]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pooling, E> {
                match text {
                    "auto" => Ok(Pooling::Auto),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pooling, A::Error> {
                let mut strides = Vec::new();
                while let Some(next) = items.next_element::<Vec<usize>>()? {
                    let next = <[usize; 3]>::try_from(next)
                        .map_err(|next| A::Error::invalid_length(next.len(), &"three strides"))?;
                    strides.push(next);
                }
                Ok(Pooling::Strides(strides))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// The schema of [`Pooling`].
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"enum": ["auto"]},
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
        },
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubic_voxels_are_halved_along_every_axis() {
        for spacing_mm in [[1.0; 3], [1.718, 1.7, 1.72], [1.0, 1.9, 1.0]] {
            assert_eq!(strides_for(spacing_mm, 4), [[2; 3]; 3], "{spacing_mm:?}");
        }
        assert_eq!(strides_for([5.0, 0.5, 0.5], 1), [[0; 3]; 0]);
    }

    #[test]
    fn a_thick_axis_waits_until_the_others_are_within_a_factor_of_two() {
        // 0.5, 1, 2 and 4 mm in the plane; 5 mm across stay.
        assert_eq!(strides_for([5.0, 0.5, 0.5], 4), [[1, 2, 2]; 3]);
        // At the fourth pooling 4 mm in the plane are near enough.
        let five = strides_for([5.0, 0.5, 0.5], 5);
        assert_eq!(five, [[1, 2, 2], [1, 2, 2], [1, 2, 2], [2, 2, 2]]);
        // nnU-Net v2 on its Task05 (prostate, 3.6 × 0.62 × 0.62 mm): 0.62, 1.24 and 2.48 mm.
        let prostate = strides_for([3.6, 0.62, 0.62], 4);
        assert_eq!(prostate, [[1, 2, 2], [1, 2, 2], [2, 2, 2]]);
        // The thick axis need not be the sliced one, and two may wait for the third.
        assert_eq!(strides_for([1.0, 1.0, 3.0], 3), [[2, 2, 1], [2, 2, 2]]);
        assert_eq!(strides_for([3.0, 3.0, 1.0], 3), [[1, 1, 2], [2, 2, 2]]);
    }

    /// Twice as long is thick, whichever way a header's single precision rounds it.
    #[test]
    fn twice_the_length_is_thick() {
        for thick in [2.0, 1.999_999_9, 2.000_000_1] {
            assert_eq!(strides_for([thick, 1.0, 1.0], 3), [[1, 2, 2], [2, 2, 2]]);
        }
    }

    #[test]
    fn the_setting_is_read_and_written_as_yaml_has_it() {
        let strides = Pooling::Strides(vec![[1, 2, 2], [2, 2, 2]]);
        for (text, value) in [("\"auto\"", Pooling::Auto), ("[[1,2,2],[2,2,2]]", strides)] {
            assert_eq!(serde_json::from_str::<Pooling>(text).unwrap(), value);
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
        for (text, message) in [
            (
                "\"none\"",
                "invalid value: string \"none\", expected auto, or a list of strides [D, H, W]",
            ),
            ("[[1,2]]", "invalid length 2, expected three strides"),
            ("[1,2,2]", "invalid type: integer `1`, expected a sequence"),
        ] {
            let problem = serde_json::from_str::<Pooling>(text).unwrap_err();
            assert!(problem.to_string().starts_with(message), "{problem}");
        }
    }
}
