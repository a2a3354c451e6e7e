//! Reads the tree and holds the rules that the compiler does not: who imports whom, how long a
//! file may be, and the names that must not exist (design section 1).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Box -> the boxes it may name. `run`, `main`, `lib` and `cli` are the edge: `run` alone knows
/// all of them. `demo` and `simulate` live under `run`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("config", &[]),
    ("classify", &[]),
    ("sources", &["config", "record"]),
    ("ledger", &["record", "classify"]),
    ("judge", &["ledger", "record", "classify", "config"]),
    ("emit", &["record", "classify", "judge"]),
    ("doctor", &["sources", "record", "config"]),
    ("cli", &[]),
];

const BANNED_NAMES: &[&str] = &["util", "utils", "common", "helpers", "types", "manager"];

/// Generated tables and data are not code and may be long.
const LONGEST_FILE: usize = 400;

#[test]
fn imports_flow_one_way() {
    let mut wrong = Vec::new();
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    for file in rust_files("src") {
        let Some(home) = box_of(&file) else { continue };
        let Some(allowed) = table.get(home.as_str()) else { continue };
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for named in boxes_named(line) {
                if named != home && !allowed.contains(&named.as_str()) {
                    wrong.push(format!("{}:{}: {home} must not name {named}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_box_of_the_table_exists() {
    for (name, _) in MAY_IMPORT {
        let file = PathBuf::from(format!("src/{name}.rs"));
        let folder = PathBuf::from(format!("src/{name}/mod.rs"));
        assert!(file.exists() || folder.exists(), "the table names {name}, which is gone");
    }
}

#[test]
fn the_simulated_host_knows_nothing_of_ours() {
    let manifest = fs::read_to_string("sim/Cargo.toml").unwrap();
    assert!(!manifest.contains("pmta-vitals ="), "sim must not depend on the product");
    for file in rust_files("sim/src") {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("pmta_vitals"), "{} names the product", file.display());
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for file in rust_files("src").into_iter().chain(rust_files("sim/src")) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: {lines} lines", file.display()));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: no `//!` line at its head", file.display()));
        }
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        if BANNED_NAMES.contains(&stem.as_str()) || BANNED_NAMES.contains(&folder.as_str()) {
            wrong.push(format!("{}: a name that says nothing", file.display()));
        }
    }
    let main = fs::read_to_string("src/main.rs").unwrap().lines().count();
    if main >= 60 {
        wrong.push(format!("src/main.rs: {main} lines, its work belongs in run"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no Rust file");
    found.sort();
    found
}

/// `src/ledger/store.rs` -> `ledger`, `src/config.rs` -> `config`.
fn box_of(file: &Path) -> Option<String> {
    let first = file.strip_prefix("src").ok()?.components().next()?;
    let name = first.as_os_str().to_string_lossy();
    Some(name.trim_end_matches(".rs").to_owned())
}

/// The boxes that a line names by `crate::NAME` or inside `use crate::{...}`.
fn boxes_named(line: &str) -> Vec<String> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return Vec::new();
    }
    let mut named = Vec::new();
    for part in line.split("crate::").skip(1) {
        let list = part.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or(rest));
        let words = list.map_or_else(|| vec![part], |list| list.split(',').collect());
        for word in words {
            let name: String = word.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if MAY_IMPORT.iter().any(|(known, _)| *known == name) || name == "run" {
                named.push(name);
            }
        }
    }
    named
}

#[test]
fn the_import_reader_sees_every_spelling() {
    assert_eq!(boxes_named("use crate::record::Kind;"), ["record"]);
    assert_eq!(boxes_named("    let x = crate::ledger::open();"), ["ledger"]);
    assert_eq!(boxes_named("use crate::{config::Config, emit};"), ["config", "emit"]);
    assert_eq!(boxes_named("// crate::judge is not named here"), Vec::<String>::new());
    assert_eq!(boxes_named("use crate::run::collect;"), ["run"]);
}
