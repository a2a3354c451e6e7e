//! PowerMTA's own resolver: queries that wait, and attempts that failed before any host was
//! reached, by kind. Whether failing look-ups are the host's own trouble is judged against the
//! baseline by the detector `resolver`.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{Delivery, Memory, Sample, Seconds, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub const SIGNAL: Signal =
    Signal { name: "dns", about: "PowerMTA's DNS queries pile up", source: "web", beneath_down: true, look };

/// At a thousand look-ups a second and 20 ms each, twenty are under way.
const MANY: f64 = 200.0;
const FLOOD: f64 = 2_000.0;
const FINE: f64 = 50.0;
const HOLD: Seconds = 60;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    let Some(pending) = scene.rows("pmta_resolver").find_map(|row| number(row, "pending")) else { return };
    let symptom = Symptom::new("pending", Level::above(pending, FINE, MANY, FLOOD), HOLD, 60)
        .measured(Unit::Count, None, pending)
        .told(
            format!("{pending:.0} DNS queries of PowerMTA wait for an answer: the resolvers are slow or gone, and every provider will seem to defer"),
            "Time the servers of /etc/resolv.conf (`dig @SERVER gmail.com mx`), put a caching resolver on this host, and look at conntrack for port 53.",
        );
    report.symptoms.push(Symptom { n: pending as i64, ..symptom });
}

/// What a failure without any reply was, by PowerMTA's own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lookup,
    NoDomain,
    NoAnswer,
    Other,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Lookup, "lookup"),
    (Kind::NoDomain, "no-domain"),
    (Kind::NoAnswer, "no-answer"),
    (Kind::Other, "other"),
];

fn kind(status: &[u8]) -> Kind {
    let code = status.get(1..).unwrap_or_default();
    let begins = |detail: &[u8]| {
        code.strip_prefix(detail).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_digit))
    };
    match () {
        () if begins(b".4.3") || begins(b".4.4") => Kind::Lookup,
        () if begins(b".1.2") => Kind::NoDomain,
        () if begins(b".4.1") => Kind::NoAnswer,
        () => Kind::Other,
    }
}

const PERIOD: Seconds = 600;
const MOST_PROVIDERS: usize = 100;

/// Failures without a reply of the last two periods, from one run to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    period: i64,
    now: [Count; 4],
    before: [Count; 4],
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    failures: i64,
    providers: BTreeSet<String>,
}

impl Failures {
    pub fn recall(memory: &dyn Memory, key: &str) -> Failures {
        memory.get(key).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub fn write_down(&self, memory: &mut dyn Memory, key: &str) {
        match serde_json::to_vec(self) {
            // An idle host has no such note.
            Ok(text) if self.now.iter().chain(&self.before).any(|count| count.failures > 0) => {
                memory.put(key, &text);
            }
            _ => memory.remove(key),
        }
    }

    pub fn record(&mut self, provider: &str, record: &Delivery<'_>) {
        // A suppression list's bounce is our own decision.
        let local = record.kind == crate::record::Kind::Bounced
            && !matches!(kind(record.status), Kind::Lookup | Kind::NoDomain);
        if !record.kind.is_refusal() || !record.diag.is_empty() || local {
            return;
        }
        self.turn(record.logged.div_euclid(PERIOD));
        let of = kind(record.status);
        let Some(place) = KINDS.iter().position(|(kind, _)| *kind == of) else { return };
        if let Some(count) = self.now.get_mut(place) {
            count.failures += 1;
            if count.providers.len() < MOST_PROVIDERS && !count.providers.contains(provider) {
                count.providers.insert(provider.to_owned());
            }
        }
    }

    /// The gauges at `now`: the whole period before, or the one that runs if that has more.
    pub fn rows(&mut self, now: Seconds) -> Vec<Sample> {
        self.turn(now.div_euclid(PERIOD));
        let counts = self.now.iter().zip(&self.before).zip(KINDS);
        let rows = counts.filter_map(|((now, before), (_, name))| {
            let count = if before.failures > now.failures { before } else { now };
            let row = Sample::new("pmta_dns").tag("kind", name).int("failures", count.failures);
            (count.failures > 0)
                .then(|| row.int("providers", i64::try_from(count.providers.len()).unwrap_or(0)))
        });
        rows.collect()
    }

    fn turn(&mut self, period: i64) {
        if period > self.period {
            let last = std::mem::take(&mut self.now);
            self.before = if period == self.period + 1 { last } else { Default::default() };
            self.period = period;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_the_status() {
        for (status, expected) in [
            ("4.4.4 (unable to route: dns lookup failure)", Kind::Lookup),
            ("4.4.3", Kind::Lookup),
            ("5.1.2 (bad destination system: no such domain)", Kind::NoDomain),
            ("4.4.1 (no answer from host)", Kind::NoAnswer),
            ("4.4.10", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(status.as_bytes()), expected, "{status}");
        }
    }

    #[test]
    fn failures_are_counted_by_kind_for_two_periods_and_survive_the_run() {
        let record = |logged, status: &'static [u8], diag: &'static [u8]| Delivery {
            status,
            diag,
            ..Delivery::blank(crate::record::Kind::QueueDeferred, logged)
        };
        let mut notes = crate::record::Notes::default();
        for (logged, provider) in [(6_000, "a"), (6_001, "b"), (6_500, "a")] {
            let mut failures = Failures::recall(&notes, "f");
            failures.record(provider, &record(logged, b"4.4.4 (dns)", b""));
            failures.record(provider, &record(logged, b"4.4.4 (dns)", b"smtp;421 said by a host"));
            failures.write_down(&mut notes, "f");
        }
        let rows = |now| {
            let rows = Failures::recall(&notes, "f").rows(now);
            let field = |name| rows.first().and_then(|row| number(row, name));
            (rows.len(), field("failures"), field("providers"))
        };
        assert_eq!(rows(6_550), (1, Some(3.0), Some(2.0)));
        assert_eq!(rows(7_100), (1, Some(3.0), Some(2.0)), "the whole period before");
        assert_eq!(rows(7_900), (0, None, None));
    }
}
