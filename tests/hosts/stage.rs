//! What the tests with real programs share: a simulated host whose hours pass at will, a program
//! that a host can start as if it were installed, and processes that end with their test.

use crate::simulated::binary;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};
use tempfile::TempDir;

/// Set by `.ci/run` when packages could not be installed: the reason.
const NO_PACKAGES: &str = "PMTA_VITALS_NO_PACKAGES";
const PATIENCE: Duration = Duration::from_secs(120);

/// Seconds of quiet before an incident that stays a warning for a quarter of an hour.
pub const QUIET: u64 = 2_700;
pub const INCIDENT: &str = "yahoo-handshake@2700+1500x1.6";

/// A program from PATH or a folder where Debian puts it. `None` only where the network was missing.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = present(name);
    if found.is_none() {
        let why = std::env::var(NO_PACKAGES).unwrap_or_else(|_| panic!("{name} is not installed"));
        // Past the harness, which hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {name}: {why}");
    }
    found
}

pub fn present(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders = path.split(':').chain(["/usr/sbin", "/usr/local/bin", "/usr/lib/nagios/plugins"]);
    folders.find_map(|folder| Some(Path::new(folder).join(name)).filter(|path| path.is_file()))
}

pub struct Stage {
    pub folder: TempDir,
    pub host: pmta_sim::Host,
}

impl Stage {
    /// A host whose two hours end about now: stores refuse what is too old or yet to come.
    pub fn new(rate: f64, scenario: &str) -> Stage {
        Stage::with(rate, scenario, |_| {})
    }

    pub fn with(rate: f64, scenario: &str, choose: impl FnOnce(&mut pmta_sim::Options)) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let made = std::fs::metadata(folder.path()).unwrap().modified().unwrap();
        let now = i64::try_from(made.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let mut options = pmta_sim::Options {
            dir: folder.path().join("host"),
            rate,
            scenario: scenario.to_owned(),
            start: now - 7_200,
            // Every pair of provider and VMTA has a series of its own.
            small_domains: 5,
            ..pmta_sim::Options::default()
        };
        choose(&mut options);
        let host = pmta_sim::Host::start(options).unwrap();
        let stage = Stage { folder, host };
        let pmta = stage.host.config_path();
        // The machine that the test runs on is not the simulated host.
        let (proc, kernel) = (stage.path("proc"), stage.path("kmsg"));
        std::fs::create_dir(&proc).unwrap();
        let config = format!(
            "[pmta]\nconfig = {pmta:?}\ncommand = {:?}\n[host]\nproc = {proc:?}\n[logs]\nkernel = {kernel:?}\n",
            stage.host.command_path()
        );
        std::fs::write(stage.path("pmta-vitals.toml"), config).unwrap();
        stage.say_time();
        stage.install(&binary());
        stage
    }

    fn install(&self, binary: &Path) {
        let script = format!(
            "#!/bin/sh\nexec {} --config {} --state {} --now \"$(cat {})\" \"$@\"\n",
            binary.display(),
            self.path("pmta-vitals.toml").display(),
            self.path("state").display(),
            self.path("now").display()
        );
        self.script("pmta-vitals", &script);
    }

    /// Lets another group use the host and its ledger, as `doctor --fix-commands` says.
    pub fn share(&self, group: &str) {
        let mode = |path: PathBuf, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let copy = self.path("binary");
        std::fs::copy(binary(), &copy).unwrap();
        self.install(&copy);
        std::fs::create_dir(self.path("state")).unwrap();
        let changed = Command::new("chgrp").arg(group).arg(self.path("state")).status().unwrap();
        assert!(changed.success());
        mode(self.path("state"), 0o2770);
        mode(copy, 0o755);
        mode(self.folder.path().to_owned(), 0o755);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The product as an installed program: configuration, state and time of day come with it.
    pub fn program(&self) -> PathBuf {
        self.path("pmta-vitals")
    }

    pub fn script(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(self.program()).args(arguments).output().unwrap()
    }

    pub fn collect(&self) -> String {
        let output = self.run(&["collect", "--consumer", "stage", "--deadline", "30s"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Lets the host live, and collects as often as a host agent that is slow but steady.
    pub fn live(&self, seconds: u64, step: u64) {
        for _ in 0..seconds / step {
            self.pass(step);
            self.collect();
        }
    }

    /// A host with an hour ahead of it in which much happens.
    pub fn hour() -> Stage {
        Stage::new(30.0, "yahoo-handshake@1200+900x1.6,gmail-rate@1800+600,att-tls@600+900")
    }

    /// Lives that hour, with a restart and a rotation, and hands out what each collection prints:
    /// whatever we can print is in it.
    pub fn live_an_hour(&self, mut printed: impl FnMut(&str)) {
        const STEP: u64 = 30;
        printed(&self.collect());
        for step in 0..3_600 / STEP {
            match step {
                30 => self.host.rotate_accounting().unwrap(),
                60 => self.host.restart().unwrap(),
                _ => {}
            }
            self.pass(STEP);
            printed(&self.collect());
        }
    }

    /// What a store is asked after it, and the truth.
    pub fn truths(&self) -> [(&'static str, u64); 4] {
        let totals = self.host.totals();
        [
            ("delivered_total", totals.delivered),
            ("deferred_total", totals.deferred),
            ("queue_deferred_total", totals.queue_deferred),
            ("bounced_total", totals.bounced),
        ]
    }

    pub fn pass(&self, seconds: u64) {
        self.host.advance(seconds).unwrap();
        self.host.flush().unwrap();
        self.say_time();
    }

    /// Whole or not there: a host may start the program at any moment.
    fn say_time(&self) {
        let time = jiff::Timestamp::from_second(self.host.now()).unwrap().to_string();
        std::fs::write(self.path("now.new"), time).unwrap();
        std::fs::rename(self.path("now.new"), self.path("now")).unwrap();
    }

    /// A file that we ship, with our program where it will be installed.
    pub fn shipped(&self, path: &str) -> String {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert!(text.contains("/usr/bin/pmta-vitals"), "{path} names the installed program");
        text.replace("/usr/bin/pmta-vitals", self.program().to_str().unwrap())
    }

    /// A `mail` that writes down whom it was for and about what.
    pub fn mail(&self) -> PathBuf {
        let script = format!(
            "#!/bin/sh\ncat > /dev/null\nprintf '%s: %s\\n' \"$3\" \"$2\" >> {}\n",
            self.path("mails").display()
        );
        self.script("mail", &script);
        self.path("mail")
    }

    pub fn mails(&self) -> String {
        std::fs::read_to_string(self.path("mails")).unwrap_or_default()
    }
}

/// A process that ends with its test; what it said is in a file.
pub struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    pub fn start(command: &mut Command, said: PathBuf) -> Running {
        let file = std::fs::File::create(&said).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Running { child, said }
    }

    /// Asks again and again until there is an answer; fails with what the process said.
    pub fn wait<T>(&mut self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "no {what} ({ended:?}):\n{}",
                std::fs::read_to_string(&self.said).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on loopback that nobody uses now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One HTTP request; status and body, or nothing while nobody answers.
pub fn http(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A word in a URL.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// User and group that run the test: a daemon that wants to become somebody becomes these.
pub fn identity() -> (String, String) {
    let word = |flag: &str| {
        let output = Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    (word("-un"), word("-gn"))
}
