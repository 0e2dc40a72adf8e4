//! A gzip stream of one or several members, and what lies behind it.
//!
//! As `gzip` and Python do, zero bytes between members and behind the last are skipped: block devices
//! and tapes pad files with them. Anything else behind a member is counted for the message.

use super::counting::CountingReader;
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// What a gzip member begins with.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file whose bytes are counted.
pub(super) type Counted<R> = BufReader<CountingReader<R>>;

/// Returns the number of bytes that were taken from a file so far.
fn position<R: Read>(file: &Counted<R>) -> u64 {
    (file.get_ref().bytes - file.buffer().len()) as u64
}

/// The unpacked bytes of all members.
pub(super) struct GzipReader<R> {
    /// `None` at the end.
    member: Option<GzDecoder<Counted<R>>>,
    /// Offset and number of bytes behind the last member that are neither zeros nor a member.
    pub(super) behind: Option<(u64, u64)>,
}

impl<R: Read> GzipReader<R> {
    pub(super) fn new(file: Counted<R>) -> Self {
        Self {
            member: Some(GzDecoder::new(file)),
            behind: None,
        }
    }

    /// Goes on behind a member: to the next one, or to the end.
    fn go_on(&mut self, mut file: Counted<R>) -> io::Result<()> {
        loop {
            let bytes = file.fill_buf()?;
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                break;
            }
            file.consume(zeros);
        }
        let at = position(&file);
        let start = file.fill_buf()?;
        // Where the buffer ends after one byte, that byte decides.
        let known = start.len().min(GZIP.len());
        if known > 0 && start[..known] == GZIP[..known] {
            self.member = Some(GzDecoder::new(file));
        } else if known > 0 {
            let count = io::copy(&mut file, &mut io::sink())?;
            self.behind = Some((at, count));
        }
        Ok(())
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if let Some(ended) = self.member.take() {
                self.go_on(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}
