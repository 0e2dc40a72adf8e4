//! Text files as people save them: a byte order mark is skipped, and what is no UTF-8 is named.

use crate::error::DataError;
use std::path::Path;

/// The byte order mark of UTF-8, which Windows programs put before the text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The byte order marks of other encodings. That of UTF-32 begins like one of UTF-16.
const OTHER_MARKS: &[(&[u8], &str)] = &[
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Returns the text without a byte order mark.
///
/// # Errors
/// The bytes are no UTF-8. The error says what they are instead, in words.
pub fn decode(mut bytes: Vec<u8>) -> Result<String, String> {
    if let Some((mark, encoding)) = OTHER_MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        let mark: Vec<String> = mark.iter().map(|byte| format!("{byte:02X}")).collect();
        return Err(format!("{encoding} (it begins with {})", mark.join(" ")));
    }
    // Letters of UTF-16 without a mark: every other byte is 0.
    if bytes.len() > 1 && (bytes[0] == 0) != (bytes[1] == 0) {
        return Err("UTF-16 or no text (a zero is among its first two bytes)".to_owned());
    }
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
        format!("the byte {:02X} in line {line}", bytes[at])
    })
}

/// Reads a table or a description.
///
/// # Errors
/// There is no such file (the error says what was `expected`), it cannot be read, is empty, is a Git
/// LFS pointer or no UTF-8.
pub(crate) fn read(path: &Path, expected: &str) -> Result<String, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let bytes = std::fs::read(path).map_err(|source| DataError::Io {
        path: path.to_owned(),
        source,
    })?;
    let fail = |got: &str, remedy| DataError::Description {
        path: path.to_owned(),
        problem: format!("expected UTF-8 text, got {got}"),
        remedy,
    };
    let text = decode(bytes).map_err(|got| fail(&got, "Save the file as UTF-8."))?;
    if text.trim().is_empty() {
        return Err(fail("an empty file", "Copy or download the file again."));
    }
    if text.starts_with("version https://git-lfs") {
        return Err(fail("a Git LFS pointer", "Run git lfs pull."));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_mark_is_skipped_once_and_other_encodings_are_named() {
        for (bytes, expected) in [
            (&b"a\n"[..], Ok("a\n")),
            (b"\xef\xbb\xbfa", Ok("a")),
            (b"\xef\xbb\xbf", Ok("")),
            (b"", Ok("")),
            // Only a mark at the start is one.
            (b"\xef\xbb\xbf\xef\xbb\xbfa", Ok("\u{feff}a")),
            (b"a\xef\xbb\xbf", Ok("a\u{feff}")),
            (b"\xff\xfea\0", Err("UTF-16 (it begins with FF FE)")),
            (b"\xfe\xff\0a", Err("UTF-16 (it begins with FE FF)")),
            (
                b"\xff\xfe\0\0a\0\0\0",
                Err("UTF-32 (it begins with FF FE 00 00)"),
            ),
            (
                b"\0\0\xfe\xff\0\0\0a",
                Err("UTF-32 (it begins with 00 00 FE FF)"),
            ),
            (
                b"a\0b\0",
                Err("UTF-16 or no text (a zero is among its first two bytes)"),
            ),
            (
                b"\0a\0b",
                Err("UTF-16 or no text (a zero is among its first two bytes)"),
            ),
            (b"a\nM\xfcller", Err("the byte FC in line 2")),
        ] {
            let decoded = decode(bytes.to_vec());
            assert_eq!(decoded.as_deref().map_err(String::as_str), expected);
        }
    }
}
