//! The pages of the round through the queues: rows with their last errors, rows of `list`, jobs
//! and the licence. Addresses, senders and job names are read over.

use crate::record::{HIDDEN, Sample, Seconds};
use crate::sources::web::{Listener, Path, Scalar};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

const MOST_ROWS: usize = 20;
const MOST_ERRORS: usize = 3;
const LONGEST_TEXT: usize = 400;
/// As many as are ever asked for.
const MOST_LISTED: usize = 1_000;

/// A queue with waiting mail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waiting {
    pub name: String,
    pub recipients: i64,
    pub connections: i64,
    pub paused: bool,
    pub backoff: bool,
    /// It is to be tried again at a time.
    pub retries: bool,
    /// Newest first.
    pub errors: Vec<String>,
    /// When the newest of them was, by PowerMTA's clock.
    pub erred: String,
}

impl Waiting {
    pub fn erred(&self, zone: &TimeZone) -> Option<Seconds> {
        let time: DateTime = self.erred.get(..19)?.parse().ok()?;
        Some(zone.to_timestamp(time).ok()?.as_second())
    }

    /// It waits for its next attempt, and for nothing else.
    pub fn is_parked(&self) -> bool {
        self.retries && self.connections == 0 && !self.paused && !self.backoff
    }

    /// It has errors and no connection: it fails as a whole, and no record names a recipient.
    pub fn stands(&self) -> bool {
        !self.errors.is_empty() && self.connections == 0 && !self.paused
    }
}

/// `/queues` or `show topqueues --errors`.
#[derive(Debug, Default)]
pub struct Listed {
    rows: Vec<Waiting>,
    open: Option<(usize, Waiting)>,
}

impl Listed {
    pub fn rows(self) -> Vec<Waiting> {
        self.rows
    }
}

impl Listener for Listed {
    fn open(&mut self, path: &Path) {
        if self.open.is_none() && matches!(path.key(), "queues" | "queue") {
            self.open = Some((path.depth(), Waiting::default()));
        }
    }

    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        let Some((depth, row)) = &mut self.open else { return };
        let below = path.depth() - (*depth).min(path.depth());
        match (below, path.key()) {
            (1, "name") => row.name = value.text().chars().filter(|c| !c.is_control()).take(320).collect(),
            (1, "rcp") => row.recipients = value.count().unwrap_or(0),
            (1, "conn") => row.connections = value.count().unwrap_or(0),
            (1, "paused") => row.paused = value.flag().unwrap_or(false),
            (1, "mode") => row.backoff = value.text().eq_ignore_ascii_case("backoff"),
            (1, "retryTime") => row.retries = !value.text().trim().is_empty(),
            (2, "time") if row.erred.is_empty() => value.text().trim().clone_into(&mut row.erred),
            (2, "text") if row.errors.len() < MOST_ERRORS => {
                row.errors.push(value.text().chars().take(LONGEST_TEXT).collect());
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &Path) {
        if let Some((depth, row)) = self.open.take() {
            if depth != path.depth() {
                self.open = Some((depth, row));
            } else if !row.name.is_empty() && row.recipients > 0 && self.rows.len() < MOST_ROWS {
                self.rows.push(row);
            }
        }
    }
}

/// `list` and `/listqueue`: since when those who are shown have waited. Nothing else is kept of them.
#[derive(Debug, Default)]
pub struct Older {
    queued: Vec<String>,
}

impl Older {
    pub fn count(&self) -> usize {
        self.queued.len()
    }

    /// The ages of who was shown, by the zone of PowerMTA's clock.
    pub fn ages(&self, zone: &TimeZone, now: Seconds) -> impl Iterator<Item = Seconds> {
        let at = |queued: &String| {
            let time: DateTime = queued.parse().ok()?;
            Some(zone.to_timestamp(time).ok()?.as_second())
        };
        self.queued.iter().filter_map(at).map(move |at| now - at)
    }

    pub fn oldest(&self, zone: &TimeZone, now: Seconds) -> Option<Seconds> {
        self.ages(zone, now).max()
    }
}

impl Listener for Older {
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        if path.key() == "timeQueued" && self.queued.len() < MOST_LISTED {
            self.queued.push(value.text().trim().chars().take(19).collect());
        }
    }
}

/// `/jobs`: how many are paused or start later, and how much they hold.
#[derive(Debug, Default)]
pub struct Jobs {
    known: bool,
    open: Option<(usize, Job)>,
    paused: (i64, i64),
    scheduled: (i64, i64),
}

#[derive(Debug, Default)]
struct Job {
    recipients: i64,
    paused: bool,
    scheduled: bool,
}

impl Jobs {
    pub fn samples(&self) -> Vec<Sample> {
        if !self.known {
            return Vec::new();
        }
        let row = |class: &'static str, (jobs, recipients): (i64, i64)| {
            Sample::new(HIDDEN).tag("class", class).int("jobs", jobs).int("recipients", recipients)
        };
        vec![row("jobs-paused", self.paused), row("jobs-scheduled", self.scheduled)]
    }
}

impl Listener for Jobs {
    fn open(&mut self, path: &Path) {
        if self.open.is_none() && matches!(path.key(), "jobs" | "job") {
            self.open = Some((path.depth(), Job::default()));
        }
    }

    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        let Some((depth, job)) = &mut self.open else { return };
        if path.depth() != *depth + 1 {
            return;
        }
        let key = path.key().to_ascii_lowercase();
        match key.as_str() {
            "rcp" => job.recipients = value.count().unwrap_or(0),
            "paused" => job.paused = value.flag().unwrap_or(false),
            // What the column "Scheduled Start Time" is called in data is not published.
            _ if key.contains("start") || key.contains("sched") => {
                job.scheduled |= !value.text().trim().is_empty() && value.flag() != Some(false);
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &Path) {
        if let Some((depth, job)) = self.open.take() {
            if depth != path.depth() {
                self.open = Some((depth, job));
                return;
            }
            self.known = true;
            for (is, sums) in [(job.paused, &mut self.paused), (job.scheduled, &mut self.scheduled)] {
                if is {
                    sums.0 += 1;
                    sums.1 = sums.1.saturating_add(job.recipients);
                }
            }
        }
    }

    fn list(&mut self, path: &Path) {
        self.known |= matches!(path.key(), "jobs" | "job");
    }
}

/// `show license`.
#[derive(Debug, Default)]
pub struct License {
    expires: String,
}

impl License {
    /// When it ends; nothing when that could not be read.
    pub fn sample(&self, zone: &TimeZone) -> Option<Sample> {
        let row = Sample::new(HIDDEN).tag("class", "license");
        if self.expires.eq_ignore_ascii_case("never") {
            return Some(row.int("never", 1));
        }
        let date: Date = self.expires.get(..10)?.parse().ok()?;
        let end = zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?;
        Some(row.int("expires", end.as_second()))
    }
}

impl Listener for License {
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        if path.key().eq_ignore_ascii_case("expires") {
            value.text().trim().clone_into(&mut self.expires);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::web::read_text;

    #[test]
    fn queues_are_read_with_their_errors_in_every_format() {
        let json = r#"{"data":{"queues":[{"name":"a.example/v","rcp":7,"conn":0,"errors":[{"time":"t","text":"x y"},{"time":"t","text":"z"}],"paused":false,"mode":"normal","retryTime":"2020-01-01 00:00:00"},{"name":"b/v","rcp":0}],"totalRcp":7},"status":"success","message":""}"#;
        let dom = "title=\"x\"\nqueue[0].name=\"a.example/v\"\nqueue[0].rcp=\"7\"\nqueue[0].conn=\"0\"\nqueue[0].event[0].type=\"error\"\nqueue[0].event[0].text=\"x y\"\nqueue[0].event[1].text=\"z\"\nqueue[0].paused=\"no\"\nqueue[0].mode=\"normal\"\nqueue[0].retryTime=\"2020-01-01 00:00:00\"\n";
        let xml = "<rsp><data><queue><name>a.example/v</name><rcp>7</rcp><conn>0</conn><event><type>error</type><text>x y</text></event><event><text>z</text></event><paused>no</paused><mode>normal</mode><retryTime>2020-01-01 00:00:00</retryTime></queue></data><succ/></rsp>";
        for text in [json, dom, xml] {
            let listed: Listed = read_text(text).unwrap().0;
            let rows = listed.rows();
            assert_eq!(rows.len(), 1, "{text}");
            assert_eq!((rows[0].recipients, rows[0].errors.join("|").as_str()), (7, "x y|z"));
            assert!(rows[0].is_parked());
        }
    }

    #[test]
    fn jobs_are_counted_and_never_named() {
        let text = r#"{"data":{"jobs":[{"name":"secret","rcp":5,"paused":true},{"id":"s2","rcp":3,"paused":"no","startTime":"2020-01-01 00:00:00"},{"name":"s3","rcp":1,"startTime":""}]},"status":"success","message":""}"#;
        let jobs: Jobs = read_text(text).unwrap().0;
        assert_eq!((jobs.paused, jobs.scheduled), ((1, 5), (1, 3)));
        let none: Jobs = read_text(r#"{"data":{"title":"x"},"status":"success","message":""}"#).unwrap().0;
        assert!(none.samples().is_empty(), "no list is no answer");
        let none: Jobs = read_text(r#"{"data":{"jobs":[]},"status":"success","message":""}"#).unwrap().0;
        assert_eq!(none.samples().len(), 2);
    }

    #[test]
    fn the_licence_ends_on_a_day_or_never() {
        for (text, field) in
            [("2100-03-20", Some("expires")), ("never", Some("never")), ("soon", None), ("", None)]
        {
            let page: License = read_text(&format!("licensee=\"x\"\nexpires=\"{text}\"\n")).unwrap().0;
            let sample = page.sample(&TimeZone::UTC);
            assert_eq!(sample.and_then(|row| row.fields.first().map(|(name, _)| *name)), field, "{text}");
        }
    }

    #[test]
    fn who_is_older_has_an_age_by_powermta_s_clock() {
        let text = "msg[0].queue=\"a/b\"\nmsg[0].rcpt=\"x@y\"\nmsg[0].timeQueued=\"1970-01-02 00:00:00\"\n";
        let older: Older = read_text(text).unwrap().0;
        assert_eq!(older.count(), 1);
        assert_eq!(older.oldest(&TimeZone::UTC, 90_000), Some(3_600));
        let (none, remark): (Older, String) = read_text(
            "<rsp><data/><succ>1 queue busy while listing; consider using the --pause option.</succ></rsp>",
        )
        .unwrap();
        assert!(none.count() == 0 && remark.contains("busy"));
    }
}
