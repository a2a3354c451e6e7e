//! `/status`: PowerMTA's own totals, connections, queues by kind and spool. It knows no format
//! and no ledger: counters are handed over as PowerMTA shows them.

use super::tree::{Listener, Path, Scalar, bytes, cut};
use crate::record::Sample;
use jiff::civil::DateTime;

/// PowerMTA has nine kinds of queue at most; a page that names more is not believed.
const MOST_KINDS: usize = 32;

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Status {
    pub version: String,
    /// `running`; other words are not documented.
    pub state: String,
    pub shutting_down: bool,
    /// Local times of the host, without a zone.
    pub time_now: Option<DateTime>,
    pub started: Option<DateTime>,
    pub traffic_in: Traffic,
    pub traffic_out: Traffic,
    pub connections_in: Connections,
    pub connections_out: Connections,
    pub queues: Vec<Queues>,
    pub spool: Spool,
    pub resolver: Resolver,
}

/// PowerMTA's own DNS resolver.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Resolver {
    pub names_cached: Option<i64>,
    pub pending: Option<i64>,
    pub active: Option<i64>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Traffic {
    pub recipients: Option<i64>,
    pub messages: Option<i64>,
    pub bytes: Option<i64>,
    pub last_minute_recipients: Option<i64>,
    pub last_hour_recipients: Option<i64>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Connections {
    pub current: Option<i64>,
    pub max: Option<i64>,
    pub top: Option<i64>,
}

/// The queues of one kind: `smtp`, `pipe`, `discard` ...
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Queues {
    pub kind: String,
    pub recipients: Option<i64>,
    pub domains: Option<i64>,
    pub bytes: Option<i64>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Spool {
    pub files_in_use: Option<i64>,
    pub files_recycled: Option<i64>,
    pub files_total: Option<i64>,
    pub recipients: Option<i64>,
    pub recipients_max: Option<i64>,
    /// 0 to 1; below 1 while the spool is being loaded after a start.
    pub init_ratio: Option<f64>,
}

impl Status {
    pub fn is_blank(&self) -> bool {
        *self == Status { version: self.version.clone(), ..Status::default() }
    }

    /// Whether PowerMTA works: it says so, or (an older one) it answers and does not deny it.
    pub fn running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "") && !self.shutting_down
    }

    pub fn uptime_seconds(&self) -> Option<f64> {
        let (now, started) = (self.time_now?, self.started?);
        Some(now.duration_since(started).as_secs_f64().max(0.0))
    }

    /// Tells one start of PowerMTA from the next: its start by the host's clock, in seconds.
    pub fn generation(&self) -> Option<i64> {
        let zero = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        self.started.map(|started| started.duration_since(zero).as_secs())
    }

    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = vec![self.health()];
        for (direction, traffic) in [("in", &self.traffic_in), ("out", &self.traffic_out)] {
            samples.push(traffic.sample(direction));
        }
        for (direction, connections) in [("in", &self.connections_in), ("out", &self.connections_out)] {
            let sample = Sample::new("pmta_connections").tag("direction", direction);
            samples.push(ints(
                sample,
                &[("current", connections.current), ("max", connections.max), ("top", connections.top)],
            ));
        }
        samples.push(self.spool.sample());
        samples.push(self.resolver.sample());
        for queues in &self.queues {
            let sample = Sample::new("pmta_queues").tag("kind", queues.kind.clone());
            samples.push(ints(
                sample,
                &[("recipients", queues.recipients), ("domains", queues.domains), ("bytes", queues.bytes)],
            ));
        }
        samples.retain(|sample| !sample.fields.is_empty());
        samples
    }

    fn health(&self) -> Sample {
        let sample = Sample::new("pmta").tag("version", self.version.clone()).int("up", 1);
        let sample = sample.int("running", i64::from(self.running()));
        match self.uptime_seconds() {
            Some(uptime) => sample.float("uptime_seconds", uptime),
            None => sample,
        }
    }

    fn take(&mut self, keys: &[&str], value: &Scalar<'_>) {
        match keys {
            ["status"] => self.state = short(value),
            ["shuttingDown"] => self.shutting_down = value.flag().unwrap_or(false),
            ["timeNow"] => self.time_now = time(value),
            ["startupTime"] => self.started = time(value),
            ["traffic", window, "in", key] => self.traffic_in.take(window, key, value),
            ["traffic", window, "out", key] => self.traffic_out.take(window, key, value),
            ["conn", "smtpIn", key] => self.connections_in.take(key, value),
            ["conn", "smtpOut", key] => self.connections_out.take(key, value),
            ["queue", kind, key] => self.take_queues(kind, key, value),
            ["spool", rest @ ..] => self.spool.take(rest, value),
            ["resolver", key] => self.resolver.take(key, value),
            _ => {}
        }
    }

    fn take_queues(&mut self, kind: &str, key: &str, value: &Scalar<'_>) {
        let found = self.queues.iter().position(|queues| queues.kind == kind);
        if found.is_none() {
            let plain = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if !plain || kind.len() > 32 || self.queues.len() >= MOST_KINDS {
                return;
            }
            self.queues.push(Queues { kind: kind.to_owned(), ..Queues::default() });
        }
        let at = found.unwrap_or(self.queues.len().saturating_sub(1));
        let Some(queues) = self.queues.get_mut(at) else { return };
        match key {
            "rcp" => queues.recipients = value.count(),
            "dom" => queues.domains = value.count(),
            "kb" => queues.bytes = value.number().map(bytes),
            _ => {}
        }
    }
}

impl Listener for Status {
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        // `data` in JSON, `rsp.data` in XML, nothing in DOM.
        let keys: Vec<&str> = path.keys().skip_while(|key| matches!(*key, "rsp" | "data")).collect();
        match keys.as_slice() {
            ["mta", "product", "version"] => self.version = short(value),
            // One consumer reports `mta.status` for a 5.0r1.
            ["mta", "status", rest @ ..] | ["status", rest @ ..] => self.take(rest, value),
            _ => {}
        }
    }
}

impl Traffic {
    fn take(&mut self, window: &str, key: &str, value: &Scalar<'_>) {
        match (window, key) {
            ("total", "rcp") => self.recipients = value.count(),
            ("total", "msg") => self.messages = value.count(),
            ("total", "kb") => self.bytes = value.number().map(bytes),
            ("lastMin", "rcp") => self.last_minute_recipients = value.count(),
            ("lastHr", "rcp") => self.last_hour_recipients = value.count(),
            _ => {}
        }
    }

    fn sample(&self, direction: &str) -> Sample {
        let mut sample = Sample::new("pmta_traffic").tag("direction", direction);
        for (name, value) in [
            ("recipients_total", self.recipients),
            ("messages_total", self.messages),
            ("bytes_total", self.bytes),
        ] {
            if let Some(value) = value {
                sample = sample.growing(name, value);
            }
        }
        let windows = [
            ("last_minute_recipients", self.last_minute_recipients),
            ("last_hour_recipients", self.last_hour_recipients),
        ];
        ints(sample, &windows)
    }
}

impl Resolver {
    fn take(&mut self, key: &str, value: &Scalar<'_>) {
        match key {
            "namesCached" => self.names_cached = value.count(),
            "queriesPending" => self.pending = value.count(),
            "queriesActive" => self.active = value.count(),
            _ => {}
        }
    }

    fn sample(&self) -> Sample {
        let fields =
            [("names_cached", self.names_cached), ("pending", self.pending), ("active", self.active)];
        ints(Sample::new("pmta_resolver"), &fields)
    }
}

impl Connections {
    fn take(&mut self, key: &str, value: &Scalar<'_>) {
        match key {
            "cur" => self.current = value.count(),
            "max" => self.max = value.count(),
            "top" => self.top = value.count(),
            _ => {}
        }
    }
}

impl Spool {
    fn take(&mut self, keys: &[&str], value: &Scalar<'_>) {
        match keys {
            ["initPct"] => self.init_ratio = value.number().map(|percent| (percent / 100.0).min(1.0)),
            ["files", "inUse"] => self.files_in_use = value.count(),
            ["files", "recycled"] => self.files_recycled = value.count(),
            ["files", "total"] => self.files_total = value.count(),
            ["totalRcp"] => self.recipients = value.count(),
            ["maxRcp"] => self.recipients_max = value.count(),
            _ => {}
        }
    }

    fn sample(&self) -> Sample {
        let sample = ints(
            Sample::new("pmta_spool"),
            &[
                ("files_in_use", self.files_in_use),
                ("files_recycled", self.files_recycled),
                ("files", self.files_total),
                ("recipients", self.recipients),
                ("recipients_max", self.recipients_max),
            ],
        );
        match self.init_ratio {
            Some(ratio) => sample.float("init_ratio", ratio),
            None => sample,
        }
    }
}

/// Adds what the page told; what it did not tell is left out, never 0.
pub fn ints(sample: Sample, fields: &[(&'static str, Option<i64>)]) -> Sample {
    fields.iter().fold(sample, |sample, (name, value)| match value {
        Some(value) => sample.int(name, *value),
        None => sample,
    })
}

/// `2020-07-16 20:20:26`; a zone or a fraction behind it is no harm.
fn time(value: &Scalar<'_>) -> Option<DateTime> {
    let text = value.text();
    cut(text.trim(), 19).parse().ok()
}

fn short(value: &Scalar<'_>) -> String {
    cut(value.text().trim(), 64).to_owned()
}
