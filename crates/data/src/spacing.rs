//! The voxel size that volumes are resampled to: one number, or one for each axis of the body.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use slicewise_core::SliceAxis;
use std::fmt;

/// A voxel size in mm.
#[derive(Clone, Copy, PartialEq)]
pub enum Spacing {
    /// The same along every axis.
    Isotropic(f64),
    /// `[x, y, z]`: right-left, posterior-anterior, inferior-superior, as nibabel and ITK name them.
    ByAxis([f64; 3]),
}

impl Spacing {
    /// Returns the size along right-left, posterior-anterior and inferior-superior, in mm.
    pub fn xyz(self) -> [f64; 3] {
        match self {
            Self::Isotropic(size) => [size; 3],
            Self::ByAxis(sizes) => sizes,
        }
    }

    /// Returns the one size of all axes, in mm; `None` if they differ.
    pub fn isotropic(self) -> Option<f64> {
        let [x, y, z] = self.xyz();
        (x == y && y == z).then_some(x)
    }

    /// Returns the size in mm along the axes `[D, H, W]` of an array that is sliced along `axis`.
    pub fn sliced_along(self, axis: SliceAxis) -> [f64; 3] {
        let [x, y, z] = self.xyz();
        axis.order().map(|from| [z, y, x][from])
    }
}

impl From<f64> for Spacing {
    fn from(size: f64) -> Self {
        Self::Isotropic(size)
    }
}

impl fmt::Display for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Isotropic(size) => write!(f, "{size}"),
            Self::ByAxis([x, y, z]) => write!(f, "{x}×{y}×{z}"),
        }
    }
}

/// Shows the numbers alone. The names of prepared cases in the cache hold this text, so one number
/// has to look as it did when there was nothing else.
impl fmt::Debug for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Isotropic(size) => size.fmt(f),
            Self::ByAxis(sizes) => sizes.fmt(f),
        }
    }
}

impl Serialize for Spacing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Isotropic(size) => size.serialize(serializer),
            Self::ByAxis(sizes) => sizes.serialize(serializer),
        }
    }
}

/// Reads a size; `None` stands for `native`, the file's own voxels.
///
/// # Errors
/// It is neither of the three.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Spacing>, D::Error> {
    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Option<Spacing>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a number of mm, three as [x, y, z], or native")
        }

        fn visit_f64<E>(self, size: f64) -> Result<Self::Value, E> {
            Ok(Some(Spacing::Isotropic(size)))
        }

        fn visit_u64<E>(self, size: u64) -> Result<Self::Value, E> {
            Ok(Some(Spacing::Isotropic(size as f64)))
        }

        fn visit_i64<E>(self, size: i64) -> Result<Self::Value, E> {
            Ok(Some(Spacing::Isotropic(size as f64)))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut sizes = Vec::new();
            while let Some(size) = items.next_element()? {
                sizes.push(size);
            }
            let sizes = <[f64; 3]>::try_from(sizes)
                .map_err(|sizes| A::Error::invalid_length(sizes.len(), &self))?;
            Ok(Some(Spacing::ByAxis(sizes)))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            match text {
                "native" => Ok(None),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Reader)
}

/// The schema of what [`read`] takes.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"type": "number"},
        {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        {"enum": ["native"]},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_of_the_body_become_those_of_a_sliced_array() {
        let spacing = Spacing::ByAxis([0.5, 0.6, 5.0]);
        assert_eq!(spacing.sliced_along(SliceAxis::Axial), [5.0, 0.6, 0.5]);
        assert_eq!(spacing.sliced_along(SliceAxis::Sagittal), [0.5, 5.0, 0.6]);
        assert_eq!(spacing.sliced_along(SliceAxis::Coronal), [0.6, 5.0, 0.5]);
        assert_eq!(spacing.isotropic(), None);
        assert_eq!(Spacing::ByAxis([2.0; 3]).isotropic(), Some(2.0));
    }

    /// Committed configurations and the names of prepared cases hold these texts.
    #[test]
    fn one_number_is_written_as_before() {
        let size = Spacing::from(1.718);
        assert_eq!(serde_json::to_string(&size).unwrap(), "1.718");
        assert_eq!(format!("{:?}", Some(size)), "Some(1.718)");
        assert_eq!(format!("{:?}", Some(Spacing::from(5.0))), "Some(5.0)");
    }

    #[test]
    fn one_number_three_numbers_and_native_are_read_and_nothing_else() {
        let read = |text: &str| {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            read(&mut deserializer).map_err(|error| error.to_string())
        };
        assert_eq!(read("2"), Ok(Some(Spacing::Isotropic(2.0))));
        assert_eq!(read("1.718"), Ok(Some(Spacing::Isotropic(1.718))));
        let by_axis = Spacing::ByAxis([0.5, 0.5, 5.0]);
        assert_eq!(read("[0.5, 0.5, 5]"), Ok(Some(by_axis)));
        assert_eq!(read("\"native\""), Ok(None));
        assert_eq!(read("null"), Ok(None));
        for (text, got) in [
            ("[1, 2]", "invalid length 2"),
            ("[1, 2, 3, 4]", "invalid length 4"),
            ("\"natve\"", "invalid value: string \"natve\""),
        ] {
            let message = read(text).unwrap_err();
            let expected = ", expected a number of mm, three as [x, y, z], or native";
            assert!(
                message.starts_with(&format!("{got}{expected}")),
                "{message}"
            );
        }
    }
}
