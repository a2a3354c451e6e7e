//! What counting the growth of an accounting file costs over `wc -l` on the same bytes: everything
//! on (provider, reason, windows, totals, commit, print), one thread, and how much memory it takes.
//! `PMTA_VITALS_BENCH_BYTES` sets the size; 1 GB is what the budget speaks of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise"
)]

#[path = "pairs.rs"]
mod pairs;

use pairs::{Contender, fast_folder, race};
use pmta_sim::{Bulk, write_bulk};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const BYTES: u64 = 1_000_000_000;
const ROUNDS: usize = 5;

fn main() {
    let bytes = std::env::var("PMTA_VITALS_BENCH_BYTES").ok().and_then(|text| text.parse().ok());
    let bytes: u64 = bytes.unwrap_or(BYTES);
    // The records stay on disk, in the page cache after the warm-up; the state is on tmpfs.
    let data = tempfile::tempdir().unwrap();
    let state = fast_folder();
    let file = data.path().join("acct-2026-11-01-0000.csv");
    let counts = write_bulk(&Bulk {
        path: file.clone(),
        bytes,
        domains: 50_000,
        vmtas: 40,
        deferrals: 0.2,
        ..Bulk::default()
    })
    .unwrap();
    println!("{} records in {bytes} bytes, 50,000 domains, 40 VMTAs, 20 % deferrals", counts.records());
    let config = data.path().join("pmta-vitals.toml");
    std::fs::write(
        &config,
        format!(
            "[pmta]\nconfig = \"/nonexistent\"\n[accounting]\nfiles = [{:?}]\n",
            data.path().join("acct-*.csv")
        ),
    )
    .unwrap();
    let lines = file;
    race(
        "a delta of accounting records",
        ROUNDS,
        &[
            Contender::new("wc -l", move || {
                let mut command = Command::new("wc");
                command.arg("-l").arg(&lines);
                command
            }),
            Contender::new("collect --from-start", collect(&config, state.path())),
        ],
    );
    println!("peak memory of collect: {} KiB", peak_memory(&mut collect(&config, state.path())()));
}

/// A collection into an empty ledger: each round counts everything.
fn collect(config: &Path, state: &Path) -> impl Fn() -> Command + use<> {
    let (config, state) = (config.to_owned(), state.join("ledger"));
    move || {
        let _ = std::fs::remove_dir_all(&state);
        let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_pmta-vitals")));
        command.arg("--config").arg(&config).arg("--state").arg(&state);
        // Later than the last record: one from the future is counted, but neither kept in the
        // windows nor judged.
        command.args(["--now", "2026-11-23T14:00:00Z", "collect", "--only", "accounting"]);
        command.args(["--from-start", "--deadline", "10m", "--consumer", "bench"]);
        command
    }
}

/// The kernel's high-water mark (VmHWM, proc(5)), which only rises: read until the process ends.
fn peak_memory(command: &mut Command) -> u64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = kib.unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}
