//! `replay --series`: the detector of any series, on a file that others have labelled. It knows
//! no mail.

use super::super::{RunError, print};
use super::unreadable;
use crate::judge::detectors::series::SeriesDetector;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;

const BUCKET: i64 = 300;
/// A longer gap than the detector's memory is as good as this.
const LONGEST_GAP: i64 = 7 * 288;

/// One bucket of the file.
struct Bucket {
    number: i64,
    sum: f64,
    count: u32,
    label: bool,
    /// As the file wrote the first time of the bucket.
    time: String,
}

/// What became of the whole file.
#[derive(Default)]
struct Score {
    buckets: u64,
    episodes: u64,
    found: u64,
    labelled: u64,
}

pub fn run(path: &Path) -> Result<(), RunError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let mut run = Run { detector: SeriesDetector::default(), score: Score::default(), last: None, hit: None };
    let mut bucket: Option<Bucket> = None;
    print(b"timestamp,value,z,label\n")?;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|source| unreadable(path, source))?;
        let Some((time, seconds, value, label)) = read(&line) else {
            if number == 1 || line.trim().is_empty() {
                continue;
            }
            let why = "write `timestamp,value[,label]`, the timestamp in seconds or as RFC 3339".to_owned();
            return Err(RunError::Line { path: path.to_owned(), line: number, why });
        };
        let place = seconds.div_euclid(BUCKET);
        match &mut bucket {
            Some(held) if held.number == place => {
                held.label |= label;
                if let Some(value) = value {
                    held.sum += value;
                    held.count += 1;
                }
            }
            held => {
                if let Some(done) = held.take() {
                    run.take(&done)?;
                }
                let (sum, count) = value.map_or((0.0, 0), |value| (value, 1));
                *held = Some(Bucket { number: place, sum, count, label, time: time.to_owned() });
            }
        }
    }
    if let Some(done) = bucket {
        run.take(&done)?;
    }
    let Score { buckets, episodes, found, labelled } = run.score;
    let text = format!(
        "{buckets} buckets of five minutes, {episodes} anomalies, {found} of {labelled} labelled stretches met\n"
    );
    let _ = std::io::stderr().write_all(text.as_bytes());
    Ok(())
}

struct Run {
    detector: SeriesDetector,
    score: Score,
    last: Option<(i64, bool)>,
    /// Whether the labelled stretch that is open was met.
    hit: Option<bool>,
}

impl Run {
    fn take(&mut self, bucket: &Bucket) -> Result<(), RunError> {
        if let Some((last, _)) = self.last {
            // A bucket without a line is unknown, never 0.
            for _ in 0..(bucket.number - last - 1).clamp(0, LONGEST_GAP) {
                self.detector.next(None, 0.0);
            }
        }
        let was_open = self.detector.is_open();
        let value = (bucket.count > 0).then(|| bucket.sum / f64::from(bucket.count));
        let score = self.detector.next(value, 0.0);
        let open = self.detector.is_open();
        self.score.buckets += 1;
        self.score.episodes += u64::from(open && !was_open);
        match (bucket.label, &mut self.hit) {
            (true, None) => {
                self.score.labelled += 1;
                self.score.found += u64::from(open);
                self.hit = Some(open);
            }
            (true, Some(hit)) => {
                self.score.found += u64::from(open && !*hit);
                *hit |= open;
            }
            (false, hit) => *hit = None,
        }
        self.last = Some((bucket.number, bucket.label));
        if open && let Some(value) = value {
            let mut line = String::new();
            let _ = writeln!(line, "{},{value},{:.3},{}", bucket.time, score.z, u8::from(bucket.label));
            print(line.as_bytes())?;
        }
        Ok(())
    }
}

/// Time as written, its seconds, the value (none when missing), the label.
fn read(line: &str) -> Option<(&str, i64, Option<f64>, bool)> {
    let mut fields = line.trim().split(',').map(str::trim);
    let (time, value, label) = (fields.next()?, fields.next()?, fields.next().unwrap_or("0"));
    let seconds = match time.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let text = time.replacen(' ', "T", 1);
            let zoned = if text.len() == 19 { format!("{text}Z") } else { text };
            zoned.parse::<jiff::Timestamp>().ok()?.as_second()
        }
    };
    let value = if value.is_empty() { None } else { Some(value.parse::<f64>().ok()?) };
    Some((time, seconds, value.filter(|value| value.is_finite()), !matches!(label, "" | "0" | "false")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_any_usual_time() {
        for (line, expected) in [
            ("600,1.5,0", Some((600, Some(1.5), false))),
            ("1970-01-01 00:10:00,2,1", Some((600, Some(2.0), true))),
            ("1970-01-01T00:10:00Z,,1", Some((600, None, true))),
            ("600,nan", Some((600, None, false))),
            ("timestamp,value,label", None),
            ("600", None),
        ] {
            let found = read(line).map(|(_, seconds, value, label)| (seconds, value, label));
            assert_eq!(found, expected, "{line}");
        }
    }
}
