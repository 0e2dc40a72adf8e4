//! What label values mean: from a file's own numbers to the classes of a task.

use crate::error::DataError;
use ndarray::{Array3, Zip};
use std::collections::BTreeMap;
use std::path::Path;

/// Class names, background first, and the class of every label value that may occur.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelGrouping {
    /// Names by class index; `classes[0]` is `background`.
    pub classes: Vec<String>,
    /// Class of each label value.
    pub class_of: BTreeMap<i32, u8>,
    /// Class of voxels inside the mask with the label value 0, where a protocol leaves a tissue
    /// unlabelled (the newborns' CSF).
    pub unlabelled_inside_mask: Option<u8>,
}

impl LabelGrouping {
    /// Name and label values of each foreground class, in class order; `background` lists the
    /// values of class 0.
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
        }
    }

    /// Classes `[z, y, x]` of label values `[z, y, x]`. Outside the mask, where there is one,
    /// everything is background.
    ///
    /// # Errors
    /// A value without a class, wherever it lies.
    pub fn apply(
        &self,
        labels: &Array3<i32>,
        mask: Option<&Array3<bool>>,
        file: &Path,
    ) -> Result<Array3<u8>, DataError> {
        let unknown = |value: &i32| !self.class_of.contains_key(value);
        if let Some(&value) = labels.iter().find(|value| unknown(value)) {
            let expected: Vec<String> = self.class_of.keys().map(i32::to_string).collect();
            return Err(DataError::UnknownLabel {
                path: file.to_owned(),
                value,
                count: labels.iter().filter(|&&other| other == value).count(),
                expected: expected.join(", "),
            });
        }
        let mut classes = labels.mapv(|value| self.class_of[&value]);
        if let Some(mask) = mask {
            Zip::from(&mut classes)
                .and(labels)
                .and(mask)
                .for_each(|class, &value, &inside| {
                    if !inside {
                        *class = 0;
                    } else if value == 0
                        && let Some(unlabelled) = self.unlabelled_inside_mask
                    {
                        *class = unlabelled;
                    }
                });
        }
        Ok(classes)
    }
}
