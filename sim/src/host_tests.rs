//! The simulated host against a naive reading of the files it wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Columns, Counts, Host, Options, WebFault};

fn options(dir: &Path) -> Options {
    Options { rate: 15.0, small_domains: 10, seed: 5, ..Options::default() }.in_dir(dir)
}

/// Splits one CSV text into records, by hand.
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.push(letters.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty(), "a record without an end");
    rows
}

fn csv_files(dir: &Path) -> Vec<PathBuf> {
    let folders = [dir.join("log"), dir.join("log/archive")];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    files.sort();
    files
}

/// Counts by type, bytes delivered, and records by (type, domain, vmta), from the files alone.
fn naive(dir: &Path) -> (Counts, BTreeMap<String, u64>) {
    let (mut counts, mut keys) = (Counts::default(), BTreeMap::new());
    for file in csv_files(dir) {
        let rows = parse(&fs::read_to_string(&file).unwrap());
        let header = &rows[0];
        assert_eq!(header[0], "type");
        let column = |name: &str| header.iter().position(|cell| cell == name);
        for row in &rows[1..] {
            assert_eq!(row.len(), header.len(), "{row:?}");
            let kind = *crate::Kind::ALL.iter().find(|kind| kind.as_str() == row[0]).unwrap();
            let size = column("dlvSize").map_or(0, |at| row[at].parse().unwrap_or(0));
            counts.add(kind, size);
            let (rcpt, queue) = (column("rcpt").unwrap(), column("queue").unwrap());
            let domain = match row[rcpt].split_once('@') {
                Some((local, domain)) => {
                    assert!(local.starts_with("secret-"));
                    domain.to_owned()
                }
                None => row[queue].split('/').next().unwrap().to_owned(),
            };
            *keys.entry(format!("{} {domain}", row[0])).or_default() += 1;
        }
    }
    (counts, keys)
}

fn assert_truth(host: &Host, dir: &Path) {
    let truth = host.truth();
    let (counts, keys) = naive(dir);
    assert_eq!(counts, truth.total);
    for (domain, seen) in &truth.domains {
        for (kind, n) in
            [("d", seen.delivered), ("b", seen.bounced), ("t", seen.deferred), ("tq", seen.queue_deferred)]
        {
            assert_eq!(keys.get(&format!("{kind} {domain}")).copied().unwrap_or(0), n, "{kind} {domain}");
        }
    }
    let by_vmta: u64 = truth.vmtas.values().map(Counts::records).sum();
    let by_pair: u64 = truth.pairs.values().flat_map(BTreeMap::values).map(Counts::records).sum();
    assert_eq!((by_vmta, by_pair), (truth.total.records(), truth.total.records()));
}

#[test]
fn the_truth_is_what_the_files_hold_through_rotation_move_restart_and_a_torn_record() {
    for (move_to, separate_diag, crlf) in [(false, false, false), (true, true, true), (true, false, false)] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { move_to, separate_diag, crlf, receipts: true, ..options(dir.path()) };
        let host = Host::start(Options { max_size: 60_000, ..options }).unwrap();
        host.advance(60).unwrap();
        host.rotate_accounting().unwrap();
        host.advance(30).unwrap();
        host.write_partial_record(40).unwrap();
        let live = fs::read_to_string(&host.live_files()[0]).unwrap();
        assert!(!live.ends_with('\n'), "the last record is torn");
        host.restart().unwrap();
        host.advance(30).unwrap();
        host.write_partial_record(1_000_000).unwrap();
        host.finish_partial_record().unwrap();
        host.flush().unwrap();
        assert!(csv_files(dir.path()).len() > 4, "max-size rotates");
        assert_truth(&host, dir.path());
        let archived = fs::read_dir(dir.path().join("log/archive")).map_or(0, Iterator::count);
        assert_eq!(archived > 0, move_to);
        let truth: serde_json::Value =
            serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        assert_eq!(truth["total"]["d"], host.totals().delivered);
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes_and_another_seed_others() {
    let write = |seed, steps: &[u64]| {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::start(Options { seed, scenario: "random".into(), ..options(dir.path()) }).unwrap();
        steps.iter().for_each(|step| host.advance(*step).unwrap());
        fs::read(&host.live_files()[0]).unwrap()
    };
    let first = write(3, &[120]);
    assert!(first.len() > 100_000);
    assert_eq!(first, write(3, &[1, 50, 69]), "however the clock is advanced");
    assert_ne!(first, write(4, &[120]));
}

#[test]
fn files_are_named_by_local_day_and_begin_again_at_midnight() {
    let dir = tempfile::tempdir().unwrap();
    // 23:59:00 at +02:00
    let start = 1_795_471_140;
    let host = Host::start(Options { start, utc_offset_minutes: 120, ..options(dir.path()) }).unwrap();
    host.advance(30).unwrap();
    host.rotate_accounting().unwrap();
    host.advance(60).unwrap();
    let names: Vec<_> = csv_files(dir.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["acct-2026-11-23-0000.csv", "acct-2026-11-23-0001.csv", "acct-2026-11-24-0000.csv"]);
    assert!(dir.path().join("log/log.1").exists(), "the log turns at midnight too");
    let text = fs::read_to_string(csv_files(dir.path()).pop().unwrap()).unwrap();
    assert!(parse(&text)[1][1].starts_with("2026-11-24 00:00:0") && parse(&text)[1][1].ends_with("+0200"));
    assert_truth(&host, dir.path());
}

#[test]
fn a_moved_file_keeps_its_inode_and_its_successor_is_there() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(Options { move_to: true, ..options(dir.path()) }).unwrap();
    host.advance(5).unwrap();
    host.write_raw(b"d,\xff\xfe,torn\n").unwrap();
    let old = host.live_files().remove(0);
    assert!(fs::read(&old).unwrap().ends_with(b"\xff\xfe,torn\n"));
    let inode = fs::metadata(&old).unwrap().ino();
    host.rotate_accounting().unwrap();
    let moved = dir.path().join("log/archive").join(old.file_name().unwrap());
    assert_eq!(fs::metadata(moved).unwrap().ino(), inode);
    assert!(!old.exists() && host.live_files()[0].exists() && host.live_files()[0] != old);
}

#[test]
fn columns_are_those_asked_for() {
    let header = |options: Options| {
        let host = Host::start(options).unwrap();
        host.advance(10).unwrap();
        let text = fs::read_to_string(&host.live_files()[0]).unwrap();
        let rows = parse(&text);
        assert!(rows.len() > 10 && rows.iter().all(|row| row.len() == rows[0].len()));
        rows[..2].to_vec()
    };
    let dir = || tempfile::tempdir().unwrap();
    let (a, b, c) = (dir(), dir(), dir());
    let plain = header(Options { reports: false, ..options(a.path()) });
    assert_eq!(plain[0].len(), 23);
    let old = header(Options { columns: Columns::Old22, epoch_times: true, ..options(b.path()) });
    assert_eq!((old[0].len(), old[0][3].as_str()), (22, "timeImprinted"));
    assert!(old[1][1].parse::<i64>().is_ok());
    assert_eq!((old[1][0].as_str(), old[1][11].as_str()), ("d", "success"));
    let fields = ["queue", "header_Subject", "dsnDiag", "rcpt", "timeLogged"].map(str::to_owned).to_vec();
    let own = header(Options { columns: Columns::RecordFields(fields), ..options(c.path()) });
    assert_eq!(own[0].join(","), "type,queue,header_Subject,dsnDiag,rcpt,timeLogged");
    assert!(own[1][2].contains("\"special\","), "{:?}", own[1]);
}

#[test]
fn changed_columns_begin_a_file_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(options(dir.path())).unwrap();
    host.advance(10).unwrap();
    host.change_columns(&["type", "timeLogged", "queue", "rcpt", "dlvSize", "vmta"]).unwrap();
    host.advance(10).unwrap();
    host.flush().unwrap();
    assert_eq!(csv_files(dir.path()).len(), 2);
    assert_truth(&host, dir.path());
}

#[test]
fn an_incident_moves_the_ratio_as_its_name_says() {
    for (scenario, label, low, high) in [
        ("quiet", "Yahoo", 0.08, 0.16),
        ("yahoo-handshake@0+3000", "Yahoo", 0.34, 0.42),
        ("att-tls@0+3000", "ATT.NET", 0.18, 0.27),
        ("comcast-450@0+3000", "Comcast", 0.4, 0.52),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { rate: 40.0, scenario: scenario.into(), ..options(dir.path()) };
        let host = Host::start(options).unwrap();
        host.advance(900).unwrap();
        let ratio = host.truth().provider(label).deferral_ratio();
        assert!((low..high).contains(&ratio), "{scenario}: {ratio}");
        let gmail = host.truth().provider("Gmail").deferral_ratio();
        assert!(gmail < 0.05, "{scenario} leaves Gmail alone: {gmail}");
    }
}

#[test]
fn every_incident_of_the_table_leaves_its_reason_in_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let at = dir.path().join(name);
        let scenario = if name == "quiet" { name.to_owned() } else { format!("{name}@0+100000") };
        // 08:59, so that an hour begins within the run
        let options = Options { scenario, rate: 60.0, start: 1_795_424_340, ..options(&at) };
        let host = Host::start(options).unwrap();
        host.advance(300).unwrap();
        (host.truth(), host.incidents().pop())
    };
    let (quiet, _) = run("quiet");
    let no_answers = ["throughput-drop", "slow-isp", "campaign", "holiday", "dead-domain", "gradual-drift"];
    for name in crate::scenario_names().filter(|name| !no_answers.contains(name)) {
        let (truth, incident) = run(name);
        let plot = incident.unwrap().plot;
        let told = |truth: &crate::Truth| -> u64 {
            let labels = truth.provider_reasons.keys();
            let there = labels.filter(|label| plot.provider.is_empty() || *label == plot.provider);
            there.map(|label| truth.reason(label, plot.reason)).sum()
        };
        let (ill, well) = (told(&truth), told(&quiet));
        assert!(ill > 3 * well + 3, "{name}: {ill} records of {}, {well} without", plot.reason);
    }
}

#[test]
fn a_loaded_queue_waits_with_its_age_while_it_is_paused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(options(dir.path())).unwrap();
    host.pause_queue("gmail.com/*", true);
    assert!(host.load_queue("gmail.com", 5_000, 7_200));
    assert!(!host.load_queue("nobody.example", 1, 0));
    host.advance(5).unwrap();
    assert!(host.waiting() >= 5_000);
    let list = |words: &[&str]| {
        let run = std::process::Command::new(host.command_path()).args(words).output().unwrap();
        String::from_utf8(run.stdout).unwrap()
    };
    let old = list(&["--xml", "list", "--queue=gmail.com/vmta2", "--older-than=2h", "--maxitems=3"]);
    assert_eq!(old.matches("<msg><queue>gmail.com/vmta2</queue>").count(), 3, "{old}");
    assert!(old.starts_with("<rsp><data>") && old.ends_with("</data><succ/></rsp>\n"));
    let none = list(&["--dom", "list", "--queue=*/*", "--older-than=3h"]);
    assert_eq!(none, "");
    assert!(list(&["--dom", "list", "--queue=gmail.com/*"]).starts_with("msg[0].queue=\"gmail.com/vmta"));
    host.pause_queue("*/*", false);
    host.advance(60).unwrap();
    assert!(host.waiting() < 1_000);
    assert_truth(&host, dir.path());
}

#[test]
fn a_closed_web_monitor_refuses_and_opens_again_on_the_same_port() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(options(dir.path())).unwrap();
    let connect = || std::net::TcpStream::connect(("127.0.0.1", host.http_port()));
    assert!(connect().is_ok());
    host.break_web(&[WebFault::Down]).unwrap();
    assert!(connect().is_err());
    host.break_web(&[]).unwrap();
    assert!(connect().is_ok());
}
