//! `explain` through the built binary: one reply, lines, a whole file, the collected ones, and the
//! operator's own rules, good and bad.

use crate::rig::Rig;
use pmta_vitals::classify::Reason;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::{Output, Stdio};

/// Feeds standard input from another thread: both pipes may fill up.
fn tsv(rig: &Rig, input: Vec<u8>) -> Vec<String> {
    let mut child = rig
        .command()
        .args(["explain", "--tsv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn quiet() -> Rig {
    Rig::with(|options| options.rate = 5.0)
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Exactly four columns, and a reason that is one of the thirty.
fn well_formed(answer: &str) {
    let columns: Vec<&str> = answer.split('\t').collect();
    assert_eq!(columns.len(), 4, "{answer:?}");
    assert!(Reason::parse(columns[0]).is_some(), "{answer:?}");
    assert!(columns.iter().all(|column| !column.is_empty()), "{answer:?}");
}

#[test]
fn tsv_answers_every_line_whatever_is_in_it() {
    let rig = quiet();
    let overlong = [b"4.7.0\tsmtp;421 4.7.0 too many connections ".to_vec(), vec![b'x'; 200_000]].concat();
    let lines: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "other\tother\t-\t-"),
        (b"\t\t\t".to_vec(), "other\tother\t-\t-"),
        (b"5.1.1".to_vec(), "bad-mailbox\tother"),
        (b"\tsmtp;550 5.1.1 user unknown\r".to_vec(), "bad-mailbox\tother"),
        (b"\t550 5.1.1 user unknown".to_vec(), "bad-mailbox\tother"),
        (overlong, "connection-limit\tother"),
        (b"5.0.0\t550 user \xff\xfe unknown\xc3".to_vec(), ""),
        (b"\xff\xff\xff".to_vec(), "other\tother"),
        (
            b"4.7.0\t421 too many connections\tmx1.mail.yahoo.com (192.0.2.1)\ttq\tmore\tcolumns".to_vec(),
            "connection-limit\t",
        ),
        (b"4.4.1 (no answer from host)\t\t\ttq".to_vec(), "connect-failure\tother\tconnect\t-"),
        (b"\t450 4.2.0 Greylisted, come back\t\tt".to_vec(), "greylisted\tother"),
        (b"5.2.2\tsmtp;552 5.2.2 mailbox full, but no line end".to_vec(), "mailbox-full\tother"),
    ];
    let input = lines.iter().map(|(line, _)| line.as_slice()).collect::<Vec<_>>().join(&b'\n');
    let answers = tsv(&rig, input);
    assert_eq!(answers.len(), lines.len(), "{answers:#?}");
    for ((line, wanted), answer) in lines.iter().zip(&answers) {
        well_formed(answer);
        let line = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        assert!(answer.starts_with(wanted), "{line}: {answer}");
    }
    assert!(tsv(&rig, Vec::new()).is_empty(), "nothing in, nothing out");
}

#[test]
fn a_hundred_thousand_lines_are_answered_in_their_order() {
    let rig = quiet();
    let texts = [
        ("\t550 5.1.1 user unknown", "bad-mailbox"),
        ("\t452 4.2.2 mailbox full", "mailbox-full"),
        ("4.4.1\t\t\ttq", "connect-failure"),
    ];
    let mut input = String::new();
    // An order that a mix-up would not keep.
    let order: Vec<usize> = (0..100_000usize).map(|at| (at * at / 7 + at / 3) % texts.len()).collect();
    for at in &order {
        let _ = writeln!(input, "{}", texts[*at].0);
    }
    let answers = tsv(&rig, input.into_bytes());
    assert_eq!(answers.len(), order.len());
    for (at, answer) in order.iter().zip(&answers) {
        assert!(answer.starts_with(texts[*at].1), "{answer}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let rig = quiet();
    let mut child = rig
        .command()
        .args(["explain", "--tsv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all("\t550 5.1.1 user unknown\n".repeat(200_000).as_bytes());
    });
    let mut first = [0; 11];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"bad-mailbox");
    // The pipe is closed here, long before the last answer.
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn one_reply_is_explained_in_words_without_its_address() {
    let rig = quiet();
    let (text, _) =
        said(&rig.run(&["explain", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred"]));
    let line = |name: &str| {
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}:\n{text}"))
    };
    let reason = line("reason").split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned();
    assert!(Reason::parse(&reason).is_some(), "{text}");
    assert!(line("code").contains("TSS04"), "{text}");
    assert!(line("source").contains("https://"), "{text}");
    for name in ["provider", "stage", "retry", "do", "rule", "template"] {
        line(name);
    }
    let (text, _) = said(&rig.run(&["explain", "550 5.1.1 <jane.doe@example.org>: user unknown"]));
    assert!(text.starts_with("reason     bad-mailbox") && !text.contains("jane"), "{text}");
    let (text, _) = said(&rig.run(&["explain", "4.4.1 (no answer from host)"]));
    assert!(text.starts_with("reason     connect-failure"), "{text}");
}

/// The rows of the table below a heading, split at blanks.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn a_file_is_summed_up_and_agrees_with_what_was_written() {
    let rig = Rig::with(|options| options.rate = 100.0);
    rig.pass(120);
    let truth = rig.host.totals();
    let file = rig.host.live_files().into_iter().next().unwrap();
    let name = file.to_str().unwrap();
    let output = rig.run(&["explain", name]);
    let (text, stderr) = said(&output);
    assert!(output.status.success(), "{stderr}");
    let replies = truth.deferred + truth.queue_deferred + truth.bounced;
    let first =
        format!("{} attempts: {} delivered, {replies} replies", truth.delivered + replies, truth.delivered);
    assert!(text.contains(&first), "{first}\n{text}");
    let by_reason = rows(&text, "By reason");
    let mut sums = [0; 3];
    for row in &by_reason[1..] {
        assert!(Reason::parse(row[0]).is_some(), "{row:?}");
        for (sum, cell) in sums.iter_mut().zip(&row[1..4]) {
            *sum += cell.parse::<u64>().unwrap();
        }
    }
    assert_eq!(sums, [truth.deferred, truth.queue_deferred, truth.bounced], "{text}");
    assert!(!rows(&text, "PowerMTA's bounceCat").is_empty(), "{text}");
    assert!(text.contains("no smtp-pattern-list of this host matches"), "{text}");
    assert!(!text.contains('@'), "an address came out:\n{text}");
    assert_eq!(said(&rig.run(&["explain", name])).0, text, "the same bytes each time");

    let packed = rig.folder.path().join("acct.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(&file).unwrap()).unwrap();
    let bytes = encoder.finish().unwrap();
    std::fs::write(&packed, &bytes).unwrap();
    let (unpacked, _) = said(&rig.run(&["explain", packed.to_str().unwrap()]));
    let after_name = |text: &str| text.split_once(": ").unwrap().1.to_owned();
    assert_eq!(after_name(&unpacked), after_name(&text));

    std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
    let torn = rig.run(&["explain", packed.to_str().unwrap()]);
    let (text, _) = said(&torn);
    assert!(torn.status.success() && text.contains("breaks off") && text.contains("By reason"), "{text}");
}

#[test]
fn a_file_that_is_none_is_refused_in_one_line() {
    let rig = quiet();
    let path = rig.folder.path().join("notes.txt");
    std::fs::write(&path, "this is\nnot an accounting file\n").unwrap();
    let output = rig.run(&["explain", path.to_str().unwrap()]);
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("no accounting record") && stderr.lines().count() == 1, "{stderr}");
    std::fs::write(&path, "type,timeLogged,rcpt\n").unwrap();
    let (text, _) = said(&rig.run(&["explain", path.to_str().unwrap()]));
    assert!(text.contains("0 records"), "{text}");
}

#[test]
fn faults_in_the_hosts_patterns_are_named_by_file_and_doctor() {
    let rig = quiet();
    rig.pass(5);
    let config = rig.host.config_path();
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("<smtp-pattern-list ours>\n    reply /[TS01] Messages from/ mode=backoff\n    reply /busy/ mode=backoff\n    reply /too busy now/ mode=backoff\n    reply /(open/ mode=backoff\n</smtp-pattern-list>\n");
    std::fs::write(&config, &text).unwrap();
    let line = |words: &str| 1 + text.lines().position(|line| line.contains(words)).unwrap();
    let (report, _) = said(&rig.run(&["doctor"]));
    let file = rig.host.live_files().into_iter().next().unwrap();
    let (table, _) = said(&rig.run(&["explain", file.to_str().unwrap()]));
    for words in ["[TS01] Messages", "too busy now", "(open"] {
        let place = format!("{}:{}", config.display(), line(words));
        for said in [&report, &table] {
            assert!(said.contains(&place), "{place} is missing:\n{said}");
        }
    }
    assert!(report.contains("\\[TS01\\]") && report.contains("never acts"), "{report}");
    assert!(!report.contains("BAD     smtp-pattern-list"), "{report}");
}

/// An unknown reply in the live file, as PowerMTA would write it.
fn write_replies(rig: &Rig, reply: &str, times: usize) {
    let file = rig.host.live_files().into_iter().next().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let time = crate::rig::rfc3339(rig.host.now() - 5).replace('T', " ").replace('Z', "+0000");
    let mut out = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    for number in 0..times {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| match *column {
                "type" => "t".to_owned(),
                "timeLogged" | "timeQueued" => time.clone(),
                "rcpt" => format!("jane{number}@gmail.com"),
                "dsnStatus" => "4.0.0 (undefined status)".to_owned(),
                "dsnDiag" => format!("smtp;{}", reply.replace("{to}", &format!("jane{number}@gmail.com"))),
                "dsnMta" => "gmail-smtp-in.l.google.com (192.0.2.1)".to_owned(),
                "queue" => "gmail.com/mta1".to_owned(),
                "vmta" => "mta1".to_owned(),
                _ => String::new(),
            })
            .collect();
        writeln!(out, "{}", cells.join(",")).unwrap();
    }
}

#[test]
fn unknown_replies_are_listed_by_volume_without_addresses() {
    let rig = Rig::with(|options| options.rate = 50.0);
    let (text, _) = said(&rig.run(&["explain", "--unknown"]));
    assert!(text.starts_with("No reply has been kept"), "{text}");
    assert!(!rig.state().exists(), "a look writes nothing");
    rig.collect(&[]);
    write_replies(&rig, "452 zorgle <{to}> frumious bandersnatch", 3);
    write_replies(&rig, "452 snark hunted for {to}", 7);
    rig.collect(&[]);
    write_replies(&rig, "452 snark hunted for {to}", 2);
    rig.collect(&[]);
    let (text, _) = said(&rig.run(&["explain", "--unknown"]));
    let lines: Vec<&str> = text.lines().collect();
    let place = |word: &str| {
        lines.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}:\n{text}"))
    };
    assert!(place("snark") < place("frumious"), "{text}");
    let snark: Vec<&str> = lines[place("snark")].split_whitespace().collect();
    assert_eq!(snark[..2], ["9", "Gmail"], "{text}");
    assert!(!text.contains("jane") && !text.contains('@'), "an address came out:\n{text}");
    assert!(lines[0].starts_with("count") || lines[0].trim_start().starts_with("count"), "{text}");
    let (new, _) = said(&rig.run(&["explain", "--unknown", "--new"]));
    assert_eq!(new, text, "all of them are new on the first day");
    let later = crate::rig::rfc3339(rig.host.now() + 2 * 86_400);
    let (old, _) = said(&rig.run(&["explain", "--unknown", "--new", "--now", &later]));
    assert!(old.starts_with("None of the"), "{old}");
}

const MINE: &str = r#"
[[rule]]
id = "mine-added"
reason = "recipient-throttled"
pattern = "snark hunted"
example = "452 snark hunted"

[[rule]]
id = "mine-over"
reason = "policy"
pattern = "user unknown"
example = "550 user unknown"
"#;

#[test]
fn the_operators_rules_add_override_and_fail_alone() {
    let rig = Rig::with(|options| options.rate = 50.0);
    let rules = rig.folder.path().join("rules.d");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("10-mine.toml"), MINE).unwrap();
    rig.configure(&format!("[rules]\ndirectory = {rules:?}\n"));
    let input = b"\t452 snark hunted\t\tt\n\t550 user unknown\t\tb\n\t552 mailbox full\t\tb\n".to_vec();
    let answers = tsv(&rig, input.clone());
    assert!(
        answers[0].starts_with("recipient-throttled\t") && answers[0].ends_with("\tmine-added"),
        "{answers:?}"
    );
    assert!(answers[1].starts_with("policy\t") && answers[1].ends_with("\tmine-over"), "{answers:?}");
    assert!(answers[2].starts_with("mailbox-full\t"), "{answers:?}");
    let (report, _) = said(&rig.run(&["doctor"]));
    assert!(report.lines().any(|line| line.starts_with("good") && line.contains("rules:")), "{report}");

    let bad = "\n[[rule]]\nid = \"bad\"\nreason = \"slowness\"\npattern = \"x y z\"\nexample = \"x y z\"\n";
    std::fs::write(rules.join("20-bad.toml"), bad).unwrap();
    std::fs::create_dir(rules.join("30-folder.toml")).unwrap();
    assert_eq!(tsv(&rig, input), answers, "the other rules go on");
    rig.collect(&[]);
    write_replies(&rig, "452 snark hunted for {to}", 4);
    // Each reader's log is told once an hour.
    let output = rig.run(&["collect", "--consumer", "another"]);
    let (metrics, stderr) = said(&output);
    assert!(output.status.success(), "{stderr}");
    let wanted = format!("{}:4", rules.join("20-bad.toml").display());
    assert!(stderr.lines().any(|line| line.starts_with("W! ") && line.contains(&wanted)), "{stderr}");
    assert!(stderr.contains("30-folder.toml"), "{stderr}");
    let counted = crate::rig::Metrics::read(&metrics);
    let tags = [("provider", "Gmail"), ("reason", "recipient-throttled"), ("outcome", "deferred")];
    assert!(counted.sum("pmta_replies", &tags, "total") >= 4, "{metrics}");
    let (report, _) = said(&rig.run(&["doctor"]));
    assert!(report.lines().any(|line| line.starts_with("BAD") && line.contains(&wanted)), "{report}");
    let explained = rig.run(&["explain", "550 user unknown"]);
    let (text, stderr) = said(&explained);
    assert!(text.starts_with("reason     policy") && stderr.contains(&wanted), "{stderr}{text}");
}
