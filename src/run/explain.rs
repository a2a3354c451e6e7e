//! `explain`: classifies replies that somebody hands over (one in words, many as lines, a whole
//! accounting file as tables), and lists those that no rule knows.

mod file;
mod kept;

use super::collect::tell;
use super::setup::Setup;
use super::{RunError, print};
use crate::classify::explain::{in_words, reply_of, tsv_line};
use crate::classify::{Classifier, Provider, Providers, check_rules};
use crate::cli;
use std::io::{BufRead, BufWriter, Read, Write};
use std::path::Path;
use std::time::Instant;

/// A longer line is cut here, its rest read past (design section 2).
const LONGEST_LINE: u64 = 64 * 1024;

pub fn run(setup: &Setup, args: &cli::Explain, started: Instant) -> Result<(), RunError> {
    if args.unknown || args.new {
        return kept::list(setup, args, started);
    }
    let mut providers = Providers::new(&setup.loaded.config.providers);
    tell(&refused_rules(setup, &providers));
    let mut classifier = Classifier::new(&providers, setup.rules.clone());
    match &args.reply {
        Some(path) if Path::new(path).is_file() => {
            file::tabulate(setup, Path::new(path), &mut providers, classifier, started)
        }
        Some(reply) => {
            let words = one(&mut classifier, &providers, reply);
            print(format!("{}\n", words.trim_end()).as_bytes())
        }
        None if args.tsv => each_line(&mut |line| tsv_line(&mut classifier, &providers, line)),
        None => each_line(&mut |line| {
            let words = one(&mut classifier, &providers, &String::from_utf8_lossy(line));
            format!("{}\n", words.trim_end())
        }),
    }
}

/// The operator's files that are not used, each with its line and what to do.
pub fn refused_rules(setup: &Setup, providers: &Providers) -> Vec<String> {
    let faults = check_rules(&setup.rules, &providers.names());
    setup.unread_rules.iter().cloned().chain(faults.iter().map(ToString::to_string)).collect()
}

/// A reply as PowerMTA logs it; an empty one, or one that is only a status, is a local failure.
fn one(classifier: &mut Classifier, providers: &Providers, reply: &str) -> String {
    let is_status = reply.starts_with(['4', '5']) && reply.as_bytes().get(1) == Some(&b'.');
    let (status, diag) = if is_status { (reply, "") } else { ("", reply) };
    let mut reply = reply_of(status.as_bytes(), diag.as_bytes(), b"", b"", None);
    reply.provider = Provider::Domain("");
    in_words(classifier, providers, reply)
}

/// One answer line for each input line, whatever is in it.
fn each_line(answer: &mut dyn FnMut(&[u8]) -> String) -> Result<(), RunError> {
    let mut input = std::io::stdin().lock();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(RunError::Input)?;
        if read == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if read as u64 == LONGEST_LINE {
            skip_line(&mut input)?;
        }
        if let Err(error) = writeln!(out, "{}", answer(&line)) {
            return quietly(error);
        }
    }
    out.flush().or_else(quietly)
}

/// A reader that went away has what it wanted.
fn quietly(error: std::io::Error) -> Result<(), RunError> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(RunError::Output(error)) }
}

fn skip_line(input: &mut dyn BufRead) -> Result<(), RunError> {
    loop {
        let held = input.fill_buf().map_err(RunError::Input)?;
        if held.is_empty() {
            return Ok(());
        }
        match held.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                input.consume(at + 1);
                return Ok(());
            }
            None => {
                let length = held.len();
                input.consume(length);
            }
        }
    }
}
