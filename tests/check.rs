//! `check` as a Nagios-like host runs it: the exit code, one line on stdout, and nothing that a
//! remote server said in the wrong place.

use crate::rig::Rig;
use pmta_sim::WebFault;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

struct Answer {
    code: i32,
    text: String,
}

impl Answer {
    fn of(output: &Output) -> Answer {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.stderr.is_empty(), "hosts ignore stderr: {}", String::from_utf8_lossy(&output.stderr));
        Answer { code: output.status.code().unwrap(), text }
    }

    fn first(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    /// Label -> value with its unit, as Nagios and Icinga split them.
    fn perf(&self, label: &str) -> Option<String> {
        let (_, data) = self.first().split_once(" | ")?;
        let item = data.split(' ').find_map(|item| item.strip_prefix(&format!("{label}=")))?;
        Some(item.split(';').next().unwrap().to_owned())
    }
}

/// Asks, and holds what is true of every answer.
fn check(rig: &Rig, arguments: &[&str]) -> Answer {
    let answer = Answer::of(&rig.run(&[&["check"], arguments].concat()));
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(answer.code).unwrap()];
    assert!(answer.first().starts_with(&format!("VITALS {word} - ")), "{}", answer.text);
    assert!(answer.text.matches('|').count() <= 1, "{}", answer.text);
    answer
}

fn words(rig: &Rig, line: &str) -> Answer {
    check(rig, &line.split(' ').collect::<Vec<_>>())
}

#[test]
fn an_incident_goes_from_ok_to_critical_and_back() {
    let rig = Rig::with(|options| {
        options.rate = 30.0;
        options.scenario = "yahoo-handshake@2700+1500x1.6".to_owned();
    });
    rig.collect(&[]);
    for _ in 0..9 {
        rig.pass(300);
        rig.collect(&[]);
    }
    let quiet = words(&rig, "all");
    assert_eq!(quiet.code, 0, "{}", quiet.text);
    assert!(quiet.first().contains("nothing found"), "{}", quiet.text);
    // Not at once: what a young ledger calls an incident must last for ten minutes.
    for _ in 0..11 {
        rig.pass(60);
        rig.collect(&[]);
    }
    let firing = words(&rig, "all");
    assert_eq!(firing.code, 1, "{}", firing.text);
    assert!(
        firing.first().contains("[Yahoo]") && firing.first().contains("421 handshake"),
        "{}",
        firing.text
    );
    assert!(firing.text.contains("\\_["), "one line for each check: {}", firing.text);
    let own = words(&rig, "deferral-ratio --provider yahoo");
    assert_eq!(own.code, firing.code, "{}", own.text);
    assert_eq!(words(&rig, "all --provider Gmail").code, 0);
    assert_eq!(words(&rig, "all --domain yahoo.com").code, firing.code);
    assert_eq!(words(&rig, "deferral-ratio --queue yahoo.com/vmta1").code, firing.code);
    // Ranges decide alone, and take per cent.
    let ratio: f64 = own.perf("deferral_ratio").unwrap().trim_end_matches('%').parse().unwrap();
    assert!(ratio > 10.0 && ratio < 90.0, "{}", own.text);
    for (range, code) in
        [("-w 95 -c 99", 0), ("-w 5 -c 99", 1), ("-w 5 -c 6", 2), ("-c @0:100", 2), ("-w 99:", 1)]
    {
        let answer = words(&rig, &format!("deferral-ratio --provider Yahoo {range}"));
        assert_eq!(answer.code, code, "{range}: {}", answer.text);
        assert!(answer.first().contains("[Yahoo]"), "{}", answer.text);
    }
    for _ in 0..6 {
        rig.pass(180);
        rig.collect(&[]);
    }
    let lasting = words(&rig, "all");
    assert_eq!(lasting.code, 2, "{}", lasting.text);
    for _ in 0..6 {
        rig.pass(450);
        rig.collect(&[]);
    }
    let over = words(&rig, "all");
    assert_eq!(over.code, 0, "{}", over.text);
}

#[test]
fn a_check_collects_itself_when_nobody_else_does_and_takes_nothing_away() {
    let rig = Rig::with(|options| options.rate = 50.0);
    assert_eq!(words(&rig, "all").code, 0);
    rig.pass(20);
    let young = words(&rig, "all");
    assert_eq!(young.perf("delivered").as_deref(), Some("0c"), "20 s old is young: {}", young.text);
    rig.pass(20);
    let renewed = words(&rig, "all");
    let delivered = format!("{}c", rig.host.totals().delivered);
    assert_eq!(renewed.perf("delivered"), Some(delivered), "{}", renewed.text);
    rig.pass(10);
    let metrics = rig.collect(&[]);
    assert_eq!(
        metrics.int("pmta_totals", &[], "delivered_total"),
        i64::try_from(rig.host.totals().delivered).unwrap()
    );
}

#[test]
fn powermta_that_does_not_answer_is_critical_and_a_lacking_right_is_unknown() {
    let rig = Rig::with(|options| {
        options.rate = 50.0;
        // With it PowerMTA still answers, only not over HTTP.
        options.command_line = false;
    });
    rig.collect(&[]);
    for (fault, code) in [(WebFault::Down, 2), (WebFault::Forbidden, 3), (WebFault::Garbage, 3)] {
        rig.host.break_web(&[fault]).unwrap();
        rig.pass(10);
        rig.collect(&[]);
        for name in ["web-monitor", "spool", "queue-size", "all"] {
            let answer = words(&rig, name);
            assert_eq!(answer.code, code, "{fault:?} {name}: {}", answer.text);
        }
        // What the accounting files say is as good as before.
        assert_eq!(words(&rig, "deferral-ratio").code, 0);
    }
    rig.host.break_web(&[]).unwrap();
    rig.pass(10);
    rig.collect(&[]);
    assert_eq!(words(&rig, "web-monitor").code, 0);
    assert_eq!(words(&rig, "all").code, 0);
}

#[test]
fn gauges_have_figures_and_ranges() {
    let rig = Rig::with(|options| options.rate = 50.0);
    assert!(rig.host.load_queue("yahoo.com", 5_000, 60));
    rig.pass(10);
    rig.collect(&[]);
    let waiting = i64::try_from(rig.host.waiting()).unwrap();
    let all = words(&rig, "queue-size");
    assert_eq!(all.perf("recipients"), Some(waiting.to_string()), "{}", all.text);
    let yahoo: i64 = words(&rig, "queue-size --provider Yahoo").perf("recipients").unwrap().parse().unwrap();
    assert!(yahoo > waiting / 2 && yahoo <= waiting, "{yahoo} of {waiting}");
    assert_eq!(words(&rig, "queue-size --domain nobody.example").perf("recipients").as_deref(), Some("0"));
    assert_eq!(words(&rig, "queue-size -w 1000 -c 1000000").code, 1);
    let critical = words(&rig, "queue-size -w 1000 -c 2000");
    assert_eq!(critical.code, 2);
    assert!(critical.first().contains("Action:"), "{}", critical.text);
    for name in ["spool", "connections-in", "connections-out", "smtp", "web-monitor"] {
        let answer = words(&rig, name);
        assert_eq!(answer.code, 0, "{name}: {}", answer.text);
        assert!(answer.first().contains(" | "), "{name} has a figure: {}", answer.text);
    }
    assert_eq!(words(&rig, "spool -w 0 -c 0").code, 2);
}

#[test]
fn another_host_is_asked_directly_and_nothing_is_written() {
    let rig = Rig::with(|options| options.rate = 50.0);
    for name in ["web-monitor", "spool", "connections-out", "queue-size", "smtp"] {
        let answer = words(&rig, &format!("{name} -H localhost"));
        assert_eq!(answer.code, 0, "{name}: {}", answer.text);
    }
    for name in ["web-monitor", "smtp"] {
        let nobody = words(&rig, &format!("{name} -H 127.0.0.9"));
        assert_eq!(nobody.code, 2, "{name}: {}", nobody.text);
    }
    assert_eq!(words(&rig, "web-monitor -H a/b").code, 3);
    assert!(!rig.state().exists(), "-H writes no ledger");
    for name in ["all", "deferral-ratio", "collector", "memory"] {
        let refused = words(&rig, &format!("{name} -H localhost"));
        assert_eq!(refused.code, 3, "{name}");
        assert!(refused.first().contains("leave -H out"), "{}", refused.text);
    }
}

#[test]
fn what_cannot_be_renewed_is_unknown_with_its_age() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.collect(&[]);
    rig.pass(120);
    let lock = std::fs::File::options().write(true).open(rig.state().join("ledger.lock")).unwrap();
    lock.lock().unwrap();
    let middling = words(&rig, "deferral-ratio");
    assert_eq!(middling.code, 0, "two minutes are not stale: {}", middling.text);
    let strict = words(&rig, "deferral-ratio --stale 60s");
    assert_eq!(strict.code, 3, "{}", strict.text);
    assert!(strict.first().contains("last collection 2 min ago"), "{}", strict.text);
    rig.pass(600);
    let stale = words(&rig, "all");
    assert_eq!(stale.code, 3, "{}", stale.text);
    assert!(stale.first().contains("last collection 12 min ago"), "{}", stale.text);
    let collector = words(&rig, "collector");
    assert_eq!(collector.code, 2, "{}", collector.text);
    assert_eq!(collector.perf("age").as_deref(), Some("720s"));
    assert_eq!(words(&rig, "collector -w 1000 -c 2000").code, 0);
    drop(lock);
    assert_eq!(words(&rig, "all").code, 0);
    assert_eq!(words(&rig, "collector").code, 0);
}

#[test]
fn every_misuse_is_unknown_on_stdout() {
    let rig = Rig::with(|_| {});
    for (line, says) in [
        ("", "<NAME>"),
        ("nonsense", "there is no check"),
        ("deferal-ratio", "did you mean deferral-ratio?"),
        ("all --frobnicate", "--frobnicate"),
        ("all -w 10", "no figure of its own"),
        ("deferral-ratio -w 20:10", "its start is above its end"),
        ("deferral-ratio -c abc", "not a number"),
        ("deferral-ratio -w -c", "not a number"),
        ("deferral-ratio --vmta a -w 10", "no figure by VMTA"),
        ("spool --provider Yahoo", "whole host"),
        ("all -t 0", "-t"),
        ("all --max-output 10", "--max-output"),
        ("all extra", "extra"),
    ] {
        let arguments: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let answer = check(&rig, &arguments);
        assert_eq!(answer.code, 3, "{line}: {}", answer.text);
        assert!(answer.text.contains(says), "{line}: {}", answer.text);
        assert_eq!(answer.text.lines().count(), 1, "{line}: {}", answer.text);
    }
    let bad_clock = Answer::of(
        &Command::new(env!("CARGO_BIN_EXE_pmta-vitals"))
            .args(["--now", "x", "check", "all"])
            .output()
            .unwrap(),
    );
    assert_eq!(bad_clock.code, 3);
    std::fs::write(rig.config_path(), "[nonsense]\n").unwrap();
    assert!(words(&rig, "all").first().contains("nonsense"));
}

#[test]
fn help_version_and_list_follow_the_guidelines() {
    let rig = Rig::with(|_| {});
    for (flag, says) in
        [("--help", "Usage:"), ("-h", "Usage:"), ("--version", "pmta-vitals"), ("-V", "pmta-vitals")]
    {
        let answer = Answer::of(&rig.run(&["check", flag]));
        assert_eq!(answer.code, 3, "{flag}");
        assert!(answer.text.contains(says), "{flag}: {}", answer.text);
    }
    let list = Answer::of(&rig.run(&["check", "list"]));
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list
        .text
        .lines()
        .skip(2)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(names.len() > 10, "{}", list.text);
    for name in names {
        let answer = words(&rig, name);
        assert!(!answer.text.contains("there is no check"), "{name}");
    }
    let other = rig.run(&["collect", "--frobnicate"]);
    assert_eq!(other.status.code(), Some(1), "only check has the plugin's codes");
    assert!(other.stdout.is_empty());
}

#[test]
fn a_reply_full_of_separators_breaks_no_line() {
    let rig = Rig::with(|options| options.rate = 20.0);
    rig.collect(&[]);
    let header = std::fs::read_to_string(&rig.host.live_files()[0]).unwrap();
    let columns: Vec<&str> = header.lines().next().unwrap().split(',').collect();
    let mut rows = String::new();
    for number in 0..3_000 {
        let time = jiff::Timestamp::from_second(rig.host.now() - 60 + number / 50).unwrap();
        let time = time.strftime("%Y-%m-%d %H:%M:%S+0000").to_string();
        let cells = columns.iter().map(|column| match *column {
            "type" => "b".to_owned(),
            "timeLogged" | "timeQueued" => time.clone(),
            "rcpt" => format!("a{number}@x|'=;.example"),
            "dsnStatus" => "5.7.1 (x | y=1;2;3)".to_owned(),
            "dsnDiag" => {
                "\"smtp;550 5.7.1 blocked | bad=9;1;2 'x' `id` $(id) \"\"q\"\" listed at zen.spamhaus.org\""
                    .to_owned()
            }
            "dsnMta" => "mx|1.example (192.0.2.9)".to_owned(),
            "queue" => "x|'=;.example/v|mta'".to_owned(),
            "vmta" => "v|mta'".to_owned(),
            _ => String::new(),
        });
        rows.push_str(&cells.collect::<Vec<_>>().join(","));
        rows.push('\n');
    }
    rig.host.write_raw(rows.as_bytes()).unwrap();
    rig.pass(60);
    rig.collect(&[]);
    let all = words(&rig, "all -vv");
    assert_ne!(all.code, 0, "3,000 refusals by a blocklist are a finding: {}", all.text);
    for line in all.text.lines() {
        let text = line.split(" | ").next().unwrap();
        assert!(!text.contains(['|', '`', '"', '$', '\\']) || line.starts_with("\\_["), "{line}");
    }
    assert!(!all.text.contains('@'), "no address: {}", all.text);
}

#[test]
fn output_fits_whoever_reads_it() {
    let rig = Rig::with(|options| {
        options.rate = 60.0;
        options.scenario =
            "gmail-rate@60+900,att-tls@60+900,comcast-450@60+900,yahoo-handshake@60+900".to_owned();
    });
    rig.collect(&[]);
    for _ in 0..10 {
        rig.pass(60);
        rig.collect(&[]);
    }
    let whole = words(&rig, "all -vv");
    assert!(whole.text.lines().count() > 10 && whole.text.len() <= 8_000, "{}", whole.text);
    for cap in [80, 200, 1_000, 1_024] {
        let answer = words(&rig, &format!("all -vv --max-output {cap}"));
        assert!(answer.text.len() <= cap, "{cap}: {} bytes", answer.text.len());
        assert!(answer.text.ends_with('\n'));
        assert_eq!(answer.code, whole.code);
    }
}

#[test]
fn host_agents_and_checks_share_one_ledger() {
    let rig = Rig::with(|options| options.rate = 50.0);
    std::fs::create_dir(rig.state()).unwrap();
    std::fs::set_permissions(rig.state(), std::fs::Permissions::from_mode(0o2770)).unwrap();
    rig.collect(&[]);
    for entry in std::fs::read_dir(rig.state()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o660, "{:?}", entry.path());
    }
    // Another host agent and a check at once, many times.
    rig.pass(40);
    let mut children: Vec<_> = (0..6)
        .map(|at| {
            let mut command = rig.command();
            match at % 2 {
                0 => command.args(["check", "all"]),
                _ => command.args(["collect", "--consumer", "other"]),
            };
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let metrics = rig.collect(&[]);
    assert_eq!(
        metrics.int("pmta_totals", &[], "delivered_total"),
        i64::try_from(rig.host.totals().delivered).unwrap()
    );
}
