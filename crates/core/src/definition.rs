//! What a task's labels are, how two segmentations of it are compared, and along which axis its
//! volumes are sliced.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// A task of your own: what its labels are, how P and R compare segmentations of it, and which
/// slices are annotated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDefinition {
    /// The classes to segment. `mask`: one class, the data set's brain mask or, without one, every
    /// label above 0, in the whole image. `all`: every class that the data set's labels have,
    /// inside the brain mask if there is one. A list of class names: only those, in this order; all
    /// others become background. Required.
    pub labels: Labels,
    /// How P and R compare two segmentations of a slice. Required.
    pub agreement: Agreement,
    /// Whether a case may lack a class of the task. Default: false, so that a case that lacks one
    /// is reported before anything runs. With true, a class that is neither in a case nor in its
    /// segmentation has no Dice there, and falls out of the means. So a case may also lack all of
    /// them, as a healthy scan in a task of lesions; but with `labels: mask` a case without
    /// foreground is refused either way, because it is almost surely the wrong file.
    #[serde(default)]
    pub absent_classes: bool,
    /// The axis that volumes are sliced along. Default: `axial`.
    #[serde(default)]
    pub slice_axis: SliceAxis,
}

/// Which classes a task has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// One class: the mask of the data set, or every label above 0.
    Mask,
    /// Every class of the data set.
    All,
    /// These classes of the data set; all others are background.
    Classes(Vec<String>),
}

/// How two segmentations of a slice are compared: SR1 with SR2 (P), or with the ground truth (R).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// Dice over foreground voxels, 2 |S1 ∩ S2| / (|S1| + |S2|), whatever their classes: the
    /// paper's measure for Task 1.
    Dice,
    /// Accuracy over foreground voxels, 2 #(S1 = S2 ≠ 0) / (#(S1 ≠ 0) + #(S2 ≠ 0)): the paper's
    /// measure for Task 2. With one class it is Dice.
    Accuracy,
}

/// The axis that a volume is sliced along. Slices are perpendicular to it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SliceAxis {
    /// Axial slices, from inferior to superior. Arrays are `[z, y, x]`.
    #[default]
    Axial,
    /// Sagittal slices, from left to right. Arrays are `[x, z, y]`.
    Sagittal,
    /// Coronal slices, from posterior to anterior. Arrays are `[y, z, x]`.
    Coronal,
    /// Each scan's axis of largest voxel spacing: thick slices are annotated in the plane in which
    /// they were taken. Without one largest spacing the slices are axial.
    Thickest,
}

/// Spacings that differ by a smaller share than this are the same.
const SAME_SPACING: f64 = 1e-3;

impl TaskDefinition {
    /// Task 1 of the paper. Like the next, it lets a case lack a class.
    pub const BRAIN_EXTRACTION: Self = Self {
        labels: Labels::Mask,
        agreement: Agreement::Dice,
        absent_classes: true,
        slice_axis: SliceAxis::Axial,
    };
    /// Task 2 of the paper.
    pub const TISSUE_SEGMENTATION: Self = Self {
        labels: Labels::All,
        agreement: Agreement::Accuracy,
        absent_classes: true,
        slice_axis: SliceAxis::Axial,
    };
}

/// All of it in one line, for people and for hashes.
impl fmt::Display for TaskDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.labels {
            Labels::Mask => f.write_str("the mask")?,
            Labels::All => f.write_str("all classes")?,
            Labels::Classes(names) => f.write_str(&names.join(", "))?,
        }
        let agreement = match self.agreement {
            Agreement::Dice => "Dice",
            Agreement::Accuracy => "accuracy",
        };
        let absent = if self.absent_classes {
            ", a case may lack a class"
        } else {
            ""
        };
        write!(
            f,
            "; P and R by {agreement}{absent}; {}",
            self.slice_axis.words()
        )
    }
}

impl SliceAxis {
    /// Returns what the slices are called: `axial slices`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Axial => "axial slices",
            Self::Sagittal => "sagittal slices",
            Self::Coronal => "coronal slices",
            Self::Thickest => "slices across the thickest axis",
        }
    }

    /// Returns what one slice is called, and the end of the body that slices are counted from.
    pub fn slice_and_start(self) -> (&'static str, &'static str) {
        match self {
            Self::Axial => ("axial slice", "inferior"),
            Self::Sagittal => ("sagittal slice", "left"),
            Self::Coronal => ("coronal slice", "posterior"),
            Self::Thickest => ("slice", "its first end"),
        }
    }

    /// Returns how a slice `[H, W]` lies when its rows are drawn upwards, in a sentence without stop.
    pub fn orientation(self) -> &'static str {
        match self {
            Self::Axial | Self::Thickest => {
                "Anterior is up and the subject's right is on the right (neurological orientation)"
            }
            Self::Sagittal => "Superior is up and anterior is on the right",
            Self::Coronal => {
                "Superior is up and the subject's right is on the right (neurological orientation)"
            }
        }
    }

    /// Returns the axis that this one is for a scan of the given spacing `[z, y, x]` in mm, which
    /// is never [`Thickest`](Self::Thickest).
    pub fn of_spacing(self, spacing_mm: [f64; 3]) -> Self {
        if self != Self::Thickest {
            return self;
        }
        let thickest = |axis: usize| {
            let others = (0..3).filter(|&other| other != axis);
            others
                .map(|other| spacing_mm[other])
                .all(|other| spacing_mm[axis] > other * (1.0 + SAME_SPACING))
        };
        let axes = [Self::Axial, Self::Coronal, Self::Sagittal];
        axes.into_iter()
            .enumerate()
            .find(|&(axis, _)| thickest(axis))
            .map_or(Self::Axial, |(_, found)| found)
    }

    /// Returns for each axis of a sliced array the axis of the array `[z, y, x]` that it is.
    pub fn order(self) -> [usize; 3] {
        match self {
            Self::Axial | Self::Thickest => [0, 1, 2],
            Self::Sagittal => [2, 0, 1],
            Self::Coronal => [1, 0, 2],
        }
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mask => serializer.serialize_str("mask"),
            Self::All => serializer.serialize_str("all"),
            Self::Classes(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("`mask`, `all` or a list of class names")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Labels, E> {
                match word {
                    "mask" => Ok(Labels::Mask),
                    "all" => Ok(Labels::All),
                    other => Err(E::custom(format!(
                        "expected `mask`, `all` or a list of class names, got `{other}`; \
                         for one class write [{other}]"
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Labels, A::Error> {
                let names = Vec::<String>::deserialize(SeqAccessDeserializer::new(names))?;
                let distinct: BTreeSet<&String> = names.iter().collect();
                if names.is_empty() || distinct.len() < names.len() {
                    return Err(A::Error::custom(format!(
                        "expected at least one class name, each once, got [{}]",
                        names.join(", ")
                    )));
                }
                Ok(Labels::Classes(names))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Labels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "enum": ["mask", "all"]},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thickest_axis_is_the_one_of_largest_spacing_and_a_tie_is_axial() {
        let of = |spacing| SliceAxis::Thickest.of_spacing(spacing);
        assert_eq!(of([5.0, 1.0, 1.0]), SliceAxis::Axial);
        assert_eq!(of([1.0, 3.0, 1.0]), SliceAxis::Coronal);
        assert_eq!(of([1.0, 1.0, 3.3]), SliceAxis::Sagittal);
        for tie in [[1.0; 3], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0005], [f64::NAN; 3]] {
            assert_eq!(of(tie), SliceAxis::Axial, "{tie:?}");
        }
        assert_eq!(
            SliceAxis::Coronal.of_spacing([1.0, 1.0, 9.0]),
            SliceAxis::Coronal
        );
    }

    #[test]
    fn a_definition_reads_as_one_line() {
        let mut definition = TaskDefinition::BRAIN_EXTRACTION;
        assert_eq!(
            definition.to_string(),
            "the mask; P and R by Dice, a case may lack a class; axial slices"
        );
        definition.labels = Labels::Classes(vec!["liver".to_owned(), "tumour".to_owned()]);
        definition.absent_classes = false;
        definition.slice_axis = SliceAxis::Thickest;
        assert_eq!(
            definition.to_string(),
            "liver, tumour; P and R by Dice; slices across the thickest axis"
        );
    }
}
