//! Standard input, output and error, any of which the host may stall: no wait for it outlasts
//! SIGTERM. It does not know what is printed.

use super::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};
use std::io::{Error, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How often a wait looks for SIGTERM, should the signal come between two looks.
const GLANCE: Duration = Duration::from_millis(50);
/// For so long a reader may take nothing when SIGTERM has come.
const PARTING: Duration = Duration::from_millis(500);
/// So much a pipe takes at once or not at all (`PIPE_BUF`): after a kill its reader has whole lines.
const AT_ONCE: usize = 4_096;

/// What became of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of it is with the host.
    Given,
    /// The reader went away, or we were asked to go before it took everything.
    Refused,
}

/// Prints everything. A reader that has taken nothing for so long that `until` passes is an error.
pub fn give(bytes: &[u8], until: Option<Instant>, stop: &Stop) -> Result<Fate, Error> {
    let mut left = bytes;
    while !left.is_empty() {
        match wait(stdout(), PollFlags::OUT, until, stop, PARTING) {
            Wait::Ready => {}
            Wait::Asked => return Ok(Fate::Refused),
            Wait::Over => {
                let why = "nobody read it before the deadline (is the host busy, or --deadline too short?)";
                return Err(Error::new(ErrorKind::TimedOut, why));
            }
        }
        match rustix::io::write(stdout(), next_piece(left)) {
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::PIPE) => return Ok(Fate::Refused),
            Err(why) => return Err(why.into()),
        }
    }
    Ok(Fate::Given)
}

/// As many whole lines as fit; a longer line in parts.
fn next_piece(left: &[u8]) -> &[u8] {
    let Some(piece) = left.get(..AT_ONCE) else { return left };
    let end = memchr::memrchr(b'\n', piece).map_or(piece.len(), |end| end + 1);
    piece.get(..end).unwrap_or(piece)
}

/// A line for the host's log; one that does not read it loses it.
pub fn mutter(line: &str) {
    let now = Some(Instant::now());
    if wait(stderr(), PollFlags::OUT, now, &Stop::never(), Duration::ZERO) == Wait::Ready {
        let _ = rustix::io::write(stderr(), line.as_bytes());
    }
}

/// How many lines of standard input have come, at least one; `None` at its end or at SIGTERM.
pub fn lines(stop: &Stop) -> Result<Option<usize>, Error> {
    let mut bytes = [0; 512];
    loop {
        if wait(stdin(), PollFlags::IN, None, stop, Duration::ZERO) == Wait::Asked {
            return Ok(None);
        }
        match rustix::io::read(stdin(), &mut bytes) {
            Ok(0) => return Ok(None),
            Ok(n) => match memchr::memchr_iter(b'\n', bytes.get(..n).unwrap_or_default()).count() {
                0 => {}
                ends => return Ok(Some(ends)),
            },
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(why) => return Err(why.into()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Ready,
    /// SIGTERM came.
    Asked,
    Over,
}

/// `parting`: for how long to go on after SIGTERM.
fn wait(
    pipe: BorrowedFd<'_>,
    wanted: PollFlags,
    until: Option<Instant>,
    stop: &Stop,
    parting: Duration,
) -> Wait {
    let begun = Instant::now();
    loop {
        let left = until.map_or(GLANCE, |until| until.saturating_duration_since(Instant::now()).min(GLANCE));
        let glance = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        // What can be had at once is given also after SIGTERM: the host may still be reading.
        match poll(&mut [PollFd::from_borrowed_fd(pipe, wanted)], Some(&glance)) {
            Ok(0) | Err(Errno::INTR) => {}
            // Also when the other end is gone or the file is none: reading or writing will say so.
            _ => return Wait::Ready,
        }
        if stop.asked() && begun.elapsed() >= parting {
            return Wait::Asked;
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Wait::Over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_that_a_pipe_takes_at_once() {
        let line = |length: usize| format!("{}\n", "x".repeat(length - 1));
        for (text, first) in [
            (String::new(), 0),
            (line(100), 100),
            (line(4_096), 4_096),
            (line(4_097), 4_096),
            (line(4_000) + &line(96), 4_096),
            (line(4_000) + &line(97), 4_000),
            ("no end".to_owned(), 6),
        ] {
            assert_eq!(next_piece(text.as_bytes()).len(), first, "{}", text.len());
        }
    }
}
