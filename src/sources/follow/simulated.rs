//! For tests: files in memory, where an inode number can be made to come back and every call is counted. It judges nothing.

use super::files::{Files, OpenFile, Stat};
use super::trial::Ground;
use crate::record::Seconds;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

#[derive(Debug, Default, Clone)]
struct Node {
    ino: u64,
    data: Vec<u8>,
    mtime_ns: i64,
}

type Shared = Rc<RefCell<Node>>;

/// Files in memory, where an inode number can be made to come back.
#[derive(Default)]
pub struct Simulated {
    names: RefCell<BTreeMap<String, Shared>>,
    folders: RefCell<BTreeMap<String, i64>>,
    last_ino: Cell<u64>,
    freed: RefCell<Vec<u64>>,
    reuse: Cell<bool>,
    calls: RefCell<Calls>,
    denied: RefCell<BTreeSet<String>>,
}

/// What a follower asked of the file system.
#[derive(Debug, Default, Clone)]
pub struct Calls {
    pub listed: usize,
    pub stats: usize,
    pub opened: BTreeSet<String>,
}

impl Simulated {
    pub fn names(&self) -> Vec<String> {
        self.names.borrow().keys().cloned().collect()
    }

    pub fn calls(&self) -> std::cell::Ref<'_, Calls> {
        self.calls.borrow()
    }

    pub fn forget_calls(&self) {
        self.calls.take();
    }

    /// From now on the file cannot be opened.
    pub fn deny(&self, path: &str) {
        self.denied.borrow_mut().insert(path.to_owned());
    }

    pub fn allow(&self, path: &str) {
        self.denied.borrow_mut().remove(path);
    }

    fn touch(&self, path: &str, now: Seconds) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.folders.borrow_mut().insert(folder.to_owned(), now * 1_000_000_000);
    }

    fn fresh_ino(&self) -> u64 {
        if let Some(ino) = self.freed.borrow_mut().pop().filter(|_| self.reuse.get()) {
            return ino;
        }
        self.last_ino.set(self.last_ino.get() + 1);
        self.last_ino.get()
    }

    fn free(&self, node: &Shared) {
        self.freed.borrow_mut().push(node.borrow().ino);
    }

    fn name<'p>(&self, path: &'p Path) -> &'p str {
        path.strip_prefix(self.root()).unwrap().to_str().unwrap()
    }

    fn find(&self, path: &Path) -> io::Result<Shared> {
        let name = self.name(path);
        self.names.borrow().get(name).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

struct SimulatedFile(Shared);

impl OpenFile for SimulatedFile {
    fn stat(&self) -> io::Result<Stat> {
        let node = self.0.borrow();
        Ok(Stat { dev: 1, ino: node.ino, size: node.data.len() as u64, mtime_ns: node.mtime_ns })
    }
    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let node = self.0.borrow();
        let rest = node.data.get(usize::try_from(at).unwrap()..).unwrap_or(&[]);
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
    fn twin(&self) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(SimulatedFile(Rc::clone(&self.0))))
    }
}

impl Files for Simulated {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.calls.borrow_mut().listed += 1;
        let folder = self.name(folder);
        let split = |name: &String| {
            let (parent, last) = name.rsplit_once('/').unwrap_or(("", name));
            (parent == folder).then(|| last.to_owned())
        };
        Ok(self.names.borrow().keys().filter_map(split).collect())
    }
    fn folder_mtime(&self, folder: &Path) -> io::Result<i64> {
        let name = self.name(folder);
        Ok(self.folders.borrow().get(name).copied().unwrap_or(0))
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.calls.borrow_mut().stats += 1;
        SimulatedFile(self.find(path)?).stat()
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let name = self.name(path);
        if self.denied.borrow().contains(name) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let file = self.find(path)?;
        self.calls.borrow_mut().opened.insert(name.to_owned());
        Ok(Box::new(SimulatedFile(file)))
    }
}

impl Ground for Simulated {
    fn root(&self) -> PathBuf {
        PathBuf::from("/simulated")
    }
    fn append(&self, path: &str, bytes: &[u8], now: Seconds) {
        if !self.names.borrow().contains_key(path) {
            let node = Node { ino: self.fresh_ino(), ..Node::default() };
            self.names.borrow_mut().insert(path.to_owned(), Rc::new(RefCell::new(node)));
            self.touch(path, now);
        }
        let names = self.names.borrow();
        let mut node = names[path].borrow_mut();
        node.data.extend_from_slice(bytes);
        node.mtime_ns = now * 1_000_000_000;
    }
    fn rename(&self, from: &str, to: &str, now: Seconds) {
        let node = self.names.borrow_mut().remove(from).unwrap();
        if let Some(old) = self.names.borrow_mut().insert(to.to_owned(), node) {
            self.free(&old);
        }
        self.touch(from, now);
        self.touch(to, now);
    }
    fn copy(&self, from: &str, to: &str, now: Seconds) {
        let data = self.content(from);
        if self.names.borrow().contains_key(to) {
            self.truncate(to, now);
        }
        self.append(to, &data, now);
    }
    fn truncate(&self, path: &str, now: Seconds) {
        let names = self.names.borrow();
        let mut node = names[path].borrow_mut();
        node.data.clear();
        node.mtime_ns = now * 1_000_000_000;
    }
    fn remove(&self, path: &str, now: Seconds) {
        let node = self.names.borrow_mut().remove(path).unwrap();
        self.free(&node);
        self.touch(path, now);
    }
    fn content(&self, path: &str) -> Vec<u8> {
        self.names.borrow()[path].borrow().data.clone()
    }
    fn reuse_inodes(&self) {
        self.reuse.set(true);
    }
}
