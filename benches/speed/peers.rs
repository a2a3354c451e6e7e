//! What people would count accounting records with instead: each counts records per queue domain
//! and type, which is a part of what a collection does. One that is not installed is named, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Records by queue domain and type.
pub type Counts = BTreeMap<(String, String), u64>;

pub struct Peer {
    pub name: String,
    /// So much slower that it is given a tenth of the file.
    pub slow: bool,
    /// How to get it, when it is not there.
    pub missing: Option<&'static str>,
    program: PathBuf,
    arguments: Vec<String>,
    read: fn(&str) -> Counts,
}

/// All of them, installed or not. `python` is the one that has the packages.
pub fn all(python: &Path) -> Vec<Peer> {
    let script = |file: &str| format!("{}/benches/peers/{file}", env!("CARGO_MANIFEST_DIR"));
    let package = |name: &str, module: &str, file: &str, missing: &'static str| {
        let version = answer(python, &["-c", &format!("import {module}; print({module}.__version__)")]);
        peer(&format!("{name}, two threads"), version.as_deref(), missing, python, vec![script(file)])
    };
    let path = std::env::var("PATH").unwrap_or_default();
    let found =
        |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let version = answer(python, &["-c", "import platform; print(platform.python_version())"]);
    let csv = peer(
        "Python csv module",
        version.as_deref(),
        "apt install python3",
        python,
        vec![script("csv_module.py")],
    );
    let mawk_version = found("mawk").and_then(|mawk| answer(&mawk, &["-W", "version"]));
    let mawk_version = mawk_version.map(|said| said.split_whitespace().nth(1).unwrap_or("").to_owned());
    let mawk_arguments = vec!["-f".to_owned(), script("count.awk")];
    let mawk = peer("mawk", mawk_version.as_deref(), "apt install mawk", Path::new("mawk"), mawk_arguments);
    let mtail_version = found("mtail").map(|_| String::new());
    let mtail_arguments =
        vec!["--one_shot".to_owned(), "--progs".to_owned(), script("count.mtail"), "--logs".to_owned()];
    let mtail =
        peer("mtail", mtail_version.as_deref(), "apt install mtail", Path::new("mtail"), mtail_arguments);
    vec![
        package("DuckDB", "duckdb", "duckdb_sql.py", "pip install duckdb"),
        package("Polars", "polars", "polars_lazy.py", "pip install polars"),
        package("ClickHouse-local", "chdb", "clickhouse_local.py", "pip install chdb"),
        mawk,
        Peer { slow: true, ..csv },
        Peer { slow: true, read: mtail_counts, ..mtail },
    ]
}

fn peer(
    name: &str,
    version: Option<&str>,
    missing: &'static str,
    program: &Path,
    arguments: Vec<String>,
) -> Peer {
    let known = version.unwrap_or_default();
    Peer {
        name: if known.is_empty() { name.to_owned() } else { format!("{name} ({known})") },
        slow: false,
        missing: version.is_none().then_some(missing),
        program: program.to_owned(),
        arguments,
        read: table_counts,
    }
}

/// What a program says of itself; nothing when it is not there or fails.
fn answer(program: &Path, arguments: &[&str]) -> Option<String> {
    let said = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().trim().to_owned();
    said.status.success().then_some(text)
}

impl Peer {
    pub fn counts(&self, file: &Path) -> Counts {
        let said = self.command(file)().stderr(Stdio::inherit()).output().unwrap();
        assert!(said.status.success(), "{} failed", self.name);
        (self.read)(std::str::from_utf8(&said.stdout).unwrap())
    }

    pub fn command(&self, file: &Path) -> impl Fn() -> Command + use<> {
        let (program, arguments, file) = (self.program.clone(), self.arguments.clone(), file.to_owned());
        move || {
            let mut command = Command::new(&program);
            command.args(&arguments).arg(&file).env("GOMAXPROCS", "2");
            command
        }
    }
}

/// `domain<TAB>type<TAB>number`.
fn table_counts(text: &str) -> Counts {
    let line = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        let mut next = || cells.next().unwrap();
        ((next(), next()), next().parse().unwrap())
    };
    text.lines().map(line).collect()
}

/// mtail's one kind of table.
fn mtail_counts(text: &str) -> Counts {
    let metrics: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows = metrics["records"][0]["LabelValues"].as_array().unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            ((word(&row["Labels"][0]), word(&row["Labels"][1])), row["Value"]["Value"].as_u64().unwrap())
        })
        .collect()
}
