//! The totals as rows of their measurements (design section 5). It counts nothing.

use super::{BYTES, DELAY_COUNT, DELAY_SUM, OUTCOMES, REASONS, REPLIES, Tally};
use crate::classify::Reason;
use crate::ledger::OTHER;
use crate::ledger::key::BETWEEN;
use crate::record::{Kind, Sample};

pub(super) const OTHER_NAME: &str = "other";

impl Tally {
    /// Every total held, as cumulative samples: the grand total, each pair, each provider's
    /// replies and delay, and `other`.
    pub fn rows(&self) -> Vec<Sample> {
        let mut rows = vec![recipients(Sample::new("pmta_totals"), self.grand.other())];
        for (_, key, counts) in self.pairs.held() {
            let (provider, vmta) = key.split_once(BETWEEN).unwrap_or((key, ""));
            rows.push(recipients(pair(provider, vmta), counts));
        }
        rows.push(recipients(pair(OTHER_NAME, OTHER_NAME), self.pairs.other()));
        let mut providers = self.providers.held();
        providers.push((OTHER, OTHER_NAME, self.providers.other()));
        for (_, name, counts) in &providers {
            replies(&mut rows, name, counts);
        }
        for (seat, name, counts) in &providers {
            rows.extend(self.delay(*seat, name, counts));
        }
        rows
    }

    fn delay(&self, seat: usize, name: &str, counts: &[i64]) -> Option<Sample> {
        let count = column(counts, DELAY_COUNT);
        if count == 0 {
            return None;
        }
        let row = Sample::new("pmta_delivery_delay_seconds")
            .tag("provider", name)
            .int("sum_total", column(counts, DELAY_SUM))
            .int("count_total", count);
        // `key` and not `name`: the seat of all others has no key of its own.
        let Some(seen) = self.delays.spread(seat, self.providers.key(seat), self.now) else {
            return Some(row);
        };
        Some(row.float("p50", seen.p50).float("p95", seen.p95).float("max", seen.max))
    }
}

fn pair(provider: &str, vmta: &str) -> Sample {
    let mut row = Sample::new("pmta_recipients");
    row.tags.reserve_exact(2);
    row.tag("provider", provider).tag("vmta", vmta)
}

fn recipients(mut row: Sample, counts: &[i64]) -> Sample {
    // Hundreds of rows in every run: their room is asked for once.
    row.fields.reserve_exact(Kind::ALL.len() + 1);
    for kind in Kind::ALL {
        row = row.int(kind.field(), column(counts, kind as usize));
    }
    row.int("delivered_bytes_total", column(counts, BYTES))
}

/// Only what ever occurred: thirty reasons and three outcomes would be ninety rows for each.
fn replies(rows: &mut Vec<Sample>, provider: &str, counts: &[i64]) {
    for (outcome, word) in OUTCOMES.iter().enumerate() {
        for reason in Reason::ALL {
            let total = column(counts, REPLIES + outcome * REASONS + usize::from(reason.number()));
            if total > 0 {
                rows.push(
                    Sample::new("pmta_replies")
                        .tag("provider", provider)
                        .tag("reason", reason.name())
                        .tag("outcome", *word)
                        .int("total", total),
                );
            }
        }
    }
}

fn column(counts: &[i64], column: usize) -> i64 {
    counts.get(column).copied().unwrap_or(0)
}
