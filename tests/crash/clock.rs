//! Clocks that jump and zones that change: totals are a matter of bytes, not of time.

use super::{busy, fine};
use crate::rig::{Metrics, Rig, Shown, equal};

fn collect_at(rig: &Rig, now: i64) -> Metrics {
    fine(&rig.command_at(now).args(["collect", "--consumer", "rig"]).output().unwrap())
}

#[test]
fn an_hour_forward_and_back_counts_nothing_twice() {
    for jump in [3_600, -3_600] {
        let rig = busy();
        let mut shown = Shown::default();
        shown.see(rig.collect(&[]));
        for offset in [0, jump, jump, 0, 0, jump, -jump, 0] {
            rig.pass(10);
            let metrics = shown.see(collect_at(&rig, rig.host.now() + offset));
            equal(metrics, &rig.host.totals());
            assert!(!metrics.text.contains("pmta_event"), "a clock is no incident: {}", metrics.text);
        }
        let metrics = &shown.last;
        let accounting = [("source", "accounting")];
        let late = metrics.int("pmta_collector", &accounting, "bad_time_total");
        assert!(late > 0, "records from an hour ahead of the clock are told");
        assert_eq!(metrics.int("pmta_collector", &accounting, "rejected_total"), 0);
    }
}

/// Whoever was an hour ahead must not be blind for an hour when the clock is right again.
#[test]
fn an_incident_is_seen_after_the_clock_went_back() {
    for jump in [0, 3_600] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = "yahoo-handshake@600+900".to_owned();
        });
        rig.collect(&[]);
        let mut found = false;
        for step in 0..22 {
            rig.pass(60);
            let offset = if step == 2 { jump } else { 0 };
            let metrics = collect_at(&rig, rig.host.now() + offset);
            let yahoo = [("provider", "Yahoo")];
            found |= metrics.series("pmta_finding", &yahoo, "active").next().is_some();
        }
        assert!(found, "after a jump of {jump} s");
    }
}

/// The last record again, as a PowerMTA whose zone has changed would write it at that moment.
fn in_zone(record: &str, seconds: i64, minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let local = jiff::Timestamp::from_second(seconds + minutes * 60).unwrap().to_string();
    let local = local.replace('T', " ").replace('Z', "");
    let stamp = format!("{local}{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60);
    let mut cells = record.splitn(4, ',');
    let kind = cells.next().unwrap();
    let rest = cells.nth(2).unwrap();
    format!("{kind},{stamp},{stamp},{rest}\n")
}

#[test]
fn a_change_of_zone_inside_a_file_is_no_bad_time() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    let mut more = 0;
    // Summer time ends, begins, and then the machine moves to other zones.
    for minutes in [60, 0, 60, -300, -240, 330, 765, -570] {
        rig.pass(10);
        let text = std::fs::read_to_string(&rig.host.live_files()[0]).unwrap();
        let record = text.lines().rfind(|line| line.starts_with("d,")).unwrap();
        for second in 0..5 {
            let line = in_zone(record, rig.host.now() - second, minutes);
            rig.host.write_raw(line.as_bytes()).unwrap();
            more += 1;
        }
        let metrics = shown.see(rig.collect(&[]));
        let mut truth = rig.host.totals();
        truth.delivered += more;
        equal(metrics, &truth);
        let accounting = [("source", "accounting")];
        for field in ["bad_time_total", "rejected_total", "lag_bytes"] {
            assert_eq!(metrics.int("pmta_collector", &accounting, field), 0, "{field} at {minutes}");
        }
    }
}
