//! Arrays as NumPy's `.npy` files, which every language of the field reads.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.0.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A type of numbers that can be written.
pub(crate) trait Number: Copy {
    /// NumPy's name of the type.
    const DESCRIPTION: &'static str;
    /// Its bytes, the lowest first.
    fn write(self, file: &mut impl Write) -> std::io::Result<()>;
}

impl Number for f32 {
    const DESCRIPTION: &'static str = "<f4";
    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }
}

impl Number for u8 {
    const DESCRIPTION: &'static str = "|u1";
    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        file.write_all(&[self])
    }
}

/// Writes an array of this shape, whose `values` come with the last axis fastest.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write<'v, T: Number + 'v>(
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
}
