//! Nothing that names a recipient, sender, job, envelope, message or subject, and no key, ever
//! leaves the files that it stands in: neither in print nor in one byte of the state.

use crate::fuzz::reference;
use crate::rig::{Rig, Value};
use pmta_sim::{Access, Columns, Options, WebFault};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// What the simulated host puts into every recipient, sender, job, envelope, message id and
/// subject.
const MARKS: [&str; 2] = ["secret-", "secret "];
const KEY: &str = "Kq7w_planted_key_9f83hd02kfmvbq71";
const PASSWORD: &str = "planted-password-81";
const FORMATS: [&str; 5] = ["influx", "native-json", "json", "prometheus", "text"];

/// Everything that was printed or kept, each with its name.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn output(&mut self, what: &str, output: &Output) {
        self.0.push((format!("standard output of {what}"), output.stdout.clone()));
        self.0.push((format!("standard error of {what}"), output.stderr.clone()));
    }

    fn run(&mut self, rig: &Rig, arguments: &[&str]) -> Output {
        let output = rig.run(arguments);
        self.output(&arguments.join(" "), &output);
        output
    }

    fn folder(&mut self, folder: &Path) {
        for path in files_below(folder) {
            self.0.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }

    /// Fails if any of the words is in anything, in any case and in UTF-16 too.
    fn holds_none_of(&self, words: &[&str]) {
        for (what, bytes) in &self.0 {
            let lower = bytes.to_ascii_lowercase();
            for word in words {
                let plain = word.to_ascii_lowercase().into_bytes();
                let wide: Vec<u8> = plain.iter().flat_map(|byte| [*byte, 0]).collect();
                for word in [plain, wide] {
                    if let Some(at) = lower.windows(word.len()).position(|window| window == word) {
                        let near = &bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())];
                        panic!("{what} holds {:?}", String::from_utf8_lossy(near));
                    }
                }
            }
        }
    }

    /// Fails if an address that stands in the files is in anything.
    fn holds_no_address_of(&self, files: &[PathBuf]) {
        let known: BTreeSet<Vec<u8>> =
            files.iter().flat_map(|path| addresses(&std::fs::read(path).unwrap())).collect();
        assert!(known.len() > 100, "the files hold {} addresses: nothing is proved", known.len());
        for (what, bytes) in &self.0 {
            for address in addresses(bytes) {
                assert!(!known.contains(&address), "{what} holds {}", String::from_utf8_lossy(&address));
            }
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

/// Every word with an `@` in it, in lower case.
fn addresses(bytes: &[u8]) -> Vec<Vec<u8>> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"@._=+-".contains(byte);
    let words = bytes.split(|byte| !in_word(byte));
    words.filter(|word| word.contains(&b'@') && word.len() > 3).map(<[u8]>::to_ascii_lowercase).collect()
}

fn accounting_files(rig: &Rig) -> Vec<PathBuf> {
    files_below(&rig.host.log_folder())
}

#[test]
fn no_recipient_is_printed_or_kept_whatever_the_files_hold() {
    let every = |names: &str| Columns::RecordFields(names.split(',').map(str::to_owned).collect());
    let shapes: [Columns; 3] = [
        Columns::Default23,
        Columns::Old22,
        every(
            "timeLogged,timeQueued,orig,rcpt,orcpt,header_Subject,header_Message-Id,header_X-Campaign,header_From,\
             jobId,envId,dsnStatus,dsnDiag,dsnMta,bounceCat,dlvSourceIp,dlvDestinationIp,vmta,queue",
        ),
    ];
    for columns in shapes {
        let rig = Rig::with(|options| {
            options.columns = columns.clone();
            options.rate = 30.0;
            options.receipts = true;
            options.reports = true;
            options.separate_diag = true;
            options.move_to = true;
            options.scenario = "yahoo-handshake@60+600".to_owned();
        });
        let seen = live(&rig);
        seen.holds_none_of(&MARKS);
        seen.holds_no_address_of(&accounting_files(&rig));
    }
}

/// Ten minutes with everything that prints.
fn live(rig: &Rig) -> Seen {
    let mut seen = Seen::default();
    seen.run(rig, &["collect", "--consumer", "a"]);
    for round in 0..10 {
        rig.host
            .log_line("Delivery of secret-line@example.com failed: 550 <secret-line@example.com>")
            .unwrap();
        rig.pass(60);
        match round {
            2 => {
                rig.host
                    .write_raw(b"d,2026-11-24 10:00:00+0000,\"secret-torn@example.com,550 <se\n")
                    .unwrap();
            }
            4 => rig.host.rotate_accounting().unwrap(),
            5 => rig.host.write_raw(b"tq,secret-job,secret-envelope@example.com\n\xff\xfe\n").unwrap(),
            6 => rig.host.rotate_log().unwrap(),
            8 => rig.host.break_web(&[WebFault::Down]).unwrap(),
            _ => {}
        }
        let format = FORMATS[round % FORMATS.len()];
        let output = seen.run(rig, &["collect", "--consumer", "a", "--format", format]);
        assert!(output.status.success() && output.stdout.len() > 500, "{format} {round}: {output:?}");
    }
    for format in FORMATS {
        seen.run(rig, &["collect", "--consumer", format, "--format", format]);
    }
    seen.run(rig, &["doctor"]);
    seen.run(rig, &["doctor", "--fix-commands"]);
    seen.run(rig, &["config"]);
    explain(rig, &mut seen);
    seen.folder(&rig.state());
    seen
}

/// Every reply of the files, as lines and in words.
fn explain(rig: &Rig, seen: &mut Seen) {
    let mut lines = Vec::new();
    let mut replies = Vec::new();
    let mut asked = BTreeSet::new();
    for path in accounting_files(rig) {
        for record in reference::read(&std::fs::read(path).unwrap(), rig.host.now()).records {
            let [status, diag, mta, ..] = &record.texts;
            // Ten of each beginning are enough of the many that differ in ids only.
            let beginning = diag[..diag.len().min(24)].to_vec();
            if !(0..10).any(|nth| asked.insert((nth, beginning.clone()))) {
                continue;
            }
            let line = [status.as_slice(), diag, mta, record.kind.as_bytes()].join(&b'\t');
            lines.extend(line.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
            lines.push(b'\n');
            replies.extend(diag.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
            replies.push(b'\n');
        }
    }
    assert!(
        MARKS.iter().any(|mark| contains(&replies, mark)),
        "no reply names a recipient: nothing is proved"
    );
    for (arguments, input) in [(&["explain", "--tsv"][..], &lines), (&["explain"][..], &replies)] {
        let mut child = rig
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.clone();
        let feeder = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap().unwrap();
        assert!(output.status.success());
        seen.output(&arguments.join(" "), &output);
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn the_demo_names_nobody() {
    let rig = Rig::with(|_| {});
    let mut seen = Seen::default();
    for format in ["text", "json"] {
        let output = seen.run(&rig, &["demo", "--format", format]);
        assert!(output.status.success(), "{output:?}");
    }
    seen.holds_none_of(&MARKS);
}

fn guarded(choose: impl FnOnce(&mut Options)) -> (Rig, PathBuf) {
    let rig = Rig::with(|options| {
        options.api_key = Some(KEY.to_owned());
        options.access = vec![("10.9.8.7/32".to_owned(), Access::Monitor)];
        choose(options);
    });
    let path = rig.host.config_path();
    let text = std::fs::read_to_string(&path).unwrap();
    let planted = format!(
        "{text}\n<smtp-user someone>\n    password {PASSWORD}\n</smtp-user>\n<domain {KEY}>\n    auth-password {PASSWORD}\n    \
         no-such-directive {PASSWORD}\n</domain>\nhttp-api-key\t\"{KEY}\"\ninclude https://u:{PASSWORD}@example.com/?key={KEY}\n"
    );
    std::fs::write(path, planted.replace(&format!("<domain {KEY}>"), "<domain example.com>")).unwrap();
    let key = rig.folder.path().join("key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    // The command leaves behind what any user of the host could have seen of it.
    let command = rig.folder.path().join("pmta");
    let argv = rig.folder.path().join("argv");
    let script = format!(
        "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline >> {argv:?}\nenv >> {argv:?}\nexec {:?} \"$@\"\n",
        rig.host.command_path()
    );
    std::fs::write(&command, script).unwrap();
    std::fs::set_permissions(&command, PermissionsExt::from_mode(0o755)).unwrap();
    let text = format!(
        "[pmta]\nconfig = {:?}\ncommand = {command:?}\napi_key_file = {key:?}\n",
        rig.host.config_path()
    );
    std::fs::write(rig.config_path(), text).unwrap();
    (rig, key)
}

fn web_up(rig: &Rig) -> Option<Value> {
    rig.collect(&[]).get("pmta_collector", &[("source", "web")], "up").cloned()
}

#[test]
fn a_key_is_shown_to_powermta_alone() {
    let (rig, key) = guarded(|_| {});
    let mut seen = Seen::default();
    rig.pass(20);
    assert_eq!(web_up(&rig), Some(Value::Int(1)), "the key opens the web monitor");
    for format in FORMATS {
        rig.pass(10);
        seen.run(&rig, &["collect", "--format", format]);
    }
    let commands: [&[&str]; 4] =
        [&["doctor"], &["doctor", "--fix-commands"], &["config"], &["config", "telegraf"]];
    commands.iter().for_each(|command| drop(seen.run(&rig, command)));
    for faults in
        [&[WebFault::Down][..], &[WebFault::Forbidden], &[WebFault::Garbage], &[WebFault::ServerError]]
    {
        rig.host.break_web(faults).unwrap();
        rig.pass(10);
        seen.run(&rig, &["collect"]);
        seen.run(&rig, &["doctor"]);
    }
    rig.host.break_web(&[]).unwrap();
    let twice = format!("{KEY} {KEY}");
    let refused = [(KEY, 0o644), (KEY, 0o660), ("", 0o600), (&KEY[..20], 0o600), (twice.as_str(), 0o600)];
    for (reader, (text, mode)) in refused.into_iter().enumerate() {
        std::fs::write(&key, text).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        rig.pass(10);
        // Each reader's log is told once an hour.
        let output = seen.run(&rig, &["collect", "--consumer", &format!("reader{reader}")]);
        assert!(output.status.success() && !output.stderr.is_empty(), "{mode:o} must be told");
        assert_eq!(web_up(&rig), Some(Value::Int(0)), "{mode:o} {text:?} must be refused");
        seen.run(&rig, &["doctor", "--fix-commands"]);
    }
    let argv = rig.folder.path().join("argv");
    let asked = std::fs::read(&argv).unwrap();
    assert!(contains(&asked, "show"), "the command was never asked: nothing is proved");
    seen.0.push(("what the command was given".to_owned(), asked));
    seen.folder(&rig.state());
    seen.holds_none_of(&[KEY, &KEY[..20], PASSWORD]);
}

#[test]
fn the_state_is_ours_alone() {
    let rig = Rig::with(|_| {});
    rig.collect(&[]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&rig.state()), 0o700);
    let files = files_below(&rig.state());
    assert!(files.len() >= 2);
    for path in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
