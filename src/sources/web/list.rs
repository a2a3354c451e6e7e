//! `/queues` and `/vmtas`: the largest rows of a list of any length, and its sums. It knows no
//! format; the texts of a row's errors are never looked at, for they may hold addresses.

use super::status::ints;
use super::tree::{Listener, Path, Scalar, bytes, cut};
use crate::record::Sample;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A domain has 253 bytes at most and a VMTA's name some dozens.
const LONGEST_NAME: usize = 320;

#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    // First, because rows are ordered by it.
    pub recipients: i64,
    /// `domain/vmta` of a queue, the name of a VMTA.
    pub name: String,
    pub bytes: Option<i64>,
    pub connections: Option<i64>,
    pub domains: Option<i64>,
    pub paused: Option<bool>,
    pub backoff: Option<bool>,
}

/// A list page read to its end, of which only the largest rows were kept.
#[derive(Debug)]
pub struct List {
    keep: usize,
    kept: BinaryHeap<Reverse<Row>>,
    /// Where the row being read hangs in the tree.
    open: Option<(usize, Row)>,
    known: bool,
    /// Rows on the page, kept or not, and the recipients in them.
    pub rows: u64,
    pub recipients: i64,
    /// What the page says about all rows, listed or not.
    pub all_rows: Option<i64>,
    pub all_recipients: Option<i64>,
}

impl List {
    pub fn new(keep: usize) -> List {
        List {
            keep,
            kept: BinaryHeap::new(),
            open: None,
            known: false,
            rows: 0,
            recipients: 0,
            all_rows: None,
            all_recipients: None,
        }
    }

    pub fn is_blank(&self) -> bool {
        !self.known
    }

    /// The kept rows, the largest first.
    pub fn into_rows(self) -> Vec<Row> {
        let rows = self.kept.into_sorted_vec();
        rows.into_iter().map(|Reverse(row)| row).collect()
    }

    /// Whether every queue with recipients is among the kept rows, as far as the page tells.
    pub fn complete(&self) -> bool {
        self.rows == self.kept.len() as u64 && self.shows_all() == Some(true)
    }

    /// What was listed, and whether that is all there is.
    pub fn summary(&self, sample: Sample) -> Sample {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let sample = sample
            .int("rows", number(self.rows))
            .int("kept_rows", number(self.kept.len() as u64))
            .int("recipients", self.recipients)
            .int("complete", i64::from(self.complete()));
        ints(sample, &[("all_rows", self.all_rows), ("all_recipients", self.all_recipients)])
    }

    /// Whether the page was cut at fewer rows than were asked for.
    pub fn is_short_of(&self, asked: u32) -> bool {
        let cut = match self.shows_all() {
            Some(all) => !all,
            // Ten rows is what PowerMTA shows unasked.
            None => self.rows == 10,
        };
        self.rows < u64::from(asked) && cut
    }

    fn shows_all(&self) -> Option<bool> {
        match (self.all_rows, self.all_recipients) {
            (Some(all), _) => Some(i64::try_from(self.rows).is_ok_and(|rows| rows >= all)),
            (None, Some(all)) => Some(self.recipients >= all),
            (None, None) => None,
        }
    }

    fn keep(&mut self, row: Row) {
        self.rows += 1;
        self.recipients = self.recipients.saturating_add(row.recipients);
        if self.keep == 0 {
            return;
        }
        if self.kept.len() < self.keep {
            self.kept.push(Reverse(row));
        } else if let Some(mut least) = self.kept.peek_mut()
            && least.0.recipients < row.recipients
        {
            *least = Reverse(row);
        }
    }
}

impl Listener for List {
    fn open(&mut self, path: &Path) {
        if self.open.is_none() && is_row(path.key()) {
            self.open = Some((path.depth(), Row::default()));
        }
    }

    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        let key = path.key();
        if let Some((depth, row)) = &mut self.open {
            if path.depth() == *depth + 1 {
                row.take(key, value);
            }
            return;
        }
        // Totals stand beside the rows: `data` in JSON, `rsp.data` in XML, the root in DOM.
        if path.keys().any(|above| !matches!(above, "rsp" | "data") && above != key) {
            return;
        }
        match key {
            "title" | "data" => {}
            "totalRcp" => self.all_recipients = value.count(),
            "totalQueuesWithRcp" | "totalVmtasWithRcp" => self.all_rows = value.count(),
            _ => return,
        }
        self.known = true;
    }

    fn close(&mut self, path: &Path) {
        if let Some((depth, row)) = self.open.take() {
            if depth != path.depth() {
                self.open = Some((depth, row));
            } else if !row.name.is_empty() {
                self.known = true;
                self.keep(row);
            }
        }
    }

    fn list(&mut self, path: &Path) {
        // An empty list is still a list.
        self.known |= self.open.is_none() && is_row(path.key());
    }

    fn wants(&self, path: &Path) -> bool {
        !matches!(path.key(), "errors" | "event" | "events")
    }
}

impl Row {
    fn take(&mut self, key: &str, value: &Scalar<'_>) {
        match key {
            "name" | "id" => self.name = name(&value.text()),
            "rcp" => self.recipients = value.count().unwrap_or(0),
            "kb" => self.bytes = value.number().map(bytes),
            "conn" => self.connections = value.count(),
            "dom" => self.domains = value.count(),
            "paused" => self.paused = value.flag(),
            "mode" => self.backoff = Some(value.text().eq_ignore_ascii_case("backoff")),
            _ => {}
        }
    }

    pub fn queue_sample(self) -> Sample {
        let vmta = self.name.rsplit_once('/').map_or("", |(_, vmta)| vmta).to_owned();
        let sample = Sample::new("pmta_queue").tag("queue", self.name).tag("vmta", vmta);
        ints(
            sample.int("recipients", self.recipients),
            &[
                ("bytes", self.bytes),
                ("connections", self.connections),
                ("paused", self.paused.map(i64::from)),
                ("backoff", self.backoff.map(i64::from)),
            ],
        )
    }

    pub fn vmta_sample(self) -> Sample {
        let sample = Sample::new("pmta_vmta").tag("vmta", self.name).int("recipients", self.recipients);
        ints(sample, &[("bytes", self.bytes), ("connections", self.connections), ("domains", self.domains)])
    }
}

fn is_row(key: &str) -> bool {
    matches!(key, "queues" | "queue" | "vmtas" | "vmta")
}

/// A queue's name as it is; were there an address in it, only its domain.
fn name(text: &str) -> String {
    let text = text.rsplit('@').next().unwrap_or_default().trim();
    cut(text, LONGEST_NAME).chars().filter(|c| !c.is_control()).collect()
}
