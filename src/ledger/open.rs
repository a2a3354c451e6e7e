//! The ledger of one run: opened, locked, looked at, tended. It holds the files and decides nothing
//! about their contents.

use super::damage::{self, State};
use super::folder::{Folder, LEDGER};
use super::lock::{Held, Latch};
use super::notes::Pending;
use super::store::{self, STEPS};
use super::{Glance, LedgerError, Locked, News, Place, consumers};
use crate::record::{Seconds, Tick};
use rusqlite::Connection;
use std::cell::RefCell;
use std::time::Instant;

/// How many series the totals may have (`[limits]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub providers: usize,
    pub pairs: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { providers: 50, pairs: 400 }
    }
}

/// What the ledger tells about itself (`pmta_collector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    pub state_bytes: i64,
    /// When totals began at 0; it changes only when they had to begin anew.
    pub born_seconds: Seconds,
    pub shared_state: bool,
    /// `false`: this user may not write here, and totals are those of the last commit.
    pub writable: bool,
}

/// Fields in the order in which they must be dropped: the database before the lock.
#[derive(Debug)]
pub struct Ledger {
    pub(super) db: Connection,
    pub(super) home: Option<Home>,
    pub(super) limits: Limits,
    pub(super) now: Seconds,
    shared: bool,
    /// Notes of this run's sources that are not written yet.
    pub(super) pending: RefCell<Pending>,
    /// The first note that could not be read: the run must not be committed.
    pub(super) trouble: RefCell<Option<LedgerError>>,
}

/// Where a ledger on disk lives; one in memory has none.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) folder: Folder,
    /// `Err`: this run may only look, and why.
    latch: Result<Latch, Barred>,
    /// Which file the database is. Another run that mends puts another one in its place.
    file: Option<(u64, u64)>,
}

/// Why a run may only look.
#[derive(Debug)]
enum Barred {
    /// This user may not write here.
    Rights(String),
    /// There is no room even for what SQLite shares with its other readers.
    Room,
}

impl Barred {
    fn error(&self, folder: &Folder) -> LedgerError {
        match self {
            Barred::Rights(why) => folder.read_only(why),
            Barred::Room => LedgerError::Full,
        }
    }
}

impl Ledger {
    /// Opens the ledger, makes it if there is none, mends it if it is damaged. A folder that this
    /// user may not write in gives a ledger that can only be looked at.
    pub fn open(place: &Place, limits: Limits, tick: &Tick) -> Result<Ledger, LedgerError> {
        let folder = Folder::enter(&place.folder)?;
        let latch = match folder.lock_file() {
            Ok((file, path)) => Ok(Latch::new(file, &path)),
            Err(LedgerError::ReadOnly { why, .. }) => Err(Barred::Rights(why)),
            Err(other) => return Err(other),
        };
        let (db, file, latch) = match latch {
            Ok(latch) => match open_sound(&folder, &latch, tick) {
                Err(LedgerError::Full) => (copy_alone(&folder)?, folder.file(), Err(Barred::Room)),
                other => {
                    let (db, file) = other?;
                    (db, file, Ok(latch))
                }
            },
            Err(why) => match open_to_read(&folder) {
                // There is nothing yet to look at: what counts is that we may not make it.
                Err(LedgerError::Denied { .. }) => return Err(why.error(&folder)),
                other => (other?, folder.file(), Err(why)),
            },
        };
        // SQLite opens a file that it may not write without a word.
        let latch = match latch {
            Ok(_) if db.is_readonly("main")? => {
                Err(Barred::Rights(format!("{LEDGER} belongs to another user")))
            }
            latch => latch,
        };
        Ok(Ledger::of(db, Some(Home { folder, latch, file }), limits, tick.now(), place.shared))
    }

    /// A ledger that leaves no trace: for `replay`.
    pub fn in_memory(limits: Limits, now: Seconds) -> Result<Ledger, LedgerError> {
        Ok(Ledger::of(store::in_memory(now)?, None, limits, now, true))
    }

    /// A copy in memory of what is there, for `--dry-run`: everything works, nothing is written.
    pub fn rehearse(place: &Place, limits: Limits, tick: &Tick) -> Result<Ledger, LedgerError> {
        let mut db = store::in_memory(tick.now())?;
        if place.folder.join(LEDGER).exists() {
            let folder = Folder::enter(&place.folder)?;
            let source = open_to_read(&folder)?;
            store::copy_pages(&source, &mut db)?;
        }
        Ok(Ledger::of(db, None, limits, tick.now(), place.shared))
    }

    fn of(db: Connection, home: Option<Home>, limits: Limits, now: Seconds, shared: bool) -> Ledger {
        let (pending, trouble) = (RefCell::default(), RefCell::default());
        Ledger { db, home, limits, now, shared, pending, trouble }
    }

    /// The last committed truth, without the lock.
    pub fn glance(&self) -> Result<Glance<'_>, LedgerError> {
        Glance::new(self)
    }

    /// Waits for the lock up to one second and not beyond `until`, and begins the transaction.
    /// `Busy`: another run holds it. `ReadOnly`: this user may only look.
    pub fn lock(&mut self, until: Instant) -> Result<Locked<'_>, LedgerError> {
        self.pending.get_mut().clear();
        self.trouble.get_mut().take();
        let this = &*self;
        let held = this.hold(until)?;
        Locked::begin(this, held)
    }

    /// Moves the consumer's cursor, after its events were printed and flushed.
    pub fn printed(&mut self, news: &News, until: Instant) -> Result<(), LedgerError> {
        if !news.moves() {
            return Ok(());
        }
        let _held = self.hold(until)?;
        self.heed(self.move_cursor(news))
    }

    fn move_cursor(&self, news: &News) -> Result<(), LedgerError> {
        let change = self.db.unchecked_transaction()?;
        consumers::moved(&change, news)?;
        Ok(change.commit()?)
    }

    /// The hourly copy, at the very end of a run. Nobody is waited for: who is busy tends it later.
    pub fn tend(&mut self) -> Result<(), LedgerError> {
        const EVERY: Seconds = 3_600;
        let Some(Home { folder, latch: Ok(_), .. }) = &self.home else { return Ok(()) };
        let last = store::number(&self.db, "copied")?;
        let recent = last.is_some_and(|last| (0..EVERY).contains(&(self.now - last)));
        if recent && folder.backup().exists() {
            return Ok(());
        }
        let _held = match self.hold(Instant::now()) {
            Err(LedgerError::Busy) => return Ok(()),
            other => other?,
        };
        damage::back_up(folder, &self.db)?;
        store::set_number(&self.db, "copied", self.now)
    }

    pub fn vitals(&self) -> Result<Vitals, LedgerError> {
        let bytes = self.home.as_ref().map_or(0, |home| home.folder.bytes());
        Ok(Vitals {
            state_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            born_seconds: store::number(&self.db, "born")?.unwrap_or(0),
            shared_state: self.shared,
            writable: self.home.as_ref().is_none_or(|home| home.latch.is_ok()),
        })
    }

    /// Damage met on the way is looked into by the next run.
    pub(super) fn heed<T>(&self, answer: Result<T, LedgerError>) -> Result<T, LedgerError> {
        if let (Err(LedgerError::Damaged { .. }), Some(Home { folder, latch: Ok(_), .. })) =
            (&answer, &self.home)
        {
            damage::suspect(folder);
        }
        answer
    }

    pub(super) fn hold(&self, until: Instant) -> Result<Option<Held<'_>>, LedgerError> {
        let Some(Home { folder, latch, file }) = &self.home else { return Ok(None) };
        let held = latch.as_ref().map_err(|why| why.error(folder))?.acquire(until)?;
        // What we have open was set aside meanwhile: counting there would be for nobody.
        if folder.file() != *file {
            return Err(LedgerError::Busy);
        }
        Ok(Some(held))
    }
}

/// A sound ledger needs no lock to be opened; anything else is mended under it.
fn open_sound(
    folder: &Folder,
    latch: &Latch,
    tick: &Tick,
) -> Result<(Connection, Option<(u64, u64)>), LedgerError> {
    let before = folder.file();
    if !folder.suspect().exists()
        && let State::Sound(db) = damage::look(folder, STEPS)?
        && before == folder.file()
    {
        return Ok((db, before));
    }
    let held = latch.acquire(tick.deadline)?;
    let db = damage::mend(folder, &held, tick.now(), STEPS)?;
    Ok((db, folder.file()))
}

/// What was committed, in memory: the disk has no room for the index of the log that SQLite would
/// make beside it. Nobody is kept out for longer than the copying takes.
fn copy_alone(folder: &Folder) -> Result<Connection, LedgerError> {
    let mut db = Connection::open_in_memory()?;
    let copied = store::connect_alone(folder).and_then(|source| store::copy_pages(&source, &mut db));
    let known = copied.and_then(|()| store::expect_known(&db));
    known.map(|()| db).map_err(|_| LedgerError::Full)
}

fn open_to_read(folder: &Folder) -> Result<Connection, LedgerError> {
    let db = store::connect_to_read(folder)?;
    let (found, known) = (store::version(&db)?, i64::try_from(STEPS.len()).unwrap_or(i64::MAX));
    if found > known {
        return Err(LedgerError::Newer { folder: folder.path.clone(), found, known });
    }
    if found < known {
        let why = "its format is older, and only who may write here can migrate it";
        return Err(folder.read_only(why));
    }
    Ok(db)
}
