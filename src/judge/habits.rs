//! What a provider is known to do again and again and to mend by itself: learned silence, within
//! narrow bounds and with its evidence. It neither counts refusals nor ends a case.

use super::theory::periodicity::{self, Period};
use crate::classify::Reason;
use crate::ledger::baseline::Baselines;
use crate::record::{Seconds, Severity};
use serde::{Deserialize, Serialize};

const NOTE: &str = "habits";
/// An occurrence that lasts longer has not healed by itself.
const HEALS: Seconds = 900;
/// Fewer waiting recipients are no backlog.
const SOME_BACKLOG: i64 = 1_000;
/// What is kept: three days of an hourly habit and a bit, of so many providers and reasons.
const MOST_PAST: usize = 80;
const MOST_HABITS: usize = 50;
const KEPT: Seconds = 35 * 86_400;

/// Trouble from its first refusal to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    pub began: Seconds,
    pub ended: Seconds,
    /// The most recipients that waited meanwhile, if anybody counted.
    pub backlog: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Habit {
    provider: String,
    reason: u8,
    past: Vec<Episode>,
}

/// Trouble of now, that may be one of those.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    pub provider: &'a str,
    pub reason: Reason,
    pub began: Seconds,
    /// The last refusal.
    pub at: Seconds,
    pub offset_minutes: i16,
    pub backlog: Option<i64>,
    pub severity: Severity,
}

/// Everything that was seen to heal, or not, by provider and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habits {
    known: Vec<Habit>,
    /// The most that waited since something became pending, by provider and reason.
    waiting: Vec<(String, u8, i64)>,
    #[serde(skip)]
    changed: bool,
}

/// Only what lies with the receiver and is over by itself may become a habit.
pub fn may_be_learned(reason: Reason) -> bool {
    matches!(reason, Reason::Greylisted | Reason::RecipientThrottled | Reason::TempUnspecified)
}

impl Habits {
    pub fn load(baselines: &Baselines) -> Habits {
        baselines.note(NOTE).and_then(|note| serde_json::from_slice(note).ok()).unwrap_or_default()
    }

    pub fn keep(&mut self, baselines: &mut Baselines) {
        if std::mem::take(&mut self.changed) {
            baselines.set_note(NOTE, serde_json::to_vec(self).ok());
        }
    }

    /// How many wait while something is pending.
    pub fn see(&mut self, provider: &str, reason: Reason, backlog: i64) {
        let same = |held: &(String, u8, i64)| held.0 == provider && held.1 == reason.number();
        let place = self.waiting.iter().position(same);
        let room = self.waiting.len() < MOST_HABITS;
        match place.and_then(|place| self.waiting.get_mut(place)) {
            Some(held) if held.2 >= backlog => return,
            Some(held) => held.2 = backlog,
            None if room => self.waiting.push((provider.to_owned(), reason.number(), backlog)),
            None => return,
        }
        self.changed = true;
    }

    /// Takes in an episode that is over.
    pub fn enter(&mut self, provider: &str, reason: Reason, mut episode: Episode) {
        if !may_be_learned(reason) {
            return;
        }
        self.changed = true;
        let same = |held: &(String, u8, i64)| held.0 == provider && held.1 == reason.number();
        if let Some(place) = self.waiting.iter().position(same) {
            episode.backlog = episode.backlog.max(Some(self.waiting.swap_remove(place).2));
        }
        let same = |habit: &Habit| habit.provider == provider && habit.reason == reason.number();
        let mut habit = match self.known.iter().position(same) {
            Some(place) => self.known.remove(place),
            None => Habit { provider: provider.to_owned(), reason: reason.number(), past: Vec::new() },
        };
        habit.past.push(episode);
        habit.past.retain(|past| episode.began - past.began <= KEPT);
        let surplus = habit.past.len().saturating_sub(MOST_PAST);
        habit.past.drain(..surplus);
        // The one that was seen last stands last: what is too many goes from the front.
        self.known.push(habit);
        let surplus = self.known.len().saturating_sub(MOST_HABITS);
        self.known.drain(..surplus);
    }

    /// Why nobody need care, in words, while it stays within twice of what it ever was.
    pub fn explain(&self, present: &Present<'_>) -> Option<String> {
        if present.severity == Severity::Critical || !may_be_learned(present.reason) {
            return None;
        }
        let same =
            |habit: &&Habit| habit.provider == present.provider && habit.reason == present.reason.number();
        let past = &self.known.iter().find(same)?.past;
        let local = |time: Seconds| time + i64::from(present.offset_minutes) * 60;
        let spans: Vec<(Seconds, Seconds)> =
            past.iter().map(|past| (local(past.began), past.ended - past.began)).collect();
        let period = periodicity::continues(&spans, local(present.began))?;
        let most = past.iter().filter_map(|past| past.backlog).max().unwrap_or(0);
        let small = present.backlog.is_none_or(|waiting| waiting <= (2 * most).max(SOME_BACKLOG));
        let short = present.at - present.began <= 2 * period.longest.max(60);
        (period.longest <= HEALS && small && short).then(|| words(&period, local(present.began)))
    }
}

fn words(period: &Period, start: Seconds) -> String {
    let minute = start.div_euclid(60);
    let when = if period.length == 3_600 {
        format!("minute {} of the hour", minute.rem_euclid(60))
    } else {
        format!("{:02}:{:02}", minute.rem_euclid(1_440) / 60, minute.rem_euclid(60))
    };
    format!(
        "learned: {} times on {} days around {when}, each over within {} min",
        period.times,
        period.days,
        (period.longest + 59) / 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Seconds = 86_400;
    /// Three in the morning, two hours east of Greenwich.
    const START: Seconds = 20_000 * DAY + 3_600;

    fn known(nights: i64, lasted: Seconds, backlog: Option<i64>) -> Habits {
        let mut habits = Habits::default();
        for night in (1..=nights).rev() {
            let began = START - night * DAY;
            let episode = Episode { began, ended: began + lasted, backlog };
            habits.enter("Apple", Reason::TempUnspecified, episode);
        }
        habits
    }

    fn present() -> Present<'static> {
        Present {
            provider: "Apple",
            reason: Reason::TempUnspecified,
            began: START,
            at: START + 600,
            offset_minutes: 120,
            backlog: None,
            severity: Severity::Warning,
        }
    }

    #[test]
    fn what_healed_twenty_nights_is_silent_and_says_why() {
        let habits = known(20, 480, None);
        assert_eq!(
            habits.explain(&present()).as_deref(),
            Some("learned: 20 times on 20 days around 03:00, each over within 8 min")
        );
        assert_eq!(known(19, 480, None).explain(&present()), None);
    }

    #[test]
    fn every_bound_ends_the_silence() {
        let counted = known(20, 480, Some(2_000));
        for (what, present, silent) in [
            ("as ever", present(), true),
            ("critical", Present { severity: Severity::Critical, ..present() }, false),
            ("twice as long", Present { at: START + 960, ..present() }, true),
            ("longer than twice", Present { at: START + 961, ..present() }, false),
            ("twice the backlog", Present { backlog: Some(4_000), ..present() }, true),
            ("more than twice the backlog", Present { backlog: Some(4_001), ..present() }, false),
            ("another provider", Present { provider: "Yahoo", ..present() }, false),
            ("another reason", Present { reason: Reason::RateLimited, ..present() }, false),
            ("another time", Present { began: START + 7_200, at: START + 7_800, ..present() }, false),
            (
                "a week later",
                Present { began: START + 7 * DAY, at: START + 7 * DAY + 600, ..present() },
                false,
            ),
        ] {
            assert_eq!(counted.explain(&present).is_some(), silent, "{what}");
        }
        assert_eq!(known(25, 901, None).explain(&present()), None, "it never healed by itself");
    }

    #[test]
    fn the_most_that_waited_meanwhile_counts() {
        let mut habits = Habits::default();
        for night in (1..=20).rev() {
            let began = START - night * DAY;
            for backlog in [10, 3_000, 200] {
                habits.see("Apple", Reason::TempUnspecified, backlog);
            }
            let episode = Episode { began, ended: began + 480, backlog: Some(50) };
            habits.enter("Apple", Reason::TempUnspecified, episode);
        }
        let silent = |backlog| habits.explain(&Present { backlog: Some(backlog), ..present() }).is_some();
        assert!(silent(6_000) && !silent(6_001));
    }

    #[test]
    fn only_three_reasons_are_learned_and_what_is_kept_is_bounded() {
        let mut habits = Habits::default();
        let episode = |began| Episode { began, ended: began + 60, backlog: None };
        habits.enter("Apple", Reason::RateLimited, episode(START));
        assert!(habits.known.is_empty());
        for number in 0..200 {
            habits.enter("Yahoo", Reason::Greylisted, episode(START + number * 3_600));
            habits.enter(&format!("p{number}"), Reason::Greylisted, episode(START));
        }
        assert_eq!(habits.known.len(), MOST_HABITS);
        let kept = habits.known.iter().find(|habit| habit.provider == "Yahoo").unwrap();
        assert_eq!(kept.past.len(), MOST_PAST);
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut baselines = Baselines::new();
        let mut habits = known(20, 480, Some(7));
        habits.keep(&mut baselines);
        let mut back = Habits::load(&baselines);
        assert_eq!(back, habits);
        back.keep(&mut baselines);
        assert!(back.explain(&present()).is_some());
    }
}
