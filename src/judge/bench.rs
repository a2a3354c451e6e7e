//! Where the detectors sit: one step of event time after the other, always in the same order. It
//! reads counts and baselines and writes nothing but the baselines.

mod complaints;
mod healed;
mod reminders;
mod shared;
mod silence;

use super::describe::{Scene, conclude, describe, route, severity};
use super::detectors::complaints::{Complaints, HOUR};
use super::detectors::throughput::Throughput;
use super::detectors::{self, drift, mean_stddev, reasons, resolver, slow};
use super::habits::Habits;
use super::learn;
use super::life::{Alarm, Case, Cases, Group, enter, next_state};
use super::series_step::{Judged, judge_series};
use super::signal::{Signal, never_pages};
use super::suppress::{self, Rule, SuppressError};
use super::surroundings::Surroundings;
use crate::classify::Reason;
use crate::config::{self, Config, Method};
use crate::ledger::baseline::{BUCKET_SECONDS, Baselines};
use crate::ledger::windows::{Channel, HOST, Key, Windows};
use crate::record::{Finding, Seconds, State};
use std::collections::BTreeSet;

/// The length of a step of event time.
pub const STEP: Seconds = 10;

/// Judges accounting records. All it must remember is in the baselines, so that a run may end
/// after any step and the next one goes on as if it had not.
pub struct Bench {
    settings: config::Judge,
    rules: Vec<Rule>,
    cases: Cases,
    surroundings: Surroundings,
    /// Series that are not quiet, or whose sum of evidence is not 0.
    awake: BTreeSet<(Key, u8)>,
    throughput: Throughput,
    complaints: Complaints,
    habits: Habits,
    /// To be told once: trouble that ended before anybody was told, and weekly drift.
    notes: Vec<Finding>,
}

impl Bench {
    /// Takes up where the last run stopped.
    pub fn new(config: &Config, baselines: &Baselines) -> Result<Bench, SuppressError> {
        let stirring = baselines
            .all_series()
            .filter(|(_, _, series)| !series.life.is_quiet() || series.life.cusum > 0.0);
        Ok(Bench {
            settings: config.judge.clone(),
            rules: suppress::rules(&config.suppress)?,
            cases: Cases::load(baselines),
            surroundings: Surroundings::default(),
            throughput: Throughput::load(baselines),
            complaints: Complaints::load(baselines),
            habits: Habits::load(baselines),
            notes: Vec::new(),
            awake: stirring.map(|(key, signal, _)| (key, signal)).collect(),
        })
    }

    /// What is known of the host beside the records, from here on.
    pub fn see(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
    }

    /// Judges the ten seconds that end at `at`. To be called once for every step, in order, when
    /// no earlier record is to be expected. Returns the findings whose state or severity changed.
    pub fn step(&mut self, at: Seconds, windows: &Windows, baselines: &mut Baselines) -> Vec<Finding> {
        let at = at.div_euclid(STEP) * STEP;
        self.forget_replaced(windows, baselines);
        if at % BUCKET_SECONDS == 0 {
            learn::close_buckets(at, windows, baselines, &self.settings);
            let dropped = self.cases.open(HOST, Group::Drop).is_some();
            self.throughput.close(at, windows, dropped, baselines);
            self.notes.extend(drift::weekly(at, windows, baselines));
        }
        if at % HOUR == 0 {
            self.judge_complaints(at, windows, baselines);
        }
        if at % 60 == 0 {
            self.judge_volume(at, windows);
        }
        let busy = windows.sum(HOST, Channel::Attempts, at - STEP, at) > 0;
        if !busy && self.awake.is_empty() && self.cases.is_empty() {
            return std::mem::take(&mut self.notes);
        }
        if at % 60 == 10 {
            self.leave_windows(at, windows, baselines);
        }
        self.judge_refusals(at, windows, baselines);
        self.judge_shared(at, windows, baselines);
        if self.settings.method == Method::MeanStddev && at % BUCKET_SECONDS == 0 {
            self.judge_totals(at, windows, baselines);
        }
        let mut changed = self.settle(at, windows, baselines);
        changed.append(&mut self.notes);
        self.cases.drop_old(at);
        self.cases.keep(baselines);
        self.habits.keep(baselines);
        changed
    }

    /// Whether the mere passing of time can change something: a finding is open or pending, or a
    /// series is on its way. While this is false, steps without records need not be judged now.
    pub fn is_waiting(&self, baselines: &Baselines) -> bool {
        self.cases.iter().any(|case| case.finding.state != State::Resolved)
            || baselines.all_series().any(|(_, _, series)| !series.life.is_quiet())
    }

    /// Every finding that is firing or suppressed, and those resolved within 45 minutes.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.cases.iter().map(|case| &case.finding).filter(|finding| finding.state != State::Pending)
    }

    fn forget_replaced(&mut self, windows: &Windows, baselines: &mut Baselines) {
        for key in windows.replaced() {
            let born = windows.provider(*key).map_or(0, |row| i64::from(row.born) * STEP);
            let stale = baselines.series_of(*key).any(|(_, series)| series.born > 0 && series.born < born)
                || baselines
                    .volume(*key)
                    .is_some_and(|volume| volume.entered * BUCKET_SECONDS < born - 3_600);
            if stale {
                baselines.forget(*key);
                self.awake.retain(|(held, _)| held != key);
            }
        }
    }

    fn judge_refusals(&mut self, at: Seconds, windows: &Windows, baselines: &mut Baselines) {
        let seen = |key, reason| windows.sum(key, Channel::Reason(reason), at - STEP, at) > 0;
        let now: Vec<Reason> = Reason::ALL.into_iter().filter(|reason| seen(HOST, *reason)).collect();
        let mut places: BTreeSet<(Key, u8)> = self.awake.clone();
        if now.contains(&Reason::Dns) {
            places.insert((HOST, resolver::SIGNAL.number()));
        }
        for key in windows.keys_since(at - STEP) {
            if windows.sum(key, Channel::Attempts, at - STEP, at) == 0 {
                continue;
            }
            let here = now.iter().filter(|reason| **reason != Reason::Dns && seen(key, **reason));
            places.extend(here.map(|reason| (key, Signal::Reason(*reason).number())));
            if baselines.volume(key).is_some_and(|volume| volume.slow_from > 0) {
                places.insert((key, Signal::Slow.number()));
            }
        }
        for (key, number) in places {
            let Some(signal) = Signal::from_number(number) else { continue };
            if signal == Signal::Slow {
                slow::excuse(key, at, baselines);
            }
            let judged = judge_series(key, signal, at, windows, baselines, &self.settings);
            if judged.awake {
                self.awake.insert((key, number));
            } else {
                self.awake.remove(&(key, number));
            }
            self.see_waiting(key, signal, windows, baselines);
            if let Some(over) = judged.over {
                self.remember((key, signal), &over, at, windows, baselines);
            }
            self.apply(key, signal, &judged, at, windows, baselines);
        }
    }

    fn apply(
        &mut self,
        key: Key,
        signal: Signal,
        judged: &Judged,
        at: Seconds,
        windows: &Windows,
        baselines: &Baselines,
    ) {
        let by_total = self.settings.method == Method::MeanStddev;
        let group = match signal {
            Signal::Slow => Group::Slow,
            _ if key == HOST => Group::Resolver,
            Signal::Reason(reason) if never_pages(reason) => Group::Told,
            _ => Group::Refusals,
        };
        match judged.change {
            reasons::Change::Fires if !(by_total && matches!(group, Group::Refusals | Group::Told)) => {
                let Some(hit) = judged.hit else { return };
                if group == Group::Refusals
                    && let Some(larger) = self.larger(key, signal, &hit, at, windows, baselines)
                {
                    let alarm = Alarm { signal: larger, onset: judged.onset, ..alarm_of(key, group, &hit) };
                    self.fire(&Alarm { young: judged.young, ..alarm }, at, windows);
                }
                let alarm = Alarm {
                    key,
                    group,
                    signal,
                    onset: judged.onset,
                    usual: hit.usual.mean,
                    window: hit.window,
                    young: judged.young,
                };
                self.fire(&alarm, at, windows);
            }
            reasons::Change::Ends => self.cases.calm(key, signal),
            _ => {}
        }
    }

    /// Another reason under suspicion there, with more refusals too many: the larger part is the cause.
    fn larger(
        &self,
        key: Key,
        first: Signal,
        hit: &reasons::Hit,
        at: Seconds,
        windows: &Windows,
        baselines: &Baselines,
    ) -> Option<Signal> {
        let from = reasons::start(at, hit.window, 0);
        let excess = |signal: Signal| {
            let Signal::Reason(reason) = signal else { return None };
            let life = &baselines.series(key, signal.number())?.life;
            let k = windows.sum(key, Channel::Reason(reason), from, at) as f64;
            (!life.is_quiet() && !never_pages(reason)).then_some(k - hit.n as f64 * life.expected)
        };
        let mine = excess(first)?;
        let others = self.awake.range((key, 0)..=(key, u8::MAX)).filter_map(|(_, number)| {
            let signal = Signal::from_number(*number).filter(|signal| *signal != first)?;
            Some((excess(signal)?, signal))
        });
        others
            .filter(|(excess, _)| *excess > mine)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, signal)| signal)
    }

    fn fire(&mut self, alarm: &Alarm, at: Seconds, windows: &Windows) {
        let row = windows.provider(alarm.key);
        let name = if alarm.key == HOST { "" } else { row.map_or("", |row| row.name.as_str()) };
        let offset = row.map_or(0, |row| row.offset_minutes);
        self.cases.fire(alarm, detectors::name(alarm.group), name, at, offset);
    }

    /// How much mail there is, once a minute.
    fn judge_volume(&mut self, at: Seconds, windows: &Windows) {
        let odd = [
            (Group::Drop, self.throughput.drop(at, windows)),
            (Group::Surge, self.throughput.surge(at, windows)),
        ];
        for (group, odd) in odd {
            let firing = self.cases.open(HOST, group).is_some_and(|case| !case.firing.is_empty());
            let over = match group {
                Group::Drop => firing && self.throughput.is_back(at, windows),
                _ => firing && odd.is_none(),
            };
            if let (Some(odd), false) = (odd, firing) {
                let alarm = Alarm {
                    key: HOST,
                    group,
                    signal: Signal::Volume,
                    onset: at - odd.minutes * 60,
                    usual: odd.usual / (odd.minutes * 60) as f64,
                    window: odd.minutes * 60,
                    young: false,
                };
                self.fire(&alarm, at, windows);
            } else if over {
                for case in self.cases.iter_mut().filter(|case| case.group == group) {
                    case.firing.clear();
                }
            }
        }
    }

    /// The literal rule, once a bucket.
    fn judge_totals(&mut self, at: Seconds, windows: &Windows, baselines: &Baselines) {
        for key in windows.keys() {
            let ratio = windows.deferral_ratio(key, at - BUCKET_SECONDS, at);
            let (Some(ratio), Some(usual)) = (ratio, mean_stddev::usual(&baselines.history, key)) else {
                continue;
            };
            if mean_stddev::is_high(usual, ratio, self.settings.sigmas) {
                let alarm = Alarm {
                    key,
                    group: Group::MeanStddev,
                    signal: Signal::Deferred,
                    onset: at - BUCKET_SECONDS,
                    usual: usual.mean,
                    window: BUCKET_SECONDS,
                    young: false,
                };
                self.fire(&alarm, at, windows);
            } else {
                let of_key =
                    self.cases.iter_mut().filter(|case| case.key == key && case.group == Group::MeanStddev);
                of_key.for_each(|case| case.firing.clear());
            }
        }
    }

    /// Moves every case to the state it should be in, and says which changed.
    fn settle(&mut self, at: Seconds, windows: &Windows, baselines: &Baselines) -> Vec<Finding> {
        let mut changed = Vec::new();
        let silence =
            |case: &Case| if case.is_open() { self.silence(case, at, windows, baselines) } else { None };
        let silenced: Vec<Option<String>> = self.cases.iter().map(silence).collect();
        let scene = Scene {
            windows,
            baselines,
            surroundings: &self.surroundings,
            settings: &self.settings,
            complaints: &self.complaints,
            at,
        };
        for (case, by) in self.cases.iter_mut().zip(silenced).filter(|(case, _)| case.is_open()) {
            let state = next_state(case, by.is_some(), at);
            if state == State::Resolved {
                conclude(case, at);
            } else if case.finding.state == State::Pending || at % 60 == 0 || case.finding.state != state {
                describe(case, &scene);
            }
            let worth = severity(case, &scene);
            if enter(case, state, worth, by, at) {
                route(case, self.settings.smallest_excess);
                changed.push(case.finding.clone());
            }
            changed.extend(reminders::due(case, self.settings.remind_seconds, at));
        }
        changed
    }
}

fn alarm_of(key: Key, group: Group, hit: &reasons::Hit) -> Alarm {
    Alarm {
        key,
        group,
        signal: Signal::Deferred,
        onset: 0,
        usual: hit.usual.mean,
        window: hit.window,
        young: false,
    }
}

#[cfg(test)]
#[path = "bench_tests/mod.rs"]
mod tests;
