//! How intensities are normalised: the setting, and for CT what it comes to.
//!
//! MR intensities have no unit, so each volume is standardised by itself
//! ([`crate::preprocess`]). Those of CT are Hounsfield units (HU; air is -1000, water 0), which mean
//! the same in every scan: all cases are clipped, shifted and scaled by the same numbers
//! ([`IntensityScale`]).
//!
//! Without a window the numbers come from Part A: clipped to percentiles 0.5 and 99.5, then minus the
//! mean and divided by the standard deviation, all four as nnU-Net (Isensee et al. 2021) takes them.
//! Part B is never looked at. With folds, Part A is that of the fold.
//!
//! Deviation from nnU-Net: it takes the voxels that the training *labels* call foreground. Here most
//! of these labels are not annotated yet when a run begins, and what is not annotated must not be
//! known. So the voxels are all above -950 HU, inside the mask if there is one. Lungs count, air
//! around the body does not, nor does what scanners put outside their round field of view. This
//! spreads the intensities of one organ over less of the range. Who knows the organ's window says so,
//! as a radiologist would, and needs no labels for it.
//!
//! A window becomes -1 to 1. These numbers depend on no case.

use crate::error::DataError;
use crate::raw_case::RawCase;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use slicewise_core::IntensityScale;
use std::collections::BTreeMap;
use std::fmt;

/// What is not above this is air. Air is -1000 HU, and inflated lung -900 to -700.
const AIR_HU: i32 = -950;

/// The share of voxels below and above which intensities are clipped, as in nnU-Net.
const CLIPPED: [f64; 2] = [0.005, 0.995];

/// The least standard deviation of scans in HU. Fat and water differ by 100.
const LEAST_DEVIATION_HU: f64 = 1.0;

/// The setting `data.normalise`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Normalise {
    /// Each volume by its own mean and standard deviation.
    #[default]
    Mr,
    /// All volumes by the same numbers: from this window `[low, high]` in HU, or from Part A.
    Ct(Option<[f64; 2]>),
}

impl Normalise {
    /// Tells whether it is the default.
    pub(crate) fn is_mr(&self) -> bool {
        *self == Self::Mr
    }

    /// Returns why the window is none.
    pub(crate) fn problem(self) -> Option<String> {
        match self {
            Self::Ct(Some([low, high])) if !(low < high && (high - low).is_finite()) => Some(
                format!("expected a window of two numbers, the lower first, got [{low}, {high}]"),
            ),
            _ => None,
        }
    }

    /// Tells whether the scans of Part A decide the numbers.
    pub(crate) fn needs_part_a(self) -> bool {
        self == Self::Ct(None)
    }

    /// Returns how intensities are scaled in every case, or `None` if each case is standardised by
    /// itself. `part_a` holds the intensities of Part A, if [`Self::needs_part_a`].
    ///
    /// # Errors
    /// The intensities are no Hounsfield units.
    pub(crate) fn scale(self, part_a: &Intensities) -> Result<Option<IntensityScale>, DataError> {
        match self {
            Self::Mr => Ok(None),
            Self::Ct(Some([low, high])) => Ok(Some(IntensityScale {
                low,
                high,
                zero: (low + high) / 2.0,
                unit: (high - low) / 2.0,
            })),
            Self::Ct(None) => part_a.scale().map(Some),
        }
    }
}

/// How many voxels have each intensity, rounded to whole HU, which is how scanners store them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Intensities(BTreeMap<i32, u64>);

impl Intensities {
    /// Counts the voxels of a case, those inside the mask if there is one.
    pub(crate) fn of(raw: &RawCase) -> Self {
        // Of what fits into 16 bits, as scans are stored, millions of voxels are counted in no time.
        let first = i32::from(i16::MIN);
        let mut stored = vec![0; 1 << 16];
        let mut counts = BTreeMap::new();
        let mut count = |value: f32| {
            let value = value.round() as i32;
            match stored.get_mut(value.wrapping_sub(first) as usize) {
                Some(count) => *count += 1,
                None => *counts.entry(value).or_default() += 1,
            }
        };
        match &raw.mask {
            Some(mask) => {
                let inside = raw.image.voxels.iter().zip(mask).filter(|pair| *pair.1);
                inside.for_each(|(&value, _)| count(value));
            }
            None => raw.image.voxels.iter().for_each(|&value| count(value)),
        }
        counts.extend((first..).zip(stored).filter(|(_, count)| *count > 0));
        Self(counts)
    }

    /// Adds the voxels of another case.
    pub(crate) fn add(mut self, other: &Self) -> Self {
        for (value, count) in &other.0 {
            *self.0.entry(*value).or_default() += count;
        }
        self
    }

    /// Returns the scale that these intensities of Part A give.
    fn scale(&self) -> Result<IntensityScale, DataError> {
        let tissue: Vec<(f64, u64)> = self
            .0
            .range(AIR_HU + 1..)
            .map(|(&value, &count)| (f64::from(value), count))
            .collect();
        let total: u64 = tissue.iter().map(|(_, count)| count).sum();
        let mean_of = |of: &dyn Fn(f64) -> f64| {
            let parts = tissue
                .iter()
                .map(|&(value, count)| of(value) * count as f64);
            parts.sum::<f64>() / total.max(1) as f64
        };
        let mean = mean_of(&|value| value);
        let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt();
        if deviation < LEAST_DEVIATION_HU {
            let range = match (self.0.first_key_value(), self.0.last_key_value()) {
                (Some((least, _)), Some((most, _))) => format!("{least} to {most}"),
                _ => "none".to_owned(),
            };
            return Err(DataError::Setting {
                field: "normalise",
                problem: format!(
                    "expected Hounsfield units for ct (air is -1000, water 0), got intensities of \
                     {range} in Part A"
                ),
            });
        }
        let [low, high] = CLIPPED.map(|share| percentile(&tissue, total, share));
        Ok(IntensityScale {
            low,
            high,
            zero: mean,
            unit: deviation,
        })
    }

    /// Returns the counts as bytes, for the cache: each intensity (i32) with its count (u64),
    /// little-endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let pair = |(value, count): (&i32, &u64)| {
            [&value.to_le_bytes()[..], &count.to_le_bytes()].concat()
        };
        self.0.iter().flat_map(pair).collect()
    }

    /// Returns the counts that [`Self::encode`] made bytes of.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<12>();
        let pair = |bytes: &[u8; 12]| {
            let (value, count) = bytes.split_first_chunk::<4>()?;
            let count = u64::from_le_bytes(count.try_into().ok()?);
            Some((i32::from_le_bytes(*value), count))
        };
        let counts = pairs.iter().map(pair).collect::<Option<_>>()?;
        rest.is_empty().then_some(Self(counts))
    }
}

/// Returns the percentile at `share` of `total` intensities, sorted and with their counts, as NumPy's
/// `percentile` does: interpolated linearly between neighbours.
fn percentile(intensities: &[(f64, u64)], total: u64, share: f64) -> f64 {
    let place = share * (total - 1) as f64;
    let at = |place: f64| {
        let mut before = 0;
        let found = intensities.iter().find(|(_, count)| {
            before += count;
            before as f64 > place
        });
        found.map_or(f64::NAN, |(value, _)| *value)
    };
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

/// What stands under `ct`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ct {
    window: [f64; 2],
}

impl Serialize for Normalise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Mr => serializer.serialize_str("mr"),
            Self::Ct(None) => serializer.serialize_str("ct"),
            Self::Ct(Some(window)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("ct", &Ct { window })?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Normalise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Normalise;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("mr, ct or {ct: {window: [LOW, HIGH]}}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Normalise, E> {
                match text {
                    "mr" => Ok(Normalise::Mr),
                    "ct" => Ok(Normalise::Ct(None)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Normalise, A::Error> {
                match map.next_key::<String>()?.as_deref() {
                    Some("ct") => {
                        let Ct { window } = map.next_value()?;
                        match map.next_key::<String>()? {
                            None => Ok(Normalise::Ct(Some(window))),
                            Some(key) => Err(A::Error::unknown_field(&key, &["ct"])),
                        }
                    }
                    Some(key) => Err(A::Error::unknown_field(key, &["ct"])),
                    None => Err(A::Error::invalid_length(0, &self)),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// The schema of [`Normalise`].
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    let window = serde_json::json!({
        "type": "object",
        "properties": {
            "window": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        },
        "required": ["window"],
        "additionalProperties": false,
    });
    json_schema!({"anyOf": [
        {"enum": ["mr", "ct"]},
        {
            "type": "object",
            "properties": {"ct": window},
            "required": ["ct"],
            "additionalProperties": false,
        },
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intensities(pairs: &[(i32, u64)]) -> Intensities {
        Intensities(pairs.iter().copied().collect())
    }

    /// numpy.percentile([-100] * 3 + [0] * 5 + [40] * 2 + [1000], [0.5, 50, 99.5]), its mean and
    /// standard deviation.
    #[test]
    fn percentiles_mean_and_deviation_are_those_of_numpy() {
        let counts = intensities(&[(-1000, 500), (-100, 3), (0, 5), (40, 2), (1000, 1)]);
        let scale = counts.scale().unwrap();
        assert_eq!(scale.low, -100.0);
        assert!((scale.high - 952.0).abs() < 1e-9, "{scale:?}");
        assert!((scale.zero - 780.0 / 11.0).abs() < 1e-9, "{scale:?}");
        assert!((scale.unit - 298.159_644_4).abs() < 1e-6, "{scale:?}");
    }

    #[test]
    fn what_is_in_no_hounsfield_units_is_refused() {
        for (counts, range) in [
            (intensities(&[(0, 900), (1, 100)]), "0 to 1"),
            (intensities(&[(-1024, 900), (-1000, 100)]), "-1024 to -1000"),
            (intensities(&[]), "none"),
        ] {
            assert_eq!(
                counts.scale().unwrap_err().to_string(),
                format!(
                    "data.normalise: expected Hounsfield units for ct (air is -1000, water 0), got \
                     intensities of {range} in Part A"
                )
            );
        }
    }

    #[test]
    fn counts_come_back_as_they_were_and_add_up() {
        let counts = intensities(&[(-1000, 500), (i32::MAX, 3)]);
        assert_eq!(Intensities::decode(&counts.encode()), Some(counts.clone()));
        assert_eq!(Intensities::decode(&counts.encode()[1..]), None);
        let sum = counts.add(&intensities(&[(-1000, 1), (7, 2)]));
        assert_eq!(sum, intensities(&[(-1000, 501), (7, 2), (i32::MAX, 3)]));
    }

    #[test]
    fn the_setting_is_read_and_written_as_yaml_has_it() {
        for (text, value) in [
            ("\"mr\"", Normalise::Mr),
            ("\"ct\"", Normalise::Ct(None)),
            (
                "{\"ct\":{\"window\":[-160.0,240.0]}}",
                Normalise::Ct(Some([-160.0, 240.0])),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Normalise>(text).unwrap(), value);
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
        for (text, message) in [
            (
                "\"pet\"",
                "invalid value: string \"pet\", expected mr, ct or {ct: {window: [LOW, HIGH]}}",
            ),
            ("{\"mr\": {}}", "unknown field `mr`, expected `ct`"),
            ("{\"ct\": {\"widow\": [1, 2]}}", "unknown field `widow`"),
        ] {
            let problem = serde_json::from_str::<Normalise>(text).unwrap_err();
            assert!(problem.to_string().starts_with(message), "{problem}");
        }
    }
}
