//! The sixteen ALBERT newborns: T2w scans with manually corrected segmentations.
//!
//! Sources: Gousias et al. 2012 (scans), github.com/DCAN-Labs/dcan-infant-pipeline (segmentations
//! and corrected brain masks). There are two folders under the root:
//! - `dcan-neonates/Template01..16/{T2w_brain,Segmentation}.nii.gz`, stripped to the brain;
//! - `alberts/T2/ALBERT_01..16.nii.gz`, loosely stripped; 02 and 09 do not exist.
//!
//! Template N and ALBERT N are the same baby, so its case is `baby-N` in every task. A task of the
//! mask, as brain extraction, uses the loosely stripped scan and the corrected mask (T2w_brain > 0). A rim of skull
//! remains around the brain, so the task is easier than on whole heads.

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, MaskFile, Source, entries};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use slicewise_core::Labels;
use std::path::Path;

/// The dataset `neonates`.
pub(crate) struct Neonates;

/// Class of CSF, which the segmentation leaves at 0 inside the brain mask.
const CSF: u8 = 1;

impl Dataset for Neonates {
    fn name(&self) -> &'static str {
        "neonates"
    }

    fn summary(&self) -> &'static str {
        "the ALBERT newborns: alberts/T2 (14 for brain extraction) and dcan-neonates (16 for tissues)"
    }

    fn list(
        &self,
        config: &DataConfig,
        labels: &Labels,
    ) -> Result<Vec<CaseSource>, Vec<DataError>> {
        list(&config.root(), labels).map_err(|problem| vec![problem])
    }

    /// Groups FreeSurfer's label values, left and right together.
    fn classes(&self, _config: &DataConfig) -> Result<LabelGrouping, DataError> {
        let mut grouping = LabelGrouping::new(
            &[0],
            [
                ("csf", &[][..]),
                ("cortical-grey-matter", &[3, 42]),
                ("white-matter", &[2, 41]),
                ("ventricles", &[4, 43, 14, 15]),
                // Value 6 occurs in three stray voxels of cerebellum exterior in Template11.
                ("cerebellum", &[8, 47, 172, 6]),
                (
                    "deep-grey-matter",
                    &[10, 11, 12, 13, 26, 28, 49, 50, 51, 52, 58, 60],
                ),
                ("brainstem", &[16]),
                ("hippocampi-amygdalae", &[17, 18, 53, 54]),
            ],
        );
        grouping.unlabelled_inside_mask = Some(CSF);
        Ok(grouping)
    }
}

fn list(root: &Path, labels: &Labels) -> Result<Vec<CaseSource>, DataError> {
    let templates = root.join("dcan-neonates");
    let scans = root.join("alberts/T2");
    let whole = *labels == Labels::Mask;
    let numbers: Vec<String> = if whole {
        between(&scans, "ALBERT_", ".nii.gz")?
    } else {
        between(&templates, "Template", "")?
    };
    let cases = numbers.into_iter().map(|number| {
        let template = templates.join(format!("Template{number}"));
        let stripped = template.join("T2w_brain.nii.gz");
        let id = format!("baby-{number}");
        let (image, labels) = if whole {
            (scans.join(format!("ALBERT_{number}.nii.gz")), None)
        } else {
            (stripped.clone(), Some(template.join("Segmentation.nii.gz")))
        };
        CaseSource {
            subject: id.clone(),
            id,
            part: None,
            source: Source::Files {
                image,
                labels,
                mask: Some(MaskFile::StrippedScan(stripped)),
            },
        }
    });
    Ok(cases.collect())
}

/// Lists the two digits of names such as `Template07` in a folder, sorted.
fn between(folder: &Path, before: &str, after: &str) -> Result<Vec<String>, DataError> {
    let numbers: Vec<String> = entries(folder, &format!("a folder of {before}NN{after}"))?
        .iter()
        .filter_map(|name| name.strip_prefix(before)?.strip_suffix(after))
        .filter(|number| number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    if numbers.is_empty() {
        return Err(DataError::Missing {
            path: folder.join(format!("{before}NN{after}")),
            expected: "at least one newborn".to_owned(),
        });
    }
    Ok(numbers)
}
