//! At which point of the session a reply fell: by its own words, else as fine as the record
//! tells. Knows no rule.

use super::Reply;
use crate::classify::{Reason, Stage};

/// Words that only fit one command, in the order in which they are looked for.
const WORDS: &[(&str, Stage)] = &[
    ("starttls", Stage::Starttls),
    ("tls handshake", Stage::Starttls),
    ("tls negotiation", Stage::Starttls),
    ("end of data", Stage::Data),
    ("data command", Stage::Data),
    ("final data", Stage::Data),
    ("end-of-data", Stage::Data),
    ("message body", Stage::Data),
    ("sending message", Stage::Data),
    ("message content", Stage::Data),
    ("rcpt to", Stage::Rcpt),
    ("rcpt command", Stage::Rcpt),
    ("recipient address rejected", Stage::Rcpt),
    ("recipient rejected", Stage::Rcpt),
    ("mail from", Stage::Mail),
    ("sender address rejected", Stage::Mail),
    ("sender rejected", Stage::Mail),
    ("ehlo", Stage::Ehlo),
    ("helo", Stage::Ehlo),
    ("greeting", Stage::Greeting),
    ("banner", Stage::Greeting),
    ("connecting to", Stage::Connect),
    ("connect to", Stage::Connect),
    ("connection refused", Stage::Connect),
    ("econnrefused", Stage::Connect),
    ("etimedout", Stage::Connect),
    ("client host rejected", Stage::Connect),
];

/// A tq record fails before MAIL, a t record after it: words that say otherwise are not believed
/// (design section 7).
pub fn of(text: &str, reason: Reason, reply: &Reply<'_>) -> Option<Stage> {
    let before =
        |stage: &Stage| matches!(stage, Stage::Connect | Stage::Greeting | Stage::Ehlo | Stage::Starttls);
    let worded = WORDS.iter().filter(|(word, _)| text.contains(word)).map(|(_, stage)| *stage);
    let mut worded = worded.filter(|stage| match (reply.queue_level, reply.transient) {
        (true, _) => before(stage),
        (false, true) => !before(stage),
        (false, false) => true,
    });
    if let Some(stage) = worded.next() {
        return Some(stage);
    }
    match (reply.queue_level, reply.transient) {
        (true, _) if text.is_empty() && reason == Reason::ConnectFailure => Some(Stage::Connect),
        (true, _) => Some(Stage::Handshake),
        (false, true) => Some(Stage::Session),
        (false, false) => None,
    }
}
