//! The formulas of the baseline, and its way to the disk and back.

use super::*;
use rusqlite::Connection;

const PRIOR: Prior = Prior { k: 0.5, n: 50.0, floor: 0.002 };

fn day(series: &mut Series, from: Bucket, buckets: Bucket, ratio: impl Fn(usize) -> f64, weight: f64) {
    for bucket in from..from + buckets {
        let hour = hour_of(bucket, 0);
        series.enter(PRIOR, bucket, hour, ((200.0 * ratio(hour)) as u64, 200), weight, false);
    }
}

#[test]
fn it_learns_the_level_and_the_hours() {
    let mut series = Series::default();
    assert_eq!(series.expected(PRIOR, 0, 0), 0.01, "the prior, before anything was seen");
    day(&mut series, 288, 7 * 288, |hour| if (12..18).contains(&hour) { 0.30 } else { 0.10 }, 1.0);
    let at = |hour: Seconds| series.expected(PRIOR, 9 * 86_400 + hour * 3_600 + 1_800, 0);
    assert!((at(4) - 0.10).abs() < 0.02, "{}", at(4));
    assert!((at(15) - 0.30).abs() < 0.03, "{}", at(15));
    let shifted = series.expected(PRIOR, 9 * 86_400 + 15 * 3_600 + 1_800, 600);
    assert!((shifted - 0.10).abs() < 0.02, "the hour is the records' own: {shifted}");
}

#[test]
fn the_hour_is_the_wall_clock_s_on_both_sides_of_daylight_saving() {
    // Berlin on 2026-10-25: at 01:00 UTC the clock goes back from 03:00 to 02:00.
    let change = 1_792_890_000;
    let summer = (change - 7 * 86_400) / BUCKET_SECONDS;
    let mut series = Series::default();
    for bucket in summer..change / BUCKET_SECONDS {
        let hour = hour_of(bucket, 120);
        let k = if hour == 9 { 40 } else { 4 };
        series.enter(PRIOR, bucket, hour, (k, 100), 1.0, false);
    }
    let half_past_nine = change - 3_600 + 7 * 3_600 + 1_800;
    let high = series.expected(PRIOR, half_past_nine + 3_600, 60);
    assert!(high > 0.2, "nine o'clock by the winter's clock: {high}");
    assert!(series.expected(PRIOR, half_past_nine, 60) < 0.1, "eight o'clock");
    assert_eq!(hour_of((half_past_nine + 3_600) / BUCKET_SECONDS, 60), 9);
}

#[test]
fn an_incident_does_not_become_the_usual() {
    let mut series = Series::default();
    day(&mut series, 288, 3 * 288, |_| 0.05, 1.0);
    let before = series.expected(PRIOR, 5 * 86_400, 0);
    let mut trusted = series.clone();
    day(&mut series, 4 * 288, 12, |_| 0.9, 0.05);
    day(&mut trusted, 4 * 288, 12, |_| 0.9, 1.0);
    let after = series.expected(PRIOR, 5 * 86_400, 0);
    assert!(after < before * 1.1, "{before} {after}");
    assert!(trusted.expected(PRIOR, 5 * 86_400, 0) < 0.1, "and even unseen an outlier is cut");
}

#[test]
fn wandering_is_told_from_chance() {
    let mut steady = Series::default();
    let mut wandering = Series::default();
    for bucket in 288..288 * 4 {
        let hour = hour_of(bucket, 0);
        steady.enter(PRIOR, bucket, hour, (20, 200), 1.0, false);
        let k = if bucket / 7 % 2 == 0 { 8 } else { 32 };
        wandering.enter(PRIOR, bucket, hour, (k, 200), 1.0, false);
    }
    assert_eq!(steady.dispersion(), 0.0005);
    let mut single = Series::default();
    (1..50).for_each(|bucket| single.enter(PRIOR, bucket, 0, (1, 1), 1.0, false));
    assert_eq!(single.dispersion(), 0.01, "a single attempt cannot vary more than chance");
    assert!(wandering.dispersion() > 0.005, "{}", wandering.dispersion());
}

#[test]
fn a_bucket_enters_once_and_an_empty_one_not_at_all() {
    let mut series = Series::default();
    series.enter(PRIOR, 500, 3, (1, 100), 1.0, true);
    let once = series.clone();
    series.enter(PRIOR, 500, 3, (50, 100), 1.0, true);
    series.enter(PRIOR, 499, 3, (50, 100), 1.0, true);
    series.enter(PRIOR, 501, 3, (0, 0), 1.0, true);
    assert_eq!(series, once);
}

#[test]
fn busy_buckets_are_remembered_long_enough_to_enter() {
    let mut life = Life::default();
    life.mark_busy(1_000);
    life.mark_busy(1_002);
    for (bucket, busy) in [(999, false), (1_000, true), (1_001, false), (1_002, true), (1_003, false)] {
        assert_eq!(life.was_busy(bucket), busy, "{bucket}");
    }
    life.mark_busy(1_031);
    assert!(life.was_busy(1_000) && life.was_busy(1_031));
    life.mark_busy(2_000);
    assert!(!life.was_busy(1_031));
}

#[test]
fn what_is_saved_comes_back_to_the_bit() {
    let disk = Connection::open_in_memory().unwrap();
    disk.execute_batch(SCHEMA).unwrap();
    let mut held = Baselines::new();
    day(held.series_mut(2, 7), 288, 400, |hour| hour as f64 / 100.0, 0.7);
    held.series_mut(2, 7).life =
        Life { cusum: 0.1 + 0.2, busy: u32::MAX, floor: 77, expected: 1.0 / 3.0, ..Life::default() };
    held.volume_mut(2).enter(5, 3, 100.0, [1, 2, 3, 4, 5, 6, 7, 8]);
    held.volume_mut(2).slow_from = 4;
    held.set_note("case/a", Some(b"x".to_vec()));
    held.set_note("case/b", Some(b"y".to_vec()));
    held.history.enter(9, vec![(2, Totals { attempts: 5, deferred: 2, bounced: 1 })]);
    held.save(&disk).unwrap();
    let changes = disk.total_changes();
    held.set_note("case/a", Some(b"x".to_vec()));
    held.save(&disk).unwrap();
    assert_eq!(disk.total_changes(), changes, "what did not change is not written");
    held.set_note("case/b", None);
    held.save(&disk).unwrap();
    let mut back = Baselines::load(&disk, false).unwrap();
    assert_eq!(back.series(2, 7), held.series(2, 7));
    assert_eq!(back.volume(2), held.volume(2));
    assert_eq!(back.notes("case/").collect::<Vec<_>>(), [("case/a", &b"x"[..])]);
    assert_eq!(back.history.newest(), None, "the seven days are read only when asked for");
    back.load_history(&disk).unwrap();
    assert_eq!(back.history.of(2).collect::<Vec<_>>(), held.history.of(2).collect::<Vec<_>>());
    back.forget(2);
    back.save(&disk).unwrap();
    assert!(Baselines::load(&disk, true).unwrap().series(2, 7).is_none());
}

#[test]
fn the_ring_holds_seven_days_of_the_largest() {
    let mut history = History::default();
    for bucket in 0..3_000 {
        let small =
            (0..400).map(|key| (key + 2, Totals { attempts: 1 + u32::from(key), ..Totals::default() }));
        history.enter(
            bucket,
            if bucket % 100 == 0 {
                small.collect()
            } else {
                vec![(401, Totals { attempts: 9, ..Totals::default() })]
            },
        );
    }
    let of = |key| history.of(key).map(|(bucket, _)| bucket).collect::<Vec<_>>();
    assert_eq!(of(401).len(), 2_016);
    assert_eq!(of(401).first(), Some(&984));
    assert_eq!(of(2), [] as [Bucket; 0], "the smallest of four hundred has no place");
}
