//! The thirty reasons of the taxonomy, as names and nothing more. Which reply has which reason is
//! the rules' business.

/// Why a reply was given. The label is for grouping; the finer truth is in the facets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Too many messages, recipients or bytes per time.
    RateLimited,
    /// Too many connections, or too many messages in one.
    ConnectionLimit,
    /// This recipient gets mail too fast.
    RecipientThrottled,
    /// A first-contact delay.
    Greylisted,
    /// A bare "try again later".
    TempUnspecified,
    /// The address or domain has a poor reputation.
    Reputation,
    /// An explicit block or a DNS list entry.
    Blocklisted,
    /// The message was judged spam.
    SpamContent,
    /// A virus or a forbidden attachment.
    Virus,
    /// A local policy, or a refusal without a reason.
    Policy,
    /// SPF, DKIM, DMARC or ARC fails or is missing.
    Auth,
    /// PTR, forward match or HELO name.
    Rdns,
    /// MAIL FROM refused or unresolvable.
    SenderInvalid,
    /// TLS is required, failed, or its certificate is bad.
    Tls,
    /// The host does not take mail for this recipient.
    RelayDenied,
    /// No such user.
    BadMailbox,
    /// The mailbox is disabled, suspended or moved.
    InactiveMailbox,
    /// The recipient's quota is used up.
    MailboxFull,
    /// The domain does not exist or takes no mail.
    BadDomain,
    /// The message or a line is too large.
    TooLarge,
    /// The message breaks RFC 5322.
    MessageFormat,
    /// A temporary lookup failure.
    Dns,
    /// Loops, hops or no route.
    Routing,
    /// Refused, timed out or unreachable before the banner.
    ConnectFailure,
    /// Dropped in the middle of a session.
    ConnectionLost,
    /// A remote resource or software fault.
    RemoteSystem,
    /// Syntax or sequence of commands.
    ProtocolError,
    /// Gave up after bounce-after.
    Expired,
    /// Our own MTA's decision.
    Local,
    /// Nothing known.
    Other,
}

impl Reason {
    pub const ALL: [Reason; 30] = [
        Reason::RateLimited,
        Reason::ConnectionLimit,
        Reason::RecipientThrottled,
        Reason::Greylisted,
        Reason::TempUnspecified,
        Reason::Reputation,
        Reason::Blocklisted,
        Reason::SpamContent,
        Reason::Virus,
        Reason::Policy,
        Reason::Auth,
        Reason::Rdns,
        Reason::SenderInvalid,
        Reason::Tls,
        Reason::RelayDenied,
        Reason::BadMailbox,
        Reason::InactiveMailbox,
        Reason::MailboxFull,
        Reason::BadDomain,
        Reason::TooLarge,
        Reason::MessageFormat,
        Reason::Dns,
        Reason::Routing,
        Reason::ConnectFailure,
        Reason::ConnectionLost,
        Reason::RemoteSystem,
        Reason::ProtocolError,
        Reason::Expired,
        Reason::Local,
        Reason::Other,
    ];

    /// The word in tags, output and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Reason::RateLimited => "rate-limited",
            Reason::ConnectionLimit => "connection-limit",
            Reason::RecipientThrottled => "recipient-throttled",
            Reason::Greylisted => "greylisted",
            Reason::TempUnspecified => "temp-unspecified",
            Reason::Reputation => "reputation",
            Reason::Blocklisted => "blocklisted",
            Reason::SpamContent => "spam-content",
            Reason::Virus => "virus",
            Reason::Policy => "policy",
            Reason::Auth => "auth",
            Reason::Rdns => "rdns",
            Reason::SenderInvalid => "sender-invalid",
            Reason::Tls => "tls",
            Reason::RelayDenied => "relay-denied",
            Reason::BadMailbox => "bad-mailbox",
            Reason::InactiveMailbox => "inactive-mailbox",
            Reason::MailboxFull => "mailbox-full",
            Reason::BadDomain => "bad-domain",
            Reason::TooLarge => "too-large",
            Reason::MessageFormat => "message-format",
            Reason::Dns => "dns",
            Reason::Routing => "routing",
            Reason::ConnectFailure => "connect-failure",
            Reason::ConnectionLost => "connection-lost",
            Reason::RemoteSystem => "remote-system",
            Reason::ProtocolError => "protocol-error",
            Reason::Expired => "expired",
            Reason::Local => "local",
            Reason::Other => "other",
        }
    }

    pub fn parse(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// For compact storage; `ALL` is append-only, so a number never changes its meaning.
    pub fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: u8) -> Option<Reason> {
        Reason::ALL.get(usize::from(number)).copied()
    }

    /// What the word means, in a few more words.
    pub fn meaning(self) -> &'static str {
        match self {
            Reason::RateLimited => "too many messages, recipients or bytes per time",
            Reason::ConnectionLimit => "too many connections, or too many messages in one",
            Reason::RecipientThrottled => "this recipient gets mail too fast",
            Reason::Greylisted => "a first-contact delay",
            Reason::TempUnspecified => "a bare \"try again later\"",
            Reason::Reputation => "the address or domain has a poor reputation",
            Reason::Blocklisted => "an explicit block or a DNS list entry",
            Reason::SpamContent => "the message was judged spam",
            Reason::Virus => "a virus or a forbidden attachment",
            Reason::Policy => "a local policy, or a refusal without a reason",
            Reason::Auth => "SPF, DKIM, DMARC or ARC fails or is missing",
            Reason::Rdns => "PTR, forward match or HELO name",
            Reason::SenderInvalid => "MAIL FROM refused or unresolvable",
            Reason::Tls => "TLS is required, failed, or its certificate is bad",
            Reason::RelayDenied => "the host does not take mail for this recipient",
            Reason::BadMailbox => "no such user",
            Reason::InactiveMailbox => "the mailbox is disabled, suspended or moved",
            Reason::MailboxFull => "the recipient's quota is used up",
            Reason::BadDomain => "the domain does not exist or takes no mail",
            Reason::TooLarge => "the message or a line is too large",
            Reason::MessageFormat => "the message breaks RFC 5322",
            Reason::Dns => "a temporary lookup failure",
            Reason::Routing => "loops, hops or no route",
            Reason::ConnectFailure => "refused, timed out or unreachable before the banner",
            Reason::ConnectionLost => "dropped in the middle of a session",
            Reason::RemoteSystem => "a remote resource or software fault",
            Reason::ProtocolError => "syntax or sequence of commands",
            Reason::Expired => "gave up after bounce-after",
            Reason::Local => "our own MTA's decision",
            Reason::Other => "nothing known",
        }
    }

    /// The receiver slows us down (design section 7, throttle ratio).
    pub fn is_throttling(self) -> bool {
        matches!(self, Reason::RateLimited | Reason::ConnectionLimit | Reason::RecipientThrottled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_the_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.name()), Some(reason));
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
        }
        assert_eq!(Reason::parse("throttled"), None);
        assert_eq!(Reason::from_number(30), None);
    }
}
