//! Writes segmentations for use elsewhere.

use crate::annotations::drawn_slices;
use crate::error::ProjectError;
use crate::folder::{Project, make_parent};
use crate::history::Event;
use crate::settings::Settings;
use crate::train::predicted;
use ndarray::Axis;
use slicewise_core::{IGNORE, Volume, write_whole};
use slicewise_data::nifti::{read_image, write_image, write_like};
use slicewise_data::scan::read_scan;
use std::fs;
use std::path::{Path, PathBuf};

/// The file by which an exported folder is known, so that it can be written anew.
const MARK: &str = "slicewise-export.txt";

/// Writes a segmentation of each scan, with its uncertainty beside it: on the scan's own voxels, with its
/// file's order of axes and its type of numbers. Drawn slices are as they were drawn; where people were unsure, and between drawn
/// slices, it is the newest model's. On drawn slices the uncertainty is that of the model too.
///
/// # Errors
/// There is no model that has segmented the scans, or the disk failed.
pub fn export_dense(
    project: &mut Project,
    settings: &Settings,
    out: &Path,
) -> Result<usize, ProjectError> {
    let model = project.state().newest().filter(|model| model.predicted);
    let Some(model) = model.map(|model| model.id.clone()) else {
        return Err(ProjectError::Input(
            "expected a model that has segmented the scans, got none; `slicewise train`, then `slicewise \
             predict`"
                .to_owned(),
        ));
    };
    let (folder, state) = (&project.folder, project.state());
    whole_folder(out, "dense", |place| {
        for (case, scan) in &state.scans {
            let image = read_scan(
                &folder.scan_file(&scan.file),
                settings.axis,
                &settings.preparation,
            )?;
            let mut voxels = predicted(folder, state, &model, case)?.ok_or_else(|| {
                ProjectError::Input(format!(
                    "{}: expected the model's segmentation, got none; `slicewise predict` makes it again",
                    folder.prediction(&model, case, "labels").display()
                ))
            })?;
            for (slice, drawn) in drawn_slices(folder, state, case)? {
                let mut place = voxels.index_axis_mut(Axis(0), slice);
                place.zip_mut_with(&drawn, |class, &drawn| {
                    if drawn != IGNORE {
                        *class = drawn;
                    }
                });
            }
            let labels = Volume {
                voxels: voxels.mapv(f32::from),
                geometry: image.geometry,
            };
            let scan = folder.scan_file(&scan.file);
            write_like(&place.join(format!("{case}.nii.gz")), &labels, &scan)?;
            let uncertainty = read_image(&folder.prediction(&model, case, "uncertainty"))?;
            write_image(
                &place.join(format!("{case}-uncertainty.nii.gz")),
                &uncertainty,
            )?;
        }
        Ok(())
    })?;
    let count = state.scans.len();
    project.record(Event::Export {
        kind: "dense".to_owned(),
        out: out.to_owned(),
        model: Some(model),
    })?;
    Ok(count)
}

/// Makes the folder `out` whole or not at all: `write` fills another one beside it, which then takes its
/// name. An earlier export of this `kind` is replaced.
///
/// # Errors
/// `out` is something else, or `write` or the disk failed.
pub(crate) fn whole_folder(
    out: &Path,
    kind: &str,
    write: impl FnOnce(&Path) -> Result<(), ProjectError>,
) -> Result<(), ProjectError> {
    let mark = format!("{kind}\n");
    let ours = fs::read_to_string(out.join(MARK)).is_ok_and(|text| text == mark);
    let empty = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    if out.exists() && !ours && !empty {
        return Err(ProjectError::Input(format!(
            "{}: expected no folder, an empty one, or an earlier export of this kind, got something else; \
             name another folder",
            out.display()
        )));
    }
    make_parent(out)?;
    let (new, old) = (beside(out, "new"), beside(out, "old"));
    for left in [&new, &old] {
        if left.exists() {
            fs::remove_dir_all(left).map_err(ProjectError::io(left))?;
        }
    }
    fs::create_dir(&new).map_err(ProjectError::io(&new))?;
    write(&new)?;
    let path = new.join(MARK);
    write_whole(&path, mark.as_bytes()).map_err(ProjectError::io(&path))?;
    if out.exists() {
        fs::rename(out, &old).map_err(ProjectError::io(out))?;
    }
    fs::rename(&new, out).map_err(ProjectError::io(out))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(ProjectError::io(&old))?;
    }
    Ok(())
}

fn beside(out: &Path, what: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}-{what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_whole_or_not_there_and_nothing_else_is_touched() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("deep/out");
        let write = |text: &'static str| {
            move |place: &Path| {
                fs::write(place.join("a"), text).unwrap();
                Ok(())
            }
        };
        whole_folder(&out, "dense", write("one")).unwrap();
        let failed = whole_folder(&out, "dense", |_| Err(ProjectError::Stopped));
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "one");
        whole_folder(&out, "dense", write("two")).unwrap();
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "two");
        let beside: Vec<_> = fs::read_dir(out.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1);
        let other = whole_folder(&out, "nnunet", write("three")).unwrap_err();
        assert!(other.to_string().contains("name another folder"));
    }
}
