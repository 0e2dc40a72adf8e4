//! Tells why a volume cannot be opened, and what lies where one is missing: a link to nothing, no
//! folder, a file of a similar name.

use crate::error::DataError;
use crate::fault::{Fault, Near};
use crate::format::Format;
use slicewise_core::nearest;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Returns the error about a volume that the system could not open or read.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> DataError {
    let path = path.to_owned();
    let fault = match source.kind() {
        ErrorKind::NotFound => Fault::NotFound { near: near(&path) },
        ErrorKind::IsADirectory => Fault::Format(Format::Folder),
        _ => return DataError::Io { path, source },
    };
    DataError::File { path, fault }
}

fn near(path: &Path) -> Near {
    if let Ok(to) = path.read_link() {
        return Near::Link(to.display().to_string());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = folder.unwrap_or(Path::new(".")).read_dir() else {
        return Near::NoFolder;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    similar(&name, &names).map_or(Near::Nothing, |name| Near::Similar(name.to_owned()))
}

/// Returns the name that differs in its ending, in small and capital letters or in a channel's
/// number, or else in a few letters of its last part.
fn similar<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let wanted = stem(name);
    let stems: Vec<String> = names.iter().map(|other| stem(other)).collect();
    let found = stems.iter().position(|other| *other == wanted).or_else(|| {
        // The numbers must agree: the next case's file is not the one that was meant.
        let numbers =
            |name: &str| -> String { name.chars().filter(char::is_ascii_digit).collect() };
        let (before, last) = wanted.split_at(wanted.rfind(['_', '-']).map_or(0, |at| at + 1));
        let candidates = stems
            .iter()
            .filter(|other| numbers(other) == numbers(&wanted))
            .filter_map(|other| other.strip_prefix(before));
        let nearest = format!("{before}{}", nearest(last, candidates)?);
        stems.iter().position(|other| *other == nearest)
    });
    found.map(|place| names[place].as_str())
}

/// Returns a name without its ending and nnU-Net's number of the first channel, in small letters.
fn stem(name: &str) -> String {
    let small = name.to_lowercase();
    let stem = small.strip_suffix(".gz").unwrap_or(&small);
    let stem = stem.strip_suffix(".nii").unwrap_or(stem);
    stem.strip_suffix("_0000").unwrap_or(stem).to_owned()
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_similar_name_differs_in_ending_letters_or_channel_but_in_no_number() {
        let names = [
            "s1.nii",
            "S2.nii.gz",
            "s3_0000.nii.gz",
            "s4_T2w.nii.gz",
            "notes.txt",
        ]
        .map(str::to_owned);
        for (name, expected) in [
            ("s1.nii.gz", Some("s1.nii")),
            ("s2.nii.gz", Some("S2.nii.gz")),
            ("s3.nii.gz", Some("s3_0000.nii.gz")),
            ("s4_T2.nii.gz", Some("s4_T2w.nii.gz")),
            ("s5.nii.gz", None),
            ("s5_T2w.nii.gz", None),
            ("s4_T2w_mask.nii.gz", None),
        ] {
            assert_eq!(similar(name, &names), expected, "{name}");
        }
    }
}
