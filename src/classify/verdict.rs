//! What classification answers: who replied, why, and at which point of the session.

use super::Reason;

/// Where in the SMTP session the reply fell. The accounting file does not log the command, so
/// the coarse words are used unless the reply's own text is more precise (design section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    Connect,
    Greeting,
    Ehlo,
    Starttls,
    Mail,
    Rcpt,
    Data,
    /// Before the first MAIL command, no finer: a whole-queue failure.
    Handshake,
    /// After it, no finer: a recipient-level failure.
    Session,
}

impl Stage {
    pub const ALL: [Stage; 9] = [
        Stage::Connect,
        Stage::Greeting,
        Stage::Ehlo,
        Stage::Starttls,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Handshake,
        Stage::Session,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Connect => "connect",
            Stage::Greeting => "greeting",
            Stage::Ehlo => "ehlo",
            Stage::Starttls => "starttls",
            Stage::Mail => "mail",
            Stage::Rcpt => "rcpt",
            Stage::Data => "data",
            Stage::Handshake => "handshake",
            Stage::Session => "session",
        }
    }

    pub fn from_number(number: u8) -> Option<Stage> {
        Stage::ALL.get(usize::from(number)).copied()
    }
}

/// Who received the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider<'a> {
    /// A row of the provider table, by its number in this process; the table has the name.
    Named(u16),
    /// Nobody we know: the domain itself, lower case.
    Domain(&'a str),
}

/// The answer for one reply. Small and `Copy`, because it is remembered per template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    pub reason: Reason,
    pub stage: Option<Stage>,
    /// The three-digit reply code, 0 when the reply has none (a local failure).
    pub code: u16,
    /// Counts as throttling: a throttling reason, or enhanced status 4.2.1.
    pub throttling: bool,
    /// Hash of the normalised text: with the provider the key of "the same reply". 0 when the
    /// reply is empty.
    pub template: u64,
    /// The rule's place in the loaded rules; `None` when a status or nothing at all decided.
    pub rule: Option<u16>,
}
