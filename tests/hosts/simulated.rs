//! A `pmta-vitals simulate` process, as an operator would start it for a trial.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Simulated {
    child: Child,
    folder: PathBuf,
}

impl Simulated {
    /// Starts it and waits for the line that says it answers.
    pub fn start(binary: &Path, folder: &Path, arguments: &[&str]) -> Simulated {
        let child = Command::new(binary)
            .args(["simulate", "--port", "0", "--dir"])
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // From here on it ends with the test, whatever happens.
        let mut simulated = Simulated { child, folder: folder.to_owned() };
        let mut said = BufReader::new(simulated.child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().starts_with("ready")), "simulate ended before it was ready");
        simulated
    }

    /// The configuration file that points the product at this host.
    pub fn config(&self) -> PathBuf {
        self.folder.join("pmta-vitals.toml")
    }

    /// Waits until it has ended by itself and flushed, then reads what it really wrote.
    pub fn truth(&mut self) -> Value {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "simulate: {status}");
        let text = std::fs::read_to_string(self.folder.join("truth.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test: the release build that users get.
pub fn binary() -> PathBuf {
    named("PMTA_VITALS_BINARY").unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_pmta-vitals")))
}

/// A program named by an environment variable, which `.ci/run` sets after installing it.
pub fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}
