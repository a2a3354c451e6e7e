//! One series in one step: what is usual, what is seen, what became of it. It opens no case.

use super::detectors::reasons::{self, Change, Hit, Look, Source, Usual, View};
use super::signal::{GROWN_BUCKETS, Signal, Strictness, channels, strictness};
use super::theory::cusum;
use crate::config;
use crate::ledger::baseline::{BUCKET_SECONDS, Baselines, Life, hour_of};
use crate::ledger::windows::{Channel, HOST, Key, Windows};
use crate::record::Seconds;

/// From this evidence on, e to the tenth to one, a bucket is kept out of what is usual although
/// nobody is told yet: a slow beginning must not become the usual before it is found.
const SUSPICIOUS: f64 = 10.0;

/// What became of a series.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    pub change: Change,
    pub hit: Option<Hit>,
    pub onset: Seconds,
    pub young: bool,
    /// To be looked at again even if nothing happens.
    pub awake: bool,
    /// What was pending or firing until now and is over.
    pub over: Option<Over>,
}

/// Trouble that has ended: from its first refusal to its last, and whether anybody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    pub began: Seconds,
    pub ended: Seconds,
    pub fired: bool,
}

/// Judges the ten seconds before `at`.
pub fn judge_series(
    key: Key,
    signal: Signal,
    at: Seconds,
    windows: &Windows,
    baselines: &mut Baselines,
    settings: &config::Judge,
) -> Judged {
    let strict = strictness(key, signal, settings);
    let volume = baselines.volume(key);
    let grown = volume.is_some_and(|volume| volume.buckets >= GROWN_BUCKETS);
    let slow_from = volume.map_or(0, |volume| volume.slow_from);
    let mut judged =
        Judged { change: Change::None, hit: None, onset: at, young: !grown, awake: false, over: None };
    if signal == Signal::Slow && (!grown || slow_from == 0) {
        return judged;
    }
    let (hits, whole) = channels(signal, slow_from);
    let view = View { windows, key, hits: &hits, whole: &whole };
    let offset = windows.provider(HOST).map_or(0, |host| host.offset_minutes);
    let hour = hour_of((at - 1).div_euclid(BUCKET_SECONDS), offset);
    let per_bucket = baselines.volume(key).map_or(0.0, |volume| volume.usual(hour));
    if baselines.series(key, signal.number()).is_none() {
        begin(key, signal, at, baselines);
    }
    let Some(series) = baselines.series(key, signal.number()) else { return judged };
    let mut life = series.life;
    let usual = if grown {
        let half_hour = windows.sum(key, Channel::Attempts, reasons::start(at, 1_800, 0), at) as f64;
        reasons::usual(series, &strict, at, offset, (half_hour, per_bucket))
    } else {
        Usual { mean: life.expected.max(strict.prior.floor), rho: 0.008, allowance: 1.0 }
    };
    let (k, n) = view.counts(at - 10, at);
    if grown {
        follow(&mut life, &strict, usual, (k, n), at);
    }
    if life.firing_since == 0 && (k > 0 || life.pending_since != 0) {
        let born = windows.provider(key).map_or(0, |row| i64::from(row.born) * 10);
        let held = life;
        let source = if grown { Source::Baseline(usual) } else { Source::Young { born, life: &held } };
        judged.hit = Look { view: &view, strict: &strict, life: &life, source: &source, at }.hit();
    }
    let calm = life.firing_since != 0 && reasons::is_calm(&view, &strict, usual, at);
    judged.change = reasons::advance(&mut life, &strict, judged.hit.as_ref(), calm, at);
    if !life.is_quiet() || life.cusum >= SUSPICIOUS {
        life.mark_busy((at - 1).div_euclid(BUCKET_SECONDS));
    }
    judged.onset = onset(&view, judged.hit.as_ref(), grown, at);
    judged.awake = !life.is_quiet() || life.cusum > 0.0;
    if life.is_quiet() && !series.life.is_quiet() {
        judged.over = Some(over(&view, &series.life));
    }
    if life != series.life {
        baselines.series_mut(key, signal.number()).life = life;
    }
    judged
}

/// When trouble that was pending at `pending` began: before it, five minutes without a refusal.
pub fn beginning(view: &View<'_>, pending: Seconds) -> Seconds {
    let minutes = (1..=60)
        .take_while(|minute| view.hits(pending - (minute + 4) * 60, pending - (minute - 1) * 60) > 0)
        .count();
    let from = pending - i64::try_from(minutes).unwrap_or(0) * 60;
    let silent = (0..30).take_while(|step| view.hits(from + step * 10, from + (step + 1) * 10) == 0).count();
    (from + i64::try_from(silent).unwrap_or(0) * 10).min(pending)
}

/// The end of the last ten seconds with a refusal in them, looked for backwards from `at`.
pub fn last_refusal(view: &View<'_>, from: Seconds, at: Seconds) -> Seconds {
    let back = |last: Seconds, grain: Seconds| {
        let none = |steps: &i64| {
            let end = last - steps * grain;
            end > from && view.hits(end - grain, end) == 0
        };
        last - i64::try_from((0..60).take_while(none).count()).unwrap_or(0) * grain
    };
    back(back(at, 60), 10)
}

fn over(view: &View<'_>, life: &Life) -> Over {
    let fired = life.firing_since != 0;
    // While it fires nobody looks for hits any more.
    let last = if fired { life.clear_since.max(life.firing_since) } else { life.last_hit };
    let began = beginning(view, life.pending_since);
    Over { began, ended: last_refusal(view, life.pending_since, last).max(began), fired }
}

/// A reason that is seen for the first time was not seen in everything that came before: that is
/// what is usual of it, and a slow beginning must not become it.
fn begin(key: Key, signal: Signal, at: Seconds, baselines: &mut Baselines) {
    let before = match signal {
        Signal::Reason(_) => baselines.series(key, Signal::Deferred.number()),
        _ => None,
    };
    let before = before.map(|all| (all.n, all.entered));
    let series = baselines.series_mut(key, signal.number());
    series.born = at;
    if let Some((n, entered)) = before {
        (series.n, series.entered) = (n, entered);
    }
}

/// Keeps the sum of evidence, whose start is the onset.
fn follow(life: &mut Life, strict: &Strictness, usual: Usual, (k, n): (u64, u64), at: Seconds) {
    if k == 0 && life.cusum <= 0.0 {
        return;
    }
    let (low, high) = cusum::hypotheses(usual.mean, usual.rho, strict.factor, strict.delta);
    let before = life.cusum;
    life.cusum = cusum::next(before, k, n, low, high);
    if life.cusum <= 0.0 {
        life.cusum_since = 0;
    } else if before <= 0.0 {
        life.cusum_since = at - 10;
    }
}

/// When it began: where the sum of evidence left 0, or, without a baseline, the first of the
/// minutes in a row that are as bad as now.
fn onset(view: &View<'_>, hit: Option<&Hit>, grown: bool, at: Seconds) -> Seconds {
    let Some(hit) = hit else { return at };
    if grown && hit.since != 0 {
        return hit.since.max(at - 28_800);
    }
    let middle = (hit.usual.mean + hit.k as f64 / hit.n.max(1) as f64) / 2.0;
    let is_bad = |end: Seconds| {
        let (k, n) = view.counts(end - 60, end);
        n > 0 && k as f64 / n as f64 >= middle
    };
    let minutes = (0..20).take_while(|minute| is_bad(at - minute * 60)).count();
    at - i64::try_from(minutes.max(1)).unwrap_or(1) * 60
}
