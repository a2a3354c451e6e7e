//! The fuzz bodies on their corpus and on seeded mutations of it. A case that breaks a body is
//! written into its corpus folder, so that it is tried first from then on.

use crate::dice::Dice;
use crate::fuzz::{BODIES, Body};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Of all bodies together; `PMTA_VITALS_MUTATIONS` asks for another number.
const MUTATIONS: usize = 100_000;
/// Longer inputs teach nothing and cost time.
const LONGEST: usize = 4_096;

#[test]
fn accounting_files_survive_mutation() {
    mutate("accounting");
}

#[test]
fn web_pages_survive_mutation() {
    mutate("web");
}

#[test]
fn powermta_configurations_survive_mutation() {
    mutate("pmta_config");
}

#[test]
fn replies_survive_mutation() {
    mutate("classifier");
}

#[test]
fn our_configuration_survives_mutation() {
    mutate("configuration");
}

#[test]
fn the_kernel_log_survives_mutation() {
    mutate("kernel");
}

#[test]
fn printers_survive_mutation() {
    mutate("printers");
}

#[test]
fn every_body_has_a_corpus_a_wrapper_and_its_share() {
    assert_eq!(BODIES.iter().map(|body| body.share).sum::<usize>(), 100);
    let manifest = std::fs::read_to_string("fuzz/Cargo.toml").unwrap();
    for body in BODIES {
        assert!(corpus(body).len() >= 3, "{} has too small a corpus", body.name);
        let target = format!("fuzz/fuzz_targets/{}.rs", body.name);
        let wrapper = std::fs::read_to_string(&target).unwrap();
        assert!(wrapper.contains(&format!("{}::body", body.name)), "{target} calls another body");
        assert!(manifest.contains(&format!("fuzz_targets/{}.rs", body.name)), "{target} is not built");
    }
}

fn mutate(name: &str) {
    let body = BODIES.iter().find(|body| body.name == name).unwrap();
    let corpus = corpus(body);
    for (path, case) in &corpus {
        if let Err(why) = attempt(body, case) {
            panic!("{}: {why}", path.display());
        }
    }
    let all = std::env::var("PMTA_VITALS_MUTATIONS").map_or(MUTATIONS, |text| text.parse().unwrap());
    for number in 0..all * body.share / 100 {
        let case = mutant(&corpus, body.words, &mut Dice::new(number as u64));
        if let Err(why) = attempt(body, &case) {
            let found = folder(body).join(format!("found-{number}"));
            std::fs::write(&found, &case).unwrap();
            panic!("mutation {number} of {name}: {why}\nkept as {}", found.display());
        }
    }
}

fn attempt(body: &Body, case: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| (body.run)(case))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
    })
}

fn folder(body: &Body) -> PathBuf {
    Path::new("fuzz/corpus").join(body.name)
}

fn corpus(body: &Body) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder(body)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// One case of the corpus after one to six changes.
fn mutant(corpus: &[(PathBuf, Vec<u8>)], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut case = corpus[dice.below(corpus.len())].1.clone();
    for _ in 0..=dice.below(6) {
        let (from, to) = span(case.len(), dice);
        match dice.below(8) {
            0 if from < case.len() => case[from] ^= 1 << dice.below(8),
            1 if from < case.len() => case[from] = dice.below(256) as u8,
            2 => drop(case.drain(from..to)),
            3 => {
                let copy = case[from..to].to_vec();
                insert(&mut case, dice, &copy);
            }
            4 => {
                let other = &corpus[dice.below(corpus.len())].1;
                let (from, to) = span(other.len(), dice);
                let part = other[from..to].to_vec();
                insert(&mut case, dice, &part);
            }
            5 => case.truncate(from),
            _ => {
                let word = words[dice.below(words.len())];
                insert(&mut case, dice, word.as_bytes());
            }
        }
    }
    case.truncate(LONGEST);
    case
}

fn insert(case: &mut Vec<u8>, dice: &mut Dice, part: &[u8]) {
    let at = dice.below(case.len() + 1);
    case.splice(at..at, part.iter().copied());
}

/// A part, more often a short one.
fn span(length: usize, dice: &mut Dice) -> (usize, usize) {
    let from = dice.below(length + 1);
    let longest = if dice.below(4) == 0 { length } else { 24 };
    (from, (from + dice.below(longest + 1)).min(length))
}
