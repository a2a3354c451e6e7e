//! Incidents by name: who suffers, how, for how long. Says what happens; the flow lets it happen.

use crate::dice::Dice;
use crate::options::SimError;
use crate::providers;
use crate::reply::{Reply, connect, defer, refuse, unreachable};

mod drills;
mod phenomena;
mod table;

/// What an incident changes.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Attempts answered otherwise, with a probability at strength 1.
    Answers { probability: f64, replies: &'static [Reply] },
    /// First attempts take this many seconds longer, in the mean.
    Slowness(f64),
    /// Less mail comes in: the factor at strength 1.
    Volume(f64),
}

/// A kind of incident.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    pub name: &'static str,
    /// Provider label; empty = everyone.
    pub provider: &'static str,
    /// Only these recipient domains; empty = all of the provider.
    pub domains: &'static [&'static str],
    pub reason: &'static str,
    /// Only one VMTA's address suffers.
    pub one_vmta: bool,
    /// Only the first so many minutes of each hour; 60 = always.
    pub minutes_of_hour: i64,
    /// Length when the scenario gives none.
    pub seconds: i64,
    /// Whether an operator wants to hear of it.
    pub pages: bool,
    /// It grows from nothing to its strength over its time.
    pub ramp: bool,
    pub change: Change,
}

/// A plot at a time.
#[derive(Clone, Debug)]
pub struct Incident {
    pub plot: &'static Plot,
    pub start: i64,
    pub end: i64,
    pub strength: f64,
    /// Index of the VMTA that suffers, of `one_vmta` plots.
    pub vmta: Option<usize>,
}

impl Incident {
    pub fn active(&self, at: i64, second_of_hour: i64) -> bool {
        (self.start..self.end).contains(&at) && second_of_hour < self.plot.minutes_of_hour * 60
    }

    pub fn hits(&self, label: &str, domain: &str, vmta: usize) -> bool {
        let plot = self.plot;
        (plot.provider.is_empty() || plot.provider == label)
            && (plot.domains.is_empty() || plot.domains.contains(&domain))
            && self.vmta.is_none_or(|mine| mine == vmta)
    }

    /// The answer this incident gives to an attempt, if it gives one.
    pub fn answer(&self, now: i64, dice: &mut Dice) -> Option<&'static Reply> {
        match self.plot.change {
            Change::Answers { probability, replies } => {
                let grown = (now - self.start) as f64 / (self.end - self.start).max(1) as f64;
                let strength = if self.plot.ramp { self.strength * grown } else { self.strength };
                let hit = dice.chance((probability * strength).min(0.99));
                if hit { pick_weighted(replies, dice) } else { None }
            }
            _ => None,
        }
    }
}

/// Chooses by weight.
pub fn pick_weighted(replies: &'static [Reply], dice: &mut Dice) -> Option<&'static Reply> {
    let sum: u32 = replies.iter().map(|reply| reply.weight).sum();
    let mut left = dice.below(u64::from(sum)) as u32;
    replies.iter().find(|reply| {
        let here = left < reply.weight;
        left = left.saturating_sub(reply.weight);
        here
    })
}

/// Every name a scenario may use.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|plot| plot.name)
}

fn all() -> impl Iterator<Item = &'static Plot> {
    table::PLOTS.iter().chain(phenomena::PLOTS).chain(drills::PLOTS)
}

/// A plot by its name.
pub fn plot(name: &str) -> Option<&'static Plot> {
    all().find(|plot| plot.name == name)
}

/// `quiet`, `random`, or `name[@offset[+duration[xstrength]]]` separated by commas.
pub fn parse(scenario: &str, start: i64, seed: u64, vmtas: usize) -> Result<Vec<Incident>, SimError> {
    let mut dice = Dice::new(seed).branch(0x1c1d);
    let mut found = Vec::new();
    for part in scenario.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part {
            "quiet" => {}
            "random" => found.extend(random(start, vmtas, &mut dice)),
            _ => found.push(one(part, start, vmtas, &mut dice)?),
        }
    }
    found.sort_by_key(|incident| incident.start);
    Ok(found)
}

fn one(text: &str, start: i64, vmtas: usize, dice: &mut Dice) -> Result<Incident, SimError> {
    let bad = |why: &str| {
        let known: Vec<_> = names().collect();
        SimError::Scenario(format!(
            "scenario {text:?}: {why}; write name@offset+secondsxstrength, where name is one of quiet, random, {}",
            known.join(", ")
        ))
    };
    let (name, when) = text.split_once('@').unwrap_or((text, "600"));
    let plot = self::plot(name).ok_or_else(|| bad("unknown name"))?;
    let (when, strength) = when.split_once('x').unwrap_or((when, "1"));
    let (offset, seconds) = when.split_once('+').unwrap_or((when, ""));
    let offset: i64 = offset.parse().map_err(|_| bad("the offset is no number"))?;
    let seconds: i64 = match seconds {
        "" => plot.seconds,
        text => text.parse().map_err(|_| bad("the duration is no number"))?,
    };
    let strength: f64 = strength.parse().map_err(|_| bad("the strength is no number"))?;
    Ok(at(plot, start + offset, seconds, strength, vmtas, dice))
}

/// A plot put at a time; the VMTA that suffers is drawn.
pub fn at(
    plot: &'static Plot,
    start: i64,
    seconds: i64,
    strength: f64,
    vmtas: usize,
    dice: &mut Dice,
) -> Incident {
    let vmta = plot.one_vmta.then(|| dice.below(vmtas as u64) as usize);
    Incident { plot, start, end: start + seconds, strength, vmta }
}

/// An incident about every four hours, for thirty days.
fn random(start: i64, vmtas: usize, dice: &mut Dice) -> Vec<Incident> {
    // Some plots are about domains that only the labelled months have.
    let known = |label: &str| label.is_empty() || providers::all().any(|provider| provider.label == label);
    let plots = table::PLOTS.iter().chain(phenomena::PLOTS);
    let here: Vec<&'static Plot> = plots.filter(|plot| known(plot.provider)).collect();
    let mut found = Vec::new();
    let mut when = start + 900;
    while when < start + 30 * 86_400 {
        if let Some(plot) = dice.pick(&here) {
            let strength = 0.7 + 0.6 * dice.unit();
            // Standing ones last an afternoon here, so that others get their turn.
            let seconds = plot.seconds.min(4 * 3_600);
            found.push(at(plot, when, seconds, strength, vmtas, dice));
            when += seconds + dice.between(3_600, 6 * 3_600);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_says_when_how_long_and_how_hard() {
        let found = parse("att-tls@60+120x1.5, yahoo-handshake", 1_000, 1, 4).unwrap();
        let seen: Vec<_> =
            found.iter().map(|i| (i.plot.name, i.start, i.end - i.start, i.strength)).collect();
        assert_eq!(seen[0], ("att-tls", 1_060, 120, 1.5));
        assert_eq!((seen[1].0, seen[1].1), ("yahoo-handshake", 1_600));
        assert!(parse("quiet", 0, 1, 4).unwrap().is_empty());
        assert!(parse("random", 0, 1, 4).unwrap().len() > 40);
    }

    #[test]
    fn a_wrong_scenario_is_told_with_the_names() {
        for wrong in ["no-such-thing", "att-tls@soon", "att-tls@1+x", "att-tls@1+2xhard"] {
            let told = parse(wrong, 0, 1, 4).unwrap_err().to_string();
            assert!(told.contains("comcast-450"), "{wrong}: {told}");
        }
    }

    #[test]
    fn one_vmta_plots_name_a_vmta_and_hit_no_other() {
        let found = parse("microsoft-blocklist@0+10", 0, 3, 4).unwrap();
        let hit: Vec<_> = (0..4).filter(|v| found[0].hits("Microsoft", "outlook.com", *v)).collect();
        assert_eq!(hit.len(), 1);
        assert!(!found[0].hits("Gmail", "gmail.com", hit[0]));
    }
}
