//! Enhanced status codes (RFC 3463 and the IANA registry) and what they say on their own. Knows
//! no reply text and no provider.

use super::Reason;

/// `5.7.1` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedStatus {
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl EnhancedStatus {
    /// Reads a whole word: `5.7.1`, not `5.7.1.2` and not `15.7.1`.
    pub fn parse(word: &[u8]) -> Option<EnhancedStatus> {
        let (class, rest) = word.split_first()?;
        if !matches!(class, b'2' | b'4' | b'5') {
            return None;
        }
        let rest = rest.strip_prefix(b".")?;
        let dot = rest.iter().position(|byte| *byte == b'.')?;
        let (subject, detail) = rest.split_at_checked(dot)?;
        let detail = detail.strip_prefix(b".")?;
        Some(EnhancedStatus { class: class - b'0', subject: number(subject, 3)?, detail: number(detail, 4)? })
    }

    /// The status at the head of PowerMTA's `dsnStatus`: `4.4.1 (no answer from host)`.
    pub fn leading(field: &[u8]) -> Option<EnhancedStatus> {
        let field = field.trim_ascii_start();
        let end =
            field.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(field.len());
        EnhancedStatus::parse(field.get(..end)?)
    }

    /// Whether a rule's `status` condition covers this: `4.7` covers `4.7.28`, `x.7.28` covers
    /// both classes.
    pub fn is_covered_by(self, condition: &str) -> bool {
        let parts = [u16::from(self.class), self.subject, self.detail];
        let mut wanted = condition.split('.');
        parts.iter().all(|part| match wanted.next() {
            None | Some("x") => true,
            Some(word) => word.parse() == Ok(*part),
        })
    }

    /// The reason that the status names by itself. Codes that servers put on anything (x.0.0,
    /// x.5.0, x.7.0, x.7.1) name none.
    pub fn reason(self) -> Option<Reason> {
        Some(match (self.class, self.subject, self.detail) {
            (_, 1, 1 | 3 | 4) | (_, 7, 17) => Reason::BadMailbox,
            (_, 1, 6) | (_, 2, 1) | (5, 7, 13) => Reason::InactiveMailbox,
            (_, 1, 2 | 10) | (5, 4, 4) | (_, 7, 18) => Reason::BadDomain,
            (_, 1, 7 | 8) | (_, 7, 27) => Reason::SenderInvalid,
            (_, 2, 2) => Reason::MailboxFull,
            (_, 2, 3) | (_, 3, 4) => Reason::TooLarge,
            (_, 3, _) | (4, 4, 5) => Reason::RemoteSystem,
            (_, 4, 1) => Reason::ConnectFailure,
            (_, 4, 2) => Reason::ConnectionLost,
            (_, 4, 3) | (4, 4, 4) => Reason::Dns,
            (_, 4, 6) => Reason::Routing,
            (_, 4, 7) => Reason::Expired,
            (_, 5, 3) => Reason::RateLimited,
            (_, 5, 1 | 2 | 4 | 5) => Reason::ProtocolError,
            (_, 6, _) => Reason::MessageFormat,
            (_, 7, 10 | 30) => Reason::Tls,
            (_, 7, 20..=24 | 26 | 29) => Reason::Auth,
            (_, 7, 25) => Reason::Rdns,
            (_, 7, 28) => Reason::Reputation,
            _ => return None,
        })
    }
}

/// What a bare reply code says when there is no status and no known phrase.
pub fn reason_of_code(code: u16, has_text: bool) -> Option<Reason> {
    Some(match code {
        502..=504 => Reason::ProtocolError,
        521 | 556 => Reason::BadDomain,
        523 => Reason::TooLarge,
        500 | 501 if !has_text => Reason::ProtocolError,
        452 if !has_text => Reason::RemoteSystem,
        421 | 450 | 451 if !has_text => Reason::TempUnspecified,
        552 if !has_text => Reason::MailboxFull,
        _ => return None,
    })
}

fn number(digits: &[u8], longest: usize) -> Option<u16> {
    if digits.is_empty() || digits.len() > longest {
        return None;
    }
    digits.iter().try_fold(0u16, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u16::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_whole_word() {
        let status = |class, subject, detail| Some(EnhancedStatus { class, subject, detail });
        for (word, wanted) in [
            ("5.7.1", status(5, 7, 1)),
            ("4.7.500", status(4, 7, 500)),
            ("5.1.351", status(5, 1, 351)),
            ("3.7.1", None),
            ("5.7", None),
            ("5.7.1.2", None),
            ("5..1", None),
            ("5.7.12345", None),
            ("15.7.1", None),
            ("", None),
        ] {
            assert_eq!(EnhancedStatus::parse(word.as_bytes()), wanted, "{word}");
        }
        assert_eq!(EnhancedStatus::leading(b"4.4.1 (no answer from host)"), status(4, 4, 1));
        assert_eq!(EnhancedStatus::leading(b"none"), None);
    }

    #[test]
    fn conditions_cover_by_prefix() {
        let status = EnhancedStatus { class: 4, subject: 7, detail: 28 };
        for (condition, covered) in [
            ("4.7.28", true),
            ("x.7.28", true),
            ("4.7", true),
            ("4", true),
            ("5.7.28", false),
            ("4.7.2", false),
            ("4.8", false),
        ] {
            assert_eq!(status.is_covered_by(condition), covered, "{condition}");
        }
    }

    #[test]
    fn codes_that_mean_anything_name_no_reason() {
        for word in ["5.7.1", "5.0.0", "4.7.0", "5.5.0", "4.0.0", "5.7.0", "2.0.0"] {
            let status = EnhancedStatus::parse(word.as_bytes()).unwrap();
            assert_eq!(status.reason(), None, "{word}");
        }
        let reason = |word: &str| EnhancedStatus::parse(word.as_bytes()).unwrap().reason();
        assert_eq!(reason("4.4.1"), Some(Reason::ConnectFailure));
        assert_eq!(reason("4.4.4"), Some(Reason::Dns));
        assert_eq!(reason("5.4.4"), Some(Reason::BadDomain));
        assert_eq!(reason("4.4.7"), Some(Reason::Expired));
    }
}
