//! What the kernel says about PowerMTA's processes: their memory, threads and restarts. It asks
//! PowerMTA nothing.

use super::{Ask, Place, Source, SourceError, cgroup, pressure};
use crate::record::{Memory, Sample, Seconds, Sink};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The daemon, the web monitor, and the watchdog that starts the daemon again.
const NAMES: [&str; 3] = ["pmtad", "pmtahttp", "pmtawatch"];
/// All processes are looked through this often; in between only the known ones are.
const SEARCH_EVERY: Seconds = 60;
const MOST_PIDS: usize = 16;
const MOST_DESCRIPTORS: usize = 200_000;

pub struct Process;

impl Source for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn place(&self) -> Place {
        Place::Aside
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let host = &ask.config.host;
        look((&host.proc, &host.cgroup), ask.tick.now(), ask.memory, sink)
    }
}

/// Everything that runs under one name, as the notes keep it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Group {
    pids: Vec<u32>,
    /// The oldest one's start in ticks since the host's, 0 when it was never seen.
    start: u64,
    restarts: i64,
}

/// What one process's files say.
#[derive(Debug, Default)]
struct Usage {
    start: u64,
    rss: i64,
    anon: i64,
    swap: i64,
    threads: i64,
}

fn look(
    (proc, cgroup): (&Path, &Path),
    now: Seconds,
    memory: &mut dyn Memory,
    sink: &mut dyn Sink,
) -> Result<(), SourceError> {
    let mut groups = NAMES.map(|name| Group::recall(memory, name));
    let gone = NAMES
        .iter()
        .zip(&groups)
        .any(|(name, group)| group.pids.iter().any(|pid| !is_named(proc, *pid, name)));
    // A daemon that was here and is not must be seen as soon as it is back.
    let missed = groups.first().is_some_and(|daemon| daemon.start != 0 && daemon.pids.is_empty());
    let searching = gone || missed || !searched_lately(memory, now);
    if searching {
        search(proc, &mut groups)?;
        memory.put("searched", now.to_string().as_bytes());
    }
    pressure::sample(proc, read_short).into_iter().for_each(|sample| sink.sample(sample));
    let mut seen = false;
    for (name, mut group) in NAMES.into_iter().zip(groups) {
        let usages: Vec<Usage> = group.pids.iter().filter_map(|pid| read_usage(proc, *pid)).collect();
        if let Some(start) = usages.iter().map(|usage| usage.start).min() {
            seen = true;
            group.note_start(start);
            let sample = sample(name, &usages, group.restarts);
            // Thousands of open files take long to count: once a minute is enough.
            let counted = searching.then(|| descriptors(proc, &group.pids)).flatten();
            let sample = match counted {
                Some((open, most)) => sample.int("descriptors", open).int("descriptors_max", most),
                None => sample,
            };
            let granted = searching.then(|| granted((proc, cgroup), &group.pids)).flatten();
            sink.sample(match granted {
                Some(grant) => sample.int("cgroup_bytes", grant.used).int("cgroup_max_bytes", grant.most),
                None => sample,
            });
        }
        group.remember(memory, name);
    }
    if seen {
        Ok(())
    } else {
        Err(SourceError::Absent("no PowerMTA process is visible on this host".to_owned()))
    }
}

fn sample(name: &str, usages: &[Usage], restarts: i64) -> Sample {
    let sum = |part: fn(&Usage) -> i64| usages.iter().map(part).fold(0_i64, i64::saturating_add);
    Sample::new("pmta_memory")
        .tag("process", name)
        .int("rss_bytes", sum(|usage| usage.rss))
        .int("anon_bytes", sum(|usage| usage.anon))
        .int("swap_bytes", sum(|usage| usage.swap))
        .int("threads", sum(|usage| usage.threads))
        .growing("restarts_total", restarts)
}

impl Group {
    fn recall(memory: &dyn Memory, name: &str) -> Group {
        let note = memory.get(name).and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
        let mut words = note.split(' ');
        let start = words.next().and_then(|word| word.parse().ok());
        let restarts = words.next().and_then(|word| word.parse().ok());
        let (Some(start), Some(restarts)) = (start, restarts) else { return Group::default() };
        let pids = words.filter_map(|word| word.parse().ok()).take(MOST_PIDS).collect();
        Group { pids, start, restarts }
    }

    fn remember(&self, memory: &mut dyn Memory, name: &str) {
        let mut note = format!("{} {}", self.start, self.restarts);
        for pid in &self.pids {
            note.push_str(&format!(" {pid}"));
        }
        if *self != Group::default() {
            memory.put(name, note.as_bytes());
        }
    }

    fn note_start(&mut self, start: u64) {
        if self.start != 0 && self.start != start {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.start = start;
    }
}

fn searched_lately(memory: &dyn Memory, now: Seconds) -> bool {
    let note = memory.get("searched").and_then(|note| String::from_utf8(note).ok());
    let last: Option<Seconds> = note.and_then(|note| note.parse().ok());
    last.is_some_and(|last| (0..SEARCH_EVERY).contains(&(now - last)))
}

fn search(proc: &Path, groups: &mut [Group; 3]) -> Result<(), SourceError> {
    let refused = |why| SourceError::Io { what: proc.display().to_string(), why };
    let entries = std::fs::read_dir(proc).map_err(refused)?;
    groups.iter_mut().for_each(|group| group.pids.clear());
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(name) = read_name(proc, pid) else { continue };
        let found = NAMES.iter().zip(groups.iter_mut()).find(|(known, _)| **known == name);
        if let Some((_, group)) = found
            && group.pids.len() < MOST_PIDS
        {
            group.pids.push(pid);
        }
    }
    groups.iter_mut().for_each(|group| group.pids.sort_unstable());
    Ok(())
}

fn is_named(proc: &Path, pid: u32, name: &str) -> bool {
    read_name(proc, pid).is_some_and(|found| found == name)
}

fn read_name(proc: &Path, pid: u32) -> Option<String> {
    read_short(proc.join(pid.to_string()).join("comm")).map(|name| name.trim_end().to_owned())
}

/// User and groups of the daemon that runs here, as the kernel sees them.
pub(super) fn identity(proc: &Path) -> Option<(u32, Vec<u32>)> {
    let mut groups = NAMES.map(|_| Group::default());
    search(proc, &mut groups).ok()?;
    let pid = groups.first()?.pids.first()?;
    let status = read_short(proc.join(pid.to_string()).join("status"))?;
    let numbers = |key: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    // Real, effective, saved, file system: files are opened with the last.
    let uid = *numbers("Uid:").get(3)?;
    let mut all = numbers("Groups:");
    all.extend(numbers("Gid:").get(3));
    Some((uid, all))
}

fn read_usage(proc: &Path, pid: u32) -> Option<Usage> {
    let folder = proc.join(pid.to_string());
    let stat = read_short(folder.join("stat"))?;
    // A name may hold blanks and brackets; the 22nd field is the 20th behind its last bracket.
    let start = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    let mut usage = Usage { start, ..Usage::default() };
    for line in read_short(folder.join("status"))?.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let number = value.split_whitespace().next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
        match key {
            "VmRSS" => usage.rss = number.saturating_mul(1_024),
            "RssAnon" => usage.anon = number.saturating_mul(1_024),
            "VmSwap" => usage.swap = number.saturating_mul(1_024),
            "Threads" => usage.threads = number,
            _ => {}
        }
    }
    Some(usage)
}

/// Open files of the fullest process and their limit; only its own user and root may look.
fn descriptors(proc: &Path, pids: &[u32]) -> Option<(i64, i64)> {
    let of = |pid: &u32| {
        let folder = proc.join(pid.to_string());
        let limits = read_short(folder.join("limits"))?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let most: i64 = line.split_whitespace().next()?.parse().ok()?;
        let open = std::fs::read_dir(folder.join("fd")).ok()?.take(MOST_DESCRIPTORS).count();
        Some((i64::try_from(open).ok()?, most))
    };
    pids.iter().filter_map(of).max_by_key(|(open, most)| open.saturating_mul(1_000) / (*most).max(1))
}

/// What the kernel grants the first of them; they share a unit.
fn granted((proc, cgroup): (&Path, &Path), pids: &[u32]) -> Option<cgroup::Grant> {
    let of = read_short(proc.join(pids.first()?.to_string()).join("cgroup"))?;
    cgroup::grant(&of, cgroup, read_short)
}

fn read_short(path: PathBuf) -> Option<String> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(16 * 1024).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Notes, Value};
    use crate::sources::stage::Heap;
    use std::fs;

    fn process(proc: &Path, pid: u32, name: &str, start: u64) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        let zeros = "0 ".repeat(18);
        fs::write(folder.join("stat"), format!("{pid} ({name}) x) S {zeros}{start} 1 2 3\n")).unwrap();
        let status = "Name:\tx\nVmRSS:\t    100 kB\nRssAnon:\t     60 kB\nVmSwap:\t      5 kB\nThreads:\t7\n";
        fs::write(folder.join("status"), status).unwrap();
    }

    fn run(proc: &Path, now: Seconds, notes: &mut Notes) -> (Vec<Sample>, Result<(), SourceError>) {
        let mut heap = Heap::default();
        let result = look((proc, proc), now, notes, &mut heap);
        (heap.samples, result)
    }

    fn restarts(samples: &[Sample]) -> Vec<(&str, i64)> {
        let count = |sample: &Sample| match sample.field("restarts_total") {
            Some(Value::Growing(count)) => *count,
            other => panic!("{other:?}"),
        };
        samples
            .iter()
            .map(|sample| (NAMES.into_iter().find(|name| *name == sample.tags[0].1).unwrap(), count(sample)))
            .collect()
    }

    #[test]
    fn the_three_processes_are_found_among_others() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, name) in [(1, "systemd"), (10, "pmtad"), (11, "pmtahttp"), (12, "pmtahttp"), (13, "pmtadx")]
        {
            process(proc.path(), pid, name, u64::from(pid) * 100);
        }
        fs::create_dir(proc.path().join("sys")).unwrap();
        let (samples, result) = run(proc.path(), 1_000, &mut Notes::default());
        assert!(result.is_ok());
        let daemon = Sample::new("pmta_memory").tag("process", "pmtad").int("rss_bytes", 102_400);
        let daemon = daemon.int("anon_bytes", 61_440).int("swap_bytes", 5_120).int("threads", 7);
        assert_eq!(samples[0], daemon.growing("restarts_total", 0));
        assert_eq!(samples[1].field("threads"), Some(&Value::Int(14)), "both of one name");
        assert_eq!(samples.len(), 2);
    }

    #[test]
    fn a_restart_is_counted_once_and_an_idle_run_searches_nothing() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "pmtad", 100);
        let mut notes = Notes::default();
        assert_eq!(restarts(&run(proc.path(), 1_000, &mut notes).0), [("pmtad", 0)]);
        // A newcomer is seen at the next search only: the known ones are enough until then.
        process(proc.path(), 20, "pmtawatch", 200);
        let mut idle = Notes::new(notes.scan(""));
        assert_eq!(run(proc.path(), 1_010, &mut idle).0.len(), 1);
        assert!(idle.into_changes().is_empty());
        // A crash: nobody for a while, then a new one.
        fs::remove_dir_all(proc.path().join("10")).unwrap();
        assert_eq!(restarts(&run(proc.path(), 1_020, &mut notes).0), [("pmtawatch", 0)]);
        process(proc.path(), 30, "pmtad", 300);
        let back = run(proc.path(), 1_030, &mut notes).0;
        assert_eq!(restarts(&back), [("pmtad", 1), ("pmtawatch", 0)], "it is looked for until it is back");
        assert_eq!(restarts(&run(proc.path(), 1_100, &mut notes).0), [("pmtad", 1), ("pmtawatch", 0)]);
        assert_eq!(restarts(&run(proc.path(), 1_110, &mut notes).0), [("pmtad", 1), ("pmtawatch", 0)]);
        // The number was given to somebody else.
        process(proc.path(), 30, "bash", 400);
        process(proc.path(), 31, "pmtad", 500);
        assert_eq!(restarts(&run(proc.path(), 1_115, &mut notes).0), [("pmtad", 2), ("pmtawatch", 0)]);
    }

    #[test]
    fn nothing_there_is_no_fault_and_odd_files_are_read_over() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "pmtad", 100);
        fs::write(proc.path().join("10/stat"), "nonsense").unwrap();
        let mut notes = Notes::new([
            ("pmtad".to_owned(), b"\xff x y".to_vec()),
            ("searched".to_owned(), b"soon".to_vec()),
        ]);
        let (samples, result) = run(proc.path(), 1_000, &mut notes);
        assert!(samples.is_empty() && matches!(result, Err(SourceError::Absent(_))));
        let none = run(&proc.path().join("none"), 1_000, &mut Notes::default()).1;
        assert!(matches!(none, Err(SourceError::Io { .. })));
    }
}
