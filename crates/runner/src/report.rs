//! `slicewise report` and `page`: tables, figures and pages from records.

use crate::failure::{Failure, Outcome};
use crate::notice::notice;
use slicewise_report::ReportError;
use std::path::{Path, PathBuf};

/// Writes tables, figures and the page of the results folder at `root`.
pub(crate) fn report(root: &Path) -> Outcome {
    let written = slicewise_report::write(root).map_err(failure)?;
    notice(format_args!("wrote {} files", written.files.len()));
    println!("{}", root.join("report.html").display());
    Ok(())
}

/// Writes the reports of `folders`, and one page for all of them.
pub(crate) fn page(out: &Path, folders: &[PathBuf]) -> Outcome {
    let written = slicewise_report::write_together(out, folders).map_err(failure)?;
    notice(format_args!("wrote {} files", written.files.len()));
    println!("{}", out.display());
    Ok(())
}

fn failure(error: ReportError) -> Failure {
    match error {
        ReportError::Read(_) | ReportError::NoRecords { .. } | ReportError::Picture(_) => {
            Failure::input(error)
        }
        _ => Failure::Run(error.into()),
    }
}
