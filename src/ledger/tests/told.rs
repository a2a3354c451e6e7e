//! Events and findings as consumers see them, run after run.

use super::*;
use crate::record::{Finding, Severity, State};

fn change(id: &str, state: State, at: Seconds) -> Finding {
    let note = Finding::note("deferrals", Severity::Warning, at, "words".to_owned(), "act");
    Finding { id: id.to_owned(), state, ..note }
}

fn happen(ledger: &mut Ledger, changes: &[Finding]) {
    let locked = ledger.lock(soon()).unwrap();
    locked.keep_findings(changes).unwrap();
    locked.keep_events(changes).unwrap();
    locked.commit().unwrap();
}

/// One run of a consumer: what it prints, and then its cursor moves.
fn told(ledger: &mut Ledger, consumer: &str) -> Vec<String> {
    let news = ledger.glance().unwrap().news(consumer, 100).unwrap();
    ledger.printed(&news, soon()).unwrap();
    news.events.into_iter().map(|event| event.id).collect()
}

#[test]
fn each_event_is_told_three_times_under_one_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    assert!(told(&mut ledger, "telegraf").is_empty());
    happen(&mut ledger, &[change("a", State::Firing, NOW)]);
    assert_eq!(told(&mut ledger, "telegraf"), ["a-firing-1"]);
    happen(&mut ledger, &[change("a", State::Resolved, NOW + 5)]);
    assert_eq!(told(&mut ledger, "telegraf"), ["a-firing-1", "a-resolved-2"]);
    assert_eq!(told(&mut ledger, "telegraf"), ["a-firing-1", "a-resolved-2"]);
    assert_eq!(told(&mut ledger, "telegraf"), ["a-resolved-2"]);
    assert!(told(&mut ledger, "telegraf").is_empty());
    let news = ledger.glance().unwrap().news("telegraf", 100).unwrap();
    assert!(!news.moves(), "nothing to tell, nothing to write");
}

#[test]
fn a_cursor_that_did_not_move_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    told(&mut ledger, "vector");
    happen(&mut ledger, &[change("a", State::Firing, NOW)]);
    for _ in 0..5 {
        let news = ledger.glance().unwrap().news("vector", 100).unwrap();
        assert_eq!(news.events.len(), 1, "printing failed, so the cursor stays");
    }
    assert_eq!(told(&mut ledger, "vector"), ["a-firing-1"]);
}

#[test]
fn a_newcomer_is_told_what_is_open_and_nothing_older() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    happen(&mut ledger, &[change("over", State::Firing, NOW), change("open", State::Firing, NOW)]);
    happen(&mut ledger, &[change("over", State::Resolved, NOW)]);
    for _ in 0..3 {
        assert_eq!(told(&mut ledger, "new"), ["open-firing-2"]);
    }
    assert!(told(&mut ledger, "new").is_empty());
    happen(&mut ledger, &[change("open", State::Resolved, NOW)]);
    assert_eq!(told(&mut ledger, "new"), ["open-resolved-4"]);
}

#[test]
fn too_many_at_once_wait_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    told(&mut ledger, "c");
    let changes: Vec<_> = (0..25).map(|number| change(&format!("f{number}"), State::Firing, NOW)).collect();
    happen(&mut ledger, &changes);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        let news = ledger.glance().unwrap().news("c", 10).unwrap();
        assert!(news.events.len() <= 10);
        seen.extend(news.events.iter().map(|event| event.seq));
        ledger.printed(&news, soon()).unwrap();
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
}

#[test]
fn what_left_the_log_unread_is_counted_as_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    told(&mut ledger, "slow");
    let changes: Vec<_> =
        (0..10_010).map(|number| change(&format!("f{number}"), State::Noted, NOW)).collect();
    happen(&mut ledger, &changes);
    let news = ledger.glance().unwrap().news("slow", 20_000).unwrap();
    assert_eq!((news.events.len(), news.missed_total), (10_000, 10));
    ledger.printed(&news, soon()).unwrap();
    // Eight days later the rest has left the log, too, but it had been told.
    let mut ledger = open(folder.path(), NOW + 8 * 86_400);
    happen(&mut ledger, &[change("late", State::Noted, NOW + 8 * 86_400)]);
    let news = ledger.glance().unwrap().news("slow", 20_000).unwrap();
    assert_eq!((news.events.len(), news.missed_total), (1, 10));
}

#[test]
fn the_consumer_unused_for_longest_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..40 {
        let mut ledger = open(folder.path(), NOW + number);
        told(&mut ledger, &format!("c{number}"));
    }
    let ledger = open(folder.path(), NOW + 50);
    let count: i64 = ledger.db.query_row("SELECT count(*) FROM consumers", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 32);
    let oldest: String = ledger
        .db
        .query_row("SELECT name FROM consumers ORDER BY used LIMIT 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(oldest, "c8");
}

#[test]
fn a_ledger_that_began_anew_tells_its_consumers_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    happen(&mut ledger, &[change("a", State::Firing, NOW), change("b", State::Firing, NOW)]);
    told(&mut ledger, "c");
    ledger.db.execute_batch("DELETE FROM events; DELETE FROM sqlite_sequence; DELETE FROM findings").unwrap();
    assert!(told(&mut ledger, "c").is_empty());
    happen(&mut ledger, &[change("d", State::Firing, NOW)]);
    assert_eq!(told(&mut ledger, "c"), ["d-firing-1"]);
}
