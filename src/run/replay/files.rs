//! Many old accounting files as one stream of records in the order of their times. It knows no
//! provider and judges nothing.

use super::super::RunError;
use super::batch::Batch;
use crate::record::{Delivery, Seconds};
use crate::sources::accounting::Reader;
use crate::sources::follow::{Carry, LONGEST_RECORD, Piece, Records};
use flate2::read::MultiGzDecoder;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Read at once; grows for the one record that is longer.
const PIECE: usize = 64 * 1_024;
/// Files open at the same time: those whose times overlap, and no more.
const MOST_OPEN: usize = 200;

/// What was read, and what could not be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub files: usize,
    pub records: u64,
    pub rejected: u64,
    pub bad_time: u64,
    /// One line for each file that was not read to its end.
    pub troubles: Vec<String>,
}

/// The files, those that are not begun yet in the order of their first records.
pub struct OldFiles {
    waiting: VecDeque<(Seconds, PathBuf)>,
    open: Vec<OldFile>,
    pub tally: Tally,
}

struct OldFile {
    path: PathBuf,
    input: Box<dyn Read>,
    reader: Reader,
    carry: Carry,
    bytes: Vec<u8>,
    begin: usize,
    filled: usize,
    ended: bool,
    batch: Batch,
    newest: Option<Seconds>,
}

impl OldFiles {
    /// Looks at the beginning of every file. One that cannot be opened is an error: the operator
    /// named it.
    pub fn new(paths: &[PathBuf]) -> Result<OldFiles, RunError> {
        let mut tally = Tally::default();
        let mut waiting = Vec::new();
        for path in chosen(paths) {
            let failed = |source| RunError::Read { path: path.clone(), source };
            let mut file = OldFile::open(&path).map_err(failed)?;
            tally.files += 1;
            let mut begun = Tally::default();
            file.fill(&mut begun);
            match file.time() {
                // What is wrong is told and counted when it is read.
                Some(first) => waiting.push((first, path)),
                None => tally.troubles.extend(begun.troubles),
            }
        }
        waiting.sort();
        Ok(OldFiles { waiting: waiting.into(), open: Vec::new(), tally })
    }

    /// Hands over every record in the order of the times, with the time that the stream has
    /// reached; a record whose own time is not believed comes with `false`. `each` says when it
    /// has had enough.
    pub fn read(
        &mut self,
        each: &mut dyn FnMut(Seconds, &Delivery<'_>, bool) -> bool,
    ) -> Result<(), RunError> {
        loop {
            let (place, until) = self.next()?;
            let Some(file) = place.and_then(|place| self.open.get_mut(place)) else { return Ok(()) };
            while let Some(time) = file.time().filter(|time| *time <= until) {
                file.newest = Some(time);
                if let Some((record, believed)) = file.batch.take() {
                    self.tally.records += 1;
                    if !each(time, &record, believed) {
                        return Ok(());
                    }
                }
            }
            if file.batch.is_done() {
                file.fill(&mut self.tally);
            }
            self.open.retain(|file| !file.batch.is_done());
        }
    }

    /// The file that is furthest behind, and how far it may go before another one is.
    fn next(&mut self) -> Result<(Option<usize>, Seconds), RunError> {
        while self.open.len() < MOST_OPEN
            && let Some((first, _)) = self.waiting.front()
            && self.open.iter().filter_map(OldFile::time).min().is_none_or(|least| *first <= least)
            && let Some((_, path)) = self.waiting.pop_front()
        {
            let failed = |source| RunError::Read { path: path.clone(), source };
            let mut file = OldFile::open(&path).map_err(failed)?;
            file.fill(&mut self.tally);
            if !file.batch.is_done() {
                self.open.push(file);
            }
        }
        let times = || self.open.iter().enumerate().filter_map(|(place, file)| Some((file.time()?, place)));
        let least = times().min();
        let others = times().filter(|time| Some(*time) != least).map(|(time, _)| time);
        let unopened = self.waiting.front().map(|(first, _)| *first);
        let until = others.chain(unopened.filter(|_| self.open.len() < MOST_OPEN)).min();
        Ok((least.map(|(_, place)| place), until.unwrap_or(Seconds::MAX)))
    }
}

impl OldFile {
    fn open(path: &Path) -> io::Result<OldFile> {
        let file = File::open(path)?;
        let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let input: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(OldFile {
            path: path.to_owned(),
            input,
            // No clock: what is ahead of its time is told by its neighbours.
            reader: Reader::new(Seconds::MAX / 2),
            carry: Carry::default(),
            bytes: vec![0; PIECE],
            begin: 0,
            filled: 0,
            ended: false,
            batch: Batch::default(),
            newest: None,
        })
    }

    /// How far the file has come with its next record; it never goes back.
    fn time(&self) -> Option<Seconds> {
        if self.batch.is_done() {
            return None;
        }
        self.newest.max(self.batch.head()).or(Some(Seconds::MIN))
    }

    /// Reads until there is a record, or no more of them.
    fn fill(&mut self, tally: &mut Tally) {
        self.batch.clear();
        while self.batch.is_done() && !(self.ended && self.begin == self.filled) {
            if self.begin > 0 {
                self.bytes.copy_within(self.begin..self.filled, 0);
                (self.begin, self.filled) = (0, self.filled - self.begin);
            }
            if !self.ended
                && let Err(why) = self.read_on()
            {
                // What came before the damage is good.
                self.ended = true;
                tally.troubles.push(format!("{}: {why}; read up to there", self.path.display()));
            }
            let bytes = self.bytes.get(..self.filled).unwrap_or(&[]);
            let piece = Piece { bytes, at: 0, ended: self.ended };
            let taken = self.reader.take(&piece, &mut self.carry, &mut self.batch);
            self.begin = taken.bytes;
            tally.rejected += taken.rejected;
            if taken.bytes == 0 && self.filled == self.bytes.len() {
                self.bytes.resize((2 * self.bytes.len()).min(2 * LONGEST_RECORD), 0);
            }
            if taken.bytes == 0 && self.ended {
                break;
            }
        }
        tally.bad_time += self.batch.doubt(self.newest);
    }

    fn read_on(&mut self) -> io::Result<()> {
        while let Some(room) = self.bytes.get_mut(self.filled..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Each file once, in the order of the names; a packed twin of a plain file is left out.
fn chosen(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let all: BTreeSet<PathBuf> = paths.iter().cloned().collect();
    let twin = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == "gz") && all.contains(&path.with_extension(""))
    };
    all.iter().filter(|path| !twin(path)).cloned().collect()
}
