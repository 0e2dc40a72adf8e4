//! Scans of the developing Human Connectome Project, `sub-*/ses-*/anat`, in the file names of
//! three releases.
//!
//! The names follow the dHCP release notes (2018, 2019 second and 2021 third release, "Structural
//! pipeline"). The labels are Draw-EM's nine tissues (Makropoulos et al. 2018).

use crate::config::DataConfig;
use crate::datasets::{CaseSource, Dataset, MaskFile, Source, entries};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use slicewise_core::Labels;
use std::path::{Path, PathBuf};

/// The dataset `dhcp`.
pub(crate) struct Dhcp;

/// Names of the bias-corrected T2w scan, newest release first. The first that exists is taken.
const IMAGES: &[&str] = &["desc-restore_T2w", "T2w_restore"];
const LABELS: &[&str] = &[
    "desc-drawem9_dseg",
    "desc-drawem9_space-T2w_dseg",
    "drawem_tissue_labels",
];
const MASKS: &[&str] = &[
    "desc-brain_mask",
    "desc-drawem_space-T2w_brainmask",
    "desc-bet_space-T2w_brainmask",
    "desc-bet_space-T2w_mask",
    "brainmask_drawem",
    "brainmask_bet",
];

/// Returns Draw-EM's tissues as classes. Its values 0 and 4 are outside the brain.
pub(crate) fn draw_em_tissues() -> LabelGrouping {
    LabelGrouping::new(
        &[0, 4],
        [
            ("csf", &[1][..]),
            ("cortical-grey-matter", &[2]),
            ("white-matter", &[3]),
            ("ventricles", &[5]),
            ("cerebellum", &[6]),
            ("deep-grey-matter", &[7]),
            ("brainstem", &[8]),
            ("hippocampi-amygdalae", &[9]),
        ],
    )
}

impl Dataset for Dhcp {
    fn name(&self) -> &'static str {
        "dhcp"
    }

    fn summary(&self) -> &'static str {
        "dHCP releases: sub-*/ses-*/anat with restored T2w, brain mask and Draw-EM labels"
    }

    fn list(
        &self,
        config: &DataConfig,
        labels: &Labels,
    ) -> Result<Vec<CaseSource>, Vec<DataError>> {
        list(&config.root(), labels).map_err(|problem| vec![problem])
    }

    fn classes(&self, _config: &DataConfig) -> Result<LabelGrouping, DataError> {
        Ok(draw_em_tissues())
    }
}

fn list(root: &Path, labels: &Labels) -> Result<Vec<CaseSource>, DataError> {
    let root = pipeline_folder(root);
    let mut cases = Vec::new();
    for subject in entries(&root, "a folder of sub-* folders")? {
        if !subject.starts_with("sub-") || !root.join(&subject).is_dir() {
            continue;
        }
        for session in entries(&root.join(&subject), "a folder of ses-* folders")? {
            let anat = root.join(&subject).join(&session).join("anat");
            // A session without anat (diffusion only) is no case. A session without a volume is
            // one, and fails when it is read.
            if !session.starts_with("ses-") || !anat.is_dir() {
                continue;
            }
            let id = format!("{subject}_{session}");
            let existing_or_newest = |names: &[&str]| {
                let path = |name: &&str| anat.join(format!("{id}_{name}.nii.gz"));
                let paths: Vec<PathBuf> = names.iter().map(path).collect();
                let existing = paths.iter().find(|path| path.is_file());
                existing.unwrap_or(&paths[0]).clone()
            };
            let tissue = *labels != Labels::Mask;
            cases.push(CaseSource {
                subject: subject.clone(),
                part: None,
                source: Source::Files {
                    image: existing_or_newest(IMAGES),
                    labels: tissue.then(|| existing_or_newest(LABELS)),
                    mask: Some(MaskFile::Mask(existing_or_newest(MASKS))),
                },
                id,
            });
        }
    }
    if cases.is_empty() {
        return Err(DataError::Missing {
            path: root.join("sub-*/ses-*/anat"),
            expected: "at least one session of a dHCP release".to_owned(),
        });
    }
    Ok(cases)
}

/// Returns the folder of the structural pipeline. Releases nest it in `derivatives`; the user may
/// name either folder.
fn pipeline_folder(root: &Path) -> PathBuf {
    ["derivatives/dhcp_anat_pipeline", "dhcp_anat_pipeline"]
        .iter()
        .map(|nested| root.join(nested))
        .find(|nested| nested.is_dir())
        .unwrap_or_else(|| root.to_owned())
}
