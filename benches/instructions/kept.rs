//! The counts that are kept in the repository, and what they were counted with.

use crate::product::compiler;
use std::collections::BTreeMap;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");

#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub toolchain: String,
    pub instructions: BTreeMap<String, u64>,
}

impl Kept {
    pub fn read() -> Kept {
        let Ok(text) = std::fs::read_to_string(FILE) else { return Kept::default() };
        let table: toml::Table = text.parse().unwrap();
        let counts = table["instructions"].as_table().unwrap();
        let number = |value: &toml::Value| u64::try_from(value.as_integer().unwrap()).unwrap();
        Kept {
            toolchain: table["toolchain"].as_str().unwrap().to_owned(),
            instructions: counts.iter().map(|(name, count)| (name.clone(), number(count))).collect(),
        }
    }

    pub fn write(&self) {
        let mut text = format!(
            "# Made by `cargo bench --profile dev --bench instructions -- update`; more than 5 % above fails.\n\
             toolchain = {:?}\n\n[instructions]\n",
            self.toolchain
        );
        for (name, count) in &self.instructions {
            text.push_str(&format!("{name} = {count}\n"));
        }
        std::fs::write(FILE, text).unwrap();
    }

    /// By name the share by which it grew; none for what was not counted before.
    pub fn growth(&self, before: &Kept) -> impl Iterator<Item = (String, Option<f64>)> {
        self.instructions.iter().map(|(name, count)| {
            let was = before.instructions.get(name);
            (name.clone(), was.map(|was| *count as f64 / *was as f64 - 1.0))
        })
    }

    pub fn print_beside(&self, before: &Kept) {
        println!("instructions, by {}", self.toolchain);
        for (name, growth) in self.growth(before) {
            let growth = growth.map_or("new".to_owned(), |growth| format!("{:+.2} %", 100.0 * growth));
            println!("{name:<8} {:>14}  {growth}", self.instructions[&name]);
        }
    }
}

/// Whatever else than the source decides how many instructions there are.
pub fn toolchain() -> String {
    let first = |program: &str| {
        let told = Command::new(program).arg("--version").output();
        let told = told.unwrap_or_else(|error| panic!("{program}: {error} (apt install valgrind)"));
        String::from_utf8_lossy(&told.stdout).lines().next().unwrap_or_default().to_owned()
    };
    let libc = first("ldd").rsplit(' ').next().unwrap_or_default().to_owned();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Copying, searching and the splitter choose their instructions by it.
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("{}, glibc {libc}, {}, {model}", compiler(), first("valgrind"))
}
