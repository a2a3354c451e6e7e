//! What is counted of a provider, as numbers that are also the form on disk. It counts nothing.

use crate::classify::{Reason, Stage};

/// One count of a provider. The numbers are stored: they may be added to, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// d, b with a remote tried, t, tq (design section 7).
    Attempts,
    Delivered,
    /// b with a remote tried.
    Bounced,
    /// t records.
    Deferred,
    /// tq records.
    QueueDeferred,
    /// t and tq that count as throttling.
    Throttled,
    /// f records: complaints of recipients, hours or days after the delivery.
    Complaints,
    /// Deliveries by their age: one of `DELAY_BOUNDS`, the last is all that is older.
    Delay(u8),
    /// t, tq and b of a reason.
    Reason(Reason),
    /// b alone of a reason.
    ReasonBounced(Reason),
    /// Attempts of a virtual MTA.
    Vmta(u8),
    /// t, tq and b of a reason and a virtual MTA.
    ReasonVmta(Reason, u8),
    /// t, tq and b of a reason and a kind of reply.
    ReasonReply(Reason, u8),
}

/// Upper bounds in seconds of the delay channels; older deliveries had been deferred before.
pub const DELAY_BOUNDS: [i64; 7] = [4, 8, 16, 32, 64, 128, 240];

const DELAY_BASE: u16 = 8;
const REASON_BASE: u16 = 32;
const BOUNCED_BASE: u16 = 64;
/// Channels below are held by every provider; those from here on are details that may be shed.
pub(super) const DETAILS: u16 = 128;
/// Channels below are one for each VMTA at most.
pub(super) const MANY: u16 = REASON_VMTA_BASE;
const REASON_VMTA_BASE: u16 = 256;
const REASON_REPLY_BASE: u16 = 8_192;

impl Channel {
    pub(super) fn number(self) -> u16 {
        let of = |reason: Reason| u16::from(reason.number());
        match self {
            Channel::Attempts => 0,
            Channel::Delivered => 1,
            Channel::Bounced => 2,
            Channel::Deferred => 3,
            Channel::QueueDeferred => 4,
            Channel::Throttled => 5,
            Channel::Complaints => 6,
            Channel::Delay(index) => DELAY_BASE + u16::from(index.min(7)),
            Channel::Reason(reason) => REASON_BASE + of(reason),
            Channel::ReasonBounced(reason) => BOUNCED_BASE + of(reason),
            Channel::Vmta(vmta) => DETAILS + u16::from(vmta.min(127)),
            Channel::ReasonVmta(reason, vmta) => {
                REASON_VMTA_BASE + of(reason) * 128 + u16::from(vmta.min(127))
            }
            Channel::ReasonReply(reason, reply) => REASON_REPLY_BASE + of(reason) * 256 + u16::from(reply),
        }
    }

    pub(super) fn delay(seconds: i64) -> Channel {
        let index = DELAY_BOUNDS.iter().filter(|bound| seconds >= **bound).count();
        Channel::Delay(u8::try_from(index).unwrap_or(7))
    }
}

/// What a TLS failure's own text adds to the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Detail {
    None = 0,
    Fingerprint = 1,
    Certificate = 2,
    TlsRequired = 3,
    Handshake = 4,
}

/// A kind of reply: enough to say "421 handshake", no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reply {
    pub stage: Option<Stage>,
    pub code: u16,
    /// It came for a whole queue (tq), before any recipient was named.
    pub queue: bool,
    pub detail: Detail,
}

impl Reply {
    pub(super) fn to_bytes(self) -> [u8; 5] {
        let [high, low] = self.code.to_be_bytes();
        let stage = self.stage.map_or(u8::MAX, |stage| stage as u8);
        [stage, high, low, u8::from(self.queue), self.detail as u8]
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Reply> {
        let [stage, high, low, queue, detail] = bytes.try_into().ok()?;
        let detail = match detail {
            1 => Detail::Fingerprint,
            2 => Detail::Certificate,
            3 => Detail::TlsRequired,
            4 => Detail::Handshake,
            _ => Detail::None,
        };
        Some(Reply {
            stage: Stage::from_number(stage),
            code: u16::from_be_bytes([high, low]),
            queue: queue == 1,
            detail,
        })
    }
}

/// Reads what a TLS text says of the failure. Called for replies already known to be about TLS.
pub(super) fn tls_detail(text: &[u8]) -> Detail {
    const WORDS: [(&[&str], Detail); 4] = [
        (&["fingerprint", "mismatch", "tlsa", "dane", "does not match"], Detail::Fingerprint),
        (&["certificate", "cert ", "expired", "self-signed", "self signed"], Detail::Certificate),
        (
            &["must issue a starttls", "tls required", "requires tls", "require tls", "encryption required"],
            Detail::TlsRequired,
        ),
        (&["handshake", "negotiat", "ssl", "protocol version", "cipher"], Detail::Handshake),
    ];
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let found = WORDS.iter().find(|(words, _)| words.iter().any(|word| text.contains(word)));
    found.map_or(Detail::None, |(_, detail)| *detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_channels_share_a_number() {
        let mut seen = std::collections::HashSet::new();
        let plain = [
            Channel::Attempts,
            Channel::Delivered,
            Channel::Bounced,
            Channel::Deferred,
            Channel::QueueDeferred,
            Channel::Throttled,
            Channel::Complaints,
        ];
        for channel in plain.into_iter().chain((0..8).map(Channel::Delay)).chain((0..128).map(Channel::Vmta))
        {
            assert!(seen.insert(channel.number()), "{channel:?}");
        }
        for reason in Reason::ALL {
            assert!(seen.insert(Channel::Reason(reason).number()));
            assert!(seen.insert(Channel::ReasonBounced(reason).number()));
            assert!((0..128).all(|vmta| seen.insert(Channel::ReasonVmta(reason, vmta).number())));
            assert!((0..=255).all(|reply| seen.insert(Channel::ReasonReply(reason, reply).number())));
        }
    }

    #[test]
    fn a_delay_falls_into_the_bucket_below_its_bound() {
        for (seconds, index) in [(-5, 0), (0, 0), (3, 0), (4, 1), (239, 6), (240, 7), (1_000_000, 7)] {
            assert_eq!(Channel::delay(seconds), Channel::Delay(index), "{seconds}");
        }
    }

    #[test]
    fn a_reply_survives_the_disk_and_tls_texts_tell_their_kind() {
        let reply =
            Reply { stage: Some(Stage::Starttls), code: 454, queue: true, detail: Detail::Fingerprint };
        assert_eq!(Reply::from_bytes(&reply.to_bytes()), Some(reply));
        assert_eq!(Reply::from_bytes(b"x"), None);
        assert_eq!(tls_detail(b"smtp;454 4.7.5 TLSA record does not match"), Detail::Fingerprint);
        assert_eq!(tls_detail(b"530 5.7.0 Must issue a STARTTLS command first"), Detail::TlsRequired);
        assert_eq!(tls_detail(b"certificate verify failed"), Detail::Certificate);
        assert_eq!(tls_detail(b"454"), Detail::None);
    }
}
