//! `slicewise phantom`: writes procedural newborn heads as NIfTI files that other tools can read.

use crate::command::PhantomArguments;
use crate::failure::Outcome;
use crate::notice::notice;
use anyhow::Context;
use slicewise_data::{nifti, phantom};
use std::fmt::Write;
use std::fs;

/// Writes images, dHCP tissue labels and brain masks, and a manifest from which `dataset: manifest`
/// reads them back.
pub(crate) fn run(arguments: &PhantomArguments) -> Outcome {
    let out = &arguments.out;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let mut manifest = "case,image,label,mask\n".to_owned();
    for subject in 0..arguments.subjects {
        let head = phantom::generate(arguments.seed, subject, arguments.spacing_mm);
        let id = format!("phantom-{:02}", subject + 1);
        let name = |kind: &str| format!("{id}_{kind}.nii.gz");
        nifti::write_image(&out.join(name("T2w")), &head.image)?;
        nifti::write_labels(&out.join(name("tissue")), &head.tissue)?;
        nifti::write_labels(&out.join(name("mask")), &head.brain_mask)?;
        writeln!(
            manifest,
            "{id},{},{},{}",
            name("T2w"),
            name("tissue"),
            name("mask")
        )?;
        notice(format_args!("{id}: {}", out.join(name("T2w")).display()));
    }
    let path = out.join("manifest.csv");
    fs::write(&path, manifest).with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}
