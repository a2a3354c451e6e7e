//! Domains with a handful of messages a day: one that is dead is found, those that are merely noisy
//! disturb nobody.

use super::diary::{Diary, Refusal};
use super::folder;
use crate::dice::Dice;
use serde_json::Value;
use std::collections::BTreeSet;

const DAY: i64 = 86_400;
const TIMEOUT: Refusal = Some(("tq", "4.4.1", "connection timed out"));
/// What small hosts say now and then, in no particular order.
const NOISE: [Refusal; 6] = [
    TIMEOUT,
    Some((
        "t",
        "4.2.0",
        "smtp;450 4.2.0 Recipient address rejected: Greylisted, see http://postgrey.example",
    )),
    Some(("t", "4.3.2", "smtp;451 4.3.2 Please try again later")),
    Some(("b", "5.2.2", "smtp;552 5.2.2 Mailbox full")),
    Some(("b", "5.1.1", "smtp;550 5.1.1 User unknown")),
    Some(("t", "4.4.2", "smtp;421 4.4.2 Connection dropped due to timeout")),
];

#[test]
fn a_dead_domain_of_twenty_messages_a_day_is_found_and_a_noisy_one_is_not() {
    for seed in [11, 12, 13] {
        let mut dice = Dice::new(seed);
        let mut records: Vec<(i64, String, Refusal)> = Vec::new();
        // Four days, of which the last is the dead one's last.
        for (domain, dies) in
            [("dead.example", true), ("n1.example", false), ("n2.example", false), ("n3.example", false)]
        {
            for message in 0..4 * 20 {
                let second = message * DAY / 20 + i64::try_from(dice.below(4_320)).unwrap();
                if !dies {
                    // A quarter of all attempts, and more for some hours of the third day.
                    let often = if (2 * DAY..2 * DAY + 20_000).contains(&second) { 50 } else { 25 };
                    let bad = dice.below(100) < often;
                    let kind = NOISE[dice.below(6)];
                    records.push((second, domain.to_owned(), if bad { kind } else { None }));
                } else if second < 3 * DAY {
                    records.push((second, domain.to_owned(), None));
                } else {
                    // Every message is tried again each twenty minutes.
                    let tries = (second..4 * DAY).step_by(1_200).take(12);
                    records.extend(tries.map(|second| (second, domain.to_owned(), TIMEOUT)));
                }
            }
        }
        records.extend((0..4 * DAY / 240).map(|place| (place * 240, "gmail.com".to_owned(), None)));
        records.sort_by_key(|(second, ..)| *second);
        let mut diary = Diary::new();
        for (second, domain, refusal) in &records {
            diary.put(*second, domain, "vmta1", *refusal);
        }
        let (told, _) = diary.replay(folder("").path(), &[]);
        let disturbs = |line: &&Value| line["state"] == "firing" && line["routing"] != "log";
        let of: BTreeSet<&str> =
            told.iter().filter(disturbs).map(|line| line["provider"].as_str().unwrap_or("host")).collect();
        assert_eq!(of, BTreeSet::from(["dead.example"]), "seed {seed}: {told:#?}");
        let first = told.iter().find(disturbs).unwrap();
        assert_eq!(first["reason"], "connect-failure", "seed {seed}: {first}");
        assert!(first["time"].as_str().unwrap() >= "2026-11-05", "seed {seed}: {first}");
    }
}
