//! What a run did to a folder, in order, as strace saw it. It knows no ledger.

use super::disk::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Also calls that nothing here understands: should the program begin to use one, that is told.
const CALLS: &str = "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink,\
    open,creat,truncate,pwritev,pwritev2,writev,fallocate,renameat,renameat2,unlinkat,link,linkat,\
    copy_file_range,sendfile";

/// What a run printed, and what it changed until then and afterwards.
pub struct Recording {
    pub printed: String,
    pub before: Vec<Change>,
    pub after: Vec<Change>,
}

/// Watches every change of a folder that was empty at first and that nobody else writes to.
pub struct Recorder {
    folder: PathBuf,
    /// Where the trace and the output are put.
    work: PathBuf,
    names: BTreeSet<String>,
}

impl Recorder {
    pub fn new(folder: PathBuf, work: PathBuf) -> Recorder {
        Recorder { folder, work, names: BTreeSet::new() }
    }

    pub fn run(&mut self, command: &Command) -> Recording {
        let (list, out) = (self.work.join("trace"), self.work.join("printed"));
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-y", "-xx", "-s", "16777216", "-e", CALLS, "-o"]).arg(&list);
        traced.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        let output = traced.stdout(File::create(&out).unwrap()).output().expect("strace must be installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !stderr.contains("panicked"), "{stderr}");
        let (mut changes, mut at) = (Vec::new(), None);
        for call in calls(&fs::read_to_string(&list).unwrap()) {
            let call = Call::read(&call);
            if call.name == "write" && call.path == out {
                at = at.or(Some(changes.len()));
            }
            changes.extend(self.change(&call));
        }
        let after = changes.split_off(at.expect("it printed something"));
        Recording { printed: fs::read_to_string(out).unwrap(), before: changes, after }
    }

    fn change(&mut self, call: &Call) -> Option<Change> {
        if call.path == self.folder && matches!(call.name.as_str(), "fsync" | "fdatasync") {
            return Some(Change::SyncNames);
        }
        let name = self.name(&call.path)?;
        Some(match call.name.as_str() {
            "openat" => {
                assert!(!call.flags.contains("O_TRUNC"), "{call:?}");
                let new = call.flags.contains("O_CREAT") && self.names.insert(name.clone());
                return new.then_some(Change::Make(name));
            }
            "write" => Change::Append(name, call.data.clone()),
            "pwrite64" => Change::Write(name, call.number, call.data.clone()),
            "ftruncate" => Change::Cut(name, call.number),
            "fsync" | "fdatasync" => Change::Sync(name),
            "unlink" => {
                self.names.remove(&name);
                Change::Remove(name)
            }
            "rename" => {
                let to = self.name(&call.to).unwrap();
                self.names.remove(&name);
                self.names.insert(to.clone());
                Change::Rename(name, to)
            }
            _ => panic!("a call that no power cut was thought through for: {call:?}"),
        })
    }

    fn name(&self, path: &Path) -> Option<String> {
        let name = path.strip_prefix(&self.folder).ok()?.to_str().unwrap();
        (!name.is_empty()).then(|| name.to_owned())
    }
}

/// Every call as one line; a call that another thread's was printed into comes in two halves.
fn calls(list: &str) -> Vec<String> {
    let mut halves: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in list.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
            halves.insert(thread, begin);
        } else if let Some((_, end)) = call.split_once(" resumed>") {
            calls.push(format!("{}{end}", halves.remove(thread).unwrap()));
        } else if call.contains('(') {
            calls.push(call.to_owned());
        }
    }
    // One that failed changed nothing.
    calls.retain(|call| call.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-')));
    calls
}

#[derive(Debug, Default)]
struct Call {
    name: String,
    /// Of the file that is open, or that is named first.
    path: PathBuf,
    to: PathBuf,
    flags: String,
    data: Vec<u8>,
    /// The last argument of those that end with a length or a place.
    number: usize,
}

impl Call {
    fn read(line: &str) -> Call {
        let (name, rest) = line.split_once('(').unwrap();
        let (arguments, result) = rest.rsplit_once(") ").unwrap_or(rest.rsplit_once(')').unwrap());
        let mut strings = arguments.split('"').skip(1).step_by(2).map(bytes);
        let mut call = Call { name: name.to_owned(), ..Call::default() };
        let path = |bytes: Vec<u8>| PathBuf::from(String::from_utf8(bytes).unwrap());
        let descriptor = |text: &str| {
            let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            inner.map_or_else(PathBuf::new, |(inner, _)| path(bytes(inner)))
        };
        match name {
            "openat" => {
                call.path = descriptor(result);
                call.flags = arguments.rsplit('"').next().unwrap().to_owned();
            }
            "unlink" | "rename" => {
                call.path = path(strings.next().unwrap());
                call.to = strings.next().map(path).unwrap_or_default();
            }
            _ => {
                call.path = descriptor(arguments);
                call.data = strings.next().unwrap_or_default();
                call.number = arguments.rsplit(", ").next().unwrap().parse().unwrap_or(0);
            }
        }
        call
    }
}

/// `\x2f\x74` and plain letters.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        if let Some(code) = rest.strip_prefix(b"\\x") {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&code[..2]).unwrap(), 16).unwrap());
            rest = &code[2..];
        } else {
            bytes.push(*first);
            rest = &rest[1..];
        }
    }
    bytes
}
