//! How often something comes: counted per bucket for the last hour, and faded beyond it. It does
//! not know what is counted.

use super::Bucket;

/// Buckets after which what was counted weighs half: three days.
const HALF_LIFE: f64 = 864.0;
const LONGEST: usize = 64;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    /// Ascending.
    buckets: Vec<(Bucket, u32)>,
    faded: f64,
    /// The bucket as of which `faded` stands.
    as_of: Bucket,
    pub changed: bool,
}

impl Pace {
    pub fn add(&mut self, bucket: Bucket, recent: Bucket) {
        self.changed = true;
        match self.buckets.iter_mut().rev().find(|(at, _)| *at <= bucket) {
            Some((at, count)) if *at == bucket => *count = count.saturating_add(1),
            _ => {
                let place = self.buckets.partition_point(|(at, _)| *at < bucket);
                self.buckets.insert(place, (bucket, 1));
                self.fade(bucket, recent);
            }
        }
    }

    /// What was counted in the `recent` buckets up to and with this one.
    pub fn recent(&self, bucket: Bucket, recent: Bucket) -> u64 {
        let within = |at: Bucket| at <= bucket && at > bucket - recent;
        self.buckets.iter().filter(|(at, _)| within(*at)).map(|(_, count)| u64::from(*count)).sum()
    }

    /// What was counted before that, the older the less.
    pub fn usual(&self, bucket: Bucket, recent: Bucket) -> f64 {
        let older = self.buckets.iter().filter(|(at, _)| *at <= bucket - recent);
        let older: f64 = older.map(|(at, count)| f64::from(*count) * weight(bucket - at)).sum();
        self.faded * weight(bucket - self.as_of) + older
    }

    /// Puts aside what can no longer be recent for any bucket still open: the list stays short.
    fn fade(&mut self, bucket: Bucket, recent: Bucket) {
        // A bucket may stay open while records run twenty minutes ahead.
        let keep = self.buckets.partition_point(|(at, _)| *at <= bucket - 2 * recent);
        let keep = keep.max(self.buckets.len().saturating_sub(LONGEST));
        for (at, count) in self.buckets.drain(..keep) {
            let later = at.max(self.as_of);
            self.faded = self.faded * weight(later - self.as_of) + f64::from(count) * weight(later - at);
            self.as_of = later;
        }
    }

    pub fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.faded.to_le_bytes());
        bytes.extend_from_slice(&self.as_of.to_le_bytes());
        bytes.push(u8::try_from(self.buckets.len()).unwrap_or(u8::MAX));
        for (at, count) in self.buckets.iter().take(usize::from(u8::MAX)) {
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }

    pub fn read(bytes: &[u8]) -> Option<(Pace, &[u8])> {
        let (faded, rest) = bytes.split_first_chunk::<8>()?;
        let (as_of, rest) = rest.split_first_chunk::<8>()?;
        let (length, mut rest) = rest.split_first()?;
        let mut buckets = Vec::with_capacity(usize::from(*length));
        for _ in 0..*length {
            let (at, after) = rest.split_first_chunk::<8>()?;
            let (count, after) = after.split_first_chunk::<4>()?;
            buckets.push((Bucket::from_le_bytes(*at), u32::from_le_bytes(*count)));
            rest = after;
        }
        let faded = f64::from_le_bytes(*faded);
        let pace = Pace { buckets, faded, as_of: Bucket::from_le_bytes(*as_of), changed: false };
        (faded.is_finite() && faded >= 0.0).then_some((pace, rest))
    }
}

fn weight(age: Bucket) -> f64 {
    (-(age.max(0) as f64) / HALF_LIFE).exp2()
}
