//! Finds the volumes of a case by its name, with either ending and with or without the channel's
//! number.

use super::description::ENDINGS;
use std::path::{Path, PathBuf};

/// How the files of a folder are named.
pub(super) struct Files {
    /// The endings that count, the first where there is a choice.
    pub(super) endings: Vec<&'static str>,
    /// The number of the channel that is wanted of several.
    pub(super) channel: Option<usize>,
}

impl Files {
    /// The image of a case: that of the chosen channel, else the only one.
    pub(super) fn image(&self, folder: &Path, case: &str) -> Option<PathBuf> {
        let channel = self.channel.unwrap_or(0);
        let numbered = self.existing(folder, &format!("{case}_{channel:04}"));
        let plain = || self.existing(folder, case).filter(|_| channel == 0);
        numbered.or_else(plain)
    }

    /// The file called `name` with one of the endings.
    pub(super) fn existing(&self, folder: &Path, name: &str) -> Option<PathBuf> {
        let endings = self.endings.iter();
        let mut files = endings.map(|ending| folder.join(format!("{name}{ending}")));
        files.find(|file| file.is_file())
    }

    /// Splits a label's name into the case's and the ending. The Decathlon's archives contain macOS's
    /// `._` files beside the volumes.
    pub(super) fn split<'a>(&self, name: &'a str) -> Option<(&'a str, &'static str)> {
        let mut endings = self.endings.iter();
        let split = endings.find_map(|ending| Some((name.strip_suffix(ending)?, *ending)));
        split.filter(|(id, _)| !id.is_empty() && !id.starts_with('.'))
    }
}

pub(super) fn parent(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

pub(super) fn ending(file: &Path) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?;
    ENDINGS
        .iter()
        .find(|ending| name.ends_with(**ending))
        .copied()
}

/// A file's name without its ending.
pub(super) fn stem(file: &Path) -> &str {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    ending(file).map_or(name, |ending| &name[..name.len() - ending.len()])
}

/// The name of the case in that of a channel's file, `case` in `case_0000`.
pub(super) fn without_channel(stem: &str) -> Option<&str> {
    let (case, channel) = stem.rsplit_once('_')?;
    (channel.len() == 4 && channel.bytes().all(|byte| byte.is_ascii_digit())).then_some(case)
}
