//! How slots rest on disk between runs: only what changed is written. It decides nothing about
//! who holds a slot.

use super::{OTHER, Seat, Slots};
use crate::ledger::LedgerError;
use crate::ledger::packing::{Reader, put_counts};
use crate::ledger::sketch::Sketch;
use rusqlite::{Connection, OptionalExtension, params};

pub(in crate::ledger) const SCHEMA: &str = "
CREATE TABLE slots(book INTEGER NOT NULL, key TEXT NOT NULL, last INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY(book, key)) STRICT, WITHOUT ROWID;
CREATE TABLE resting(book INTEGER NOT NULL, key TEXT NOT NULL, last INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY(book, key)) STRICT, WITHOUT ROWID;
CREATE TABLE books(book INTEGER PRIMARY KEY, hour_end INTEGER NOT NULL, other BLOB NOT NULL,
    forgotten BLOB NOT NULL) STRICT;
CREATE TABLE sketches(book INTEGER PRIMARY KEY, sketch BLOB NOT NULL) STRICT;
";

/// Totals of given-up slots that are remembered, per slot.
const REMEMBERED: usize = 16;

impl Slots {
    pub fn load(db: &Connection, book: i64, width: usize, most: usize) -> Result<Slots, LedgerError> {
        let mut slots = Slots::new(book, width, most);
        let mut counts = vec![0; width];
        let mut query = db.prepare_cached("SELECT key, last, counts FROM slots WHERE book = ?1")?;
        let mut rows = query.query([book])?;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(0)?.as_str().map_err(|_| LedgerError::unreadable("a slot's key"))?;
            unpack(row.get_ref(2)?.as_blob().unwrap_or_default(), &mut counts)?;
            let seat = Seat { key: key.into(), last: row.get(1)?, changed: false, fresh: false };
            slots.place(slots.seats.len(), seat, &counts);
        }
        let mut query = db.prepare_cached("SELECT hour_end, other, forgotten FROM books WHERE book = ?1")?;
        let row = query.query_row([book], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        if let Some((hour_end, other, forgotten)) = row.optional()? {
            slots.hour_end = hour_end;
            unpack(&forgotten, &mut slots.forgotten)?;
            unpack(&other, &mut counts)?;
            if let Some(columns) = slots.counts.get_mut(..width) {
                columns.copy_from_slice(&counts);
            }
        }
        let mut query = db.prepare_cached("SELECT sketch FROM sketches WHERE book = ?1")?;
        if let Some(bytes) = query.query_row([book], |row| row.get::<_, Vec<u8>>(0)).optional()? {
            slots.sketch = Sketch::unpack(&bytes).ok_or_else(|| LedgerError::unreadable("a sketch"))?;
        }
        Ok(slots)
    }

    /// Writes what changed since the last save. A key that had a slot before goes on from its old
    /// total: from here on `counts` includes it.
    pub fn save(&mut self, db: &Connection) -> Result<(), LedgerError> {
        self.rest(db)?;
        let mut put = db
            .prepare_cached("INSERT OR REPLACE INTO slots(book, key, last, counts) VALUES(?1, ?2, ?3, ?4)")?;
        for place in 1..self.seats.len() {
            let Some(seat) = self.seats.get(place).filter(|seat| seat.changed && !seat.key.is_empty()) else {
                continue;
            };
            let key = seat.key.clone();
            if seat.fresh
                && let Some(earlier) = self.wake(db, &key)?
            {
                for (column, count) in earlier.into_iter().enumerate() {
                    self.raise(place, column, count);
                }
            }
            let packed = pack(self.counts(place));
            if let Some(seat) = self.seats.get_mut(place) {
                put.execute(params![self.book, key, seat.last, packed])?;
                (seat.changed, seat.fresh) = (false, false);
            }
        }
        self.save_book(db)
    }

    fn save_book(&mut self, db: &Connection) -> Result<(), LedgerError> {
        let other_changed = self.seats.get_mut(OTHER).is_some_and(|seat| std::mem::take(&mut seat.changed));
        if other_changed || std::mem::take(&mut self.book_changed) {
            self.book_changed = false;
            db.prepare_cached(
                "INSERT OR REPLACE INTO books(book, hour_end, other, forgotten) VALUES(?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                self.book,
                self.hour_end,
                pack(self.other()),
                pack(&self.forgotten)
            ])?;
        }
        if let Some(bytes) = self.sketch.pack_changes() {
            db.prepare_cached("INSERT OR REPLACE INTO sketches(book, sketch) VALUES(?1, ?2)")?
                .execute(params![self.book, bytes])?;
        }
        Ok(())
    }

    /// Lays the totals of given-up slots aside, and forgets the oldest beyond the bound.
    fn rest(&mut self, db: &Connection) -> Result<(), LedgerError> {
        if self.given_up.is_empty() {
            return Ok(());
        }
        for (key, (seat, mut counts)) in std::mem::take(&mut self.given_up) {
            if seat.fresh
                && let Some(earlier) = self.wake(db, &key)?
            {
                counts.iter_mut().zip(earlier).for_each(|(count, more)| *count = count.saturating_add(more));
            }
            db.prepare_cached("DELETE FROM slots WHERE book = ?1 AND key = ?2")?
                .execute(params![self.book, key])?;
            db.prepare_cached(
                "INSERT OR REPLACE INTO resting(book, key, last, counts) VALUES(?1, ?2, ?3, ?4)",
            )?
            .execute(params![self.book, key, seat.last, pack(&counts)])?;
        }
        self.forget_oldest(db)
    }

    fn forget_oldest(&mut self, db: &Connection) -> Result<(), LedgerError> {
        let mut query = db.prepare_cached(
            "SELECT key, counts FROM resting WHERE book = ?1 ORDER BY last DESC, key LIMIT -1 OFFSET ?2",
        )?;
        let bound = i64::try_from(self.most.saturating_mul(REMEMBERED)).unwrap_or(i64::MAX);
        let rows = query.query_map(params![self.book, bound], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        for row in rows.collect::<Result<Vec<_>, _>>()? {
            let mut counts = vec![0; self.width];
            unpack(&row.1, &mut counts)?;
            (self.forgotten.iter_mut().zip(counts))
                .for_each(|(count, more)| *count = count.saturating_add(more));
            self.book_changed = true;
            self.delete_resting(db, &row.0)?;
        }
        Ok(())
    }

    /// The total that the key had before its slot was given up; it leaves the resting place.
    fn wake(&self, db: &Connection, key: &str) -> Result<Option<Vec<i64>>, LedgerError> {
        let mut query = db.prepare_cached("SELECT counts FROM resting WHERE book = ?1 AND key = ?2")?;
        let found = query.query_row(params![self.book, key], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let Some(bytes) = found else { return Ok(None) };
        self.delete_resting(db, key)?;
        let mut counts = vec![0; self.width];
        unpack(&bytes, &mut counts)?;
        Ok(Some(counts))
    }

    fn delete_resting(&self, db: &Connection, key: &str) -> Result<(), LedgerError> {
        db.prepare_cached("DELETE FROM resting WHERE book = ?1 AND key = ?2")?
            .execute(params![self.book, key])?;
        Ok(())
    }
}

fn pack(counts: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(counts.len() + 16);
    // Columns at the end that are still 0 need not be kept.
    let used = counts.iter().rposition(|count| *count != 0).map_or(0, |last| last + 1);
    put_counts(&mut out, counts.get(..used).unwrap_or_default());
    out
}

fn unpack(bytes: &[u8], counts: &mut [i64]) -> Result<(), LedgerError> {
    counts.fill(0);
    Reader(bytes).counts(counts).ok_or_else(|| LedgerError::unreadable("a slot's counters"))
}
