//! The plugin contract of `check`, clause by clause, where no incident is needed: ranges to the
//! last digit, time, threads, labels, hostile text, and that it takes nothing from anybody.

use crate::grammar::perfdata;
use crate::rig::Rig;
use pmta_sim::WebFault;
use std::collections::BTreeMap;
use std::process::Output;

struct Answer {
    code: i32,
    text: String,
    perf: BTreeMap<String, f64>,
}

/// What every host accepts; anything else ends the test.
fn read(output: &Output) -> Answer {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let perf = perfdata::read(&text, 8_192).unwrap_or_else(|why| panic!("{why}: {text}"));
    let code = output.status.code().unwrap();
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(code).unwrap()];
    assert!(text.starts_with(&format!("VITALS {word} - ")), "{code}: {text}");
    Answer { code, text, perf }
}

fn ask(rig: &Rig, line: &str) -> Answer {
    let words: Vec<&str> = line.split(' ').collect();
    read(&rig.run(&[&["check"], &words[..]].concat()))
}

#[test]
fn every_form_of_range_is_exact_at_its_ends() {
    let rig = Rig::with(|options| {
        options.rate = 50.0;
        options.small_domains = 5;
    });
    assert!(rig.host.load_queue("yahoo.com", 500, 60));
    rig.pass(10);
    rig.collect(&[]);
    let n = i64::try_from(rig.host.waiting()).unwrap();
    let (less, more) = (n - 1, n + 1);
    for (quiet, alerts) in [
        (format!("{n}"), format!("{less}")),
        (format!("{n}:"), format!("{more}:")),
        (format!("~:{n}"), format!("~:{less}")),
        (format!("{n}:{more}"), format!("{more}:{}", n + 2)),
        (format!("@{more}:{}", n + 2), format!("@{n}:{more}")),
    ] {
        for (option, code) in [("-w", 1), ("--warning", 1), ("-c", 2), ("--critical", 2)] {
            let fine = ask(&rig, &format!("queue-size {option} {quiet}"));
            assert_eq!(fine.code, 0, "{option} {quiet}: {}", fine.text);
            let bad = ask(&rig, &format!("queue-size {option} {alerts}"));
            assert_eq!(bad.code, code, "{option} {alerts}: {}", bad.text);
            assert!(bad.text.contains(&format!("range {alerts}. Action: ")), "{}", bad.text);
        }
    }
    assert_eq!(ask(&rig, &format!("queue-size -w {less} -c {less}")).code, 2, "critical goes first");
    // What is narrowed adds up to the whole.
    let of = |vmta: &str| ask(&rig, &format!("queue-size --vmta {vmta}")).perf["recipients"];
    let vmtas = rig.collect(&[]);
    let names: Vec<String> =
        vmtas.series("pmta_vmta", &[], "recipients").map(|(tags, _)| tags["vmta"].clone()).collect();
    assert!(names.len() > 1, "{names:?}");
    assert_eq!(names.iter().map(|name| of(name)).sum::<f64>(), n as f64, "{names:?}");
}

/// The page lists the largest queues: what it leaves out is not taken for nothing.
#[test]
fn what_was_not_all_listed_is_told_as_a_lower_bound() {
    let rig = Rig::with(|options| {
        options.rate = 50.0;
        options.small_domains = 400;
    });
    rig.pass(10);
    rig.collect(&[]);
    assert!(!ask(&rig, "queue-size").text.contains("at least"), "the sum of all is exact");
    assert!(!ask(&rig, "queue-size --vmta vmta1").text.contains("at least"), "a VMTA has its own sum");
    let nobody = ask(&rig, "queue-size --domain nobody.example");
    assert!(nobody.text.contains("waiting recipients at least 0 | recipients=0;"), "{}", nobody.text);
    let part = ask(&rig, "queue-size --provider Yahoo");
    assert!(part.text.contains("[Yahoo] waiting recipients at least "), "{}", part.text);
}

/// Reading a configuration that nobody writes takes for ever.
#[test]
fn the_time_is_over_when_it_is_over() {
    let rig = Rig::with(|_| {});
    let endless = rig.folder.path().join("endless.toml");
    assert!(std::process::Command::new("mkfifo").arg(&endless).status().unwrap().success());
    for (state, code) in [("", 3), ("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)] {
        let mut command = rig.command();
        command.args(["check", "all", "-t", "500ms", "--config"]).arg(&endless);
        if !state.is_empty() {
            command.args(["--timeout-state", state]);
        }
        let late = read(&command.output().unwrap());
        assert_eq!(late.code, code, "{state}: {}", late.text);
        assert!(late.text.contains("timed out while reading the configuration"), "{}", late.text);
    }
}

/// A machine that gives no thread away: the answer is UNKNOWN, not an abort.
#[test]
fn a_machine_without_room_for_a_thread_gets_an_answer() {
    let rig = Rig::with(|_| {});
    let mut command = rig.command();
    command.args(["check", "all"]).env("RUST_MIN_STACK", (1_u64 << 62).to_string());
    let answer = read(&command.output().unwrap());
    assert_eq!(answer.code, 3);
    assert!(answer.text.contains("cannot start a thread"), "{}", answer.text);
}

/// A graph is drawn by its label: whatever happens, a question has no other labels than it had.
#[test]
fn labels_are_the_same_whatever_happens() {
    let rig = Rig::with(|options| {
        options.rate = 50.0;
        options.command_line = false;
    });
    let labels = |answer: &Answer| answer.perf.keys().cloned().collect::<Vec<_>>();
    let expected = [
        "bounce_ratio",
        "bounced",
        "critical",
        "deferral_ratio",
        "deferred",
        "delivered",
        "queue_deferred",
        "recipients",
        "suppressed",
        "warning",
    ];
    rig.pass(10);
    rig.collect(&[]);
    rig.pass(10);
    rig.collect(&[]);
    assert_eq!(labels(&ask(&rig, "all")), expected);
    rig.host.break_web(&[WebFault::Down]).unwrap();
    rig.pass(10);
    rig.collect(&[]);
    let down = ask(&rig, "all");
    assert_eq!(down.code, 2, "{}", down.text);
    let known: Vec<&str> = expected.into_iter().filter(|label| *label != "recipients").collect();
    let found = labels(&down);
    assert!(found == expected || found == known, "{found:?}");
    let scoped = ask(&rig, "all --provider Yahoo");
    assert!(labels(&scoped).iter().all(|label| expected.contains(&label.as_str())), "{}", scoped.text);
}

#[test]
fn a_check_moves_no_event_cursor() {
    let rig = Rig::with(|options| options.rate = 20.0);
    rig.collect(&[]);
    for name in ["ledger.db", "ledger-copy.db", "ledger.db-wal"] {
        std::fs::write(rig.state().join(name), "x".repeat(9_000)).unwrap();
    }
    for _ in 0..5 {
        // Nobody else collects: each of these collects itself.
        rig.pass(60);
        ask(&rig, "all");
    }
    let told = |_: &usize| rig.collect(&[]).text.contains("pmta_event,event=ledger-damaged");
    assert_eq!((0..6).filter(told).count(), 3, "a consumer is told in three runs, as ever");
}

#[test]
fn providers_that_somebody_else_looks_after_are_left_out() {
    let rig = Rig::with(|options| options.rate = 20.0);
    rig.collect(&[]);
    let rest = ask(&rig, "all --except Yahoo,GMX --except Gmail");
    assert_eq!(rest.code, 0, "{}", rest.text);
    assert!(rest.text.contains("nothing found (Yahoo, GMX, Gmail left out)"), "{}", rest.text);
    assert!(rest.perf.contains_key("delivered"), "{}", rest.text);
    for line in ["deferral-ratio --except Yahoo", "all --except Yahoo --provider GMX"] {
        let refused = ask(&rig, line);
        assert!(refused.code == 3 && refused.text.contains("--except"), "{}", refused.text);
    }
}

#[test]
fn the_list_names_figures_and_defaults() {
    let rig = Rig::with(|_| {});
    let list = String::from_utf8(rig.run(&["check", "list"]).stdout).unwrap();
    let row = |name: &str| -> Vec<String> {
        let line = list.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("spool")[1..5], ["spool_ratio", "%", "80", "95"]);
    assert_eq!(row("smtp")[1..5], ["greeting", "s", "5", "15"]);
    assert_eq!(row("web-monitor")[1..4], ["up", "-", "1:"]);
    assert_eq!(row("queue-size")[1..4], ["recipients", "-", "-"]);
    assert_eq!(row("deferral-ratio")[1..5], ["deferral_ratio", "%", "-", "-"]);
}
