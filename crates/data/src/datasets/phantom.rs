//! Procedural newborns (see [`crate::phantom`]). It needs no files and has the dHCP's
//! nine labels.

use crate::config::{DataConfig, PHANTOM_SPACING_MM};
use crate::datasets::{CaseSource, Dataset, Source};
use crate::error::DataError;
use crate::grouping::LabelGrouping;
use crate::spacing::Spacing;
use slicewise_core::Labels;
use std::ops::RangeInclusive;

/// The voxel sizes that [`crate::phantom::generate`] accepts, in mm.
const SPACINGS_MM: RangeInclusive<f64> = 0.4..=8.0;

/// The dataset `phantom`.
pub(crate) struct Phantoms;

impl Dataset for Phantoms {
    fn name(&self) -> &'static str {
        "phantom"
    }

    fn summary(&self) -> &'static str {
        "procedural newborn heads in dHCP's label scheme; needs no files"
    }

    fn list(
        &self,
        config: &DataConfig,
        _labels: &Labels,
    ) -> Result<Vec<CaseSource>, Vec<DataError>> {
        let setting = |field, problem: String| Err(vec![DataError::Setting { field, problem }]);
        if config.path.is_some() {
            return setting(
                "path",
                "expected none with the dataset phantom, got one".to_owned(),
            );
        }
        let Some(phantom) = &config.phantom else {
            return setting("phantom", "expected subjects and seed, got none".to_owned());
        };
        let spacing = config.spacing_mm.unwrap_or(PHANTOM_SPACING_MM.into());
        let isotropic = spacing
            .isotropic()
            .filter(|size| SPACINGS_MM.contains(size));
        let Some(spacing_mm) = isotropic else {
            let (finest, coarsest) = (SPACINGS_MM.start(), SPACINGS_MM.end());
            let problem = match spacing {
                Spacing::Isotropic(_) => {
                    format!("expected {finest} to {coarsest} mm for phantoms, got {spacing}")
                }
                Spacing::ByAxis(_) => format!(
                    "expected one number of {finest} to {coarsest} mm for phantoms, got {spacing}"
                ),
            };
            return setting("spacing_mm", problem);
        };
        let digits = phantom.subjects.to_string().len().max(2);
        let cases = (0..phantom.subjects).map(|subject| {
            let id = format!("phantom-{:0digits$}", subject + 1);
            CaseSource {
                subject: id.clone(),
                id,
                part: None,
                source: Source::Phantom {
                    seed: phantom.seed,
                    subject,
                    spacing_mm,
                },
            }
        });
        Ok(cases.collect())
    }

    fn classes(&self, _config: &DataConfig) -> Result<LabelGrouping, DataError> {
        Ok(super::dhcp::draw_em_tissues())
    }
}
