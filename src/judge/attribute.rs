//! What a change consists of: which replies, which virtual MTA, whether traffic moved or a part
//! got worse, and what it is not. It ranks; it does not decide that something is wrong.

use super::theory::{mix, wilson};
use crate::classify::Reason;
use crate::ledger::windows::{Channel, Detail, Key, Reply, Windows};
use crate::record::Seconds;

/// A stretch of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Seconds,
    pub to: Seconds,
}

/// What was usual before, as ratios of attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    pub deferred: Option<f64>,
    pub throttled: Option<f64>,
    /// The ratio of the reason in question.
    pub reason: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Hits over the whole they are measured by: deferrals over attempts, or bounces over d + b.
    pub now: f64,
    pub interval: (f64, f64),
    pub n: u64,
    pub n_queue: u64,
    pub bounced: bool,
    /// The share of the change that the reason explains.
    pub explained: Option<f64>,
    /// The most frequent kind of reply, if it makes up most of them.
    pub reply: Option<Reply>,
    /// The one virtual MTA that it is confined to.
    pub vmta: Option<String>,
    pub not_throttling: bool,
    /// Most of the change comes from traffic that moved between virtual MTAs.
    pub moved: bool,
}

const VMTA_SHARE: f64 = 0.85;
const VMTA_TRAFFIC: f64 = 0.6;

/// Takes a change apart. `reference` is a stretch before it began.
pub fn attribute(
    windows: &Windows,
    key: Key,
    reason: Reason,
    span: Span,
    reference: Span,
    before: Before,
) -> Attribution {
    let sum = |channels: &[Channel]| windows.sum_of(key, channels, span.from, span.to);
    let attempts = sum(&[Channel::Attempts]);
    let queue = sum(&[Channel::QueueDeferred]);
    let hits = sum(&[Channel::Reason(reason)]);
    let bounced = sum(&[Channel::ReasonBounced(reason)]) * 2 > hits;
    let (k, n) = if bounced {
        (sum(&[Channel::Bounced]), sum(&[Channel::Delivered, Channel::Bounced]))
    } else {
        (sum(&[Channel::Deferred, Channel::QueueDeferred]), attempts)
    };
    let ratio = |k: u64, n: u64| if n > 0 { k as f64 / n as f64 } else { 0.0 };
    let now = ratio(k, n);
    let rise = before.deferred.map(|was| now - was).filter(|rise| *rise > 0.0);
    let reason_rise = (ratio(hits, attempts) - before.reason).max(0.0);
    let throttled = ratio(sum(&[Channel::Throttled]), attempts);
    let throttle_rise = throttled - before.throttled.unwrap_or(0.0);
    Attribution {
        now,
        interval: wilson::interval(k, n, 1.959_964),
        n,
        n_queue: queue,
        bounced,
        explained: rise.filter(|_| !bounced).map(|rise| (reason_rise / rise).clamp(0.0, 1.0)),
        reply: reply(windows, key, reason, span),
        vmta: vmta(windows, key, reason, span, before.reason),
        not_throttling: !reason.is_throttling() && throttle_rise < 0.02_f64.max(0.2 * reason_rise),
        moved: moved(windows, key, reason, span, reference),
    }
}

fn reply(windows: &Windows, key: Key, reason: Reason, span: Span) -> Option<Reply> {
    let counted = windows.replies().map(|(number, reply)| {
        (windows.sum(key, Channel::ReasonReply(reason, number), span.from, span.to), reply)
    });
    let counted: Vec<(u64, Reply)> = counted.filter(|(count, _)| *count > 0).collect();
    let all: u64 = counted.iter().map(|(count, _)| count).sum();
    let (most, mut reply) = counted.iter().max_by_key(|(count, reply)| (*count, *reply)).copied()?;
    if reason == Reason::Tls && reply.detail == Detail::None {
        // A text that says what is wrong is worth more than one that does not.
        let told =
            counted.iter().filter(|(_, reply)| reply.detail != Detail::None).max_by_key(|(count, _)| *count);
        reply.detail = told.map_or(Detail::None, |(_, reply)| reply.detail);
    }
    (most * 2 > all).then_some(reply)
}

/// The virtual MTA with nearly all of the excess, when it has not nearly all of the traffic.
fn vmta(windows: &Windows, key: Key, reason: Reason, span: Span, usual: f64) -> Option<String> {
    let sum = |channel| windows.sum(key, channel, span.from, span.to) as f64;
    let parts: Vec<(u8, f64, f64)> = (0..windows.vmtas())
        .map(|vmta| (vmta, sum(Channel::ReasonVmta(reason, vmta)), sum(Channel::Vmta(vmta))))
        .filter(|(_, _, n)| *n > 0.0)
        .collect();
    let all: f64 = parts.iter().map(|(_, _, n)| n).sum();
    let excess = |k: f64, n: f64| (k - n * usual).max(0.0);
    let total: f64 = parts.iter().map(|(_, k, n)| excess(*k, *n)).sum();
    let (vmta, k, n) = parts.iter().copied().max_by(|a, b| excess(a.1, a.2).total_cmp(&excess(b.1, b.2)))?;
    let named = total > 0.0 && excess(k, n) > VMTA_SHARE * total && n < VMTA_TRAFFIC * all;
    named.then(|| windows.vmta(vmta))
}

/// Whether the reason's ratio rose because mail moved to virtual MTAs that always had it.
fn moved(windows: &Windows, key: Key, reason: Reason, span: Span, reference: Span) -> bool {
    let part = |vmta, span: Span| {
        let sum = |channel| windows.sum(key, channel, span.from, span.to) as f64;
        (sum(Channel::ReasonVmta(reason, vmta)), sum(Channel::Vmta(vmta)))
    };
    let parts: Vec<mix::Part> =
        (0..windows.vmtas()).map(|vmta| (part(vmta, reference), part(vmta, span))).collect();
    let split = mix::split(&parts);
    split.mix > 0.0 && split.mix > split.rate.max(0.0)
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
