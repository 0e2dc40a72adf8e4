//! The scans of a project: `scans.csv`, one row a scan, which may be edited by hand.

use crate::error::ProjectError;
use crate::folder::keep;
use crate::history::{Event, ScanEntry, sha256};
use crate::{Project, Settings};
use slicewise_core::write_whole;
use slicewise_data::scan::read_scan;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The endings of files that are scans.
const ENDINGS: [&str; 2] = [".nii.gz", ".nii"];

/// Lists the scans in `folder`, or the one file that it is: case and path, sorted by case. A case is
/// called as its file; nnU-Net's `_0000` for the first channel is left out.
///
/// # Errors
/// There is none, or two have the same name.
pub fn find_scans(folder: &Path) -> Result<Vec<(String, PathBuf)>, ProjectError> {
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(folder, &mut files)?;
    } else {
        files.push(folder.to_owned());
    }
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files {
        let Some(case) = case_of(&path) else {
            continue;
        };
        if let Some(other) = found.get(&case) {
            return Err(ProjectError::Input(format!(
                "{}: expected another name than that of {}, since the name says which case it is; rename \
                 one, or write scans.csv by hand",
                path.display(),
                other.display()
            )));
        }
        found.insert(case, path);
    }
    if found.is_empty() {
        return Err(ProjectError::Input(format!(
            "{}: expected scans (.nii or .nii.gz), got none",
            folder.display()
        )));
    }
    Ok(found.into_iter().collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    let failed = |source| ProjectError::io(folder)(source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// Returns the case that a file is called after; `None` if it is no scan.
fn case_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    let stem = stem.strip_suffix("_0000").unwrap_or(stem);
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    (!stem.is_empty()).then(|| stem.chars().map(allowed).collect())
}

/// Writes `scans.csv`. Paths below the project's folder are relative to it.
///
/// # Errors
/// The file cannot be written.
pub fn write_scans(path: &Path, scans: &[(String, PathBuf)]) -> Result<(), ProjectError> {
    let root = path.parent().unwrap_or(Path::new("."));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = || -> Result<(), csv::Error> {
        writer.write_record(["case", "image"])?;
        for (case, image) in scans {
            let image = image.strip_prefix(root).unwrap_or(image);
            writer.write_record([case.as_str(), &image.to_string_lossy()])?;
        }
        Ok(())
    };
    let written = write().map_err(std::io::Error::other);
    written.map_err(ProjectError::io(path))?;
    let text = writer.into_inner().unwrap_or_default();
    write_whole(path, &text).map_err(ProjectError::io(path))
}

/// Reads `scans.csv`: case and path, sorted by case.
///
/// # Errors
/// A row is malformed, a case is there twice, or its name cannot name files.
pub fn read_scans(path: &Path) -> Result<Vec<(String, PathBuf)>, ProjectError> {
    let root = path.parent().unwrap_or(Path::new("."));
    let text = fs::read(path).map_err(ProjectError::io(path))?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(&text[..]);
    let wrong = |problem: String| ProjectError::Input(format!("{}: {problem}", path.display()));
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?;
    if header.iter().ne(["case", "image"]) {
        return Err(wrong(format!(
            "expected the columns case,image, got {}",
            header.iter().collect::<Vec<_>>().join(",")
        )));
    }
    let mut scans = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(error.to_string()))?;
        let case = row[0].to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if case.is_empty() || case.starts_with('.') || !case.chars().all(plain) {
            return Err(wrong(format!(
                "expected a case of letters, digits, -, _ and . (it names files), got {case:?}"
            )));
        }
        if scans.insert(case.clone(), root.join(&row[1])).is_some() {
            return Err(wrong(format!("expected each case once, got {case} twice")));
        }
    }
    Ok(scans.into_iter().collect())
}

/// What became of the scans since they were last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Noticed {
    /// Cases that are new in the project.
    pub joined: Vec<String>,
    /// Cases whose file is another one now, or gone. The project goes on with its own copy, which is what
    /// was drawn on.
    pub changed: Vec<String>,
}

/// Reads each scan of `scans.csv` that the history does not know yet, copies it into the project, and
/// writes down that it joined.
///
/// # Errors
/// A scan cannot be read.
pub fn take_in(project: &mut Project, settings: &Settings) -> Result<Noticed, ProjectError> {
    let mut noticed = Noticed::default();
    let mut joined = Vec::new();
    for (case, path) in read_scans(&project.folder.scans())? {
        let known = project.state().scans.get(&case);
        if known.is_some_and(|known| is_untouched(&path, &project.folder.scan_file(&known.file))) {
            continue;
        }
        let bytes = match (fs::read(&path), known) {
            (Ok(bytes), _) => bytes,
            (Err(_), Some(_)) => Vec::new(),
            (Err(source), None) => return Err(ProjectError::Io { path, source }),
        };
        let sha256 = sha256(&bytes);
        if let Some(known) = known {
            if known.sha256 != sha256 {
                noticed.changed.push(case);
            }
            continue;
        }
        let image = read_scan(&path, settings.axis, &settings.preparation)?;
        let ending = ENDINGS
            .iter()
            .find(|ending| path.to_string_lossy().ends_with(**ending));
        let copy = project.folder.scan(&sha256, ending.unwrap_or(&ENDINGS[0]));
        keep(&copy, &bytes)?;
        joined.push(ScanEntry {
            case: case.clone(),
            file: copy
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            sha256,
            axis: image.geometry.slice_axis(),
            shape: image.voxels.dim().into(),
            spacing_mm: image.geometry.spacing_mm(),
        });
        noticed.joined.push(case);
    }
    if !joined.is_empty() {
        project.record(Event::Scans { scans: joined })?;
    }
    Ok(noticed)
}

/// Whether a scan is as long as the project's copy of it and was not written since that was made. Then it
/// need not be read to know that it is the same.
fn is_untouched(scan: &Path, copy: &Path) -> bool {
    let of = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let both = of(scan).zip(of(copy));
    both.is_some_and(|(scan, copy)| scan.0 == copy.0 && scan.1 < copy.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_found_named_and_written_down() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        fs::create_dir_all(root.join("in/deep")).unwrap();
        for name in [
            "in/b c.nii.gz",
            "in/deep/a_0000.nii",
            "in/notes.txt",
            "in/.x.nii",
        ] {
            fs::write(root.join(name), "").unwrap();
        }
        let found = find_scans(&root.join("in")).unwrap();
        let cases: Vec<&str> = found.iter().map(|(case, _)| case.as_str()).collect();
        assert_eq!(cases, ["a", "b-c"]);
        let path = root.join("scans.csv");
        write_scans(&path, &found).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "case,image\na,in/deep/a_0000.nii\nb-c,in/b c.nii.gz\n"
        );
        assert_eq!(read_scans(&path).unwrap(), found);

        fs::write(root.join("in/a.nii.gz"), "").unwrap();
        let twice = find_scans(&root.join("in")).unwrap_err().to_string();
        assert!(twice.contains("rename one"), "{twice}");
        for (text, expected) in [
            (
                "case,file\n",
                "expected the columns case,image, got case,file",
            ),
            (
                "case,image\na,x\na,y\n",
                "expected each case once, got a twice",
            ),
            ("case,image\n../a,x\n", "got \"../a\""),
        ] {
            fs::write(&path, text).unwrap();
            let error = read_scans(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        fs::create_dir(root.join("empty")).unwrap();
        assert!(find_scans(&root.join("empty")).is_err());
    }
}
