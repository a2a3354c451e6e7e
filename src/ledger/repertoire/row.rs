//! One reply and one provider as they are kept: counts, paces and their bytes. No address is in
//! them, since the text is the classifier's normalised one.

use super::pace::Pace;
use super::{BUCKET, Bucket, GROWTH, Heard, Id, RECENT, REPLY, SPEAKER, YOUNG};
use crate::classify::{Answer, Reason, Template};
use crate::record::{Memory, Seconds};
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
pub struct Row {
    pub template: Template,
    pub pace: Pace,
    pub told: (Seconds, f64),
    pub changed: bool,
    fresh: bool,
}

/// A provider that answers.
#[derive(Debug, Clone)]
pub struct Speaker {
    pub provider: String,
    pub since: Seconds,
    pub last: Seconds,
    pub pace: Pace,
}

impl Row {
    pub fn new(provider: &str, answer: &Answer, text: &str, time: Seconds) -> Row {
        Row {
            template: Template::new(provider, answer, text, time),
            pace: Pace::default(),
            told: (0, 0.0),
            changed: true,
            fresh: true,
        }
    }

    pub fn count(&mut self, time: Seconds) {
        self.template.count = self.template.count.saturating_add(1);
        self.template.first_seen = self.template.first_seen.min(time);
        self.template.last_seen = self.template.last_seen.max(time);
        self.changed = true;
    }

    /// Not kept before this run.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// New from a provider that has been known for a while, and not told yet.
    pub fn is_young(&self, voice: &Speaker, time: Seconds) -> bool {
        let first = self.template.first_seen;
        self.told.0 == 0 && time - first < YOUNG && first - voice.since >= YOUNG
    }

    /// Whether its share of the replies is several times the usual one.
    pub fn grew(&self, voice: &Speaker, bucket: Bucket) -> bool {
        let usual = (self.pace.usual(bucket, RECENT) + 0.5) / (voice.pace.usual(bucket, RECENT) + 50.0);
        [1, RECENT].iter().any(|buckets| {
            let (hits, all) = (self.pace.recent(bucket, *buckets), voice.pace.recent(bucket, *buckets));
            hits as f64 >= GROWTH * usual * all as f64 && hits > 0
        })
    }

    pub fn heard<'a>(&'a self, voice: &Speaker, bucket: Bucket) -> Heard<'a> {
        let counts = |buckets| (self.pace.recent(bucket, buckets), voice.pace.recent(bucket, buckets));
        Heard {
            reply: &self.template,
            since: voice.since,
            at: (bucket + 1) * BUCKET,
            bucket: counts(1),
            hour: counts(RECENT),
            usual: (self.pace.usual(bucket, RECENT), voice.pace.usual(bucket, RECENT)),
            told: self.told,
        }
    }

    pub fn key(&self) -> String {
        key_of(&self.template.provider, self.template.template)
    }

    pub fn fetch(memory: &dyn Memory, provider: &str, template: u64) -> Option<Row> {
        let key = key_of(provider, template);
        Row::from_bytes(&key, &memory.get(&key)?)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let Template { count, first_seen, last_seen, known, reason, example, .. } = &self.template;
        let mut bytes = Vec::with_capacity(128 + example.len());
        bytes.extend_from_slice(&count.to_le_bytes());
        for number in [*first_seen, *last_seen, self.told.0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.told.1.to_le_bytes());
        bytes.push(u8::from(*known));
        bytes.push(reason.number());
        self.pace.write(&mut bytes);
        bytes.extend_from_slice(example.as_bytes());
        bytes
    }

    pub fn from_bytes(key: &str, bytes: &[u8]) -> Option<Row> {
        let (provider, template) = key.strip_prefix(REPLY)?.rsplit_once('/')?;
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (first_seen, rest) = rest.split_first_chunk::<8>()?;
        let (last_seen, rest) = rest.split_first_chunk::<8>()?;
        let (told, rest) = rest.split_first_chunk::<8>()?;
        let (share, rest) = rest.split_first_chunk::<8>()?;
        let ([known, reason], rest) = rest.split_first_chunk::<2>()?;
        let (pace, example) = Pace::read(rest)?;
        let template = Template {
            provider: provider.to_owned(),
            template: u64::from_str_radix(template, 16).ok()?,
            count: u64::from_le_bytes(*count),
            first_seen: i64::from_le_bytes(*first_seen),
            last_seen: i64::from_le_bytes(*last_seen),
            known: *known == 1,
            reason: Reason::from_number(*reason)?,
            example: String::from_utf8(example.to_vec()).ok()?,
        };
        let told = (i64::from_le_bytes(*told), f64::from_le_bytes(*share));
        Some(Row { template, pace, told, changed: false, fresh: false })
    }
}

impl Speaker {
    pub fn new(provider: &str, time: Seconds) -> Speaker {
        Speaker { provider: provider.to_owned(), since: time, last: time, pace: Pace::default() }
    }

    pub fn key(&self) -> String {
        format!("{SPEAKER}{}", self.provider)
    }

    pub fn fetch(memory: &dyn Memory, provider: &str) -> Option<Speaker> {
        let key = format!("{SPEAKER}{provider}");
        Speaker::from_bytes(&key, &memory.get(&key)?)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&self.since.to_le_bytes());
        bytes.extend_from_slice(&self.last.to_le_bytes());
        self.pace.write(&mut bytes);
        bytes
    }

    pub fn from_bytes(key: &str, bytes: &[u8]) -> Option<Speaker> {
        let (since, rest) = bytes.split_first_chunk::<8>()?;
        let (last, rest) = rest.split_first_chunk::<8>()?;
        let (pace, _) = Pace::read(rest)?;
        let provider = key.strip_prefix(SPEAKER)?.to_owned();
        Some(Speaker { provider, since: i64::from_le_bytes(*since), last: i64::from_le_bytes(*last), pace })
    }
}

pub fn key_of(provider: &str, template: u64) -> String {
    format!("{REPLY}{provider}/{template:016x}")
}

pub fn bytes_of(due: &BTreeSet<(Bucket, Id)>) -> Vec<u8> {
    let words = due.iter().flat_map(|(bucket, (speaker, template))| {
        [bucket.to_le_bytes(), speaker.to_le_bytes(), template.to_le_bytes()]
    });
    words.flatten().collect()
}

pub fn due_of(bytes: &[u8]) -> BTreeSet<(Bucket, Id)> {
    let (words, _) = bytes.as_chunks::<8>();
    let (rows, _) = words.as_chunks::<3>();
    let row = |[bucket, speaker, template]: &[[u8; 8]; 3]| {
        (i64::from_le_bytes(*bucket), (u64::from_le_bytes(*speaker), u64::from_le_bytes(*template)))
    };
    rows.iter().map(row).collect()
}
