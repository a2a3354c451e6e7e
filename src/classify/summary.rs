//! What a whole accounting file says: replies by provider and reason, PowerMTA's categories beside
//! them, and the replies that nobody knows. Reads no file; bounded whatever is counted.

use super::columns::aligned;
use super::crosscheck::{Comparison, PatternLists};
use super::{Answer, Reason, Template, Templates};
use std::collections::{BTreeMap, HashMap};

/// Providers counted by name; later ones are `(more)`.
const MOST_PROVIDERS: usize = 2_000;
/// Templates whose match with the host's patterns is remembered.
const MOST_TRIED: usize = 16_384;
/// Lines of each table; the rest is summed up in one.
const MOST_LINES: usize = 40;
const MOST_REPLIES: usize = 20;
const MORE: &str = "(more)";

/// How the attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Deferred,
    QueueDeferred,
    Bounced,
}

/// One answered reply.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub provider: &'a str,
    pub outcome: Outcome,
    /// PowerMTA's `bounceCat`.
    pub category: &'a [u8],
    /// `dsnDiag` as it stands in the file.
    pub reply: &'a [u8],
    /// The same, normalised.
    pub text: &'a str,
    pub time: i64,
}

#[derive(Debug, Default)]
pub struct Summary {
    delivered: u64,
    /// Deferred, deferred as a queue, bounced.
    cells: BTreeMap<(String, Reason), [u64; 3]>,
    providers: usize,
    comparison: Comparison,
    unknown: Templates,
    lists: PatternLists,
    tried: HashMap<u64, bool, foldhash::fast::FixedState>,
    unmatched: Templates,
}

impl Summary {
    /// `lists` are the host's own, to see which replies they leave alone.
    pub fn new(lists: PatternLists) -> Summary {
        Summary { lists, ..Summary::default() }
    }

    pub fn delivered(&mut self) {
        self.delivered += 1;
    }

    pub fn note(&mut self, seen: &Seen<'_>, answer: &Answer) {
        let name = self.name(seen.provider, answer.reason);
        let [deferred, queue_deferred, bounced] = self.cells.entry((name, answer.reason)).or_default();
        *match seen.outcome {
            Outcome::Deferred => deferred,
            Outcome::QueueDeferred => queue_deferred,
            Outcome::Bounced => bounced,
        } += 1;
        self.comparison.note(seen.category, answer.reason);
        if answer.rule.is_none() {
            self.unknown.note(seen.provider, answer, seen.text, seen.time);
        }
        let deferral = seen.outcome != Outcome::Bounced;
        if !self.lists.is_empty() && slowing_helps(deferral, answer.reason) && !self.is_matched(seen, answer)
        {
            self.unmatched.note(seen.provider, answer, seen.text, seen.time);
        }
    }

    fn name(&mut self, provider: &str, reason: Reason) -> String {
        let key = (provider.to_owned(), reason);
        if self.cells.contains_key(&key) {
            return key.0;
        }
        let (first, last) =
            ((provider.to_owned(), Reason::RateLimited), (provider.to_owned(), Reason::Other));
        let known = self.cells.range(first..=last).next().is_some();
        if !known && self.providers >= MOST_PROVIDERS {
            return MORE.to_owned();
        }
        self.providers += usize::from(!known);
        key.0
    }

    /// One look for each template: the reply's address or id seldom decides.
    fn is_matched(&mut self, seen: &Seen<'_>, answer: &Answer) -> bool {
        if let Some(matched) = self.tried.get(&answer.template) {
            return *matched;
        }
        let reply = String::from_utf8_lossy(seen.reply);
        let bare = reply.split_once(';').filter(|(kind, _)| kind.eq_ignore_ascii_case("smtp"));
        let matched = self.lists.answers(bare.map_or(&*reply, |(_, reply)| reply.trim_start()));
        if self.tried.len() < MOST_TRIED {
            self.tried.insert(answer.template, matched);
        }
        matched
    }

    /// The tables, in an order that only the file decides.
    pub fn in_words(&self) -> String {
        let mut out = self.replies();
        out.push_str(&self.categories());
        let unknown: Vec<&Template> = self.unknown.list();
        out.push_str(&titled(
            "Replies that no rule knows (a status or a code decided, or nothing)",
            &unknown,
        ));
        if self.lists.is_empty() {
            out.push_str("\nNo smtp-pattern-list is known on this host.\n");
        } else {
            let unmatched = self.unmatched.list();
            out.push_str(&titled(
                "Deferrals and blocks that no smtp-pattern-list of this host matches",
                &unmatched,
            ));
        }
        out
    }

    fn replies(&self) -> String {
        let counts = self.cells.values();
        let total: u64 = counts.map(|counts| counts.iter().sum::<u64>()).sum();
        let attempts = total + self.delivered;
        let mut out = format!(
            "{attempts} attempts: {} delivered, {total} replies ({} of attempts)\n",
            self.delivered,
            per_cent(total, attempts)
        );
        if total == 0 {
            return out;
        }
        let mut cells: Vec<_> = self.cells.iter().collect();
        cells.sort_by_key(|(key, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *key));
        let row = |provider: &str, reason: &str, counts: &[u64; 3]| {
            let sum: u64 = counts.iter().sum();
            let [deferred, queue, bounced] = counts.map(|count| count.to_string());
            [provider.to_owned(), reason.to_owned(), deferred, queue, bounced, per_cent(sum, total)]
        };
        let head = ["provider", "reason", "deferred", "queue-deferred", "bounced", "share"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(
            cells
                .iter()
                .take(MOST_LINES)
                .map(|((provider, reason), counts)| row(provider, reason.name(), counts)),
        );
        if cells.len() > MOST_LINES {
            let rest = cells.iter().skip(MOST_LINES).fold([0; 3], |sum, (_, counts)| added(sum, counts));
            rows.push(row(&format!("({} more)", cells.len() - MOST_LINES), "", &rest));
        }
        out.push('\n');
        out.push_str(&aligned(&rows, &[2, 3, 4, 5]));
        out.push_str("\nBy reason\n");
        let mut reasons: BTreeMap<Reason, [u64; 3]> = BTreeMap::new();
        for ((_, reason), counts) in &self.cells {
            let sum = reasons.entry(*reason).or_default();
            *sum = added(*sum, counts);
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(reason, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *reason));
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(reasons.iter().map(|(reason, counts)| row("", reason.name(), counts)));
        let rows: Vec<[String; 5]> = rows.into_iter().map(|[_, rest @ ..]| rest).collect();
        out.push_str(&aligned(&rows, &[1, 2, 3, 4]));
        out
    }

    fn categories(&self) -> String {
        let compared = self.comparison.rows();
        if compared.is_empty() {
            return String::new();
        }
        let total: u64 = compared.iter().map(|row| row.count).sum();
        let agree: u64 = compared.iter().filter(|row| row.agrees).map(|row| row.count).sum();
        let mut rows = vec![["bounceCat", "reason", "count", ""].map(str::to_owned)];
        rows.extend(compared.iter().take(MOST_LINES).map(|row| {
            let differs = if row.agrees { "" } else { "differs" };
            [row.category.clone(), row.reason.name().to_owned(), row.count.to_string(), differs.to_owned()]
        }));
        let rest: u64 = compared.iter().skip(MOST_LINES).map(|row| row.count).sum();
        if rest > 0 {
            let more = format!("({} more)", compared.len() - MOST_LINES);
            rows.push([more, String::new(), rest.to_string(), String::new()]);
        }
        format!(
            "\nPowerMTA's bounceCat against these reasons: {} agree\n{}",
            per_cent(agree, total),
            aligned(&rows, &[2])
        )
    }
}

/// Where PowerMTA's backoff, and so a pattern, is of use: not where one recipient or one message
/// is meant.
fn slowing_helps(deferral: bool, reason: Reason) -> bool {
    use Reason::*;
    let of_one = matches!(
        reason,
        MailboxFull | BadMailbox | InactiveMailbox | RecipientThrottled | Virus | TooLarge | MessageFormat
    );
    (deferral && !of_one)
        || matches!(reason, RateLimited | ConnectionLimit | Blocklisted | Reputation | SpamContent | Policy)
}

fn titled(title: &str, list: &[&Template]) -> String {
    if list.is_empty() {
        return format!("\n{title}: none\n");
    }
    let mut rows = vec![["count", "provider", "reply"].map(str::to_owned)];
    rows.extend(
        list.iter().take(MOST_REPLIES).map(|template| {
            [template.count.to_string(), template.provider.clone(), template.example.clone()]
        }),
    );
    let rest: u64 = list.iter().skip(MOST_REPLIES).map(|template| template.count).sum();
    if rest > 0 {
        let more = format!("({} more)", list.len() - MOST_REPLIES);
        rows.push([rest.to_string(), more, String::new()]);
    }
    format!("\n{title}\n{}", aligned(&rows, &[0]))
}

fn added(mut sum: [u64; 3], counts: &[u64; 3]) -> [u64; 3] {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    sum
}

fn per_cent(part: u64, whole: u64) -> String {
    format!("{:.1} %", if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(reason: Reason, template: u64, rule: Option<u16>) -> Answer {
        Answer { reason, stage: None, code: 450, throttling: false, template, rule }
    }

    fn seen<'a>(provider: &'a str, outcome: Outcome, reply: &'a str) -> Seen<'a> {
        Seen { provider, outcome, category: b"policy-related", reply: reply.as_bytes(), text: reply, time: 5 }
    }

    #[test]
    fn tables_count_by_provider_and_reason() {
        let lists = PatternLists::new(["^450 too fast"].into_iter());
        let mut summary = Summary::new(lists);
        (0..6).for_each(|_| summary.delivered());
        for _ in 0..3 {
            summary.note(
                &seen("Yahoo", Outcome::Deferred, "smtp;450 too fast"),
                &answer(Reason::RateLimited, 1, Some(3)),
            );
        }
        summary.note(&seen("a.example", Outcome::Bounced, "550 zzz"), &answer(Reason::Other, 2, None));
        summary.note(&seen("a.example", Outcome::QueueDeferred, "451 eh"), &answer(Reason::Other, 3, None));
        let text = summary.in_words();
        let has = |words: &[&str]| text.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
        assert!(text.starts_with("11 attempts: 6 delivered, 5 replies (45.5 % of attempts)\n"), "{text}");
        assert!(has(&["Yahoo", "rate-limited", "3", "0", "0", "60.0", "%"]), "{text}");
        assert!(has(&["a.example", "other", "0", "1", "1", "40.0", "%"]), "{text}");
        assert!(has(&["rate-limited", "3", "0", "0", "60.0", "%"]), "{text}");
        assert!(has(&["policy-related", "other", "2", "differs"]) && text.contains("60.0 % agree"), "{text}");
        assert!(has(&["1", "a.example", "550", "zzz"]), "no rule knows it: {text}");
        let (_, unmatched) = text.split_once("no smtp-pattern-list").unwrap();
        assert!(unmatched.contains("451 eh") && !unmatched.contains("too fast"), "{text}");
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut summary = Summary::default();
        for number in 0..10_000u64 {
            let provider = format!("d{number}.example");
            summary.note(
                &seen(&provider, Outcome::Bounced, "550 zzz"),
                &answer(Reason::Other, number + 1, None),
            );
        }
        assert!(summary.cells.len() <= MOST_PROVIDERS + Reason::ALL.len());
        assert_eq!(summary.cells.values().flatten().sum::<u64>(), 10_000);
        assert!(summary.in_words().lines().count() < 200);
    }
}
