//! `slicewise export`.

use super::arguments::{ExportArguments, ExportKind};
use super::work::{Work, failure};
use crate::failure::Outcome;
use crate::notice::notice;
use anyhow::Context;

/// Writes segmentations, or an nnU-Net data set.
pub(crate) fn export(arguments: &ExportArguments) -> Outcome {
    let out = std::path::absolute(&arguments.out).context("the folder to write")?;
    let mut work = Work::open(arguments.who.name.as_deref())?;
    match arguments.kind {
        ExportKind::Dense => {
            let scans = slicewise_project::export_dense(&mut work.project, &work.settings, &out);
            let scans = scans.map_err(failure)?;
            println!(
                "{}: {scans} segmentations, each with its uncertainty",
                arguments.out.display()
            );
        }
        ExportKind::Nnunet => {
            let exported =
                slicewise_project::export_nnunet(&mut work.project, &work.settings, &out);
            let exported = exported.map_err(failure)?;
            exported.warnings.iter().for_each(notice);
            println!(
                "{}: an nnU-Net data set of {} cases with drawn slices; `ignore` elsewhere{}",
                arguments.out.display(),
                exported.training,
                match exported.others {
                    0 => String::new(),
                    others => format!("; {others} without are in imagesTs"),
                }
            );
        }
    }
    Ok(())
}
