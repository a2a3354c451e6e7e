//! The README's tables are made from the data they describe, so that they cannot drift. After a
//! change run `PMTA_VITALS_UPDATE=1 cargo test readme`, which writes them anew.

use pmta_vitals::classify::{Providers, Reason};
use pmta_vitals::config::keys_as_markdown;
use pmta_vitals::emit::catalogue;
use std::collections::BTreeMap;
use std::fmt::Write;

#[test]
fn tables_of_the_readme_are_those_of_the_code() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let mut fresh = readme.clone();
    for (name, table) in [
        ("signals", signals()),
        ("metrics", catalogue::markdown()),
        ("keys", keys_as_markdown()),
        ("reasons", reasons()),
        ("providers", providers()),
    ] {
        fresh = replaced(&fresh, name, &table);
    }
    if std::env::var_os("PMTA_VITALS_UPDATE").is_some() {
        std::fs::write("README.md", &fresh).unwrap();
        return;
    }
    assert!(fresh == readme, "README.md is out of date: PMTA_VITALS_UPDATE=1 cargo test readme");
}

fn replaced(text: &str, name: &str, table: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("README.md has no {close}"));
    format!("{before}{open}{}\n{close}{after}", table.trim_end())
}

/// The table of `docs/signals.md`, whose every row a test proves (`tests/signals`).
fn signals() -> String {
    let page = std::fs::read_to_string("docs/signals.md").unwrap();
    let (_, table) = page.split_once("<!-- table -->\n").unwrap();
    table.split_once("<!-- /table -->").unwrap().0.to_owned()
}

fn reasons() -> String {
    let mut table = String::from("| reason | meaning |\n|---|---|\n");
    for reason in Reason::ALL {
        let _ = writeln!(table, "| `{}` | {} |", reason.name(), reason.meaning());
    }
    table
}

fn providers() -> String {
    let mut table = String::from("| provider | known by the MX host or domain |\n|---|---|\n");
    for (name, suffixes, domains) in Providers::new(&BTreeMap::new()).describe() {
        let known: Vec<String> =
            suffixes.iter().chain(&domains).take(4).map(|word| format!("`{word}`")).collect();
        let more = if suffixes.len() + domains.len() > 4 { ", ..." } else { "" };
        let _ = writeln!(table, "| {name} | {}{more} |", known.join(", "));
    }
    table
}
