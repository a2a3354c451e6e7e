//! The replies that each provider gives, in event time: how often in the last hour, and how often
//! before it. It counts and remembers; whether that is worth a word is not for it to say.

mod pace;
mod row;

#[cfg(test)]
mod tests;

use crate::classify::{Answer, Template, hash};
use crate::record::{Finding, Memory, Seconds};
use foldhash::HashMap;

use row::{Row, Speaker};
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

/// Event time is counted in these.
pub const BUCKET: Seconds = 300;
/// So many buckets are recent; what is older belongs to what is usual.
const RECENT: Bucket = 12;
/// Fewer in an hour are a trickle that nobody needs to hear of.
pub const OFTEN: u64 = 20;
/// A known reply whose share of its provider's replies grew less than this is no news.
pub const GROWTH: f64 = 4.0;
/// For so long after its first sight a reply is new.
pub const YOUNG: Seconds = 86_400;
/// Replies watched at once, and kept over runs; while so many are in use, further ones are not.
const MOST: usize = 2_048;
const MOST_KEPT: usize = 1_536;
/// A reply unseen for so long is forgotten.
const SECONDS_KEPT: Seconds = 30 * 86_400;

const REPLY: &str = "reply/";
const SPEAKER: &str = "speaker/";
const DUE: &str = "replies/due";
const OPEN: &str = "replies/open";
const CUT: &str = "replies/cut";

type Bucket = i64;
/// Provider and template.
type Id = (u64, u64);

/// A reply whose bucket is over and that may be worth a word.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    pub reply: &'a Template,
    /// When its provider was first heard, and when the bucket ended.
    pub since: Seconds,
    pub at: Seconds,
    /// How often it came, and how many replies its provider gave: the bucket, the hour.
    pub bucket: (u64, u64),
    pub hour: (u64, u64),
    /// The same before that hour, the older the less.
    pub usual: (f64, f64),
    /// When it was last told, and at which share; 0 is never.
    pub told: (Seconds, f64),
}

/// What is remembered, fetched reply by reply as they are heard.
pub struct Repertoire<'l> {
    memory: Box<dyn Memory + 'l>,
    rows: HashMap<Id, Row>,
    speakers: HashMap<u64, Speaker>,
    due: BTreeSet<(Bucket, Id)>,
    open: Vec<Finding>,
    changed: bool,
    /// Buckets before this one are over.
    begun: Bucket,
}

impl<'l> Repertoire<'l> {
    /// `judged`: up to when event time has been judged.
    pub fn new(memory: Box<dyn Memory + 'l>, judged: Seconds) -> Repertoire<'l> {
        let due = memory.get(DUE).map(|bytes| row::due_of(&bytes)).unwrap_or_default();
        let open = memory.get(OPEN).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Repertoire {
            memory,
            rows: HashMap::default(),
            speakers: HashMap::default(),
            due,
            open: open.unwrap_or_default(),
            changed: false,
            begun: judged.div_euclid(BUCKET),
        }
    }

    /// Counts one reply. `text` is the classifier's normalised text of it. One whose bucket is over
    /// is counted, too, but no longer weighed.
    pub fn note(&mut self, provider: &str, answer: &Answer, text: &str, time: Seconds) {
        if answer.template == 0 {
            return;
        }
        let bucket = time.div_euclid(BUCKET);
        let speaker = hash::stable(provider.as_bytes(), 3);
        let id = (speaker, answer.template);
        let Repertoire { memory, rows, speakers, .. } = self;
        let full = rows.len() >= MOST;
        let row = match rows.entry(id) {
            Entry::Occupied(row) => row.into_mut(),
            Entry::Vacant(_) if full => return,
            Entry::Vacant(place) => {
                let kept = Row::fetch(memory.as_ref(), provider, answer.template);
                place.insert(kept.unwrap_or_else(|| Row::new(provider, answer, text, time)))
            }
        };
        let voice = hear(speakers, memory.as_ref(), speaker, provider, time);
        row.count(time);
        if bucket < self.begun {
            return;
        }
        voice.pace.add(bucket, RECENT);
        row.pace.add(bucket, RECENT);
        // Whether it grew can only become less true as its provider gives other replies, and
        // looked at after each of its own nothing is missed, whatever the order.
        if row.pace.recent(bucket, RECENT) >= OFTEN && (row.is_young(voice, time) || row.grew(voice, bucket))
        {
            self.due.insert((bucket, id));
        }
    }

    /// The replies that may be worth a word, of buckets that are over by `time`.
    pub fn until(
        &mut self,
        time: Seconds,
        mut judge: impl FnMut(&Heard<'_>) -> Option<Finding>,
    ) -> Vec<Finding> {
        let begun = time.div_euclid(BUCKET);
        if begun <= self.begun {
            return Vec::new();
        }
        self.begun = begun;
        let mut told = Vec::new();
        while let Some(&(bucket, id)) = self.due.first().filter(|(bucket, _)| *bucket < begun) {
            self.due.remove(&(bucket, id));
            self.changed = true;
            self.fetch(id);
            let (Some(row), Some(voice)) = (self.rows.get_mut(&id), self.speakers.get(&id.0)) else {
                continue;
            };
            let heard = row.heard(voice, bucket);
            if let Some(finding) = judge(&heard) {
                row.told = (heard.at, finding.now.unwrap_or(0.0));
                row.changed = true;
                told.push(finding);
            }
        }
        self.make_room();
        told
    }

    /// How often the reply of a finding came in the hour before `time`.
    pub fn lately(&mut self, provider: &str, template: u64, time: Seconds) -> u64 {
        let id = (hash::stable(provider.as_bytes(), 3), template);
        if !self.rows.contains_key(&id)
            && let Some(row) = Row::fetch(self.memory.as_ref(), provider, template)
        {
            self.rows.insert(id, row);
        }
        self.rows.get(&id).map_or(0, |row| row.pace.recent(time.div_euclid(BUCKET) - 1, RECENT))
    }

    /// Findings about replies that still hold.
    pub fn open(&self) -> &[Finding] {
        &self.open
    }

    pub fn set_open(&mut self, open: Vec<Finding>) {
        self.changed |= self.open != open;
        self.open = open;
    }

    /// Hands everything that changed back to the memory. The replies are let go as they are
    /// written: both at once is more than a small host should have to hold.
    pub fn save(&mut self, now: Seconds) {
        let mut fresh = false;
        for row in std::mem::take(&mut self.rows).into_values().filter(|row| row.changed) {
            fresh |= row.is_fresh();
            self.memory.put(&row.key(), &row.to_bytes());
        }
        for voice in self.speakers.values_mut().filter(|voice| voice.pace.changed) {
            self.memory.put(&voice.key(), &voice.to_bytes());
            voice.pace.changed = false;
        }
        self.memory.put(DUE, &row::bytes_of(&self.due));
        if self.changed {
            self.memory.put(OPEN, &serde_json::to_vec(&self.open).unwrap_or_default());
            self.changed = false;
        }
        let bucket = now.div_euclid(BUCKET).to_string().into_bytes();
        if fresh && self.memory.get(CUT).as_ref() != Some(&bucket) {
            self.cut(now);
            self.memory.put(CUT, &bucket);
        }
    }

    /// Keeps what is kept bounded: the long unseen go, then the rare ones, then the longest unseen.
    fn cut(&mut self, now: Seconds) {
        for key in to_forget(&kept(self.memory.as_ref()), now) {
            self.memory.remove(&key);
        }
        for (key, bytes) in self.memory.scan(SPEAKER) {
            if Speaker::from_bytes(&key, &bytes).is_none_or(|voice| now - voice.last > SECONDS_KEPT) {
                self.memory.remove(&key);
            }
        }
    }

    /// What was put aside as due by an earlier run.
    fn fetch(&mut self, id: Id) {
        if self.rows.contains_key(&id) {
            return;
        }
        let named =
            |row: &Row| (hash::stable(row.template.provider.as_bytes(), 3), row.template.template) == id;
        let suffix = format!("/{:016x}", id.1);
        let rows = self.memory.scan(REPLY).into_iter().filter(|(key, _)| key.ends_with(&suffix));
        let found = rows.filter_map(|(key, bytes)| Row::from_bytes(&key, &bytes)).find(named);
        if let Some(row) = found {
            let provider = row.template.provider.clone();
            hear(&mut self.speakers, self.memory.as_ref(), id.0, &provider, row.template.last_seen);
            self.rows.insert(id, row);
        }
    }

    /// A long run may meet more replies than it can hold.
    fn make_room(&mut self) {
        if self.rows.len() < MOST {
            return;
        }
        let rows: Vec<&Row> = self.rows.values().collect();
        let newest = rows.iter().map(|row| row.template.last_seen).max().unwrap_or(0);
        let templates: Vec<Template> = rows.iter().map(|row| row.template.clone()).collect();
        let forget: BTreeSet<String> = to_forget(&templates, newest).into_iter().collect();
        let memory = self.memory.as_mut();
        self.rows.retain(|_, row| {
            if !forget.contains(&row.key()) {
                return true;
            }
            memory.put(&row.key(), &row.to_bytes());
            false
        });
    }
}

/// A provider that is speaking, fetched if it has not been.
fn hear<'s>(
    speakers: &'s mut HashMap<u64, Speaker>,
    memory: &dyn Memory,
    speaker: u64,
    provider: &str,
    time: Seconds,
) -> &'s mut Speaker {
    let voice = speakers
        .entry(speaker)
        .or_insert_with(|| Speaker::fetch(memory, provider).unwrap_or_else(|| Speaker::new(provider, time)));
    voice.last = voice.last.max(time);
    voice
}

/// Every reply that is kept; what cannot be read is left out.
pub fn kept(memory: &dyn Memory) -> Vec<Template> {
    let rows = memory.scan(REPLY).into_iter();
    rows.filter_map(|(key, bytes)| Some(Row::from_bytes(&key, &bytes)?.template)).collect()
}

fn to_forget(kept: &[Template], now: Seconds) -> Vec<String> {
    let rare = |reply: &Template| reply.count < OFTEN && now - reply.last_seen > YOUNG;
    let mut by_worth: Vec<&Template> = kept.iter().collect();
    by_worth.sort_by_key(|reply| (rare(reply), std::cmp::Reverse(reply.last_seen)));
    let old = |reply: &Template| now.saturating_sub(reply.last_seen) > SECONDS_KEPT;
    let forget = by_worth.iter().enumerate().filter(|(at, reply)| *at >= MOST_KEPT || old(reply));
    forget.map(|(_, reply)| row::key_of(&reply.provider, reply.template)).collect()
}
