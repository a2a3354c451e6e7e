//! What was attempted and refused in the last eight hours of event time, per provider and reason.
//! It counts; it has no opinion about what the counts mean.

mod channel;
mod disk;
mod names;
mod track;

pub use channel::{Channel, DELAY_BOUNDS, Detail, Reply};
pub use disk::SCHEMA;
pub use names::{HOST, Key, OTHER, Provider};
pub use track::Step;

use crate::classify::{Answer, ByHash, Reason, Word};
use crate::record::{Delivery, Kind, Seconds};
use names::{Names, Words};
use std::collections::BTreeSet;
use track::{Horizon, STEP_SECONDS, Track};

/// Bounds of the whole: a flood of names must not become a flood of memory.
const TRACKS: usize = 12_000;
const DETAIL_TRACKS: usize = 8_000;
/// Steps remembered as changed: more than eight hours have.
const TOUCHED: usize = 4_096;
const VMTAS: u8 = 127;
const REPLIES: u8 = 255;

/// The counts of one provider.
#[derive(Debug, Clone, Default)]
struct Lane {
    tracks: Vec<(u16, Track)>,
    /// Place of each channel below `channel::MANY` in `tracks`, plus one; 0 is none. It is no
    /// longer than it must be.
    places: Vec<u16>,
    /// Of the other channels.
    others: ByHash<u16>,
}

impl Lane {
    #[inline]
    fn place(&self, number: u16) -> Option<usize> {
        if number < channel::MANY {
            let place = self.places.get(usize::from(number)).copied()?;
            return usize::from(place).checked_sub(1);
        }
        self.others.get(&spread(number)).map(|place| usize::from(*place))
    }

    fn open(&mut self, number: u16) -> usize {
        let place = self.tracks.len();
        self.tracks.push((number, Track::default()));
        let short = u16::try_from(place).unwrap_or(u16::MAX - 1);
        if number < channel::MANY {
            let whole = if number < channel::DETAILS { channel::DETAILS } else { channel::MANY };
            if self.places.len() < usize::from(whole) {
                self.places.resize(usize::from(whole), 0);
            }
            if let Some(held) = self.places.get_mut(usize::from(number)) {
                *held = short + 1;
            }
        } else {
            self.others.insert(spread(number), short);
        }
        place
    }

    /// How many of the tracks may be shed.
    fn details(&self) -> usize {
        self.tracks.iter().filter(|(number, _)| *number >= channel::DETAILS).count()
    }

    fn track(&self, channel: Channel) -> Option<&Track> {
        self.place(channel.number()).and_then(|place| self.tracks.get(place)).map(|(_, track)| track)
    }
}

/// The windows of all providers.
#[derive(Debug, Clone)]
pub struct Windows {
    names: Names,
    vmtas: Words,
    replies: Words,
    lanes: Vec<Lane>,
    newest: Step,
    /// Records stamped later than this are wrong and not counted here.
    ceiling: Step,
    /// Steps that changed since the last save.
    touched: BTreeSet<Step>,
    last_touched: Step,
    tracks: usize,
    detail_tracks: usize,
    /// Keys that were given to another provider since the last save.
    replaced: Vec<Key>,
    saved: Horizon,
}

impl Default for Windows {
    fn default() -> Windows {
        Windows::new()
    }
}

impl Windows {
    pub fn new() -> Windows {
        Windows {
            names: Names::new(),
            vmtas: Words::new(VMTAS),
            replies: Words::new(REPLIES),
            lanes: Vec::new(),
            newest: 0,
            ceiling: Step::MAX,
            touched: BTreeSet::new(),
            last_touched: Step::MAX,
            tracks: 0,
            detail_tracks: 0,
            replaced: Vec::new(),
            saved: Horizon::default(),
        }
    }

    /// Records stamped later than this are not counted: one clock that is years ahead would push
    /// everything out of the windows.
    pub fn set_ceiling(&mut self, latest: Seconds) {
        self.ceiling = step_of(latest).unwrap_or(0);
    }

    /// Whether a record of this time would be counted, as far as the ceiling goes.
    pub fn believes(&self, time: Seconds) -> bool {
        step_of(time).is_some_and(|step| step <= self.ceiling)
    }

    /// Counts one record. `provider` is the display name; `named` says it comes from the provider
    /// table. Records older than eight hours behind the newest are not counted here.
    pub fn record<'n>(
        &mut self,
        provider: impl Into<Word<'n>>,
        named: bool,
        delivery: &Delivery<'_>,
        answer: Option<&Answer>,
    ) {
        let counted = match delivery.kind {
            Kind::Delivered | Kind::Deferred | Kind::QueueDeferred | Kind::Complaint => true,
            Kind::Bounced => delivery.remote_tried(),
            _ => false,
        };
        let Some(step) = step_of(delivery.logged) else { return };
        if !counted || step > self.ceiling || step < self.newest.saturating_sub(track::REACH) {
            return;
        }
        self.newest = self.newest.max(step);
        if step != self.last_touched {
            self.last_touched = step;
            self.touched.insert(step);
            if self.touched.len() > TOUCHED {
                self.touched = self.touched.split_off(&Horizon::of(self.newest).oldest);
            }
        }
        let key = self.key(provider.into(), named, step, delivery.offset_minutes);
        if delivery.kind == Kind::Complaint {
            // It says nothing of an attempt.
            return self.count(key, Channel::Complaints, step);
        }
        let vmta = self.vmtas.number(delivery.vmta);
        self.count(key, Channel::Attempts, step);
        self.count(HOST, Channel::Attempts, step);
        self.count(key, Channel::Vmta(vmta), step);
        if delivery.kind == Kind::Delivered {
            self.count(key, Channel::Delivered, step);
            let age = delivery.queued.map_or(0, |queued| delivery.logged.saturating_sub(queued));
            self.count(key, Channel::delay(age), step);
        } else {
            self.count_refusal(key, vmta, step, delivery, answer);
        }
    }

    fn key_for(&mut self, provider: Word<'_>, named: bool, step: Step) -> Key {
        let (key, replaced) = self.names.key(provider, named, step);
        if replaced {
            self.replaced.push(key);
            if let Some(lane) = self.lanes.get_mut(usize::from(key)) {
                self.tracks = self.tracks.saturating_sub(lane.tracks.len());
                self.detail_tracks = self.detail_tracks.saturating_sub(lane.details());
                *lane = Lane::default();
            }
        }
        key
    }

    fn key(&mut self, provider: Word<'_>, named: bool, step: Step, offset: i16) -> Key {
        let key = self.key_for(provider, named, step);
        for key in [key, HOST] {
            if let Some(row) = self.names.get_mut(key)
                && (step >= row.last || row.born == 0)
            {
                row.last = step;
                if row.born == 0 {
                    row.born = step;
                    row.changed = true;
                }
                if row.offset_minutes != offset {
                    row.offset_minutes = offset;
                    row.changed = true;
                }
            }
        }
        key
    }

    fn count_refusal(
        &mut self,
        key: Key,
        vmta: u8,
        step: Step,
        delivery: &Delivery<'_>,
        answer: Option<&Answer>,
    ) {
        let reason = answer.map_or(Reason::Other, |answer| answer.reason);
        let outcome = match delivery.kind {
            Kind::Bounced => Channel::Bounced,
            Kind::QueueDeferred => Channel::QueueDeferred,
            _ => Channel::Deferred,
        };
        let reply = Reply {
            stage: answer.and_then(|answer| answer.stage),
            code: answer.map_or(0, |answer| answer.code),
            queue: delivery.kind == Kind::QueueDeferred,
            detail: if reason == Reason::Tls { channel::tls_detail(delivery.diag) } else { Detail::None },
        };
        let reply = self.replies.number(&reply.to_bytes());
        for key in [key, HOST] {
            self.count(key, outcome, step);
            self.count(key, Channel::Reason(reason), step);
        }
        if delivery.kind == Kind::Bounced {
            self.count(key, Channel::ReasonBounced(reason), step);
        } else if answer.is_some_and(|answer| answer.throttling || answer.reason.is_throttling()) {
            self.count(key, Channel::Throttled, step);
        }
        self.count(key, Channel::ReasonVmta(reason, vmta), step);
        self.count(key, Channel::ReasonReply(reason, reply), step);
    }

    fn count(&mut self, key: Key, channel: Channel, step: Step) {
        self.add(key, channel.number(), step, 1);
    }

    #[inline]
    fn add(&mut self, key: Key, number: u16, step: Step, count: u32) {
        let newest = self.newest;
        if let Some(lane) = self.lanes.get_mut(usize::from(key))
            && let Some((_, track)) = lane.place(number).and_then(|place| lane.tracks.get_mut(place))
        {
            return track.add(step, count, newest);
        }
        self.add_first(key, number, step, count);
    }

    /// The first count of a channel, which gets a track if there is room for one.
    fn add_first(&mut self, key: Key, number: u16, step: Step, count: u32) {
        let newest = self.newest;
        if self.lanes.len() <= usize::from(key) {
            self.lanes.resize_with(usize::from(key) + 1, Lane::default);
        }
        let Some(lane) = self.lanes.get_mut(usize::from(key)) else { return };
        let detail = number >= channel::DETAILS;
        if self.tracks >= TRACKS || detail && self.detail_tracks >= DETAIL_TRACKS {
            return;
        }
        self.tracks += 1;
        self.detail_tracks += usize::from(detail);
        let place = lane.open(number);
        if let Some((_, track)) = lane.tracks.get_mut(place) {
            track.add(step, count, newest);
        }
    }

    /// What a channel counted from `from` up to, not with, `to`. Beyond the last 25 minutes both
    /// are rounded down to whole minutes, beyond 90 to five.
    pub fn sum(&self, key: Key, channel: Channel, from: Seconds, to: Seconds) -> u64 {
        let track = self.lanes.get(usize::from(key)).and_then(|lane| lane.track(channel));
        let (Some(track), Some(from), Some(to)) = (track, step_of(from), step_of(to)) else { return 0 };
        u64::from(track.sum(from, to))
    }

    /// The same for several channels together.
    pub fn sum_of(&self, key: Key, channels: &[Channel], from: Seconds, to: Seconds) -> u64 {
        channels.iter().map(|channel| self.sum(key, *channel, from, to)).sum()
    }

    /// Deferrals of either kind over attempts; `None` without attempts.
    pub fn deferral_ratio(&self, key: Key, from: Seconds, to: Seconds) -> Option<f64> {
        let attempts = self.sum(key, Channel::Attempts, from, to);
        let deferred = self.sum_of(key, &[Channel::Deferred, Channel::QueueDeferred], from, to);
        (attempts > 0).then(|| deferred as f64 / attempts as f64)
    }

    pub fn throttle_ratio(&self, key: Key, from: Seconds, to: Seconds) -> Option<f64> {
        let attempts = self.sum(key, Channel::Attempts, from, to);
        (attempts > 0).then(|| self.sum(key, Channel::Throttled, from, to) as f64 / attempts as f64)
    }

    pub fn provider(&self, key: Key) -> Option<&Provider> {
        self.names.get(key)
    }

    /// The key of a provider that is only known from elsewhere, a new one if need be.
    pub fn adopt(&mut self, provider: &str, named: bool, now: Seconds) -> Key {
        let step = step_of(now).unwrap_or(0);
        match self.find(provider) {
            Some(key) => key,
            None => self.key_for(provider.into(), named, step),
        }
    }

    pub fn find<'n>(&self, provider: impl Into<Word<'n>>) -> Option<Key> {
        self.names.find(provider.into())
    }

    /// Every key in use, `HOST` left out.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        (OTHER..self.names.len()).filter(|key| self.is_counted(*key))
    }

    /// Those that may have been counted at `from` or later; the silent ones are passed over.
    pub fn keys_since(&self, from: Seconds) -> impl Iterator<Item = Key> + '_ {
        let from = step_of(from).unwrap_or(0);
        let heard = move |key: &Key| self.names.get(*key).is_some_and(|row| row.last >= from);
        (OTHER..self.names.len()).filter(heard).filter(|key| self.is_counted(*key))
    }

    fn is_counted(&self, key: Key) -> bool {
        self.lanes.get(usize::from(key)).is_some_and(|lane| !lane.tracks.is_empty())
    }

    pub fn vmta(&self, number: u8) -> String {
        self.vmtas
            .get(number)
            .map_or_else(|| "other".to_owned(), |name| String::from_utf8_lossy(name).into_owned())
    }

    /// How many virtual MTAs have a number.
    pub fn vmtas(&self) -> u8 {
        u8::try_from(self.vmtas.len()).unwrap_or(VMTAS)
    }

    /// The kinds of reply seen so far, with their numbers.
    pub fn replies(&self) -> impl Iterator<Item = (u8, Reply)> + '_ {
        let numbered = self.replies.iter().zip(0u8..=u8::MAX);
        numbered.filter_map(|(bytes, number)| Reply::from_bytes(bytes).map(|reply| (number, reply)))
    }

    /// When the first record of all was counted, and the newest.
    pub fn span(&self) -> Option<(Seconds, Seconds)> {
        let born = self.names.get(HOST)?.born;
        (born > 0).then(|| (seconds_of(born), seconds_of(self.newest + 1)))
    }

    /// Keys given to another provider since the last save; what was known of them is not his.
    pub fn replaced(&self) -> &[Key] {
        &self.replaced
    }
}

/// Channel numbers are few and close; a hash they are not.
fn spread(number: u16) -> u64 {
    u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn step_of(time: Seconds) -> Option<Step> {
    // The last number of all stands for no step.
    Step::try_from(time.div_euclid(STEP_SECONDS)).ok().filter(|step| *step < Step::MAX)
}

pub(crate) fn seconds_of(step: Step) -> Seconds {
    Seconds::from(step) * STEP_SECONDS
}

#[cfg(test)]
mod tests;
