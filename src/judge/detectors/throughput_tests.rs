//! What a day promises, and what is too little of it.

use super::*;
use crate::record::{Delivery, Kind};

fn week(count: impl Fn(Bucket) -> u32) -> Throughput {
    let mut held = Throughput::load(&Baselines::new());
    held.newest = 10 * DAY - 1;
    for bucket in 10 * DAY - RING..10 * DAY {
        held.put(bucket, count(bucket));
    }
    held
}

#[test]
fn the_usual_is_the_time_of_day_and_one_odd_day_does_not_move_it() {
    let mut held = week(|bucket| {
        let night = bucket % DAY < 100;
        if bucket / DAY == 6 {
            10
        } else if night {
            200
        } else {
            1_000
        }
    });
    let night = held.promise(5, (10 * DAY + 51) * BUCKET_SECONDS).unwrap();
    assert_eq!(night, Promise { usual: 200.0, low: 200.0, high: 200.0 });
    let mut gaps = week(|bucket| if bucket / DAY < 8 { UNKNOWN } else { 1_000 });
    assert_eq!(gaps.promise(5, (10 * DAY + 51) * BUCKET_SECONDS), None, "two days are too few");
}

#[test]
fn a_quiet_weekday_promises_no_more_than_it_did_last_week() {
    for (last_week, promised) in [(400, 400.0), (1_000, 1_000.0), (4_000, 1_000.0)] {
        let mut held = week(|bucket| if bucket / DAY == 3 { last_week } else { 1_000 });
        let promise = held.promise(5, (10 * DAY + 51) * BUCKET_SECONDS).unwrap();
        assert_eq!(promise.usual, promised, "{last_week}");
    }
}

#[test]
fn while_few_days_are_known_three_of_them_must_promise_it() {
    for (days, rate) in [
        (vec![900, 300, 800], 60.0),
        (vec![900, 300, 800, 310], 62.0),
        (vec![900, 300, 800, 310, 320], 64.0),
        (vec![900, 300, 800, 310, 320, 330, 340], 66.0),
    ] {
        let mut held = week(|bucket| {
            let back = usize::try_from(9 - bucket / DAY).unwrap_or(usize::MAX);
            days.get(back).copied().unwrap_or(UNKNOWN)
        });
        let known = held.known(10 * DAY + 50).unwrap();
        assert_eq!(known.rate, rate, "{days:?}");
    }
}

/// Twelve mails in five minutes, and from 02:50 on an hour with 600.
fn job(bucket: Bucket) -> u32 {
    if (34..46).contains(&(bucket % DAY)) { 600 } else { 40 }
}

/// The night of the eleventh day, with so many attempts in every five minutes: the minutes at which
/// there was a drop, and those of a surge.
fn night(count: impl Fn(Bucket) -> u32) -> (Vec<i64>, Vec<i64>) {
    let (mut held, mut windows) = (week(job), Windows::new());
    let (mut drops, mut surges) = (Vec::new(), Vec::new());
    for minute in 0..300_i64 {
        let many = i64::from(count(minute / 5) / 5);
        let begin = 10 * DAY * BUCKET_SECONDS + minute * 60;
        for place in 0..many {
            windows.record("Gmail", true, &Delivery::blank(Kind::Delivered, begin + place * 60 / many), None);
        }
        if minute >= 60 {
            drops.extend(held.drop(begin + 60, &windows).map(|_| minute));
            surges.extend(held.surge(begin + 60, &windows).map(|_| minute));
        }
    }
    (drops, surges)
}

#[test]
fn a_job_at_the_same_minute_of_every_day_is_no_drop_before_or_behind_it() {
    let moved = |by: Bucket| move |bucket: Bucket| job(bucket - by);
    for (what, (drops, surges)) in [
        ("as always", night(job)),
        ("ten minutes late", night(moved(2))),
        ("ten minutes early", night(moved(-2))),
    ] {
        assert_eq!((drops, surges), (vec![], vec![]), "{what}");
    }
    let (drops, _) = night(|_| 40);
    assert!(drops.first().is_some_and(|first| (185..200).contains(first)), "it does not come: {drops:?}");
    let (drops, _) = night(|bucket| if bucket < 40 { job(bucket) } else { 0 });
    assert!(drops.first().is_some_and(|first| (200..205).contains(first)), "it stops half way: {drops:?}");
}

#[test]
fn what_is_kept_comes_back() {
    let mut baselines = Baselines::new();
    let mut held = week(|bucket| bucket as u32);
    held.close((10 * DAY + 1) * BUCKET_SECONDS, &Windows::new(), false, &mut baselines);
    let back = Throughput::load(&baselines);
    assert_eq!((&back.ring, back.newest), (&held.ring, held.newest));
    assert_eq!(back.get(10 * DAY), None, "a bucket without a record is unknown");
    assert_eq!(back.get(10 * DAY - 1), Some(f64::from(10 * DAY as u32 - 1)));
}
