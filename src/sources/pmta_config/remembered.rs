//! The configuration is parsed once and remembered: a tick only asks whether the files that had a
//! say are still the same.

use super::discovered::Discovered;
use super::{Queues, reader};
use crate::record::Memory;
use std::path::Path;

const FOUND: &str = "pmta_config/found";
const QUEUES: &str = "pmta_config/queues";

/// More than this is not remembered but read again when somebody asks.
const MOST_REMEMBERED: usize = 4 << 20;

/// What the configuration at `path` says; it is read only when a file of it has changed since
/// `memory` was written.
pub fn discover(path: &Path, memory: &mut dyn Memory) -> Discovered {
    if let Some(found) = recall(path, memory) {
        return found;
    }
    read(path, memory).found
}

/// The limits of every queue, fresh as `discover` has them.
pub fn queues(path: &Path, memory: &mut dyn Memory) -> Queues {
    if recall(path, memory).is_some()
        && let Some(queues) = memory.get(QUEUES).and_then(|bytes| serde_json::from_slice(&bytes).ok())
    {
        return queues;
    }
    read(path, memory).queues
}

fn recall(path: &Path, memory: &dyn Memory) -> Option<Discovered> {
    let found: Discovered = serde_json::from_slice(&memory.get(FOUND)?).ok()?;
    let same = |stamp: &super::Stamp| match stamp.denied {
        // A right that was given since shows in no stamp of the file itself.
        true => std::fs::File::open(&stamp.path).is_err(),
        false => reader::seen(&stamp.path) == stamp.seen,
    };
    (found.path == path && found.stamps.iter().all(same)).then_some(found)
}

fn read(path: &Path, memory: &mut dyn Memory) -> super::Parsed {
    let parsed = super::read(path);
    keep(FOUND, serde_json::to_vec(&parsed.found), memory);
    keep(QUEUES, serde_json::to_vec(&parsed.queues), memory);
    parsed
}

fn keep(key: &str, bytes: serde_json::Result<Vec<u8>>, memory: &mut dyn Memory) {
    match bytes {
        Ok(bytes) if bytes.len() <= MOST_REMEMBERED => memory.put(key, &bytes),
        _ => memory.remove(key),
    }
}
