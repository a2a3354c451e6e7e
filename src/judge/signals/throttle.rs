//! How hard each provider slows us down: the share of its attempts in ten minutes that were
//! refused for rate, connections or a recipient's pace, and those that a policy only delays.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::classify::Reason;
use crate::judge::theory::wilson;
use crate::ledger::windows::{Channel, Windows};
use crate::record::{Memory, Sample, Seconds, Severity, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "throttle",
    about: "a provider throttles a large share of all attempts",
    source: "accounting",
    beneath_down: true,
    look,
};

const WINDOW: Seconds = 600;
/// Fewer attempts are printed by nobody: a ratio of 3 means nothing.
const SHOWN: u64 = 20;
const MOST: usize = 50;
/// A quarter surely throttled: our pace is above what the provider takes.
const QUARTER: f64 = 0.25;
const HALF: f64 = 0.50;
const FINE: f64 = 0.15;
const ENOUGH: f64 = 200.0;
const SIGMAS: f64 = 3.0;

/// What a receiver slows us down for, not by a rate but by what it thinks of us.
const POLICY: [Reason; 5] =
    [Reason::Policy, Reason::Reputation, Reason::Blocklisted, Reason::SpamContent, Reason::Auth];
/// The reasons that the throttled count is made of, and any reply with 4.2.1.
const RATES: [Reason; 3] = [Reason::RateLimited, Reason::ConnectionLimit, Reason::RecipientThrottled];
/// With more bounces than this a policy refuses, and no longer only slows down.
const HARD: f64 = 0.01;

/// The gauges as they stand at `at`, the busiest providers first.
pub fn rows(windows: &Windows, at: Seconds) -> Vec<Sample> {
    let sum = |key, channel| windows.sum(key, channel, at - WINDOW, at);
    let mut keys: Vec<_> = windows.keys().map(|key| (sum(key, Channel::Attempts), key)).collect();
    keys.retain(|(attempts, _)| *attempts >= SHOWN);
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let whole_queue: Vec<u8> =
        windows.replies().filter(|(_, reply)| reply.queue).map(|(number, _)| number).collect();
    let row = |(attempts, key): (u64, _)| {
        let name = windows.provider(key)?.name.to_string();
        let all = |reason| sum(key, Channel::Reason(reason));
        let hard = |reason| sum(key, Channel::ReasonBounced(reason));
        let throttled = sum(key, Channel::Throttled);
        // Most providers throttle nobody, and need no look at their replies.
        let of_queues = if throttled == 0 {
            0
        } else {
            let rates = RATES.iter().flat_map(|reason| whole_queue.iter().map(|reply| (*reason, *reply)));
            rates.map(|(reason, reply)| sum(key, Channel::ReasonReply(reason, reply))).sum::<u64>()
        };
        let refused: u64 = POLICY.iter().map(|reason| hard(*reason)).sum();
        let slowed = POLICY.iter().map(|reason| all(*reason)).sum::<u64>().saturating_sub(refused);
        let share = |part: u64| part as f64 / attempts as f64;
        let row = Sample::new("pmta_throttle").tag("provider", name);
        let row = row.float("ratio", share(throttled)).float("queue_ratio", share(of_queues.min(throttled)));
        let row = row.float("policy_ratio", share(slowed)).float("policy_bounced_ratio", share(refused));
        Some(row.int("attempts", i64::try_from(attempts).unwrap_or(i64::MAX)))
    };
    keys.into_iter().take(MOST).filter_map(row).collect()
}

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    for row in scene.rows("pmta_throttle") {
        let (Some(ratio), Some(attempts)) = (number(row, "ratio"), number(row, "attempts")) else { continue };
        let provider = tag(&row.tags, "provider");
        let share = |field| number(row, field).unwrap_or(0.0);
        let named =
            |symptom: Symptom| Symptom { provider: provider.to_owned(), n: attempts as i64, ..symptom };
        let (throttled, of_queues) = (ratio * attempts, share("queue_ratio") * attempts);
        let symptom = Symptom::new("", level(ratio, attempts), 60, 600).measured(Unit::Ratio, None, ratio).told(
            format!(
                "[{provider}] throttles {:.0}% of {attempts:.0} attempts in ten minutes ({:.0} of single recipients, {of_queues:.0} of whole queues): we send faster than it takes",
                ratio * 100.0,
                throttled - of_queues
            ),
            "Set max-msg-rate in its <domain> to about what is delivered now and lower max-smtp-out (whole queues: connections first); more connections or sooner retries prolong a throttle.",
        );
        report.symptoms.push(Symptom { n_queue: of_queues.round() as i64, ..named(symptom) });
        let policy = share("policy_ratio");
        let level = match level(policy, attempts) {
            Level::Bad(_) if share("policy_bounced_ratio") >= HARD => Level::Between,
            level => level,
        };
        let symptom = Symptom::new("policy", level, 60, 600).measured(Unit::Ratio, None, policy).told(
            format!(
                "[{provider}] defers {:.0}% of {attempts:.0} attempts in ten minutes for its policy or our reputation, and bounces none: it slows us down without saying no",
                policy * 100.0
            ),
            "Do not send faster or from other addresses. Look at the replies (`pmta-vitals explain FILE`) and at its postmaster page, stop the campaign that began with it, and send to engaged recipients first.",
        );
        report.symptoms.push(named(symptom));
    }
}

/// A small sample says nothing either way.
fn level(ratio: f64, attempts: f64) -> Level {
    let (surely, _) = wilson::interval((ratio * attempts).round() as u64, attempts as u64, SIGMAS);
    if attempts < ENOUGH {
        if ratio < FINE { Level::Fine } else { Level::Between }
    } else if surely >= HALF {
        Level::Bad(Severity::Warning)
    } else if surely >= QUARTER {
        Level::Bad(Severity::Info)
    } else if ratio < FINE {
        Level::Fine
    } else {
        Level::Between
    }
}
