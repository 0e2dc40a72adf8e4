//! A reader that counts.

use std::io::{self, Read};

/// A reader that counts its bytes, for the message about a damaged stream.
pub(super) struct CountingReader<R> {
    pub(super) inner: R,
    /// Number of bytes read so far.
    pub(super) bytes: usize,
}

impl<R> CountingReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, bytes: 0 }
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count;
        Ok(count)
    }
}
