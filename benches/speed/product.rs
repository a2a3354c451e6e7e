//! The programs that are measured: the binary that users get, and the floor below every program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `PMTA_VITALS_BINARY`, else the release build, made now: a bench is linked with more features.
pub fn product() -> PathBuf {
    if let Some(named) = std::env::var_os("PMTA_VITALS_BINARY") {
        return std::path::absolute(named).unwrap();
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--locked", "--bin", "pmta-vitals", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What the cargo that runs us says of this package would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|of| name.to_string_lossy().starts_with(of))
        {
            cargo.env_remove(name);
        }
    }
    let built = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success(), "the release build failed");
    let messages = String::from_utf8(built.stdout).unwrap();
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .next_back()
        .expect("cargo names the binary")
}

/// An empty Rust program, built like the product.
#[allow(dead_code, reason = "not every bench needs a floor")]
pub fn empty_program(folder: &Path) -> PathBuf {
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

/// What compiled it, as rustc says it.
pub fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-V").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}
