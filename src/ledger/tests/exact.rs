//! Slots: every sum is exact, no total falls, and any cut into runs gives the same.

use super::*;
use crate::ledger::store;
use crate::record::{Sample, tag};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const DAY: Seconds = 86_400;

/// Loads, counts and saves as one run does.
fn run(db: &rusqlite::Connection, most: usize, records: &[(u16, bool, Seconds)]) -> Slots {
    let mut slots = Slots::load(db, 9, 2, most).unwrap();
    for (key, named, at) in records {
        let seat = slots.seat(&format!("key{key}"), *named, *at);
        slots.raise(seat, 0, 1);
        slots.raise(seat, 1, i64::from(*key));
    }
    slots.save(db).unwrap();
    slots
}

fn totals(slots: &Slots) -> BTreeMap<String, Vec<i64>> {
    let held = slots.held().into_iter().map(|(_, key, counts)| (key.to_owned(), counts.to_vec()));
    held.chain([(String::new(), slots.other().to_vec())]).collect()
}

fn stored(db: &rusqlite::Connection) -> Vec<String> {
    let sql = "SELECT 'slot', key, last, hex(counts) FROM slots UNION ALL
         SELECT 'rest', key, last, hex(counts) FROM resting UNION ALL
         SELECT 'book', hour_end, '', hex(other) || hex(forgotten) FROM books UNION ALL
         SELECT 'sketch', '', '', hex(sketch) FROM sketches ORDER BY 1, 2";
    let mut query = db.prepare(sql).unwrap();
    let text = |row: &rusqlite::Row<'_>| {
        let cell = |at| row.get::<_, rusqlite::types::Value>(at).map(|value| format!("{value:?}"));
        Ok([cell(0)?, cell(1)?, cell(2)?, cell(3)?].join(" "))
    };
    query.query_map([], text).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The sum over everything ever counted: shown, resting and forgotten.
fn sum(db: &rusqlite::Connection) -> i64 {
    let mut sum = 0;
    let sql = "SELECT counts FROM slots UNION ALL SELECT counts FROM resting UNION ALL
         SELECT other FROM books UNION ALL SELECT forgotten FROM books";
    let mut query = db.prepare(sql).unwrap();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let bytes: Vec<u8> = row.get(0).unwrap();
        let mut counts = [0; 2];
        crate::ledger::packing::Reader(&bytes).counts(&mut counts).unwrap();
        sum += counts[0];
    }
    sum
}

/// Days pass, keys come, stay away for more than a week, and return.
fn histories() -> impl Strategy<Value = Vec<(u16, bool, Seconds)>> {
    let step = (0..60u16, prop::bool::weighted(0.1), prop::sample::select(vec![0, 0, 0, 10, 4_000, 2 * DAY]));
    (prop::collection::vec(step, 1..400), 0..8u16).prop_map(|(steps, busy)| {
        let mut at = NOW;
        let each = |(number, (key, named, gap)): (usize, (u16, bool, Seconds))| {
            at += gap;
            // Every other record names one of two busy keys, which earn a slot by their number.
            let key = if number % 2 == 0 { 100 + busy + (number as u16 / 2) % 2 } else { key };
            (key, named, at)
        };
        steps.into_iter().enumerate().map(each).collect()
    })
}

proptest! {
    #[test]
    fn any_cut_into_runs_gives_the_same_file(
        records in histories(),
        cuts in prop::collection::btree_set(0..400usize, 0..6),
        most in 0..12usize,
    ) {
        let (whole, cut) = (store::in_memory(0).unwrap(), store::in_memory(0).unwrap());
        let slots = run(&whole, most, &records);
        prop_assert_eq!(sum(&whole), records.len() as i64);
        prop_assert!(slots.held().len() <= most);
        let mut from = 0;
        let mut shown: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for upto in cuts.into_iter().filter(|cut| *cut < records.len()).chain([records.len()]) {
            let now = totals(&run(&cut, most, &records[from..upto]));
            for (key, counts) in &now {
                let before = shown.get(key).map_or(0, |before| before[0]);
                prop_assert!(counts[0] >= before, "{} fell", key);
            }
            // A key that is gone for now must not come back with less.
            shown.extend(now);
            prop_assert_eq!(sum(&cut), upto as i64);
            from = upto;
        }
        prop_assert_eq!(stored(&whole), stored(&cut));
    }

    #[test]
    fn rows_add_up_to_the_grand_total(
        records in prop::collection::vec((0..Kind::ALL.len(), 0..40u8, 0..5u8, any::<bool>()), 1..300),
        pairs in 0..20usize,
    ) {
        let mut ledger = Ledger::in_memory(Limits { providers: 5, pairs }, NOW).unwrap();
        let mut locked = ledger.lock(soon()).unwrap();
        let mut truth: HashMap<&str, i64> = HashMap::new();
        let mut replies = 0;
        for (kind, provider, vmta, named) in &records {
            let kind = Kind::ALL[*kind];
            let name = format!("p{provider}.example");
            let who = if *named { Provider::Named(u16::from(*provider)) } else { Provider::Domain(&name) };
            let vmta = format!("v{vmta}");
            locked.tally().add(&record(kind, NOW, vmta.as_bytes()), who, &name, None);
            *truth.entry(kind.field()).or_default() += 1;
            replies += i64::from(matches!(kind, Kind::Deferred | Kind::QueueDeferred | Kind::Bounced));
        }
        let rows = locked.commit().unwrap().rows();
        for kind in Kind::ALL {
            let total = truth.get(kind.field()).copied().unwrap_or(0);
            prop_assert_eq!(add_up(&rows, "pmta_totals", kind.field()), total);
            prop_assert_eq!(add_up(&rows, "pmta_recipients", kind.field()), total);
        }
        let delivered = truth.get("delivered_total").copied().unwrap_or(0);
        prop_assert_eq!(add_up(&rows, "pmta_totals", "delivered_bytes_total"), delivered * 1_000);
        prop_assert_eq!(add_up(&rows, "pmta_recipients", "delivered_bytes_total"), delivered * 1_000);
        prop_assert_eq!(add_up(&rows, "pmta_delivery_delay_seconds", "count_total"), delivered);
        prop_assert_eq!(add_up(&rows, "pmta_delivery_delay_seconds", "sum_total"), delivered * 3);
        prop_assert_eq!(add_up(&rows, "pmta_replies", "total"), replies);
    }
}

fn add_up(rows: &[Sample], measurement: &str, field: &str) -> i64 {
    let of = rows.iter().filter(|row| row.measurement == measurement);
    of.filter_map(|row| match row.field(field) {
        Some(Value::Int(total)) => Some(*total),
        _ => None,
    })
    .sum()
}

#[test]
fn a_slot_is_taken_at_once_by_right_or_earned() {
    let mut slots = Slots::new(9, 1, 4);
    // More than half are free: taken at once. Then only named providers, or a hundred records.
    assert_ne!(slots.seat("a", false, NOW), OTHER);
    assert_ne!(slots.seat("b", false, NOW), OTHER);
    assert_eq!(slots.seat("c", false, NOW), OTHER);
    assert_ne!(slots.seat("Gmail", true, NOW), OTHER);
    for _ in 1..100 {
        assert_eq!(slots.seat("c", false, NOW), OTHER);
    }
    assert_ne!(slots.seat("c", false, NOW), OTHER);
    assert_eq!(slots.seat("Yahoo", true, NOW), OTHER, "none is free");
}

#[test]
fn a_slot_idle_for_a_week_is_given_up_and_its_total_goes_on() {
    let db = store::in_memory(0).unwrap();
    let shown =
        |slots: &Slots| totals(slots).into_iter().map(|(key, counts)| (key, counts[0])).collect::<Vec<_>>();
    run(&db, 2, &[(1, true, NOW), (1, true, NOW), (2, true, NOW + 6 * DAY)]);
    let slots = run(&db, 2, &[(3, true, NOW + 7 * DAY - 3_600)]);
    assert_eq!(shown(&slots), [(String::new(), 1), ("key1".into(), 2), ("key2".into(), 1)]);
    let slots = run(&db, 2, &[(3, true, NOW + 7 * DAY + 3_600)]);
    assert_eq!(shown(&slots), [(String::new(), 1), ("key2".into(), 1), ("key3".into(), 1)]);
    let slots = run(&db, 2, &[(1, true, NOW + 20 * DAY)]);
    assert_eq!(shown(&slots), [(String::new(), 1), ("key1".into(), 3)]);
    assert_eq!(sum(&db), 6);
}

#[test]
fn nothing_that_may_be_an_address_gets_a_series() {
    let mut ledger = Ledger::in_memory(Limits::default(), NOW).unwrap();
    let mut locked = ledger.lock(soon()).unwrap();
    let long = "x".repeat(400);
    for name in ["user@example.com", &long, "", "other", "a\u{1f}b"] {
        let vmta: &[u8] = if name == "other" { b"other" } else { b"" };
        locked.tally().add(&record(Kind::Bounced, NOW, vmta), Provider::Domain(name), name, None);
    }
    locked.tally().add(&record(Kind::Bounced, NOW, b"u@example.com"), Provider::Named(1), "Gmail", None);
    let rows = locked.commit().unwrap().rows();
    assert!(
        !rows.iter().flat_map(|row| &row.tags).any(|(_, value)| value.contains('@') || value.len() > 100)
    );
    assert_eq!(add_up(&rows, "pmta_recipients", "bounced_total"), 6);
    let series: std::collections::HashSet<_> =
        rows.iter().map(|row| (row.measurement, row.tags.clone())).collect();
    assert_eq!(series.len(), rows.len(), "no series is printed twice");
}

#[test]
fn a_record_from_the_future_is_counted_and_gives_up_nobodys_slot() {
    let mut ledger = Ledger::in_memory(Limits::default(), NOW).unwrap();
    let mut locked = ledger.lock(soon()).unwrap();
    let times = [NOW, i64::MAX, NOW + 30 * DAY, i64::MIN, NOW];
    for (number, logged) in times.into_iter().enumerate() {
        let name = format!("p{number}");
        let mut record = record(Kind::Delivered, NOW, b"v");
        (record.logged, record.queued) = (logged, Some(i64::MIN));
        locked.tally().add(&record, Provider::Named(number as u16), &name, None);
    }
    let rows = locked.commit().unwrap().rows();
    let providers: Vec<&str> = (rows.iter())
        .filter(|row| row.measurement == "pmta_recipients")
        .map(|row| tag(&row.tags, "provider"))
        .collect();
    assert_eq!(providers, ["p0", "p1", "p2", "p3", "p4", "other"]);
}
