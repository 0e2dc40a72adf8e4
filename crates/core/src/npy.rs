//! Arrays as NumPy's `.npy` files, which every language of the field reads.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.0.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// A type of numbers that can be written.
pub trait Number: Copy + Sized {
    /// NumPy's name of the type.
    const DESCRIPTION: &'static str;
    /// Writes its bytes, the lowest first.
    ///
    /// # Errors
    /// The file cannot be written.
    fn write(self, file: &mut impl Write) -> std::io::Result<()>;
    /// Returns the number of these bytes, of which there are as many as a number has.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Number for f32 {
    const DESCRIPTION: &'static str = "<f4";
    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(f32::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl Number for u8 {
    const DESCRIPTION: &'static str = "|u1";
    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        file.write_all(&[self])
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first().copied()
    }
}

/// Writes an array of this shape, whose `values` come with the last axis fastest.
///
/// # Errors
/// The file cannot be written.
pub fn write<'v, T: Number + 'v>(
    path: &Path,
    shape: &[usize],
    values: impl Iterator<Item = &'v T>,
) -> std::io::Result<()> {
    let lengths: Vec<String> = shape.iter().map(|length| format!("{length},")).collect();
    let header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
        T::DESCRIPTION,
        lengths.join(" ")
    );
    // Magic string, version and length take ten bytes; the whole is padded to a multiple of 64 and
    // ends with a line feed.
    let padding = (64 - (header.len() + 11) % 64) % 64;
    let header = format!("{header}{}\n", " ".repeat(padding));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for &value in values {
        value.write(&mut file)?;
    }
    file.flush()
}

/// Reads an array of this shape and type, with the last axis fastest.
///
/// # Errors
/// The file cannot be read, or holds something else, in words without the file's name.
pub fn read<T: Number>(path: &Path, shape: &[usize]) -> Result<Vec<T>, String> {
    let values: usize = shape.iter().product();
    let length = (values * size_of::<T>()) as u64;
    let file = File::open(path).map_err(|error| error.to_string())?;
    // A header is no longer than this, so nobody can make us read more.
    let mut bytes = Vec::new();
    file.take(length + LONGEST_HEADER + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let (header, data) = split(&bytes).ok_or("expected a .npy file, got something else")?;
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!("'{name}':"))?;
        Some(rest.trim_start())
    };
    let description = format!("'{}'", T::DESCRIPTION);
    let is_type = field("descr").is_some_and(|rest| rest.starts_with(&description));
    let is_c = field("fortran_order").is_some_and(|rest| rest.starts_with("False"));
    let got = field("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let got: Option<Vec<usize>> = got.and_then(|(lengths, _)| {
        let lengths = lengths.split(',').map(str::trim).filter(|n| !n.is_empty());
        lengths.map(|length| length.parse().ok()).collect()
    });
    if !is_type || !is_c || got.as_deref() != Some(shape) {
        return Err(format!(
            "expected {} of shape {shape:?} in C order, got {}",
            T::DESCRIPTION,
            header.trim()
        ));
    }
    let got = data.len() as u64;
    if got != length {
        let (got, cause) = match got < length {
            true => (got.to_string(), "it is cut short"),
            false => ("more".to_owned(), "something is appended to it"),
        };
        return Err(format!(
            "expected {length} bytes of data behind the header, got {got}: {cause}"
        ));
    }
    let numbers = data.chunks_exact(size_of::<T>()).map(T::read);
    numbers
        .collect::<Option<_>>()
        .ok_or_else(|| "it is cut short".to_owned())
}

/// A header of version 1.0 is at most this long, in bytes.
const LONGEST_HEADER: u64 = (1 << 16) + 10;

/// Splits a file into the text of its header and its data.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
    let (length, rest) = rest.split_at_checked(2)?;
    let length = u16::from_le_bytes([length[0], length[1]]);
    let (header, data) = rest.split_at_checked(usize::from(length))?;
    Some((std::str::from_utf8(header).ok()?, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_that_numpy_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write(&path, &[2, 1, 3], [1_u8, 2, 3, 4, 5, 255].iter()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 128 + 6);
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 3,), }";
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(&bytes[10..10 + text.len()], text.as_bytes());
        assert!(bytes[10 + text.len()..127].iter().all(|&byte| byte == b' '));
        assert_eq!(&bytes[127..], [b'\n', 1, 2, 3, 4, 5, 255]);
        write(&path, &[1], [1.5_f32].iter()).unwrap();
        assert_eq!(&std::fs::read(&path).unwrap()[128..], 1.5_f32.to_le_bytes());
    }

    #[test]
    fn an_array_is_read_back_and_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let values = [1.5_f32, -2.0, 0.0, 7.25, 1e-30, f32::MAX];
        write(&path, &[2, 3], values.iter()).unwrap();
        assert_eq!(read::<f32>(&path, &[2, 3]).unwrap(), values);
        let refused = read::<f32>(&path, &[3, 2]).unwrap_err();
        assert_eq!(
            refused,
            "expected <f4 of shape [3, 2] in C order, got \
             {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,), }"
        );
        assert!(read::<u8>(&path, &[2, 3]).is_err());
        let bytes = std::fs::read(&path).unwrap();
        for cut in [0, 5, 9, 11, 100, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(read::<f32>(&path, &[2, 3]).is_err(), "{cut}");
        }
        assert_eq!(
            read::<f32>(&path, &[2, 3]).unwrap_err(),
            "expected 24 bytes of data behind the header, got 23: it is cut short"
        );
        std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        assert_eq!(
            read::<f32>(&path, &[2, 3]).unwrap_err(),
            "expected 24 bytes of data behind the header, got more: something is appended to it"
        );
    }
}
