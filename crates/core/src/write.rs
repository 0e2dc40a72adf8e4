//! Files that appear whole or not at all: written beside their place, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes `bytes` to `path`, whole or not at all, and waits until they are on disk.
///
/// # Errors
/// The file cannot be written. What was there before is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = temporary_beside(path, ".partial")?;
    // By way of the file itself: tempfile would add its temporary name to an error.
    file.as_file().write_all(bytes)?;
    persist(file, path)
}

/// A temporary file in the folder of `path`, so that renaming it to `path` is atomic. Its name
/// begins as that of `path` does, up to a dot: what a kill leaves of it is told by that name, as
/// the file itself is. It ends in `suffix` and has no other dot. The file gets the permissions of any
/// new file. It goes when it is dropped.
///
/// # Errors
/// The file cannot be made.
pub fn temporary_beside(path: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{}-", name.split('.').next().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}

/// Gives a written temporary file its name, and waits until both are on disk.
///
/// # Errors
/// The disk refuses; the temporary file is then gone.
pub fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder_of(path))?.sync_all()
}

/// The folder of `path`; of a bare name, the working directory.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for text in ["long text", "short"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let absent = folder.path().join("absent/a.json");
        assert!(write_whole(&absent, b"x").is_err());
    }

    #[test]
    fn a_temporary_file_is_named_after_the_file_that_it_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("random-seed1-round2.safetensors");
        let file = temporary_beside(&path, ".partial").unwrap();
        let name = file.path().file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("random-seed1-round2-"), "{name}");
        assert!(name.ends_with(".partial"), "{name}");
        assert_eq!(name.matches('.').count(), 1, "{name}");
    }

    #[test]
    fn the_folder_of_a_bare_name_is_the_working_directory() {
        assert_eq!(folder_of(Path::new("all.html")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/all.html")), Path::new("a"));
    }
}
