//! The decision, condition by condition, and the life of one series.

use super::*;
use crate::classify::{Answer, Reason};
use crate::config;
use crate::judge::signal::{Signal, channels, strictness};
use crate::record::{Delivery, Kind};

const AT: Seconds = 1_795_500_000;

/// `k` refusals among `n` attempts, evenly over the last `seconds` before `AT`.
fn counted(parts: &[(Reason, u64, u64, Seconds)]) -> Windows {
    let mut windows = Windows::new();
    for (reason, k, n, seconds) in parts {
        let answer =
            Answer { reason: *reason, stage: None, code: 450, throttling: false, template: 0, rule: None };
        for i in 0..*n {
            let logged = AT - seconds + (i as i64 * seconds) / *n as i64;
            let refused = i * k / n != (i + 1) * k / n;
            let kind = if refused { Kind::Deferred } else { Kind::Delivered };
            windows.record("Yahoo", true, &Delivery::blank(kind, logged), Some(&answer));
        }
    }
    windows
}

fn look_at(windows: &Windows, reason: Reason, mean: f64, rho: f64, floor: Seconds) -> Option<Hit> {
    let (hits, whole) = channels(Signal::Reason(reason), 0);
    let strict = strictness(2, Signal::Reason(reason), &config::Judge::default());
    let view = View { windows, key: 2, hits: &hits, whole: &whole };
    let life = Life { floor, ..Life::default() };
    let source = Source::Baseline(Usual { mean, rho, allowance: 1.0 });
    Look { view: &view, strict: &strict, life: &life, source: &source, at: AT }.hit()
}

#[test]
fn every_condition_can_refuse() {
    let soft = Reason::TempUnspecified;
    let hard = Reason::Tls;
    for (what, reason, k, n, seconds, mean, rho, window) in [
        ("plain", soft, 70, 300, 60, 0.02, 0.001, Some(60)),
        ("the shortest window that convinces", soft, 300, 300, 60, 0.02, 0.001, Some(30)),
        ("too few too many", soft, 40, 350, 60, 0.02, 0.001, None),
        ("too small a difference", soft, 600, 10_000, 300, 0.012, 0.0005, None),
        ("too small a factor", soft, 600, 2_000, 300, 0.15, 0.0005, None),
        ("it varies like this", soft, 90, 300, 60, 0.1, 0.3, None),
        (
            "a small domain's hard reason speaks within the hour",
            hard,
            10,
            20,
            3_600,
            0.001,
            0.01,
            Some(3_600),
        ),
        ("a soft one does not", soft, 10, 20, 3_600, 0.002, 0.01, None),
        ("a few more do, beyond all doubt", soft, 14, 30, 1_800, 0.002, 0.001, Some(1_800)),
        ("not where it varies", soft, 14, 30, 1_800, 0.002, 0.1, None),
        ("not in a crowd", soft, 30, 300, 1_800, 0.002, 0.001, None),
    ] {
        let hit = look_at(&counted(&[(reason, k, n, seconds)]), reason, mean, rho, 0);
        assert_eq!(hit.map(|hit| hit.window), window, "{what}");
    }
}

#[test]
fn neither_the_last_episode_nor_what_is_over_counts() {
    let windows = counted(&[(Reason::Tls, 300, 600, 600)]);
    assert!(look_at(&windows, Reason::Tls, 0.01, 0.001, 0).is_some());
    assert_eq!(look_at(&windows, Reason::Tls, 0.01, 0.001, AT), None, "the episode ended now");
    let mut over = counted(&[(Reason::Tls, 0, 600, 300)]);
    for i in 0..300 {
        let answer =
            Answer { reason: Reason::Tls, stage: None, code: 0, throttling: false, template: 0, rule: None };
        over.record("Yahoo", true, &Delivery::blank(Kind::Deferred, AT - 900 + i), Some(&answer));
    }
    assert_eq!(look_at(&over, Reason::Tls, 0.01, 0.001, 0), None, "the last five minutes are clean");
}

#[test]
fn windows_begin_where_their_resolution_does_and_never_before_the_floor() {
    for (at, window, floor, expected) in [
        (100_010, 30, 0, 99_980),
        (100_010, 900, 0, 99_060),
        (100_010, 7_200, 0, 92_700),
        (100_010, 900, 99_070, 99_120),
        (100_010, 30, 99_990, 99_990),
    ] {
        assert_eq!(start(at, window, floor), expected, "{at} {window} {floor}");
    }
}

#[test]
fn a_series_waits_fires_and_clears() {
    let usual = Usual { mean: 0.02, rho: 0.001, allowance: 1.0 };
    let hit = |k, window| Hit {
        window,
        k,
        n: 400,
        usual,
        odds: -20.0,
        absolute: false,
        lasting: Lasting::Long,
        since: 0,
    };
    let strict = |reason| strictness(2, Signal::Reason(reason), &config::Judge::default());
    let soft = strict(Reason::TempUnspecified);
    for (hit, strict, fires) in [
        (hit(80, 60), soft, false),
        (hit(148, 60), soft, false),
        (hit(80, 1_800), soft, false),
        (hit(148, 60), strict(Reason::RateLimited), true),
        (hit(80, 60), strict(Reason::RateLimited), false),
        (hit(80, 1_800), strict(Reason::RateLimited), true),
        (hit(40, 1_800), strict(Reason::RateLimited), false),
        (hit(20, 60), strict(Reason::Tls), true),
    ] {
        let mut life = Life::default();
        assert_eq!(advance(&mut life, &strict, Some(&hit), false, 1_000) == Change::Fires, fires);
    }
    // The wait counts from the onset, and what is beyond all doubt waits half as long.
    for (odds, began, fires) in
        [(-20.0, 401, false), (-20.0, 400, true), (-60.0, 701, false), (-60.0, 700, true)]
    {
        let mut life = Life { cusum: 60.0, cusum_since: began, ..Life::default() };
        let hit = Hit { odds, ..hit(80, 60) };
        let change = advance(&mut life, &strict(Reason::RateLimited), Some(&hit), false, 1_000);
        assert_eq!(change == Change::Fires, fires, "{odds} {began}");
    }
    let mut life = Life::default();
    advance(&mut life, &soft, Some(&hit(20, 60)), false, 1_000);
    assert_eq!(advance(&mut life, &soft, None, false, 1_590), Change::None);
    assert_ne!(life.pending_since, 0);
    advance(&mut life, &soft, None, false, 1_600);
    assert_eq!(life.pending_since, 0, "ten minutes without a hit");
    advance(&mut life, &soft, Some(&hit(20, 60)), false, 2_000);
    advance(&mut life, &soft, Some(&hit(20, 60)), false, 2_590);
    assert_eq!(advance(&mut life, &soft, Some(&hit(20, 60)), false, 2_600), Change::Fires);
    assert_eq!(advance(&mut life, &soft, None, true, 3_000), Change::None);
    assert_eq!(advance(&mut life, &soft, None, false, 3_600), Change::None, "it was bad again in between");
    assert_eq!(advance(&mut life, &soft, None, true, 3_610), Change::None);
    assert_eq!(advance(&mut life, &soft, None, true, 4_500), Change::None);
    assert_eq!(advance(&mut life, &soft, None, true, 4_510), Change::Ends);
    assert_eq!((life.floor, life.is_quiet()), (4_510, true));
}

/// What is made of refusals and deliveries at these times, when it began at `began`.
fn lasting_of(refusals: &[Seconds], taken: &[Seconds], began: Seconds) -> Lasting {
    let mut windows = Windows::new();
    let answer = Answer {
        reason: Reason::ConnectionLimit,
        stage: None,
        code: 421,
        throttling: true,
        template: 0,
        rule: None,
    };
    let mut all: Vec<(Seconds, bool)> = refusals.iter().map(|at| (*at, true)).collect();
    all.extend(taken.iter().map(|at| (*at, false)));
    all.sort_unstable();
    for (at, refused) in all {
        let kind = if refused { Kind::QueueDeferred } else { Kind::Delivered };
        windows.record("Orange", true, &Delivery::blank(kind, at), refused.then_some(&answer));
    }
    let (hits, whole) = channels(Signal::Reason(Reason::ConnectionLimit), 0);
    let view = View { windows: &windows, key: 2, hits: &hits, whole: &whole };
    let life = Life { cusum: 60.0, cusum_since: began, ..Life::default() };
    let (k, n) = view.counts(AT - 1_800, AT);
    let usual = Usual { mean: 0.01, rho: 0.001, allowance: 1.0 };
    let hit = Hit {
        window: 1_800,
        k,
        n,
        usual,
        odds: -40.0,
        absolute: false,
        lasting: Lasting::Over,
        since: began,
    };
    Past { view: &view, life: &life, at: AT }.lasting(&hit)
}

#[test]
fn little_mail_is_no_end_and_one_late_refusal_is_no_more_of_the_same() {
    let began = AT - 800;
    let one_a_minute: Vec<Seconds> = (0..13).map(|i| began + i * 60).collect();
    assert_eq!(lasting_of(&one_a_minute, &[AT - 1], began), Lasting::Long);
    let early_and_one: Vec<Seconds> = (0..12).map(|i| began + i * 25).chain([AT - 10]).collect();
    assert_eq!(lasting_of(&early_and_one, &[AT - 1], began), Lasting::Over);
}

#[test]
fn mail_that_gets_through_again_is_an_end_and_a_stray_refusal_is_no_beginning() {
    // Nine minutes at night, one refusal in two attempts; then eight messages went out.
    let began = AT - 600;
    let refusals: Vec<Seconds> = (0..18).map(|i| began + i * 30).collect();
    let taken: Vec<Seconds> = refusals.iter().map(|at| at + 15).collect();
    assert!(lasting_of(&refusals, &taken, began) > Lasting::Over, "nothing went out since");
    let healed: Vec<Seconds> = taken.iter().copied().chain((0..8).map(|i| AT - 80 + i * 10)).collect();
    assert_eq!(lasting_of(&refusals, &healed, began), Lasting::Over);
    // Where half of it is refused all the time, four deliveries in a row mean nothing.
    let on: Vec<Seconds> = (0..20).map(|i| began + i * 30).collect();
    let between: Vec<Seconds> = on.iter().map(|at| at + 15).chain([AT - 12, AT - 8, AT - 4]).collect();
    assert_eq!(lasting_of(&on, &between, began), Lasting::Long);
    // One refusal, seven minutes of peace, four minutes of a burst: it did not begin with the first.
    let burst: Vec<Seconds> = [began - 60].into_iter().chain((0..24).map(|i| AT - 240 + i * 10)).collect();
    assert!(lasting_of(&burst, &[], began - 60) < Lasting::Long);
}
