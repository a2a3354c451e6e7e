//! PowerMTA's log through the built binary: each line counted once, whatever the rotation, and
//! nothing of what it said printed.

use crate::rig::{Metrics, Rig, never_fell};

fn class(metrics: &Metrics, class: &str) -> i64 {
    metrics.sum("pmta_log", &[("class", class)], "total")
}

fn lines(metrics: &Metrics) -> i64 {
    metrics.sum("pmta_log", &[], "total")
}

#[test]
fn every_line_of_the_log_is_counted_once_across_rotations() {
    let rig = Rig::with(|options| options.rate = 10.0);
    let mut before = rig.collect(&[]);
    let first = class(&before, "tls");
    let mut written = 0;
    for round in 0..6 {
        for _ in 0..=round {
            rig.host.log_line("TLS handshake with mx.secret.example failed").unwrap();
            written += 1;
        }
        if round % 2 == 1 {
            rig.host.rotate_log().unwrap();
            rig.host.log_line("tls error: certificate of mx.secret.example expired").unwrap();
            written += 1;
        }
        rig.pass(10);
        let metrics = rig.collect(&[]);
        assert_eq!(class(&metrics, "tls") - first, written, "round {round}");
        assert!(!metrics.text.contains("secret.example"), "a line's words are printed");
        never_fell(&before, &metrics);
        before = metrics;
    }
    assert_eq!(before.int("pmta_collector", &[("source", "pmta_log")], "lag_bytes"), 0);
    assert_eq!(before.int("pmta_collector", &[("source", "pmta_log")], "up"), 1);
}

#[test]
fn a_line_is_counted_when_it_is_whole_and_by_its_own_words() {
    let rig = Rig::with(|options| options.rate = 10.0);
    let before = rig.collect(&[]);
    rig.host.log_line("(in 7)<<< 550 5.7.1 no space left for \u{202e}backoff").unwrap();
    rig.host.log_line("Unable to parse serial number: number missing").unwrap();
    rig.host.log_line("").unwrap();
    let after = rig.collect(&[]);
    let grown = |name: &str| class(&after, name) - class(&before, name);
    assert_eq!((grown("session"), grown("license"), grown("backoff"), grown("disk")), (1, 1, 0, 0));
    assert_eq!(lines(&rig.collect(&[])), lines(&after), "nothing is read twice");
}

#[test]
fn a_panic_log_is_counted_beside_the_log() {
    let rig = Rig::with(|options| options.rate = 10.0);
    let panics = rig.folder.path().join("paniclog");
    std::fs::write(&panics, "2026-11-23 10:00:00 an old one\n").unwrap();
    rig.configure(&format!("[logs]\npanic = [{panics:?}]\n"));
    assert_eq!(class(&rig.collect(&[]), "panic"), 0, "what was there before us is not counted");
    let mut text = std::fs::read_to_string(&panics).unwrap();
    text += "2026-11-24 10:00:00 it fell over\nhalf a";
    std::fs::write(&panics, &text).unwrap();
    assert_eq!(class(&rig.collect(&[]), "panic"), 1);
    std::fs::write(&panics, text + " line\n").unwrap();
    assert_eq!(class(&rig.collect(&[]), "panic"), 2);
}

#[test]
fn from_start_on_followed_sources_changes_nothing_and_says_so() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.pass(10);
    let first = rig.run(&["collect", "--from-start"]);
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said(&first).contains("--from-start"), "{}", said(&first));
    rig.pass(10);
    let again = rig.run(&["collect", "--from-start"]);
    let told = said(&again);
    assert_eq!(told.matches("--from-start changes nothing").count(), 1, "{told}");
    assert!(told.contains("accounting"), "{told}");
    let metrics = Metrics::read(&String::from_utf8(again.stdout).unwrap());
    let delivered = metrics.int("pmta_totals", &[], "delivered_total");
    assert_eq!(delivered, i64::try_from(rig.host.totals().delivered).unwrap());
    assert!(!said(&rig.run(&["collect"])).contains("--from-start"));
}
