//! An accounting file that is written by hand, record by record, and what the built binary makes of it.

use crate::rig::{binary, rfc3339};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// 2026-11-02 00:00 UTC.
const START: i64 = 1_793_577_600;

pub type Refusal = Option<(&'static str, &'static str, &'static str)>;

/// Records from 2026-11-02 00:00 UTC on, one after the other.
pub struct Diary {
    text: String,
}

impl Diary {
    pub fn new() -> Diary {
        Diary { text: "type,timeLogged,timeQueued,rcpt,dsnStatus,dsnDiag,dsnMta,vmta,queue\n".to_owned() }
    }

    pub fn put(&mut self, second: i64, domain: &str, vmta: &str, refusal: Refusal) {
        let (kind, status, diag) = refusal.unwrap_or(("d", "2.0.0 (success)", "smtp;250 2.0.0 OK"));
        let time = time(second);
        writeln!(
            self.text,
            "{kind},{time},{time},someone@{domain},{status},{diag},mx.{domain} (192.0.2.7),{vmta},{domain}/{vmta}"
        )
        .unwrap();
    }

    /// A complaint, as the feedback loop's record has it.
    pub fn complain(&mut self, second: i64, domain: &str) {
        let time = time(second);
        writeln!(self.text, "f,{time},,redacted@{domain},,,,,").unwrap();
    }

    /// What a replay tells, and its summary.
    pub fn replay(&self, folder: &Path, arguments: &[&str]) -> (Vec<Value>, String) {
        let file = folder.join("acct.csv");
        std::fs::write(&file, &self.text).unwrap();
        let mut command = Command::new(binary());
        command.arg("--state").arg(folder.join("state")).arg("--config").arg(folder.join("vitals.toml"));
        command.arg("replay").args(arguments).arg(file).stdin(Stdio::null());
        let output = command.output().unwrap();
        let summary = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{summary}");
        let told = String::from_utf8(output.stdout).unwrap();
        (told.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), summary)
    }
}

fn time(second: i64) -> String {
    let (day, rest) = (2 + second / 86_400, second % 86_400);
    format!("2026-11-{day:02} {:02}:{:02}:{:02}+0000", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// A host that has collected a diary, at the diary's end.
pub struct Collected {
    folder: tempfile::TempDir,
    now: String,
    /// What the collection printed.
    pub printed: String,
}

impl Collected {
    /// The file as it is at `second`.
    pub fn new(diary: &Diary, second: i64) -> Collected {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acct.csv");
        let nowhere =
            "[pmta]\nurl = \"http://127.0.0.1:1\"\nconfig = \"/nonexistent\"\ncommand = \"/nonexistent\"\n";
        let text = format!("{nowhere}[accounting]\nfiles = [{file:?}]\n");
        std::fs::write(folder.path().join("vitals.toml"), text).unwrap();
        let mut host = Collected { folder, now: rfc3339(START), printed: String::new() };
        // A host agent is there before the first record: what comes is news to it.
        std::fs::write(&file, &Diary::new().text).unwrap();
        host.collect();
        host.now = rfc3339(START + second);
        std::fs::write(&file, &diary.text).unwrap();
        host.collect();
        host
    }

    fn collect(&mut self) {
        let run = ["collect", "--deadline", "120s", "--consumer", "agent"];
        let output = self.command().args(run).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.printed = String::from_utf8(output.stdout).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        let at = |name: &str| self.folder.path().join(name);
        command.arg("--state").arg(at("state")).arg("--config").arg(at("vitals.toml"));
        command.args(["--now", &self.now]).stdin(Stdio::null());
        command
    }

    /// The exit code and the text of a check.
    pub fn check(&self, name: &str) -> (i32, String) {
        let output = self.command().args(["check", name]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }
}
