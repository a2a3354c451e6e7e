//! The DKIM key files that PowerMTA's configuration names: is each there, and can pmtad read it.
//! It opens no key.

use super::pmta_config::{DkimKey, KeyState};
use super::{Ask, Place, Source, SourceError, pmta_config, process};
use crate::record::{HIDDEN, Sample, Seconds, Sink};

/// Keys change with the configuration, by hand.
const EVERY: Seconds = 595;
const LOOKED: &str = "looked";
const MOST_NAMED: usize = 3;

pub struct DkimKeys;

impl Source for DkimKeys {
    fn name(&self) -> &'static str {
        "dkim"
    }

    fn place(&self) -> Place {
        Place::Aside
    }

    fn is_due(&self, ask: &Ask<'_>) -> bool {
        ask.is_over(LOOKED, EVERY)
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        if !self.is_due(ask) {
            return ask.standing();
        }
        ask.memory.put(LOOKED, ask.tick.now().to_string().as_bytes());
        let told = look(ask, sink);
        ask.keep(told)
    }
}

fn look(ask: &Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
    let path = &ask.config.pmta.config;
    let parsed = pmta_config::read(path);
    if !parsed.found.readable {
        return Err(SourceError::Absent(format!("{} is not there or not readable", path.display())));
    }
    let daemon = process::identity(&ask.config.host.proc);
    let state = |key: &&DkimKey| match &daemon {
        Some((uid, groups)) => key.state(*uid, groups),
        // Whether it is there can be seen without knowing who must read it.
        None => {
            Some(key.state(0, &[])).filter(|state| *state == KeyState::Missing).unwrap_or(KeyState::Unknown)
        }
    };
    let keys = &parsed.queues.dkim_keys;
    for (class, wanted) in [("dkim-missing", KeyState::Missing), ("dkim-unreadable", KeyState::Unreadable)] {
        let found: Vec<&DkimKey> = keys.iter().filter(|key| state(key) == wanted).collect();
        let named: Vec<String> = found
            .iter()
            .take(MOST_NAMED)
            .map(|key| format!("{} ({})", key.path.display(), key.domain))
            .collect();
        let row = Sample::new(HIDDEN).tag("class", class).text("text", named.join(", "));
        sink.sample(row.int("n", i64::try_from(found.len()).unwrap_or(i64::MAX)));
    }
    Ok(())
}
