//! Assigns a file's label values to the classes of a task.

use crate::error::DataError;
use crate::mask;
use ndarray::{Array3, Zip};
use slicewise_core::IGNORE;
use std::collections::BTreeMap;
use std::path::Path;

/// Class names, and the class of every label value that may occur.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelGrouping {
    /// Class names by class index; `classes[0]` is `background`.
    pub classes: Vec<String>,
    /// The class of each label value.
    pub class_of: BTreeMap<i32, u8>,
    /// The class of voxels inside the mask with label value 0, if a protocol leaves a tissue
    /// unlabelled (as the newborns' leaves CSF).
    pub unlabelled_inside_mask: Option<u8>,
    /// Whether the values' meaning is unknown and every value above 0 is class 1.
    pub any_above_0: bool,
    /// The label value of voxels that nobody drew; they become [`IGNORE`].
    pub ignore: Option<i32>,
}

impl LabelGrouping {
    /// Makes a grouping. `background` lists the label values of class 0; the name and label values
    /// of each foreground class follow in class order.
    pub fn new<'a>(
        background: &[i32],
        foreground: impl IntoIterator<Item = (&'a str, &'a [i32])>,
    ) -> Self {
        let mut classes = vec!["background".to_owned()];
        let mut class_of: BTreeMap<i32, u8> = background.iter().map(|&value| (value, 0)).collect();
        for (name, values) in foreground {
            let class = classes.len() as u8;
            class_of.extend(values.iter().map(|&value| (value, class)));
            classes.push(name.to_owned());
        }
        Self {
            classes,
            class_of,
            unlabelled_inside_mask: None,
            any_above_0: false,
            ignore: None,
        }
    }

    /// Keeps the classes called `names`, in this order; all others become background.
    ///
    /// # Errors
    /// The first name that no foreground class has.
    pub fn chosen(&self, names: &[String]) -> Result<Self, String> {
        let known = || self.classes.iter().skip(1);
        let mut new = vec![0; self.classes.len()];
        for (place, name) in names.iter().enumerate() {
            let found = known().position(|class| class == name);
            let found = found.ok_or_else(|| name.clone())?;
            new[found + 1] = place as u8 + 1;
        }
        let class_of = self.class_of.iter();
        Ok(Self {
            classes: std::iter::once(&self.classes[0])
                .chain(names)
                .cloned()
                .collect(),
            class_of: class_of
                .map(|(&value, &class)| (value, new[usize::from(class)]))
                .collect(),
            unlabelled_inside_mask: self
                .unlabelled_inside_mask
                .map(|class| new[usize::from(class)]),
            any_above_0: false,
            ignore: self.ignore,
        })
    }

    /// Makes all foreground classes one, called `name`.
    pub fn merged(&self, name: &str) -> Self {
        let class_of = self.class_of.iter();
        Self {
            classes: vec![self.classes[0].clone(), name.to_owned()],
            class_of: class_of
                .map(|(&value, &class)| (value, class.min(1)))
                .collect(),
            unlabelled_inside_mask: self.unlabelled_inside_mask.map(|class| class.min(1)),
            any_above_0: self.any_above_0,
            ignore: self.ignore,
        }
    }

    /// Returns the classes `[z, y, x]` of label values `[z, y, x]`, [`IGNORE`] where nobody drew.
    ///
    /// # Errors
    /// A value has no class, wherever it lies.
    pub fn apply(&self, labels: &Array3<i32>, file: &Path) -> Result<Array3<u8>, DataError> {
        if self.any_above_0 {
            let (inside, _) = mask::of_labels(labels).map_err(|fault| DataError::File {
                path: file.to_owned(),
                fault,
            })?;
            return Ok(inside.mapv(u8::from));
        }
        let unknown =
            |value: &i32| !self.class_of.contains_key(value) && Some(*value) != self.ignore;
        if let Some(&value) = labels.iter().find(|value| unknown(value)) {
            let expected: Vec<String> = self.class_of.keys().map(i32::to_string).collect();
            return Err(DataError::UnknownLabel {
                path: file.to_owned(),
                value,
                count: labels.iter().filter(|&&other| other == value).count(),
                expected: expected.join(", "),
            });
        }
        let class = |value: i32| self.class_of.get(&value).copied().unwrap_or(IGNORE);
        Ok(labels.mapv(class))
    }

    /// Makes everything outside a mask `[z, y, x]` background, and what is unlabelled inside the
    /// class that it has. Returns how many voxels with a foreground class were outside.
    pub(crate) fn mask(
        &self,
        classes: &mut Array3<u8>,
        labels: &Array3<i32>,
        mask: &Array3<bool>,
    ) -> usize {
        let mut outside = 0;
        Zip::from(classes)
            .and(labels)
            .and(mask)
            .for_each(|class, &value, &inside| {
                if !inside {
                    outside += usize::from(*class != 0);
                    *class = 0;
                } else if value == 0
                    && let Some(unlabelled) = self.unlabelled_inside_mask
                {
                    *class = unlabelled;
                }
            });
        outside
    }
}
