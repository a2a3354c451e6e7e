//! How many attempts each incident harmed, and when the fiftieth was: from there on a watcher can
//! be asked to know. It lets nothing happen.

use crate::incidents::{Change, Incident};

/// So many harmed attempts are enough to notice an incident by.
const ENOUGH: f64 = 50.0;

/// What one incident did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Toll {
    /// Attempts that it answered, deliveries that it delayed, or mail that it kept away.
    pub attempts: f64,
    /// When the fiftieth was logged.
    pub fiftieth: Option<i64>,
}

/// The tolls of all incidents, in their order.
#[derive(Clone, Debug, Default)]
pub struct Harm {
    tolls: Vec<Toll>,
}

impl Harm {
    pub fn of(incidents: usize) -> Self {
        Self { tolls: vec![Toll::default(); incidents] }
    }

    pub fn tolls(&self) -> &[Toll] {
        &self.tolls
    }

    /// One attempt that an incident harmed, if it was one.
    pub fn count(&mut self, incident: Option<usize>, now: i64) {
        self.add(incident, 1.0, now);
    }

    /// The mail that did not come in this second.
    pub fn miss(&mut self, incidents: &[Incident], usual: f64, now: i64) {
        for (place, incident) in incidents.iter().enumerate() {
            if let Change::Volume(factor) = incident.plot.change
                && incident.active(now, 0)
            {
                self.add(Some(place), usual * (1.0 - factor.powf(incident.strength)).max(0.0), now);
            }
        }
    }

    fn add(&mut self, incident: Option<usize>, attempts: f64, now: i64) {
        let Some(toll) = incident.and_then(|place| self.tolls.get_mut(place)) else { return };
        toll.attempts += attempts;
        if toll.fiftieth.is_none() && toll.attempts >= ENOUGH {
            toll.fiftieth = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incidents;

    #[test]
    fn the_fiftieth_harmed_attempt_has_a_time() {
        let mut harm = Harm::of(1);
        for now in 0..60 {
            harm.count(Some(0), 100 + now);
            harm.count(None, 100 + now);
        }
        assert_eq!(harm.tolls(), [Toll { attempts: 60.0, fiftieth: Some(149) }]);
    }

    #[test]
    fn mail_that_does_not_come_is_harm_and_more_of_it_is_not() {
        let mut dice = crate::dice::Dice::new(1);
        let plots = ["throughput-drop", "campaign"].map(|name| incidents::plot(name).unwrap());
        let incidents = plots.map(|plot| incidents::at(plot, 0, 100, 1.0, 1, &mut dice));
        let mut harm = Harm::of(2);
        for now in 0..200 {
            harm.miss(&incidents, 1.0, now);
        }
        let kept_away = harm.tolls()[0];
        assert!((kept_away.attempts - 92.0).abs() < 1e-6 && kept_away.fiftieth == Some(54), "{kept_away:?}");
        assert_eq!(harm.tolls()[1], Toll::default());
    }
}
