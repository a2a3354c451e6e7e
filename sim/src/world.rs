//! The state of the host at one moment of its virtual clock, and how that clock advances.

use std::fs;
use std::path::Path;

use crate::books::Books;
use crate::calendar::Calendar;
use crate::diary::Diary;
use crate::faults::Gauges;
use crate::flow::Flow;
use crate::monitor::status;
use crate::monitor::tree::Tree;
use crate::options::{Options, SimError};

pub struct World {
    pub options: Options,
    pub calendar: Calendar,
    pub now: i64,
    pub started: i64,
    pub pid: u32,
    pub flow: Flow,
    pub books: Books,
    pub web_log: Diary,
    /// Highest number of outbound connections since the start.
    pub connections_top: u32,
    pub http_port: u16,
    /// What the status page shows instead of the truth.
    pub gauges: Gauges,
    /// Queues (`D/V`), directive and value that PowerMTA has in force, whatever its files say.
    pub enforced: Vec<(String, String, String)>,
    /// The status page at the moment when it froze.
    pub frozen: Option<Tree>,
}

impl World {
    pub fn new(options: Options, http_port: u16) -> Result<Self, SimError> {
        let calendar = Calendar::new(options.utc_offset_minutes);
        let now = options.start;
        let books = Books::open(&options, now)?;
        let web_log = Diary::open(&options.log_folder().join("pmtahttp.log"), calendar)?;
        let flow = Flow::new(&options)?;
        let mut world = Self {
            calendar,
            now,
            started: now,
            pid: 4_242,
            flow,
            books,
            web_log,
            connections_top: 0,
            http_port,
            gauges: Gauges::default(),
            enforced: Vec::new(),
            frozen: None,
            options,
        };
        world.books.log.line(now, &format!("PowerMTA {} starting, process {}", world.version(), world.pid));
        world.books.flush()?;
        Ok(world)
    }

    pub fn version(&self) -> &'static str {
        if self.options.old_version { "4.0r18" } else { "5.0r8" }
    }

    /// What the status page shows instead of the truth from now on.
    pub fn show(&mut self, gauges: Gauges) {
        self.frozen = gauges.frozen.then(|| status::status(self));
        self.flow.deaf = gauges.deaf;
        self.gauges = gauges;
    }

    /// One second of mail.
    pub fn tick(&mut self) {
        let midnight = self.calendar.day_number(self.now + 1) != self.calendar.day_number(self.now);
        self.now += 1;
        self.books.pass(self.now);
        if midnight {
            // A log that cannot be rotated is gone on with, as the host does.
            let _ = self.books.log.rotate();
            let _ = self.web_log.rotate();
        }
        self.flow.tick(self.now, &mut self.books);
        self.connections_top = self.connections_top.max(self.connections());
    }

    pub fn connections(&self) -> u32 {
        self.flow.queues.iter().map(|queue| queue.connections).sum()
    }

    /// Everything written so far reaches the files.
    pub fn flush(&mut self) -> Result<(), SimError> {
        self.web_log.flush()?;
        self.books.flush()
    }

    /// PowerMTA stopped and started: counters at zero, another process, new accounting files.
    pub fn restart(&mut self) -> Result<(), SimError> {
        self.books.log.line(self.now, "PowerMTA shutting down");
        self.books.rotate()?;
        self.books.reset_counters();
        self.flow.forget();
        self.connections_top = 0;
        self.started = self.now;
        self.pid += 17;
        let line = format!("PowerMTA {} starting, process {}", self.version(), self.pid);
        self.books.log.line(self.now, &line);
        self.flush()
    }

    /// What was really done, as `truth.json` in the host's folder.
    pub fn write_truth(&self) -> Result<(), SimError> {
        let flow = &self.flow;
        let truth = self.books.truth.to_json(&flow.incidents, &flow.network, self.calendar, self.now);
        write_whole(&self.options.dir.join("truth.json"), truth.to_string().as_bytes())
    }
}

/// Written beside and renamed, so that a reader never sees half of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SimError> {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).map_err(SimError::file(&beside))?;
    fs::rename(&beside, path).map_err(SimError::file(path))
}
