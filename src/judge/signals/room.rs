//! Whether a provider would take more than a limit of ours lets through: the question to ask, and how
//! sure the answer is. It knows what was counted and no configuration file.

use super::{Scene, number};
use crate::record::Confidence;

/// Fewer attempts in ten minutes say nothing, and from these on it is sure.
const ENOUGH: f64 = 200.0;
const SURE: f64 = 1_000.0;
/// More refusals for our pace, or for what we are, and there is no room.
const THROTTLED: f64 = 0.01;
const HARDLY: f64 = 0.002;
/// Renewed so often in ten minutes, a connection spends its time on handshakes.
const RENEWED: f64 = 3.0;

/// What ten minutes with a provider showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    pub attempts: f64,
    /// Refused for rate, connections or pace, and slowed down or refused by policy.
    pub throttled: f64,
    pub policy: f64,
}

/// The limits in force and the connections that are open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    pub connections: f64,
    pub max_smtp_out: f64,
    /// Unknown or unlimited: `None`.
    pub messages: Option<f64>,
}

pub fn taken(scene: &Scene<'_>, provider: &str) -> Option<Taken> {
    let row = scene.row("pmta_throttle", "provider", provider)?;
    let value = |field| number(row, field).unwrap_or(0.0);
    let policy = value("policy_ratio") + value("policy_bounced_ratio");
    Some(Taken { attempts: number(row, "attempts")?, throttled: number(row, "ratio")?, policy })
}

/// `Increase max-msg-per-connection for Gmail? (confidence: high) ...`, when replies and the reuse of
/// connections show room.
pub fn advice(provider: &str, taken: &Taken, held: &Held) -> Option<(String, Confidence)> {
    let quiet = taken.throttled < THROTTLED && taken.policy < THROTTLED;
    if taken.attempts < ENOUGH || !quiet || held.connections < 1.0 {
        return None;
    }
    let sure = taken.attempts >= SURE && taken.throttled < HARDLY && taken.policy < HARDLY;
    let each = taken.attempts / held.connections;
    let renewed =
        held.messages.map(|most| (each / most.max(1.0), most)).filter(|(times, _)| *times >= RENEWED);
    let (directive, now, why) = match renewed {
        Some((times, most)) => (
            "max-msg-per-connection",
            most,
            format!(
                "each of {:.0} connections was renewed about {times:.0} times, after {most:.0} messages",
                held.connections
            ),
        ),
        None => (
            "max-smtp-out",
            held.max_smtp_out,
            format!("all {:.0} connections are in use and are kept", held.connections),
        ),
    };
    // Connections are what receivers count first: more of them is the less certain advice.
    let confidence = if sure && renewed.is_some() { Confidence::High } else { Confidence::Medium };
    let text = format!(
        "Increase {directive} for {provider}? (confidence: {}) Of {:.0} attempts in ten minutes {:.1}% were throttled, and {why}. Set `{directive} {:.0}` in its <domain>, reload, and watch pmta_throttle for a day; go back at the first 421. Not: several limits at once.",
        confidence.name(),
        taken.attempts,
        taken.throttled * 100.0,
        (now * 1.5).ceil()
    );
    Some((text, confidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_with_its_directive_and_never_where_a_provider_slows_us_down() {
        let taken = |attempts, throttled, policy| Taken { attempts, throttled, policy };
        let held = |messages| Held { connections: 12.0, max_smtp_out: 12.0, messages };
        let reused = "Increase max-msg-per-connection for Gmail? (confidence: high) Of 2400";
        let more = "Increase max-smtp-out for Gmail? (confidence: medium) Of 2400";
        for (what, taken, messages, begins) in [
            ("renewed ten times", taken(2_400.0, 0.0, 0.0), Some(20.0), Some(reused)),
            ("kept open", taken(2_400.0, 0.0, 0.0), Some(100.0), Some(more)),
            ("no limit on messages", taken(2_400.0, 0.001, 0.0), None, Some(more)),
            ("throttled", taken(2_400.0, 0.01, 0.0), Some(20.0), None),
            ("slowed down by policy", taken(2_400.0, 0.0, 0.02), Some(20.0), None),
            ("too few to say", taken(199.0, 0.0, 0.0), Some(2.0), None),
        ] {
            let told = advice("Gmail", &taken, &held(messages)).map(|(text, _)| text);
            assert_eq!(told.is_some(), begins.is_some(), "{what}: {told:?}");
            let begins = begins.unwrap_or_default();
            assert!(told.is_none_or(|text| text.starts_with(begins)), "{what}");
        }
        let (text, _) = advice("Gmail", &taken(2_400.0, 0.0, 0.0), &held(Some(20.0))).unwrap();
        assert!(
            text.contains("`max-msg-per-connection 30`") && text.contains("renewed about 10 times"),
            "{text}"
        );
    }
}
