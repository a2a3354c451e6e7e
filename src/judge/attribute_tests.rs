//! What a change is taken apart into.

use super::*;
use crate::classify::{Answer, Stage};
use crate::record::{Delivery, Kind};

const AT: Seconds = 1_795_500_000;
const NOW: Span = Span { from: AT, to: AT + 600 };
const REFERENCE: Span = Span { from: AT - 600, to: AT };

type Row = (Seconds, Kind, Reason, u16, &'static str, usize);

fn counted(rows: &[Row]) -> Windows {
    let mut windows = Windows::new();
    for (logged, kind, reason, code, vmta, count) in rows {
        let delivery = Delivery {
            kind: *kind,
            logged: *logged,
            offset_minutes: 0,
            queued: None,
            rcpt_domain: b"",
            status: b"",
            diag: b"",
            mta: b"mx",
            category: b"",
            source: b"",
            destination: b"",
            size: 0,
            vmta: vmta.as_bytes(),
            queue: b"",
        };
        let answer = Answer {
            reason: *reason,
            stage: Some(Stage::Handshake),
            code: *code,
            throttling: reason.is_throttling(),
            template: 0,
            rule: None,
        };
        (0..*count).for_each(|_| windows.record("Yahoo", true, &delivery, Some(&answer)));
    }
    windows
}

fn taken_apart(rows: &[Row], reason: Reason, throttled: f64) -> Attribution {
    let before = Before { deferred: Some(0.1), throttled: Some(throttled), reason: 0.01 };
    attribute(&counted(rows), 2, reason, NOW, REFERENCE, before)
}

#[test]
fn the_share_the_reply_and_what_it_is_not() {
    use Kind::{Deferred, Delivered, QueueDeferred};
    let rows = [
        (AT, Delivered, Reason::Other, 0, "a", 60),
        (AT, QueueDeferred, Reason::TempUnspecified, 421, "a", 26),
        (AT, Deferred, Reason::TempUnspecified, 450, "a", 4),
        (AT, Deferred, Reason::RateLimited, 451, "a", 10),
    ];
    let flat = taken_apart(&rows, Reason::TempUnspecified, 0.1);
    assert_eq!((flat.now, flat.n, flat.n_queue, flat.bounced), (0.4, 100, 26, false));
    assert!((flat.explained.unwrap() - 0.29 / 0.3).abs() < 1e-9);
    assert_eq!(flat.reply.map(|reply| (reply.code, reply.queue)), Some((421, true)));
    assert!(flat.not_throttling);
    assert!(
        !taken_apart(&rows, Reason::TempUnspecified, 0.0).not_throttling,
        "the throttled share rose as well"
    );
    assert!(!taken_apart(&rows, Reason::RateLimited, 0.1).not_throttling, "it is throttling");
    assert_eq!(taken_apart(&rows, Reason::Tls, 0.1).reply, None);
}

#[test]
fn a_virtual_mta_is_named_only_when_it_stands_out() {
    let rows = |bad_a: usize, bad_b: usize, all_b: usize| {
        [
            (AT, Kind::Delivered, Reason::Other, 0, "a", 100 - bad_a),
            (AT, Kind::Bounced, Reason::Blocklisted, 550, "a", bad_a),
            (AT, Kind::Delivered, Reason::Other, 0, "b", all_b - bad_b),
            (AT, Kind::Bounced, Reason::Blocklisted, 550, "b", bad_b),
        ]
    };
    for (rows, named) in [(rows(1, 50, 100), Some("b")), (rows(40, 50, 100), None), (rows(1, 50, 200), None)]
    {
        let found = taken_apart(&rows, Reason::Blocklisted, 0.0);
        assert_eq!(found.vmta.as_deref(), named);
        assert!(found.bounced);
    }
}

#[test]
fn traffic_that_moved_is_told_from_a_part_that_got_worse() {
    let rows = |before: [usize; 4], after: [usize; 4]| {
        let of = |at, [good_a, bad_a, good_b, bad_b]: [usize; 4]| {
            [
                (at, Kind::Delivered, Reason::Other, 0, "a", good_a),
                (at, Kind::Deferred, Reason::Reputation, 450, "a", bad_a),
                (at, Kind::Delivered, Reason::Other, 0, "b", good_b),
                (at, Kind::Deferred, Reason::Reputation, 450, "b", bad_b),
            ]
        };
        [of(AT - 600, before), of(AT, after)].concat()
    };
    let moved = rows([90, 0, 5, 5], [10, 0, 45, 45]);
    let worse = rows([90, 0, 5, 5], [45, 45, 5, 5]);
    assert!(taken_apart(&moved, Reason::Reputation, 0.0).moved);
    assert!(!taken_apart(&worse, Reason::Reputation, 0.0).moved);
}
