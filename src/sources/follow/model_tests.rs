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
