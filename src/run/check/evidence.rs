//! What is known, and how old it is: the ledger as it stands, renewed when nobody else collects, or
//! PowerMTA itself when another host was named. It judges nothing.

use super::contract::Progress;
use super::question::Question;
use crate::judge::checks::{self, Gauges};
use crate::judge::signals;
use crate::ledger::{Ledger, LedgerError, Limits, Windows};
use crate::record::{Finding, Memory, Notes, Sample, Seconds, Tick};
use crate::run::RunError;
use crate::run::counting::{LAST_SUCCESS, RUN, SIGNALS};
use crate::run::fates::Fates;
use crate::run::passage::{self, Wish};
use crate::run::setup::Setup;
use crate::sources::pmta_config;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A ledger younger than this is judged as it is.
const YOUNG: Seconds = 30;
/// Without a port of its own, a listener's.
const SMTP_PORT: &str = "25";

/// One commit, or one look at another host.
pub struct Evidence {
    pub now: Seconds,
    /// When the ledger was last written; `None`: never, or it cannot be read.
    pub at: Option<Seconds>,
    pub findings: Vec<Finding>,
    pub windows: Windows,
    pub totals: Vec<Sample>,
    pub gauges: Gauges,
    pub fates: Fates,
    /// Signals that see nothing although their source is up, and why.
    pub blind: BTreeMap<String, String>,
    /// What went wrong on the way, the ledger first.
    pub troubles: Vec<String>,
}

impl Evidence {
    pub fn figures(&self, window: Seconds) -> checks::Evidence<'_> {
        checks::Evidence {
            windows: &self.windows,
            totals: &self.totals,
            gauges: &self.gauges,
            at: self.at.unwrap_or(self.now),
            now: self.now,
            window,
        }
    }

    fn empty(now: Seconds) -> Evidence {
        Evidence {
            now,
            at: None,
            findings: Vec::new(),
            windows: Windows::new(),
            totals: Vec::new(),
            gauges: Gauges::default(),
            fates: Fates::default(),
            blind: BTreeMap::new(),
            troubles: Vec::new(),
        }
    }

    fn age(&self) -> Option<Seconds> {
        self.at.map(|at| self.now - at)
    }
}

/// The freshest evidence that can be had in time.
pub fn gather(
    mut setup: Setup,
    question: &Question,
    started: Instant,
    progress: &Progress,
) -> Result<Evidence, RunError> {
    let tick = setup.clock.tick(started, patience(question.timeout));
    if let Some(host) = &question.host {
        progress.reach("asking PowerMTA");
        return elsewhere(&mut setup, question, host, tick);
    }
    progress.reach("reading the ledger");
    let found = recall(&setup, &tick);
    // Who asks whether anybody collects must not be the one who does.
    let asks_for_age = question.check.is_some_and(|check| check.source.is_empty());
    let young = |evidence: &Evidence| evidence.age().is_some_and(|age| (-YOUNG..=YOUNG).contains(&age));
    if asks_for_age || found.as_ref().is_ok_and(young) {
        return Ok(found.unwrap_or_else(|trouble| blind(tick.now(), &trouble)));
    }
    progress.reach("collecting");
    let wish = Wish { only: &[], consumer: None, reader: None, from_start: false, dry_run: false };
    let mut passage = passage::collect(&setup, &wish, tick)?;
    passage.printed(tick.deadline);
    let troubles = std::mem::take(&mut passage.troubles);
    drop(passage);
    progress.reach("reading the ledger");
    let mut evidence = recall(&setup, &tick).unwrap_or_else(|trouble| blind(tick.now(), &trouble));
    evidence.troubles.extend(troubles);
    Ok(evidence)
}

/// A second is left for reading, judging and printing.
fn patience(timeout: Duration) -> Duration {
    timeout.checked_sub(Duration::from_secs(1)).unwrap_or_default().max(timeout / 2)
}

fn blind(now: Seconds, trouble: &LedgerError) -> Evidence {
    Evidence { troubles: vec![format!("ledger: {trouble}")], ..Evidence::empty(now) }
}

/// The last commit, read without the lock.
fn recall(setup: &Setup, tick: &Tick) -> Result<Evidence, LedgerError> {
    let limits = &setup.loaded.config.limits;
    let limits = Limits { providers: limits.providers, pairs: limits.pairs };
    let ledger = Ledger::open(&setup.place, limits, tick)?;
    let glance = ledger.glance()?;
    let notes: Notes = glance.notes(RUN)?;
    let text = notes.get(LAST_SUCCESS);
    let at = text.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    Ok(Evidence {
        at,
        findings: glance.findings()?,
        windows: glance.windows()?,
        totals: glance.tally()?.rows(),
        gauges: Gauges::recall(&notes),
        fates: Fates::recall(&notes),
        blind: signals::blind(&glance.notes(SIGNALS)?),
        ..Evidence::empty(tick.now())
    })
}

/// Asks PowerMTA on another host and writes nothing down.
fn elsewhere(setup: &mut Setup, question: &Question, host: &str, tick: Tick) -> Result<Evidence, RunError> {
    let config = &setup.loaded.config;
    let found = pmta_config::discover(&config.pmta.config, &mut Notes::default());
    let mut config = pmta_config::fill(config.clone(), &found);
    let url = config.pmta.url.as_deref().unwrap_or("http://127.0.0.1:8080");
    let Some((url, smtp)) = moved(url, host).zip(listener(config.smtp.address.as_deref(), host)) else {
        return Err(RunError::Hostname(host.to_owned()));
    };
    config.pmta.url = Some(url);
    config.smtp.address = Some(smtp);
    // The command on this host knows nothing of that one.
    config.pmta.command = std::path::PathBuf::new();
    setup.loaded.config = config;
    let only = [question.check.map_or("web", |check| check.source).to_owned()];
    let wish = Wish { only: &only, consumer: None, reader: None, from_start: false, dry_run: true };
    let mut passage = passage::collect(setup, &wish, tick)?;
    Ok(Evidence {
        at: Some(tick.now()),
        gauges: std::mem::take(&mut passage.gauges),
        fates: std::mem::take(&mut passage.fates),
        troubles: std::mem::take(&mut passage.troubles),
        ..Evidence::empty(tick.now())
    })
}

/// The same address at another host.
fn moved(url: &str, host: &str) -> Option<String> {
    let mut url: reqwest::Url = url.parse().ok()?;
    url.set_host(Some(&bracketed(host))).ok()?;
    Some(url.to_string())
}

fn listener(address: Option<&str>, host: &str) -> Option<String> {
    let first = address.unwrap_or_default().split([',', ' ']).next().unwrap_or_default();
    let port = first.rsplit_once(':').map_or(SMTP_PORT, |(_, port)| port);
    let port: u16 = port.parse().ok()?;
    Some(format!("{}:{port}", bracketed(host)))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_an_address_changes() {
        let table = [
            ("http://127.0.0.1:8080", "mx1.example", Some("http://mx1.example:8080/")),
            ("https://127.0.0.1:8443/x", "192.0.2.7", Some("https://192.0.2.7:8443/x")),
            ("http://localhost:80", "2001:db8::1", Some("http://[2001:db8::1]/")),
            ("http://127.0.0.1:8080", "a b", None),
        ];
        for (url, host, expected) in table {
            assert_eq!(moved(url, host).as_deref(), expected, "{url} {host}");
        }
        assert_eq!(listener(Some("127.0.0.1:2525, [::1]:25"), "mx1").as_deref(), Some("mx1:2525"));
        assert_eq!(listener(None, "::1").as_deref(), Some("[::1]:25"));
    }

    #[test]
    fn a_second_is_kept_for_the_answer() {
        assert_eq!(patience(Duration::from_secs(10)), Duration::from_secs(9));
        assert_eq!(patience(Duration::from_secs(1)), Duration::from_millis(500));
    }
}
