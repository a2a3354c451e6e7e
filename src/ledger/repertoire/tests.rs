//! The repertoire against plain counting, and what it keeps.

use super::pace::Pace;
use super::*;
use crate::classify::Reason;
use crate::record::{Notes, Severity};
use proptest::prelude::*;

fn answer(template: u64) -> Answer {
    Answer { reason: Reason::Other, stage: None, code: 450, throttling: false, template, rule: None }
}

fn told(heard: &Heard<'_>) -> Option<Finding> {
    let text = format!("{} {:?} {:?} {:?}", heard.reply.template, heard.bucket, heard.hour, heard.usual);
    Some(Finding::note("x", Severity::Info, heard.at, text, ""))
}

/// What is heard of these (time, template), cut into runs of `length` records, and what is kept.
fn run(records: &[(Seconds, u64)], length: usize) -> (Vec<String>, Vec<Template>) {
    let mut notes = Notes::default();
    let mut words = Vec::new();
    let mut judged = 0;
    for part in records.chunks(length.max(1)) {
        let mut repertoire = Repertoire::new(Box::new(std::mem::take(&mut notes)), judged);
        for (time, template) in part {
            // Records come in order but for a minute.
            let watermark = time - 60;
            let findings = repertoire.until(watermark.max(judged), told);
            words.extend(findings.into_iter().map(|finding| finding.message));
            judged = judged.max(watermark);
            repertoire.note("a.example", &answer(*template), "450 zzz", *time);
        }
        repertoire.save(judged);
        notes = Notes::new(repertoire.memory.scan(""));
    }
    let kept = kept(&notes);
    (words, kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cut_into_runs_hears_the_same(
        gaps in proptest::collection::vec((0i64..90, 1u64..4), 50..400),
        length in 1usize..60,
    ) {
        let mut time = 1_000_000;
        let records: Vec<(Seconds, u64)> = gaps.iter().map(|(gap, template)| {
            time += gap;
            // Every third record is a little late.
            (if gap % 3 == 0 { time - 45 } else { time }, *template)
        }).collect();
        let whole = run(&records, records.len());
        let cut = run(&records, length);
        prop_assert_eq!(&whole.0, &cut.0);
        prop_assert_eq!(whole.1, cut.1);
        let naive = |template| records.iter().filter(|(_, other)| *other == template).count() as u64;
        for reply in run(&records, length).1 {
            prop_assert_eq!(reply.count, naive(reply.template));
        }
    }

    #[test]
    fn a_pace_is_the_plain_sum(gaps in proptest::collection::vec(0i64..40, 1..200)) {
        let mut pace = Pace::default();
        let mut buckets = Vec::new();
        let mut bucket = 5_000;
        for gap in gaps {
            bucket += gap;
            pace.add(bucket, RECENT);
            buckets.push(bucket);
            let recent = buckets.iter().filter(|at| **at > bucket - RECENT).count() as u64;
            prop_assert_eq!(pace.recent(bucket, RECENT), recent);
            let older = buckets.iter().filter(|at| **at <= bucket - RECENT);
            let usual: f64 = older.map(|at| (-((bucket - at) as f64) / 864.0).exp2()).sum();
            prop_assert!((pace.usual(bucket, RECENT) - usual).abs() < 1e-6 * usual.max(1.0));
            let mut bytes = Vec::new();
            pace.write(&mut bytes);
            prop_assert!(bytes.len() < 800, "bounded");
            let (read, rest) = Pace::read(&bytes).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(read.usual(bucket, RECENT), pace.usual(bucket, RECENT));
        }
    }
}

#[test]
fn a_reply_that_grows_is_heard_when_its_bucket_is_over() {
    let mut repertoire = Repertoire::new(Box::new(Notes::default()), 0);
    let day = 86_400;
    for minute in 0..2 * day / 60 {
        repertoire.note("a.example", &answer(1), "550 no such user", minute * 60);
        let heard = repertoire.until(minute * 60, told);
        assert!(heard.is_empty() || minute * 60 < day, "always the same");
    }
    let flood = 2 * day + 600;
    for second in 0..100 {
        repertoire.note("a.example", &answer(2), "450 try later", flood + second);
    }
    assert!(repertoire.until(flood + 299, told).is_empty(), "not over yet");
    let heard = repertoire.until(flood + 300, told);
    assert_eq!(heard.len(), 1);
    assert!(heard[0].message.starts_with("2 (100, 100) (100, 145) (0.0, "), "{}", heard[0].message);
    assert!(repertoire.until(flood + 900, told).is_empty(), "each bucket once");
    assert_eq!(repertoire.lately("a.example", 2, flood + 900), 100);
    assert_eq!(repertoire.lately("a.example", 2, flood + 5_000), 0);
}

#[test]
fn what_is_kept_is_bounded_and_the_long_unseen_are_forgotten() {
    let mut notes = Notes::default();
    let long = "ä".repeat(1_000);
    for round in 0..5u64 {
        let now = 1_000 + i64::try_from(round).unwrap() * 300;
        let mut repertoire = Repertoire::new(Box::new(std::mem::take(&mut notes)), 0);
        for template in 1..=5_000 {
            repertoire.note("a.example", &answer(round * 10_000 + template), &long, now);
        }
        assert_eq!(repertoire.rows.len(), MOST);
        repertoire.save(now);
        notes = Notes::new(repertoire.memory.scan(""));
    }
    assert_eq!(kept(&notes).len(), MOST_KEPT);
    assert!(kept(&notes).iter().all(|reply| reply.example.len() <= 240));
    let later = 1_000 + 40 * 86_400;
    let mut repertoire = Repertoire::new(Box::new(notes), 0);
    repertoire.note("b.example", &answer(1), "450 zzz", later);
    repertoire.save(later);
    let notes = Notes::new(repertoire.memory.scan(""));
    assert_eq!(kept(&notes).len(), 1);
    assert_eq!(notes.scan(SPEAKER).len(), 1);
}

#[test]
fn broken_rows_are_left_out() {
    for bytes in [&b""[..], b"short", &[0xff; 80]] {
        let notes = Notes::new([(format!("{REPLY}a/00"), bytes.to_vec()), (DUE.to_owned(), bytes.to_vec())]);
        assert!(kept(&notes).is_empty());
        let mut repertoire = Repertoire::new(Box::new(notes), 0);
        repertoire.note("a", &answer(0), "", 0);
        repertoire.until(1_000_000, told);
    }
}
