//! What an idle tick costs over an empty program: start, three pages of 100 rows over loopback,
//! ledger commit, print. State on tmpfs, nothing new in the files.
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
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let folder = fast_folder();
    let host = pmta_sim::Host::start(pmta_sim::Options {
        dir: folder.path().join("host"),
        url_max_items: true,
        rate: 200.0,
        ..pmta_sim::Options::default()
    })
    .expect("the simulated host starts");
    host.advance(120).unwrap();
    host.flush().unwrap();
    let config = folder.path().join("pmta-vitals.toml");
    std::fs::write(
        &config,
        format!("[pmta]\nconfig = {:?}\nurl = {:?}\n", host.config_path(), host.http_url()),
    )
    .unwrap();
    let state = folder.path().join("state");
    let empty = empty_program(folder.path());
    let tick = move |extra: &'static [&'static str]| {
        let (config, state) = (config.clone(), state.clone());
        move || {
            let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_pmta-vitals")));
            command.arg("--config").arg(&config).arg("--state").arg(&state).arg("collect").args(extra);
            command
        }
    };
    race(
        "idle tick",
        200,
        &[
            Contender::new("an empty Rust program", move || Command::new(&empty)),
            Contender::new("collect, everything", tick(&["--consumer", "bench"])),
            Contender::new("collect --only accounting", tick(&["--only", "accounting"])),
            Contender::new("collect --only web", tick(&["--only", "web"])),
        ],
    );
}

/// An empty Rust program, built like the product: the floor that no program gets below.
fn empty_program(folder: &Path) -> PathBuf {
    let source = folder.join("empty.rs");
    let program = folder.join("empty");
    std::fs::write(&source, "fn main() {}\n").unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "-C", "opt-level=3", "-C", "strip=symbols", "-o"])
        .args([&program, &source])
        .status()
        .unwrap();
    assert!(built.success());
    program
}
