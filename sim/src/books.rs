//! Everything the host writes down while mail flows: accounting files, log, counters and the truth.

use crate::accounting::AccountingFile;
use crate::calendar::Calendar;
use crate::diary::Diary;
use crate::entry::{Entry, Kind};
use crate::meter::Meter;
use crate::options::{Columns, Options, SimError};
use crate::truth::{Facts, Truth};

#[derive(Debug)]
pub struct Books {
    pub files: Vec<AccountingFile>,
    pub truth: Truth,
    pub log: Diary,
    pub inbound: Meter,
    pub outbound: Meter,
    pub bounces_processed: u64,
    pub complaints_processed: u64,
    /// Keep back the end of the next record after so many bytes.
    pub partial: Option<usize>,
    /// Records are not written: the file cannot be, and nobody says so.
    pub withheld: bool,
    calendar: Calendar,
    epoch_times: bool,
    /// Early versions wrote a category on deliveries too.
    success_category: bool,
    failure: Option<SimError>,
}

impl Books {
    pub fn open(options: &Options, now: i64) -> Result<Self, SimError> {
        let calendar = Calendar::new(options.utc_offset_minutes);
        let files = options.accounting_files().into_iter();
        let files = files.map(|(base, kinds)| AccountingFile::open(base, kinds, options, calendar, now));
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
            truth: Truth::default(),
            log: Diary::open(&options.log_folder().join("log"), calendar)?,
            inbound: Meter::default(),
            outbound: Meter::default(),
            bounces_processed: 0,
            complaints_processed: 0,
            partial: None,
            withheld: false,
            calendar,
            epoch_times: options.epoch_times,
            success_category: options.columns == Columns::Old22,
            failure: None,
        })
    }

    /// Counts a record and writes it, if any file takes its type.
    pub fn record(&mut self, entry: &Entry<'_>, facts: Facts<'_>) {
        if self.withheld {
            return;
        }
        let Some(file) = self.files.iter_mut().find(|file| file.kinds.contains(&entry.kind)) else {
            return;
        };
        self.truth.count(entry.kind, facts);
        let success = self.success_category && entry.kind == Kind::Delivery;
        let entry = &Entry { category: if success { "success" } else { entry.category }, ..*entry };
        let written = match self.partial.take() {
            Some(keep) => file.write_partial(entry, keep),
            None => file.write(entry),
        };
        self.note(written);
    }

    pub fn takes(&self, kind: Kind) -> bool {
        self.files.iter().any(|file| file.kinds.contains(&kind))
    }

    /// A moment as the accounting files write it.
    pub fn stamp(&self, at: i64) -> String {
        if self.epoch_times { at.to_string() } else { self.calendar.stamp_with_offset(at) }
    }

    /// Midnight rotation, and time passing on the counters.
    pub fn pass(&mut self, now: i64) {
        self.inbound.pass(now);
        self.outbound.pass(now);
        let date = self.calendar.date(now);
        let results: Vec<_> = self.files.iter_mut().map(|file| file.turn_day(&date)).collect();
        for result in results {
            self.note(result);
        }
    }

    pub fn reset_counters(&mut self) {
        self.inbound = Meter::default();
        self.outbound = Meter::default();
        self.bounces_processed = 0;
        self.complaints_processed = 0;
    }

    pub fn flush(&mut self) -> Result<(), SimError> {
        for file in &mut self.files {
            file.flush()?;
        }
        self.log.flush()?;
        self.failure.take().map_or(Ok(()), Err)
    }

    pub fn rotate(&mut self) -> Result<(), SimError> {
        self.files.iter_mut().try_for_each(AccountingFile::rotate)
    }

    /// Keeps the first failure until the next flush tells it.
    fn note(&mut self, result: Result<(), SimError>) {
        if let Err(error) = result {
            self.failure.get_or_insert(error);
        }
    }
}
