//! Windows from records, across runs, and under floods.

use super::*;
use crate::classify::Stage;
use rusqlite::Connection;

const START: Seconds = 1_795_478_400;

fn delivery(kind: Kind, logged: Seconds) -> Delivery<'static> {
    Delivery {
        kind,
        logged,
        offset_minutes: 60,
        queued: Some(logged - 5),
        rcpt_domain: b"example.com",
        status: b"",
        diag: b"tls: fingerprint differs",
        mta: b"",
        category: b"",
        source: b"",
        destination: b"192.0.2.9",
        size: 1,
        vmta: b"mta1",
        queue: b"",
    }
}

fn answer(reason: Reason) -> Answer {
    Answer {
        reason,
        stage: Some(Stage::Handshake),
        code: 421,
        throttling: reason.is_throttling(),
        template: 0,
        rule: None,
    }
}

#[test]
fn each_kind_counts_where_design_section_7_says() {
    let mut windows = Windows::new();
    let limit = answer(Reason::RateLimited);
    let local = Delivery { destination: b"", ..delivery(Kind::Bounced, START) };
    windows.record("Yahoo", true, &delivery(Kind::Delivered, START), None);
    windows.record("Yahoo", true, &delivery(Kind::Bounced, START), Some(&answer(Reason::Tls)));
    windows.record("Yahoo", true, &local, Some(&answer(Reason::Local)));
    windows.record("Yahoo", true, &delivery(Kind::Deferred, START), Some(&limit));
    windows.record("Yahoo", true, &delivery(Kind::QueueDeferred, START), None);
    for other in [Kind::Received, Kind::RemoteBounced, Kind::RemoteStatus, Kind::Complaint] {
        windows.record("Yahoo", true, &delivery(other, START), None);
    }
    let key = windows.find("Yahoo").unwrap();
    let count = |channel| windows.sum(key, channel, START, START + 10);
    for (channel, expected) in [
        (Channel::Attempts, 4),
        (Channel::Delivered, 1),
        (Channel::Bounced, 1),
        (Channel::Deferred, 1),
        (Channel::QueueDeferred, 1),
        (Channel::Throttled, 1),
        (Channel::Complaints, 1),
        (Channel::Delay(1), 1),
        (Channel::Reason(Reason::RateLimited), 1),
        (Channel::Reason(Reason::Other), 1),
        (Channel::Reason(Reason::Local), 0),
        (Channel::ReasonBounced(Reason::Tls), 1),
        (Channel::Vmta(0), 4),
        (Channel::ReasonVmta(Reason::Tls, 0), 1),
    ] {
        assert_eq!(count(channel), expected, "{channel:?}");
    }
    assert_eq!(windows.deferral_ratio(key, START, START + 10), Some(0.5));
    assert_eq!(windows.sum(HOST, Channel::Attempts, START, START + 10), 4);
    let details: Vec<Detail> = windows.replies().map(|(_, reply)| reply.detail).collect();
    assert_eq!(details, [Detail::Fingerprint, Detail::None, Detail::None]);
    assert_eq!(windows.provider(key).unwrap().offset_minutes, 60);
}

#[test]
fn a_flood_of_domains_and_of_mad_clocks_stays_bounded() {
    let mut windows = Windows::new();
    windows.set_ceiling(START + 300);
    for i in 0..5_000 {
        let name = format!("d{i}.example");
        windows.record(
            &name,
            false,
            &delivery(Kind::Deferred, START + i / 100),
            Some(&answer(Reason::Other)),
        );
    }
    windows.record("Yahoo", true, &delivery(Kind::Delivered, START + 301_000), None);
    windows.record("Yahoo", true, &delivery(Kind::Delivered, -5), None);
    windows.record("Yahoo", true, &delivery(Kind::Delivered, i64::MAX), None);
    assert_eq!(windows.find("Yahoo"), None);
    assert!(windows.tracks <= TRACKS && windows.lanes.len() <= 1_002);
    assert_eq!(windows.sum(HOST, Channel::Attempts, START, START + 60), 5_000, "the whole is exact");
    assert_eq!(windows.sum(OTHER, Channel::Attempts, START, START + 60), 4_100);
}

fn disk() -> Connection {
    let disk = Connection::open_in_memory().unwrap();
    disk.execute_batch(SCHEMA).unwrap();
    disk
}

/// Records of several hours, also late ones, by a fixed sequence.
fn record_some(windows: &mut Windows, from: i64, to: i64) {
    for i in from..to {
        let late = if i % 37 == 0 { (i * 7_919) % 5_000 } else { 0 };
        let logged = START + i * 13 - late;
        let kind = [Kind::Delivered, Kind::Deferred, Kind::QueueDeferred][(i % 3) as usize];
        let name = ["Yahoo", "Gmail", "a.example"][(i % 5 % 3) as usize];
        let mut record = delivery(kind, logged);
        record.vmta = [&b"mta1"[..], b"mta2"][(i % 2) as usize];
        windows.record(name, name != "a.example", &record, Some(&answer(Reason::ALL[(i % 4) as usize])));
    }
}

#[test]
fn saving_and_loading_anywhere_changes_no_window() {
    let mut whole = Windows::new();
    let disk = disk();
    let mut parts = Windows::load(&disk).unwrap();
    for cut in 0..40 {
        record_some(&mut whole, cut * 100, cut * 100 + 100);
        record_some(&mut parts, cut * 100, cut * 100 + 100);
        parts.save(&disk).unwrap();
        parts = Windows::load(&disk).unwrap();
        let at = (START + (cut * 100 + 99) * 13) / 300 * 300;
        for name in ["Yahoo", "Gmail", "a.example"] {
            let keys = [&whole, &parts].map(|windows| windows.find(name).unwrap());
            assert_eq!(keys[0], keys[1]);
            for channel in [
                Channel::Attempts,
                Channel::Reason(Reason::RateLimited),
                Channel::Vmta(1),
                Channel::ReasonReply(Reason::Greylisted, 0),
            ] {
                for window in [30, 300, 600, 1_800, 3_600, 7_200, 28_800] {
                    let sum = |windows: &Windows| windows.sum(keys[0], channel, at - window, at);
                    assert_eq!(sum(&whole), sum(&parts), "cut {cut} {name} {channel:?} {window}");
                }
            }
        }
    }
    let rows: i64 = disk.query_row("SELECT count(*) FROM window_counts", [], |row| row.get(0)).unwrap();
    assert!(rows < 360, "{rows} rows for half a day");
}

#[test]
fn a_save_writes_only_its_own_seconds() {
    let disk = disk();
    let mut windows = Windows::new();
    record_some(&mut windows, 0, 2_000);
    windows.save(&disk).unwrap();
    let before = disk.total_changes();
    windows.save(&disk).unwrap();
    assert_eq!(disk.total_changes(), before, "nothing happened, nothing is written");
    windows.record("Yahoo", true, &delivery(Kind::Delivered, START + 2_000 * 13), None);
    windows.save(&disk).unwrap();
    assert!(disk.total_changes() - before < 12, "{} rows for one record", disk.total_changes() - before);
}

#[test]
fn a_month_in_one_run_forgets_what_it_cannot_save() {
    let mut windows = Windows::new();
    for step in 0..10_000 {
        windows.record("Yahoo", true, &delivery(Kind::Delivered, START + step * 10), None);
    }
    assert!(windows.touched.len() <= TOUCHED);
    let disk = disk();
    windows.save(&disk).unwrap();
    let back = Windows::load(&disk).unwrap();
    let (key, end) = (back.find("Yahoo").unwrap(), START + 99_900);
    for window in [30, 3_600, 28_800] {
        let sum = |windows: &Windows| windows.sum(key, Channel::Attempts, end - window, end);
        assert_eq!(sum(&back), sum(&windows), "{window}");
    }
}
