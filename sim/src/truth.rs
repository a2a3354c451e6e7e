//! What the host really did, counted as it was written: the yardstick for whoever watches it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::calendar::Calendar;
use crate::entry::Kind;
use crate::incidents::Incident;
use crate::network::Network;

/// Records by type, and the bytes of the delivered ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub delivered: u64,
    pub bounced: u64,
    pub deferred: u64,
    pub queue_deferred: u64,
    pub received: u64,
    pub remote_bounced: u64,
    pub remote_status: u64,
    pub complaints: u64,
    pub delivered_bytes: u64,
}

impl Counts {
    pub fn add(&mut self, kind: Kind, bytes: u64) {
        *self.slot(kind) += 1;
        if kind == Kind::Delivery {
            self.delivered_bytes += bytes;
        }
    }

    pub fn records(&self) -> u64 {
        let mut copy = *self;
        Kind::ALL.iter().map(|kind| *copy.slot(*kind)).sum()
    }

    /// Attempts that ended in a `t` or `tq`, of all attempts.
    pub fn deferral_ratio(&self) -> f64 {
        let deferred = self.deferred + self.queue_deferred;
        let attempts = deferred + self.delivered + self.bounced;
        if attempts == 0 { 0.0 } else { deferred as f64 / attempts as f64 }
    }

    /// What was added since an earlier copy.
    pub fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            delivered: self.delivered - earlier.delivered,
            bounced: self.bounced - earlier.bounced,
            deferred: self.deferred - earlier.deferred,
            queue_deferred: self.queue_deferred - earlier.queue_deferred,
            received: self.received - earlier.received,
            remote_bounced: self.remote_bounced - earlier.remote_bounced,
            remote_status: self.remote_status - earlier.remote_status,
            complaints: self.complaints - earlier.complaints,
            delivered_bytes: self.delivered_bytes - earlier.delivered_bytes,
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Delivery => &mut self.delivered,
            Kind::Bounce => &mut self.bounced,
            Kind::Transient => &mut self.deferred,
            Kind::TransientQueue => &mut self.queue_deferred,
            Kind::Receipt => &mut self.received,
            Kind::RemoteBounce => &mut self.remote_bounced,
            Kind::RemoteStatus => &mut self.remote_status,
            Kind::FeedbackLoop => &mut self.complaints,
        }
    }

    fn to_json(self) -> Value {
        json!({
            "d": self.delivered, "b": self.bounced, "t": self.deferred, "tq": self.queue_deferred,
            "r": self.received, "rb": self.remote_bounced, "rs": self.remote_status, "f": self.complaints,
            "delivered_bytes": self.delivered_bytes,
        })
    }
}

/// What one record is, beyond its cells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The sim's own provider label.
    pub label: &'a str,
    /// Recipient domain; of a `tq`, the queue's domain or rollup.
    pub domain: &'a str,
    pub vmta: &'a str,
    /// Empty where there is nothing to explain.
    pub reason: &'static str,
    pub bytes: u64,
}

/// (reason, outcome) -> records; outcome is the record type.
pub type Reasons = BTreeMap<(&'static str, &'static str), u64>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub total: Counts,
    pub providers: BTreeMap<String, Counts>,
    pub domains: BTreeMap<String, Counts>,
    pub vmtas: BTreeMap<String, Counts>,
    /// provider -> VMTA -> records
    pub pairs: BTreeMap<String, BTreeMap<String, Counts>>,
    pub provider_reasons: BTreeMap<String, Reasons>,
    pub domain_reasons: BTreeMap<String, Reasons>,
}

impl Truth {
    pub fn count(&mut self, kind: Kind, facts: Facts<'_>) {
        let Facts { label, domain, vmta, reason, bytes } = facts;
        self.total.add(kind, bytes);
        entry(&mut self.providers, label).add(kind, bytes);
        entry(&mut self.domains, domain).add(kind, bytes);
        entry(&mut self.vmtas, vmta).add(kind, bytes);
        entry(entry(&mut self.pairs, label), vmta).add(kind, bytes);
        if !reason.is_empty() {
            let key = (reason, kind.as_str());
            *entry(&mut self.provider_reasons, label).entry(key).or_default() += 1;
            *entry(&mut self.domain_reasons, domain).entry(key).or_default() += 1;
        }
    }

    pub fn provider(&self, label: &str) -> Counts {
        self.providers.get(label).copied().unwrap_or_default()
    }

    /// Records of a provider for a reason, all outcomes.
    pub fn reason(&self, label: &str, reason: &str) -> u64 {
        let reasons = self.provider_reasons.get(label).into_iter().flatten();
        reasons.filter(|((name, _), _)| *name == reason).map(|(_, n)| n).sum()
    }

    /// The document of `truth.json`.
    pub fn to_json(&self, incidents: &[Incident], network: &Network, calendar: Calendar, now: i64) -> Value {
        let incidents = incidents.iter().map(|incident| {
            let vmta = incident.vmta.and_then(|i| network.vmtas.get(i)).map(|vmta| vmta.name.clone());
            json!({
                "name": incident.plot.name, "provider": incident.plot.provider, "reason": incident.plot.reason,
                "start": incident.start, "end": incident.end, "strength": incident.strength, "vmta": vmta,
                "pages": incident.plot.pages, "domains": incident.plot.domains,
            })
        });
        json!({
            "time": calendar.stamp_with_offset(now),
            "total": self.total.to_json(),
            "providers": counts_json(&self.providers),
            "domains": counts_json(&self.domains),
            "vmtas": counts_json(&self.vmtas),
            "pairs": self.pairs.iter().map(|(k, v)| (k.clone(), counts_json(v))).collect::<serde_json::Map<_, _>>(),
            "provider_reasons": reasons_json(&self.provider_reasons, "provider"),
            "domain_reasons": reasons_json(&self.domain_reasons, "domain"),
            "incidents": incidents.collect::<Vec<_>>(),
        })
    }
}

fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str) -> &'a mut T {
    map.entry(key.to_owned()).or_default()
}

fn counts_json(map: &BTreeMap<String, Counts>) -> Value {
    map.iter().map(|(key, counts)| (key.clone(), counts.to_json())).collect::<serde_json::Map<_, _>>().into()
}

fn reasons_json(map: &BTreeMap<String, Reasons>, key: &str) -> Value {
    let rows = map.iter().flat_map(|(name, reasons)| {
        reasons.iter().map(
            move |((reason, outcome), n)| json!({ key: name, "reason": reason, "outcome": outcome, "n": n }),
        )
    });
    rows.collect::<Vec<_>>().into()
}
