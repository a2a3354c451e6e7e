//! What becomes of findings, through the built binary: one cause at several providers, silence
//! that was learned or planned, and what is told afterwards, again, or once a week.

mod checks;
mod diary;
mod small;

use crate::rig::Rig;
use diary::Diary;
use pmta_sim::Gauges;
use serde_json::Value;

const AUTH: (&str, &str, &str) =
    ("b", "5.7.26", "smtp;550 5.7.26 This mail has been blocked because the sender is unauthenticated");
const LATER: (&str, &str, &str) = ("t", "4.7.0", "smtp;451 4.7.0 Please try again later");

/// A folder with a configuration.
fn folder(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("vitals.toml"), configuration).unwrap();
    folder
}

/// Most of an hour at four providers, one message a second each: eight minutes of peace, six in
/// which Apple rests, and from the fortieth minute on three of them refuse our key.
fn a_lost_key() -> Diary {
    let mut diary = Diary::new();
    for second in 0..3_300 {
        let lot = second * 7_919 % 100;
        let lost = (second >= 2_400 && lot < 30).then_some(AUTH);
        for domain in ["gmail.com", "yahoo.com", "outlook.com"] {
            diary.put(second, domain, "vmta1", lost);
        }
        let rests = (600..960).contains(&second) && lot < 60;
        diary.put(second, "icloud.com", "vmta1", rests.then_some(LATER));
    }
    diary
}

#[test]
fn one_cause_is_one_finding_what_heals_is_told_afterwards_and_what_lasts_again() {
    let folder = folder("");
    let (told, summary) = a_lost_key().replay(folder.path(), &["--what-if", "judge.remind_seconds=300"]);
    let open = |line: &&Value| line["state"] == "firing" && line["provider"].is_null();
    let ours: Vec<&Value> = told.iter().filter(open).collect();
    assert_eq!(ours[0]["event"], "authentication", "{told:#?}");
    assert_eq!(ours[0]["reason"], "auth");
    let message = ours[0]["message"].as_str().unwrap();
    assert!(message.contains("at Gmail, Microsoft, Yahoo"), "{message}");
    // It speaks for each of them.
    let silent: Vec<&Value> = told.iter().filter(|line| line["state"] == "suppressed").collect();
    assert_eq!(silent.len(), 3, "{told:#?}");
    for line in silent {
        assert_eq!(line["routing"], "log");
        assert!(line["suppressed_by"].as_str().unwrap().starts_with("explained by authentication-"));
    }
    let reminded = |line: &&Value| line["message"].as_str().unwrap().contains("(reminder: for ");
    let reminders = told.iter().filter(reminded).count();
    assert!(reminders >= 1 && summary.contains(&format!(", {reminders} reminders (")), "{summary}");
    let healed = told.iter().find(|line| line["provider"] == "Apple").expect("it is told afterwards");
    assert_eq!((&healed["severity"], &healed["routing"]), (&"info".into(), &"log".into()), "{healed}");
    let words = healed["message"].as_str().unwrap();
    assert!(words.starts_with("[Apple] Healed by itself after 6 min, nobody was told: "), "{words}");
    assert!(summary.contains("4 findings, 3 suppressed") && summary.contains(", 1 notes)"), "{summary}");
}

#[test]
fn planned_work_is_a_silence_with_a_name_for_records_and_signals() {
    let work = "[[suppress]]\nmaintenance = \"new disks\"\nfrom = \"2026-11-02T00:30:00Z\"\nuntil = \"2026-11-02T02:00:00Z\"\n";
    let folder = folder(work);
    let (told, _) = a_lost_key().replay(folder.path(), &[]);
    assert!(told.iter().all(|line| line["state"] != "firing"), "{told:#?}");
    let silent = told.iter().filter(|line| line["suppressed_by"] == "maintenance: new disks").count();
    assert!(silent >= 3, "{told:#?}");

    let rig = Rig::with(|_| ());
    let spool = |work: &str| {
        rig.configure(work);
        rig.host.load_queue("gmail.com", 5_000, 60);
        rig.host.pause_queue("*/*", true);
        rig.host.show(Gauges { spool_max: Some(5_000), ..Gauges::default() });
        for _ in 0..3 {
            rig.pass(10);
            rig.collect(&[]);
        }
        rig.run(&["check", "spool"])
    };
    let planned = spool("[[suppress]]\nmaintenance = \"new disks\"\n");
    let text = String::from_utf8(planned.stdout).unwrap();
    assert_eq!(planned.status.code(), Some(0), "{text}");
    assert!(text.contains("suppressed (maintenance: new disks)"), "{text}");
    assert_eq!(spool("").status.code(), Some(2), "over, and still full");
}

#[test]
fn a_burst_at_the_same_minute_of_every_hour_is_learned_until_it_lasts() {
    let mut diary = Diary::new();
    for hour in 16..52 {
        // Eight minutes from minute 20 on; in the end a longer one, and one that stays.
        let lasts = match hour {
            ..22 => 0,
            50 => 13 * 60,
            51 => 39 * 60,
            _ => 8 * 60,
        };
        for place in 0..1_440 {
            let second = place * 5 / 2;
            let bad = (1_200..1_200 + lasts).contains(&second) && place * 7_919 % 100 < 70;
            diary.put(hour * 3_600 + second, "icloud.com", "vmta1", bad.then_some(LATER));
        }
    }
    let folder = folder("");
    let (told, _) = diary.replay(folder.path(), &[]);
    let silent: Vec<&Value> = told.iter().filter(|line| line["state"] == "suppressed").collect();
    let by = silent.first().expect("a silence with its evidence")["suppressed_by"].as_str().unwrap();
    assert_eq!(by, "learned: 28 times on 3 days around minute 20 of the hour, each over within 8 min");
    let times = |state: &str| {
        let of = told.iter().filter(|line| line["state"] == state);
        of.map(|line| line["time"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(times("suppressed")[0], "2026-11-04T02:30:00+00:00");
    let fires = times("firing");
    assert!(
        fires.first().is_some_and(|first| first.as_str() > "2026-11-04T03:30"),
        "only what stays: {fires:?}"
    );
}
