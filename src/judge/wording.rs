//! The one sentence of a finding. It chooses words for facts that others established.

use crate::classify::{Reason, Stage};
use crate::ledger::windows::{Detail, Reply};

/// What a sentence is made of. Ratios are 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub provider: &'a str,
    /// From the provider table; a bare domain is written in capitals.
    pub named: bool,
    pub was: Option<f64>,
    pub now: f64,
    pub reason: Reason,
    pub reply: Option<Reply>,
    /// The throttled share did not move.
    pub not_throttling: bool,
    /// The one virtual MTA it is confined to.
    pub vmta: &'a str,
    /// The short form of the advice, empty when there is none.
    pub advice: &'a str,
}

/// `Yahoo` as it is, `att.net` as `ATT.NET`.
pub fn bracket(provider: &str, named: bool) -> String {
    if named { provider.to_owned() } else { provider.to_uppercase() }
}

/// A ratio as people say it: whole per cent, finer only below one.
pub fn percent(ratio: f64) -> String {
    let value = (ratio * 100.0).max(0.0);
    if (0.05..0.95).contains(&value) { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

pub fn deferral(facts: &Facts<'_>) -> String {
    let subject = bracket(facts.provider, facts.named);
    let place = if facts.vmta.is_empty() { String::new() } else { format!(" at VMTA {}", facts.vmta) };
    if facts.reason == Reason::Tls {
        let cause = tls(facts.reply.map_or(Detail::None, |reply| reply.detail));
        let action =
            if facts.advice.is_empty() { String::new() } else { format!(". Action: {}.", facts.advice) };
        return format!("[{subject}] {cause} → deferral rate {}{place}{action}", percent(facts.now));
    }
    let (cause, by_reply) = cause(facts);
    let negation = if facts.not_throttling && by_reply { " (not throttling)" } else { "" };
    match facts.was {
        Some(was) => format!(
            "[{subject}] Deferral spike: {} → {} due to {cause}{place}{negation}",
            percent(was),
            percent(facts.now)
        ),
        None => format!("[{subject}] Deferral rate {} due to {cause}{place}{negation}", percent(facts.now)),
    }
}

pub fn bounce(facts: &Facts<'_>) -> String {
    let subject = bracket(facts.provider, facts.named);
    let place = if facts.vmta.is_empty() { String::new() } else { format!(" at VMTA {}", facts.vmta) };
    let now = percent(facts.now);
    let cause = phrase(facts.reason);
    match facts.was {
        Some(was) => format!("[{subject}] Bounce spike: {} → {now} due to {cause}{place}", percent(was)),
        None => format!("[{subject}] Bounce rate {now} due to {cause}{place}"),
    }
}

pub fn slow(subject: &str, was: f64, now: f64, limit: i64) -> String {
    format!("[{subject}] Slow deliveries: {} → {} take longer than {limit} s", percent(was), percent(now))
}

/// A cause that lies with this host or its network, not with one provider.
pub fn host_wide(cause: &str, was: Option<f64>, now: f64, providers: &[String], advice: &str) -> String {
    let change = was.map_or_else(String::new, |was| format!("{} → ", percent(was)));
    let shown: Vec<&str> = providers.iter().take(5).map(String::as_str).collect();
    let more = if providers.len() > shown.len() {
        format!(" and {} more", providers.len() - shown.len())
    } else {
        String::new()
    };
    let whom = if shown.is_empty() { String::new() } else { format!(" at {}{more}", shown.join(", ")) };
    let action = if advice.is_empty() { String::new() } else { format!(". Action: {advice}.") };
    format!("[host] {cause}: {change}{} of attempts{whom}{action}", percent(now))
}

/// Mail a second, all providers together.
pub fn volume(drop: bool, was: f64, now: f64) -> String {
    let what = if drop { "drop" } else { "surge" };
    format!("[host] Throughput {what}: {was:.1}/s → {now:.1}/s")
}

pub fn over(subject: &str, what: &str, minutes: i64) -> String {
    format!("[{subject}] Resolved after {minutes} min: {what}")
}

/// Of a day's deliveries; a tenth of a per cent is much here.
pub fn complaints(subject: &str, was: Option<f64>, now: f64) -> String {
    let share = |ratio: f64| format!("{:.2}%", ratio * 100.0);
    let before = was.map_or_else(String::new, |was| format!("{} → ", share(was)));
    format!("[{subject}] Complaints: {before}{} of a day's deliveries", share(now))
}

/// From one week to the next.
pub fn drift(subject: &str, what: &str, was: f64, now: f64) -> String {
    format!("[{subject}] Weekly drift: {what} {} → {} of attempts", percent(was), percent(now))
}

/// Afterwards, of what nobody was told.
pub fn healed(subject: &str, what: &str, was: f64, now: f64, minutes: i64) -> String {
    format!(
        "[{subject}] Healed by itself after {minutes} min, nobody was told: {what} {} → {}",
        percent(was),
        percent(now)
    )
}

pub fn resolved(subject: &str, what: &str, was_at: f64, minutes: i64) -> String {
    format!("[{subject}] Resolved after {minutes} min: {what} had reached {}", percent(was_at))
}

/// The cause, and whether it is told by the reply itself rather than by a reason.
fn cause(facts: &Facts<'_>) -> (String, bool) {
    let vague = !facts.reason.is_throttling()
        && !matches!(
            facts.reason,
            Reason::Auth
                | Reason::Blocklisted
                | Reason::Rdns
                | Reason::Greylisted
                | Reason::MailboxFull
                | Reason::Dns
        );
    match facts.reply {
        Some(reply) if vague && reply.code > 0 => (format!("{} {}", reply.code, stage(reply)), true),
        _ => (phrase(facts.reason).to_owned(), false),
    }
}

fn stage(reply: Reply) -> &'static str {
    match reply.stage {
        Some(stage) => stage.name(),
        None if reply.queue => Stage::Handshake.name(),
        None => Stage::Session.name(),
    }
}

fn tls(detail: Detail) -> &'static str {
    match detail {
        Detail::Fingerprint => "TLS fingerprint mismatch",
        Detail::Certificate => "TLS certificate refused",
        Detail::TlsRequired => "TLS required by the receiver",
        Detail::Handshake | Detail::None => "TLS handshake failure",
    }
}

/// What a reason is called in a sentence.
pub fn phrase(reason: Reason) -> &'static str {
    match reason {
        Reason::RateLimited => "a rate limit",
        Reason::ConnectionLimit => "a connection limit",
        Reason::RecipientThrottled => "recipients that get mail too fast",
        Reason::Greylisted => "greylisting",
        Reason::TempUnspecified => "temporary refusals without a reason",
        Reason::Reputation => "poor reputation",
        Reason::Blocklisted => "a blocklisting",
        Reason::SpamContent => "content judged as spam",
        Reason::Virus => "a virus or forbidden attachment",
        Reason::Policy => "a policy of the receiver",
        Reason::Auth => "failing authentication (SPF, DKIM, DMARC)",
        Reason::Rdns => "reverse DNS or HELO name",
        Reason::SenderInvalid => "a refused sender",
        Reason::Tls => "TLS",
        Reason::RelayDenied => "denied relaying",
        Reason::BadMailbox => "unknown mailboxes",
        Reason::InactiveMailbox => "inactive mailboxes",
        Reason::MailboxFull => "full mailboxes",
        Reason::BadDomain => "domains that take no mail",
        Reason::TooLarge => "messages that are too large",
        Reason::MessageFormat => "malformed messages",
        Reason::Dns => "failing DNS look-ups",
        Reason::Routing => "routing",
        Reason::ConnectFailure => "failing connections",
        Reason::ConnectionLost => "lost connections",
        Reason::RemoteSystem => "a fault of the remote system",
        Reason::ProtocolError => "protocol errors",
        Reason::Expired => "messages that were given up",
        Reason::Local => "our own decision",
        Reason::Other => "replies not yet understood",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(reason: Reason, reply: Option<Reply>) -> Facts<'static> {
        let advice = "rotate cert or temp-disable TLS for this domain";
        Facts {
            provider: "att.net",
            named: false,
            was: Some(0.12),
            now: 0.22,
            reason,
            reply,
            not_throttling: true,
            vmta: "",
            advice,
        }
    }

    fn reply(stage: Option<Stage>, code: u16, queue: bool, detail: Detail) -> Option<Reply> {
        Some(Reply { stage, code, queue, detail })
    }

    #[test]
    fn the_two_sentences_word_for_word() {
        let yahoo = Facts {
            provider: "Yahoo",
            named: true,
            now: 0.38,
            ..facts(Reason::TempUnspecified, reply(Some(Stage::Handshake), 421, true, Detail::None))
        };
        assert_eq!(
            deferral(&yahoo),
            "[Yahoo] Deferral spike: 12% → 38% due to 421 handshake (not throttling)"
        );
        let att = facts(Reason::Tls, reply(Some(Stage::Starttls), 454, true, Detail::Fingerprint));
        assert_eq!(
            deferral(&att),
            "[ATT.NET] TLS fingerprint mismatch → deferral rate 22%. Action: rotate cert or temp-disable TLS for this domain."
        );
    }

    #[test]
    fn other_causes_have_sentences_of_the_same_shape() {
        let limit = Facts {
            was: None,
            vmta: "mta3",
            ..facts(Reason::RateLimited, reply(None, 451, false, Detail::None))
        };
        assert_eq!(deferral(&limit), "[ATT.NET] Deferral rate 22% due to a rate limit at VMTA mta3");
        let session =
            Facts { not_throttling: false, ..facts(Reason::Other, reply(None, 450, false, Detail::None)) };
        assert_eq!(deferral(&session), "[ATT.NET] Deferral spike: 12% → 22% due to 450 session");
        assert_eq!(
            bounce(&facts(Reason::Auth, None)),
            "[ATT.NET] Bounce spike: 12% → 22% due to failing authentication (SPF, DKIM, DMARC)"
        );
        let names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(
            host_wide("DNS failures", Some(0.0), 0.125, &names, "x"),
            "[host] DNS failures: 0% → 12% of attempts at a, b, c, d, e and 1 more. Action: x."
        );
    }

    #[test]
    fn per_cent_are_whole_unless_small() {
        for (ratio, text) in [
            (0.0, "0%"),
            (0.0004, "0%"),
            (0.0006, "0.1%"),
            (0.004, "0.4%"),
            (0.0096, "1%"),
            (0.124, "12%"),
            (0.126, "13%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }
}
