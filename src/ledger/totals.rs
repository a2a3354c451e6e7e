//! The totals of every accounting record: grand, by provider and VMTA, by provider and reason.
//! It knows what is counted, not where records come from.

mod shown;

use super::delays::Delays;
use super::{LedgerError, Limits, OTHER, Slots};
use crate::classify::{Answer, Provider, Reason, Word};
use crate::record::{Delivery, Kind, Seconds};
use rusqlite::{Connection, OptionalExtension};

/// The numbers of the totals' books in the file.
const GRAND: i64 = 1;
const PAIRS: i64 = 2;
const PROVIDERS: i64 = 3;

/// The eight kinds, then delivered bytes.
const KINDS: usize = Kind::ALL.len();
const BYTES: usize = KINDS;
/// Delay sum and count, then a counter for each outcome and reason.
const DELAY_SUM: usize = 0;
const DELAY_COUNT: usize = 1;
const REPLIES: usize = 2;
const REASONS: usize = Reason::ALL.len();
/// Reply outcomes in the order of their columns.
const OUTCOMES: [&str; 3] = ["deferred", "queue_deferred", "bounced"];
/// A record stamped further ahead is counted but moves no clock (design 3.6).
const AHEAD: Seconds = 300;
/// How the ledger's file calls the delays' window.
const DELAYS_KEY: &str = "delays";

/// Cumulative totals, loaded, raised record by record, and saved with the cursors.
#[derive(Debug)]
pub struct Tally {
    now: Seconds,
    grand: Slots,
    pairs: Slots,
    providers: Slots,
    delays: Delays,
    /// Where named providers sit, by their number in this process, in one generation of seats.
    named: Vec<usize>,
    generation: u64,
}

impl Tally {
    pub(super) fn load(db: &Connection, limits: &Limits, now: Seconds) -> Result<Tally, LedgerError> {
        let providers = Slots::load(db, PROVIDERS, REPLIES + OUTCOMES.len() * REASONS, limits.providers)?;
        let mut query = db.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        let bytes = query.query_row([DELAYS_KEY], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let seat_of = |key: &str| if key.is_empty() { Some(OTHER) } else { providers.find(key) };
        // A window that cannot be read is only a gauge that begins anew.
        let delays = bytes.and_then(|bytes| Delays::unpack(&bytes, seat_of)).unwrap_or_default();
        Ok(Tally {
            now,
            grand: Slots::load(db, GRAND, KINDS + 1, 0)?,
            pairs: Slots::load(db, PAIRS, KINDS + 1, limits.pairs)?,
            delays,
            providers,
            named: Vec::new(),
            generation: 0,
        })
    }

    /// Counts one record. `name` is the provider's name in tags; `answer` the verdict on its
    /// reply, if it has one. This runs once for each of millions of records: it allocates nothing
    /// but for a key seen for the first time.
    pub fn add<'n>(
        &mut self,
        record: &Delivery<'_>,
        provider: Provider<'_>,
        name: impl Into<Word<'n>>,
        answer: Option<&Answer>,
    ) {
        let name = name.into();
        let at = self.believed(record.logged);
        let kind = record.kind as usize;
        let named = matches!(provider, Provider::Named(_));
        let pair = self.pair_seat(record.vmta, name, named, at);
        self.grand.raise(OTHER, kind, 1);
        self.pairs.raise(pair, kind, 1);
        if record.kind == Kind::Delivered {
            let bytes = i64::try_from(record.size).unwrap_or(i64::MAX);
            self.grand.raise(OTHER, BYTES, bytes);
            self.pairs.raise(pair, BYTES, bytes);
        }
        let outcome = match record.kind {
            Kind::Delivered => None,
            Kind::Deferred => Some(0),
            Kind::QueueDeferred => Some(1),
            Kind::Bounced => Some(2),
            _ => return,
        };
        let seat = self.provider_seat(provider, name, at);
        if let Some(outcome) = outcome {
            let reason = answer.map_or(Reason::Other, |answer| answer.reason);
            self.providers.raise(seat, REPLIES + outcome * REASONS + usize::from(reason.number()), 1);
        } else if let Some(delay) = record.queued.and_then(|queued| record.logged.checked_sub(queued))
            && delay >= 0
        {
            self.providers.raise(seat, DELAY_SUM, delay);
            self.providers.raise(seat, DELAY_COUNT, 1);
            self.delays.note(seat, self.providers.key(seat), at, delay);
        }
    }

    /// Whether this provider has a series of its own, and is not counted in `other`.
    pub fn has_series<'n>(&self, provider: impl Into<Word<'n>>) -> bool {
        self.providers.find(provider).is_some()
    }

    pub(super) fn save(&mut self, db: &Connection) -> Result<(), LedgerError> {
        self.grand.save(db)?;
        self.pairs.save(db)?;
        self.providers.save(db)?;
        if let Some(bytes) = self.delays.pack_changes() {
            db.prepare_cached("INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)")?
                .execute(rusqlite::params![DELAYS_KEY, bytes])?;
        }
        Ok(())
    }

    /// A time far ahead must not give up everybody's slots: it counts as the newest hour known.
    fn believed(&self, logged: Seconds) -> Seconds {
        if logged > self.now + AHEAD { self.pairs.clock().unwrap_or(0) } else { logged.max(0) }
    }

    fn pair_seat(&mut self, vmta: &[u8], name: Word<'_>, named: bool, at: Seconds) -> usize {
        if name.text == shown::OTHER_NAME && vmta == shown::OTHER_NAME.as_bytes() {
            return OTHER;
        }
        self.pairs.seat_of_two(name, vmta, named, at)
    }

    fn provider_seat(&mut self, provider: Provider<'_>, name: Word<'_>, at: Seconds) -> usize {
        if let Provider::Named(number) = provider
            && let Some(seat) = self.named.get(usize::from(number)).copied()
            && self.providers.touch_if(seat, self.generation, at)
        {
            return seat;
        }
        if name.text == shown::OTHER_NAME {
            return OTHER;
        }
        let seat = self.providers.seat(name, matches!(provider, Provider::Named(_)), at);
        if self.generation != self.providers.generation() {
            self.generation = self.providers.generation();
            self.named.clear();
            self.delays.keep_only(|seat| self.providers.key(seat));
        }
        if let Provider::Named(number) = provider {
            let number = usize::from(number);
            if self.named.len() <= number {
                self.named.resize(number + 1, OTHER);
            }
            if let Some(place) = self.named.get_mut(number) {
                *place = seat;
            }
        }
        seat
    }
}
