//! What replay prints: changes as JSON lines, sorted, and a summary at the end.

use super::super::{RunError, print};
use super::files::Tally;
use crate::emit;
use crate::record::{Event, Finding, Seconds, Severity, State};
use std::collections::BTreeMap;
use std::io::Write;

const FULL: usize = 64 * 1_024;
const DAY: Seconds = 86_400;

#[derive(Default)]
pub struct Told {
    seq: i64,
    out: Vec<u8>,
    first: Option<Seconds>,
    newest: Seconds,
    /// Each finding's last state and severity that were told.
    findings: BTreeMap<String, (State, Severity)>,
    suppressed: u64,
    reminders: u64,
    /// Told once and never open: what healed by itself, weekly drift.
    notes: u64,
}

impl Told {
    pub fn saw(&mut self, time: Seconds) {
        self.first = self.first.or(Some(time));
        self.newest = self.newest.max(time);
    }

    /// Prints changes whose times are not earlier than what was told before.
    pub fn tell(&mut self, changes: &mut Vec<Finding>) -> Result<(), RunError> {
        changes.sort_by(|a, b| (a.changed, &a.id, a.state.name()).cmp(&(b.changed, &b.id, b.state.name())));
        let mut events: Vec<Event> = Vec::with_capacity(changes.len());
        for finding in changes.drain(..) {
            self.count(&finding);
            self.seq += 1;
            let id = format!("{}-{}-{}", finding.id, finding.state.name(), self.seq);
            events.push(Event { seq: self.seq, id, time: finding.changed, finding });
        }
        events.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        for event in &events {
            self.out.extend_from_slice(&emit::told(event));
        }
        if self.out.len() >= FULL { self.flush() } else { Ok(()) }
    }

    fn count(&mut self, finding: &Finding) {
        if !finding.state.is_open() && !self.findings.contains_key(&finding.id) {
            self.notes += 1;
            return;
        }
        let now = (finding.state, finding.severity);
        let before = self.findings.insert(finding.id.clone(), now);
        let same_state = before.is_some_and(|before| before.0 == finding.state);
        self.suppressed += u64::from(finding.state == State::Suppressed && !same_state);
        // Told again although nothing has changed.
        self.reminders += u64::from(finding.state == State::Firing && before == Some(now));
    }

    pub fn flush(&mut self) -> Result<(), RunError> {
        let out = std::mem::take(&mut self.out);
        print(&out)
    }

    /// For people, on stderr.
    pub fn summarise(&self, tally: &Tally) -> Result<(), RunError> {
        let span = self.first.map_or(0, |first| self.newest - first);
        let stretch = match span {
            span if span >= DAY => format!("{} days", (span + DAY / 2) / DAY),
            span => format!("{} minutes", span / 60),
        };
        let told = self.findings.len();
        let mut text = format!(
            "{stretch}, {told} findings, {} suppressed, {} reminders ({} records in {} files",
            self.suppressed, self.reminders, tally.records, tally.files
        );
        for (count, what) in
            [(tally.rejected, "rejected"), (tally.bad_time, "with a wrong clock"), (self.notes, "notes")]
        {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(")\n");
        for trouble in &tally.troubles {
            text.push_str(&format!("W! {trouble}\n"));
        }
        // Whoever closed stderr does not want it.
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(())
    }
}
