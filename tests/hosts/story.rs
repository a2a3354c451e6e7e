//! One night for Nagios and for Icinga: quiet, a warning, critical, recovery, and PowerMTA gone.
//! The host's own status file must show each state with text and performance data, and exactly
//! those are told whom it concerns. It knows neither host's configuration.

use crate::grammar::perfdata;
use crate::stage::{INCIDENT, QUIET, Running, Stage};
use pmta_sim::WebFault;
use std::collections::{BTreeMap, BTreeSet};

/// What the services are called at this host.
pub struct Names {
    pub host: &'static str,
    /// Everything but Yahoo and Microsoft, for whoever is on call.
    pub rest: &'static str,
    pub yahoo: &'static str,
    pub microsoft: &'static str,
    /// One check with ranges of its own: 15 and 60 per cent of Yahoo's attempts deferred.
    pub ranged: &'static str,
}

/// A quiet host before its night, as the host's daemon will find it.
pub fn stage() -> Stage {
    let stage = Stage::with(30.0, INCIDENT, |options| {
        // With it PowerMTA still answers, only not over HTTP.
        options.command_line = false;
    });
    stage.collect();
    stage.live(QUIET, 300);
    stage
}

/// The host's daemon runs; its status file is `status.dat`, what it mailed is in `mails`.
pub fn play(stage: &Stage, running: &mut Running, names: &Names) {
    for name in [names.rest, names.yahoo, names.microsoft, names.ranged] {
        let quiet = reaches(stage, running, name, OK);
        assert!(quiet["plugin_output"].starts_with("VITALS OK - "), "{quiet:?}");
        assert!(quiet["plugin_output"].contains("deferrals "), "{quiet:?}");
    }
    stage.live(720, 60);
    let warning = reaches(stage, running, names.yahoo, WARNING);
    assert!(warning["plugin_output"].starts_with("VITALS WARNING - [Yahoo]"), "{warning:?}");
    assert_eq!((figure(&warning, "warning"), figure(&warning, "critical")), (1.0, 0.0), "{warning:?}");
    let ranged = reaches(stage, running, names.ranged, WARNING);
    assert!(ranged["performance_data"].contains("%;15;60;0;100"), "{ranged:?}");
    stage.live(1_080, 60);
    let critical = reaches(stage, running, names.yahoo, CRITICAL);
    assert!(critical["plugin_output"].starts_with("VITALS CRITICAL - [Yahoo]"), "{critical:?}");
    assert!(critical["long_plugin_output"].contains("[CRITICAL] - deferral-ratio"), "{critical:?}");
    assert_eq!(figure(&critical, "critical"), 1.0, "{critical:?}");
    for name in [names.rest, names.microsoft] {
        let elsewhere = reaches(stage, running, name, OK);
        assert!(!elsewhere["long_plugin_output"].contains("Yahoo"), "{elsewhere:?}");
    }
    stage.live(2_700, 300);
    let over = reaches(stage, running, names.yahoo, OK);
    assert!(figure(&over, "delivered").is_nan() && figure(&over, "critical") == 0.0, "{over:?}");
    reaches(stage, running, names.ranged, OK);

    stage.host.break_web(&[WebFault::Down]).unwrap();
    stage.live(60, 60);
    let down = reaches(stage, running, names.rest, CRITICAL);
    assert!(down["plugin_output"].contains("PowerMTA does not answer"), "{down:?}");
    reaches(stage, running, names.yahoo, OK);
    stage.host.break_web(&[]).unwrap();
    stage.live(60, 60);
    let over = reaches(stage, running, names.rest, OK);
    assert_eq!(figure(&over, "delivered"), stage.host.totals().delivered as f64, "{over:?}");
    told(stage, running, names);
}

/// One person is told of each problem: the provider's for the provider, else whoever is on call.
fn told(stage: &Stage, running: &mut Running, names: &Names) {
    let Names { host, rest, yahoo, .. } = names;
    let expected: BTreeSet<String> = [
        format!("postmaster@example.com: PROBLEM {host} {yahoo} WARNING"),
        format!("postmaster@example.com: PROBLEM {host} {yahoo} CRITICAL"),
        format!("postmaster@example.com: RECOVERY {host} {yahoo} OK"),
        format!("oncall@example.com: PROBLEM {host} {rest} CRITICAL"),
        format!("oncall@example.com: RECOVERY {host} {rest} OK"),
    ]
    .into();
    running.wait("mails", || {
        let mails: BTreeSet<String> = stage.mails().lines().map(str::to_owned).collect();
        let extra: Vec<&String> = mails.difference(&expected).collect();
        assert!(extra.is_empty(), "nobody asked for {extra:?}");
        (mails == expected).then_some(())
    });
}

const OK: &str = "0";
const WARNING: &str = "1";
const CRITICAL: &str = "2";

type Status = BTreeMap<String, String>;

/// Waits until the host is sure of this state.
fn reaches(stage: &Stage, running: &mut Running, name: &str, state: &str) -> Status {
    running.wait(&format!("{name} in state {state}"), || {
        let found = service(stage, name)?;
        let settled = found.get("has_been_checked")? == "1" && found.get("state_type")? == "1";
        (settled && found.get("current_state")? == state).then_some(found)
    })
}

/// The service's block of the status file, which both hosts write alike.
fn service(stage: &Stage, name: &str) -> Option<Status> {
    let text = std::fs::read_to_string(stage.path("status.dat")).ok()?;
    let blocks =
        text.split("servicestatus {").skip(1).map(|block| block.split("\n\t}").next().unwrap_or(block));
    let read = |block: &str| -> Status {
        let pairs = block.lines().filter_map(|line| line.trim().split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    blocks.map(read).find(|block| block.get("service_description").is_some_and(|found| found == name))
}

/// A number of the performance data as the host kept them; not a number when it is not there.
fn figure(status: &Status, label: &str) -> f64 {
    let output = format!("VITALS OK - x | {}\n", status["performance_data"]);
    let items = perfdata::read(&output, 8_192).unwrap();
    items.get(label).copied().unwrap_or(f64::NAN)
}
