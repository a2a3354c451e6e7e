//! A gzip file read as if it lay unpacked on the disk. It knows no cursor and no name.

use super::files::{OpenFile, Stat};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};

/// Unpacked bytes kept for reading again.
const STEP: usize = 64 * 1_024;

/// A file's bytes as a stream; the position is its own.
struct Stream {
    file: Box<dyn OpenFile>,
    at: u64,
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(into, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Reads forward through a packed file; going back starts over.
pub struct Unpacked {
    stat: Stat,
    file: Box<dyn OpenFile>,
    decoder: MultiGzDecoder<Stream>,
    /// Unpacked bytes from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
}

/// Whether a packed file is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// It unpacks to its trailer; so long is its content.
    Yes(u64),
    /// Still being written, or damaged.
    No,
    /// There was no time to find out.
    Late,
}

impl Unpacked {
    pub fn new(file: Box<dyn OpenFile>) -> io::Result<Unpacked> {
        let (stat, decoder) = (file.stat()?, decoder(file.as_ref())?);
        Ok(Unpacked { stat, file, decoder, window: Vec::new(), window_at: 0 })
    }

    /// Unpacks all of it once; `late` is asked in between.
    pub fn verify(&mut self, late: &dyn Fn() -> bool) -> io::Result<Whole> {
        let mut decoder = decoder(self.file.as_ref())?;
        let mut bytes = vec![0; STEP];
        let mut length = 0;
        loop {
            if late() {
                return Ok(Whole::Late);
            }
            match decoder.read(&mut bytes) {
                Ok(0) => break,
                Ok(n) => length += n as u64,
                Err(error) if is_damage(&error) => return Ok(Whole::No),
                Err(error) => return Err(error),
            }
        }
        let whole = self.stat.size > 0 && self.file.stat()? == self.stat;
        Ok(if whole { Whole::Yes(length) } else { Whole::No })
    }

    /// What the trailer says about the length of the content (of the last member, modulo 4 GiB).
    pub fn claimed_length(&mut self) -> io::Result<u32> {
        let mut trailer = [0; 4];
        let at = self.stat.size.saturating_sub(4);
        self.file.read_at(&mut trailer, at)?;
        Ok(u32::from_le_bytes(trailer))
    }

    fn fill(&mut self, until: u64, keep_from: u64) -> io::Result<()> {
        let mut bytes = vec![0; STEP];
        while self.window_at + (self.window.len() as u64) < until {
            let past = keep_from.saturating_sub(self.window_at);
            let past = usize::try_from(past).unwrap_or(usize::MAX).min(self.window.len());
            self.window.drain(..past);
            self.window_at += past as u64;
            let n = self.decoder.read(&mut bytes)?;
            if n == 0 {
                break;
            }
            self.window.extend_from_slice(bytes.get(..n).unwrap_or(&[]));
        }
        Ok(())
    }
}

impl OpenFile for Unpacked {
    /// Of the file on the disk, not of its content.
    fn stat(&self) -> io::Result<Stat> {
        Ok(self.stat)
    }

    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        if at < self.window_at {
            self.decoder = decoder(self.file.as_ref())?;
            self.window.clear();
            self.window_at = 0;
        }
        let filled = self.fill(at.saturating_add(into.len() as u64), at);
        let skip = usize::try_from(at.saturating_sub(self.window_at)).unwrap_or(usize::MAX);
        let ready = self.window.get(skip..).unwrap_or(&[]);
        if ready.is_empty() {
            filled?;
        }
        let n = ready.len().min(into.len());
        for (to, from) in into.iter_mut().zip(ready) {
            *to = *from;
        }
        Ok(n)
    }

    fn twin(&self) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(Unpacked::new(self.file.twin()?)?))
    }
}

fn decoder(file: &dyn OpenFile) -> io::Result<MultiGzDecoder<Stream>> {
    Ok(MultiGzDecoder::new(Stream { file: file.twin()?, at: 0 }))
}

/// Damage to the content, as against trouble with the disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::Other
    )
}
