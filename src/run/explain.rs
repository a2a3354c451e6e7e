//! `explain`: classifies replies that somebody hands over, one in words or many as lines.

use super::setup::Setup;
use super::{RunError, print};
use crate::classify::explain::{in_words, reply_of, tsv_line};
use crate::classify::{Classifier, Provider, Providers};
use crate::cli;
use std::io::{BufRead, BufWriter, Read, Write};

/// A longer line is cut here, its rest read past (design section 2).
const LONGEST_LINE: u64 = 64 * 1024;

pub fn run(setup: &Setup, args: &cli::Explain) -> Result<(), RunError> {
    let providers = Providers::new(&setup.loaded.config.providers);
    let mut classifier = Classifier::new(&providers, setup.rules.clone());
    match &args.reply {
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
