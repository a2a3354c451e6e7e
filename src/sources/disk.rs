//! Free space and inodes of the disks that PowerMTA writes to. It reads no file there.

use super::{Ask, Place, Source, SourceError};
use crate::config::Config;
use crate::record::{Sample, Seconds, Sink};
use std::io;
use std::path::{Path, PathBuf};

/// A disk does not fill within a minute; a run that comes a little early still counts as its
/// minute's.
const EVERY: Seconds = 55;
const MOST_FOLDERS: usize = 16;
const LOOKED: &str = "looked";

pub struct Disk;

impl Source for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    /// A network file system may hang.
    fn place(&self) -> Place {
        Place::Aside
    }

    fn is_due(&self, ask: &Ask<'_>) -> bool {
        ask.is_over(LOOKED, EVERY)
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let folders = folders(ask.config);
        if folders.is_empty() {
            return Err(SourceError::Absent("no folder of PowerMTA is known".to_owned()));
        }
        if !self.is_due(ask) {
            return ask.standing();
        }
        ask.memory.put(LOOKED, ask.tick.now().to_string().as_bytes());
        let mut first = Ok(());
        let (mut seen, mut missing) = (0, None);
        for folder in folders {
            match look(&folder, ask.config.host.min_free.get(&folder).copied()) {
                Ok(sample) => {
                    seen += 1;
                    sink.sample(sample);
                }
                // A move-to folder is made by PowerMTA when it is first needed.
                Err(why) if why.kind() == io::ErrorKind::NotFound => missing = Some((folder, why)),
                Err(why) if first.is_ok() => first = Err(refused(&folder, why)),
                Err(_) => {}
            }
        }
        ask.keep(match missing {
            Some((folder, why)) if seen == 0 => first.and(Err(refused(&folder, why))),
            _ => first,
        })
    }
}

fn refused(folder: &Path, why: io::Error) -> SourceError {
    let what = folder.display().to_string();
    if why.kind() == io::ErrorKind::PermissionDenied {
        let advice = "let this user search the folders above it, or name others in [host] folders".to_owned();
        return SourceError::Denied { what, why: "permission denied".to_owned(), advice };
    }
    SourceError::Io { what, why }
}

/// The operator's, else spool, log and accounting as PowerMTA's configuration has them.
fn folders(config: &Config) -> Vec<PathBuf> {
    if let Some(named) = &config.host.folders {
        return named.iter().take(MOST_FOLDERS).cloned().collect();
    }
    let spools = config.host.min_free.keys().chain(&config.host.spools).cloned();
    let above = |globs: &Option<Vec<String>>| -> Vec<PathBuf> {
        let folder = |glob: &String| Path::new(glob).parent().map(Path::to_owned);
        globs.iter().flatten().filter_map(folder).collect()
    };
    let moved = config.accounting.moved.iter().flatten().cloned();
    let all = spools.chain(above(&config.logs.pmta)).chain(above(&config.accounting.files)).chain(moved);
    let mut folders = Vec::new();
    for folder in all {
        if !folders.contains(&folder) && folders.len() < MOST_FOLDERS {
            folders.push(folder);
        }
    }
    folders
}

fn look(folder: &Path, min_free: Option<u64>) -> io::Result<Sample> {
    let disk = rustix::fs::statvfs(folder)?;
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut sample = Sample::new("pmta_disk")
        .tag("folder", folder.display().to_string())
        .int("free_bytes", whole(disk.f_bavail.saturating_mul(disk.f_frsize)));
    // Some file systems have no fixed number of inodes and say 0.
    if disk.f_files > 0 {
        sample = sample.int("free_inodes", whole(disk.f_favail));
    }
    if disk.f_blocks > 0 {
        sample = sample.float("free_ratio", disk.f_bavail as f64 / disk.f_blocks as f64);
    }
    Ok(match min_free {
        Some(least) => sample.int("min_free_bytes", whole(least)),
        None => sample,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Notes, Value};
    use crate::sources::stage::Run;
    use std::time::Duration;

    fn run(config: &Config, now: Seconds, notes: Notes) -> Run {
        Run::with(&Disk, config, now, notes, Duration::from_secs(5))
    }

    #[test]
    fn each_folder_is_looked_at_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, log) = (folder.path().join("spool"), folder.path().join("log"));
        std::fs::create_dir(&spool).unwrap();
        std::fs::create_dir(&log).unwrap();
        let mut config = Config::default();
        config.host.min_free.insert(spool.clone(), 77);
        config.host.spools = vec![spool.clone()];
        config.logs.pmta = Some(vec![log.join("log").display().to_string()]);
        config.accounting.files = Some(vec![log.join("acct-*.csv").display().to_string()]);
        config.accounting.moved = Some(vec![folder.path().join("not-there-yet")]);
        let first = run(&config, 1_000, Notes::default());
        assert!(first.result.is_ok());
        let tags: Vec<&str> = first.samples.iter().map(|sample| sample.tags[0].1.as_str()).collect();
        assert_eq!(tags, [spool.to_str().unwrap(), log.to_str().unwrap()]);
        assert_eq!(first.samples[0].field("min_free_bytes"), Some(&Value::Int(77)));
        assert_eq!(first.samples[1].field("min_free_bytes"), None);
        let Some(Value::Float(ratio)) = first.samples[0].field("free_ratio") else { panic!("no ratio") };
        assert!((0.0..=1.0).contains(ratio));
        let soon = run(&config, 1_010, first.notes.clone());
        assert!(soon.result.is_ok() && soon.samples.is_empty());
        assert_eq!(run(&config, 1_060, first.notes).samples.len(), 2);
    }

    #[test]
    fn what_cannot_be_seen_is_told_and_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        assert!(matches!(run(&config, 1_000, Notes::default()).result, Err(SourceError::Absent(_))));
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        config.host.folders = Some(vec![file.join("below"), folder.path().to_owned()]);
        let odd = run(&config, 1_000, Notes::default());
        assert_eq!(odd.samples.len(), 1);
        assert!(matches!(odd.result, Err(SourceError::Io { .. })));
        config.host.folders = Some(vec![folder.path().join("none")]);
        assert!(matches!(run(&config, 1_000, Notes::default()).result, Err(SourceError::Io { .. })));
    }
}
