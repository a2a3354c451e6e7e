//! The detectors, one file each; a detector is also a check. This file is their table and judges
//! nothing.

pub mod complaints;
pub mod drift;
mod lasting;
pub mod mean_stddev;
pub mod reasons;
pub mod replies;
pub mod resolver;
pub mod series;
pub mod shared;
pub mod slow;
pub mod throughput;

use super::life::Group;

/// A detector's name in findings, in checks and in `list`, and what it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detector {
    pub name: &'static str,
    pub about: &'static str,
}

/// Every detector that judges accounting records.
pub const DETECTORS: &[Detector] = &[
    Detector { name: "deferral-ratio", about: "deferrals per provider and reason, against seven days" },
    Detector { name: "bounce-ratio", about: "bounces per provider and reason, against seven days" },
    Detector { name: slow::NAME, about: "deliveries that take longer than a provider usually needs" },
    Detector { name: resolver::NAME, about: "failing DNS look-ups of the whole host" },
    Detector { name: shared::CONNECTIONS, about: "failing connections at four providers or more" },
    Detector {
        name: shared::AUTHENTICATION,
        about: "refusals for SPF, DKIM or DMARC, of one provider or several",
    },
    Detector {
        name: shared::BLOCKLISTING,
        about: "refusals because an address is blocklisted, from the first few on",
    },
    Detector { name: shared::TLS, about: "failing TLS: certificates, fingerprints, handshakes" },
    Detector { name: shared::VMTA, about: "trouble of three providers or more that is confined to one VMTA" },
    Detector {
        name: complaints::NAME,
        about: "complaints of recipients (feedback loops) of a day, against what was delivered",
    },
    Detector { name: drift::NAME, about: "what grew worse from one week to the next, told once a week" },
    Detector { name: throughput::DROP, about: "much less mail than at this time of other days" },
    Detector { name: throughput::SURGE, about: "much more mail than at this time of any of the last days" },
    Detector {
        name: replies::NAME,
        about: "replies that a provider never gave before, or gives far more often",
    },
    Detector {
        name: mean_stddev::NAME,
        about: "deferrals per provider against mean and deviation of seven days",
    },
];

/// The detector that a group's finding is first told under.
pub fn name(group: Group) -> &'static str {
    match group {
        Group::Refusals | Group::Told => "deferral-ratio",
        Group::Slow => slow::NAME,
        Group::Resolver => resolver::NAME,
        Group::Connections => shared::CONNECTIONS,
        Group::Authentication => shared::AUTHENTICATION,
        Group::Blocklisted => shared::BLOCKLISTING,
        Group::Vmta => shared::VMTA,
        Group::Drop => throughput::DROP,
        Group::Surge => throughput::SURGE,
        Group::MeanStddev => mean_stddev::NAME,
        Group::Complaints => complaints::NAME,
    }
}
