//! Writes files whole or not at all: first beside their place, then by renaming.

use std::io;
use std::path::Path;
use tempfile::NamedTempFile;

/// Makes a temporary file in the folder of `path`, so that renaming it to `path` is atomic. Its
/// name ends in `suffix` and has no other dot. It gets the permissions of any new file.
pub(crate) fn temporary_beside(path: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix("slicewise-").suffix(suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
