//! Random histories of what can happen to files: after each, what was counted is the truth. Those that once failed are kept by name.

use super::model::{Model, Step};
use super::simulated::Simulated;
use super::trial::{HEADER, Trial};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::rc::Rc;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_u32).prop_map(Step::Append),
        3 => Just(Step::Partial),
        3 => Just(Step::RotateNumbered),
        3 => Just(Step::RotateDated),
        2 => Just(Step::SuccessorFirst),
        3 => Just(Step::MoveAway),
        2 => Just(Step::CopyTruncate),
        1 => Just(Step::Truncate),
        2 => Just(Step::GzipOldest),
        2 => Just(Step::GzipNewest),
        1 => Just(Step::DeleteOldest),
        1 => Just(Step::DeleteLive),
        2 => Just(Step::HeaderOnly),
        2 => (1..10_u32).prop_map(Step::LateAppend),
        8 => Just(Step::Run),
        2 => (2..20_usize).prop_map(Step::Runs),
        3 => Just(Step::RunKilled),
        3 => (0..6_usize).prop_map(Step::RunShort),
        2 => Just(Step::RunLate),
        1 => Just(Step::SlowCopyTruncate),
        1 => Just(Step::SlowGzip),
        2 => (1..2_000_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

#[test]
fn whatever_happens_to_files_the_count_is_the_truth() {
    let cases = std::env::var("PMTA_VITALS_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let seed = std::env::var("PMTA_VITALS_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&(any::<bool>(), steps()), |(reuse, steps)| {
        Model::live_through(reuse, &steps).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("seed {seed}: {error}");
    }
}

/// What once went wrong, each as small as it could be made, with or without inodes that return.
const FAILED_ONCE: &[(&str, bool, &[Step])] = {
    use Step::{
        Append, CopyTruncate, DeleteLive, DeleteOldest, GzipNewest, GzipOldest, HeaderOnly, LateAppend,
        MoveAway, Partial, RotateNumbered, Run, RunLate, RunShort, SlowCopyTruncate, SlowGzip,
        SuccessorFirst, Truncate, Wait,
    };
    &[
        (
            "a record in a file that was only a header, deleted before the next run, is nobody's loss",
            true,
            &[RotateNumbered, HeaderOnly, Run, Append(1), DeleteLive, Append(1), DeleteLive, SuccessorFirst],
        ),
        (
            "an emptied file that goes away had nothing to lose",
            false,
            &[CopyTruncate, SlowGzip, RotateNumbered, GzipOldest],
        ),
        ("a header alone is nothing to lose", false, &[RotateNumbered, HeaderOnly, MoveAway, SlowGzip]),
        (
            "runs without time do not give a packed file up",
            false,
            &[SuccessorFirst, SlowGzip, SuccessorFirst, GzipOldest, RunLate, RunLate],
        ),
        ("a copy met before its first record was whole", false, &[SlowCopyTruncate, GzipOldest]),
        ("what goes on in a copy is not looked for any more", false, &[Partial, SlowCopyTruncate, Append(1)]),
        (
            "a few bytes of a first record do not make two files the same",
            false,
            &[SuccessorFirst, SlowCopyTruncate, GzipNewest, Append(1)],
        ),
        (
            "a file that a late run looked into is known from then on",
            false,
            &[SuccessorFirst, RunLate, Truncate],
        ),
        (
            "a late run and a deletion",
            false,
            &[RotateNumbered, GzipOldest, Append(1), RunLate, RotateNumbered, DeleteOldest],
        ),
        (
            "a copy of an empty file is nobody's successor",
            false,
            &[CopyTruncate, CopyTruncate, Wait(588), Run, Append(1), Run],
        ),
        (
            "nor is a packed file that was found beside the live one",
            false,
            &[
                RotateNumbered,
                GzipOldest,
                Append(2),
                RotateNumbered,
                Append(1),
                GzipOldest,
                Wait(587),
                Run,
                Append(1),
            ],
        ),
        (
            "half a copy on the inode of a file that was empty: what waits for it is said to wait",
            true,
            &[CopyTruncate, RunShort(0), RotateNumbered, Append(3), GzipNewest, SlowCopyTruncate],
        ),
        (
            "the live file is not finished, though a copy of it that was empty was written to later",
            false,
            &[CopyTruncate, CopyTruncate, LateAppend(1), Run, Wait(600), Run, Append(1), Run],
        ),
    ]
};

#[test]
fn histories_that_once_failed() {
    for (name, reuse, steps) in FAILED_ONCE {
        Model::live_through(*reuse, steps).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn any_cut_of_the_same_files_into_runs_gives_the_same_records() {
    let config =
        Config { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..Config::default() };
    let strategy = (prop::collection::vec(1..60_usize, 1..25), prop::collection::vec(0..3_usize, 0..25));
    let outcome = TestRunner::new(config).run(&strategy, |(sizes, runs)| {
        let ground = Rc::new(Simulated::default());
        let mut trial = Trial::new(ground);
        trial.tick();
        let mut text = HEADER.to_owned();
        for _ in 0..200 {
            text += &trial.record();
        }
        let mut read = Vec::new();
        let mut rest = text.as_bytes();
        for (index, size) in sizes.iter().cycle().enumerate() {
            let (piece, after) = rest.split_at((*size * 7).min(rest.len()));
            trial.ground.append("acct.csv", piece, trial.now);
            rest = after;
            read.extend(trial.ticks(runs.get(index).copied().unwrap_or(1)));
            if rest.is_empty() {
                break;
            }
        }
        read.extend(trial.ticks(2));
        prop_assert_eq!(read, (1..=200).collect::<Vec<u32>>());
        Ok(())
    });
    outcome.unwrap();
}
