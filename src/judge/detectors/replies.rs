//! Replies that a provider never gave before, or suddenly gives far more often: a changed ISP
//! says so here first, whatever reason its words have. It counts nothing itself.

use super::super::theory::beta_binomial::ln_tail;
use super::super::wording::{bracket, percent};
use crate::ledger::repertoire::{BUCKET, Heard, OFTEN, Repertoire, YOUNG};
use crate::record::{Confidence, Finding, Seconds, Severity, State, Unit};

pub const NAME: &str = "new-reply";

/// Shares of replies wander with campaigns more than ratios of outcomes do.
const RHO: f64 = 0.02;
const LN_ALPHA: f64 = -16.118_095_650_958_32;
/// A reply that grew is told from this share of its provider's replies upwards ...
const SHARE: f64 = 0.2;
/// ... and must have grown so many times.
const TIMES: f64 = 4.0;
/// Replies to compare with.
const USUAL: f64 = 200.0;
/// What was told is told again after so long, or when its share grew by half once more.
const AGAIN: Seconds = 7 * 86_400;
const MORE: f64 = 1.5;
/// A finding ends when the reply became rare, or is what its provider usually says by then.
const ACCUSTOMED: Seconds = 86_400;
const LONGEST_EXAMPLE: usize = 200;
const ACTION: &str = "Read it; `pmta-vitals explain --new` lists the new replies with their counts, and a \
                      rule of your own in [rules] directory gives it a reason.";

/// Lets event time pass: what began and what ended by then.
pub fn step(replies: &mut Repertoire<'_>, at: Seconds, named: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut changes = replies.until(at, |heard| judge(heard, named(&heard.reply.provider)));
    if changes.is_empty() && replies.open().is_empty() {
        return changes;
    }
    let mut open = Vec::new();
    for mut finding in replies.open().to_vec() {
        let template = finding.id.split('-').rev().nth(1).and_then(|word| u64::from_str_radix(word, 16).ok());
        let lately = template.map_or(0, |template| replies.lately(&finding.provider, template, at));
        let again = changes.iter().any(|new| new.provider == finding.provider && same_reply(new, &finding));
        if again || lately < OFTEN || at - finding.began >= ACCUSTOMED {
            finding.state = State::Resolved;
            finding.changed = at;
            changes.push(finding);
        } else {
            open.push(finding);
        }
    }
    open.extend(changes.iter().filter(|change| change.state == State::Firing).cloned());
    replies.set_open(open);
    changes
}

fn same_reply(left: &Finding, right: &Finding) -> bool {
    let stem = |finding: &Finding| finding.id.rsplit_once('-').map(|(stem, _)| stem.to_owned());
    stem(left) == stem(right)
}

/// Whether a reply is worth a word, and which.
pub fn judge(heard: &Heard<'_>, named: bool) -> Option<Finding> {
    let subject = bracket(&heard.reply.provider, named);
    let cause = if heard.reply.known { heard.reply.reason.name() } else { "no rule knows it" };
    let example: String = heard.reply.example.chars().take(LONGEST_EXAMPLE).collect();
    if is_young(heard) {
        // Told once as new; how it grows on its first day is the reasons' business.
        let (hits, all) = heard.hour;
        if heard.told.0 > 0 || hits < OFTEN {
            return None;
        }
        let message = format!("[{subject}] New reply, {hits} times in an hour: {example} ({cause})");
        return Some(finding(heard, None, (hits, all), message));
    }
    let usual = share(heard.usual);
    let (hits, all) = [heard.bucket, heard.hour].into_iter().find(|window| grew(heard, *window))?;
    let now = hits as f64 / all as f64;
    let message = format!(
        "[{subject}] Reply grew from {} to {} of all refusals: {example} ({cause})",
        percent(usual),
        percent(now)
    );
    Some(finding(heard, Some(usual), (hits, all), message))
}

/// First heard within a day, from a provider that had been heard for a day.
fn is_young(heard: &Heard<'_>) -> bool {
    let first = heard.reply.first_seen;
    heard.at - first < YOUNG + BUCKET && first - heard.since >= YOUNG
}

fn grew(heard: &Heard<'_>, (hits, all): (u64, u64)) -> bool {
    let (usual, now) = (share(heard.usual), hits as f64 / all.max(1) as f64);
    let told = heard.told.0 > 0 && heard.at - heard.told.0 < AGAIN && now < heard.told.1 * MORE;
    !told
        && hits >= OFTEN
        && heard.usual.1 >= USUAL
        && heard.at - heard.since >= YOUNG
        && now >= usual + SHARE
        && now >= usual * TIMES
        && ln_tail(hits, all, usual, RHO) < LN_ALPHA
}

fn share((hits, all): (f64, f64)) -> f64 {
    (hits + 0.5) / (all + 50.0)
}

fn finding(heard: &Heard<'_>, was: Option<f64>, (hits, all): (u64, u64), message: String) -> Finding {
    let mut finding = Finding::note(NAME, Severity::Info, heard.at, message, ACTION);
    let provider = heard.reply.provider.replace(' ', "-");
    finding.id = format!("{NAME}-{provider}-{:016x}-{}", heard.reply.template, heard.at);
    finding.state = State::Firing;
    finding.provider.clone_from(&heard.reply.provider);
    finding.reason = heard.reply.reason.name().to_owned();
    finding.unit = Unit::Ratio;
    finding.was = was;
    finding.now = Some(hits as f64 / all.max(1) as f64);
    finding.n = i64::try_from(all).unwrap_or(i64::MAX);
    finding.confidence = Confidence::High;
    finding.routing = "log".to_owned();
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Reason, Template};

    fn reply(first_seen: Seconds) -> Template {
        Template {
            provider: "Comcast".to_owned(),
            template: 7,
            count: 500,
            first_seen,
            last_seen: first_seen,
            known: false,
            reason: Reason::TempUnspecified,
            example: "450 try later".to_owned(),
        }
    }

    const AT: Seconds = 100 * YOUNG;

    fn heard(reply: &Template) -> Heard<'_> {
        Heard {
            reply,
            since: 0,
            at: AT,
            bucket: (50, 80),
            hour: (500, 1_000),
            usual: (0.0, 1_000.0),
            told: (0, 0.0),
        }
    }

    #[test]
    fn a_new_reply_is_told_once_there_is_a_day_to_compare_with() {
        let new = reply(AT - 600);
        let finding = judge(&heard(&new), true).unwrap();
        assert_eq!(
            finding.message,
            "[Comcast] New reply, 500 times in an hour: 450 try later (no rule knows it)"
        );
        assert_eq!((finding.was, finding.n), (None, 1_000));
        let quiet = |change: &dyn Fn(&mut Heard<'_>)| {
            let mut heard = Heard { usual: (900.0, 1_000.0), ..heard(&new) };
            change(&mut heard);
            judge(&heard, true).is_none()
        };
        assert!(!quiet(&|_| ()));
        assert!(quiet(&|heard| heard.hour = (19, 100)), "a trickle");
        assert!(quiet(&|heard| heard.since = AT - 600 - YOUNG + 1), "everything is new on the first day");
        assert!(quiet(&|heard| heard.told = (AT - 300, 0.5)), "told once");
    }

    #[test]
    fn an_old_reply_is_told_when_its_share_jumps_and_not_when_it_wanders() {
        let old = reply(0);
        let told = |change: &dyn Fn(&mut Heard<'_>)| {
            let mut heard = Heard { usual: (20.0, 2_000.0), ..heard(&old) };
            change(&mut heard);
            judge(&heard, false).map(|finding| finding.message)
        };
        let text = told(&|_| ()).unwrap();
        assert_eq!(
            text,
            "[COMCAST] Reply grew from 1% to 62% of all refusals: 450 try later (no rule knows it)"
        );
        for (why, change) in [
            (
                "twice as often is no jump",
                &(|heard: &mut Heard<'_>| heard.usual = (600.0, 2_000.0)) as &dyn Fn(&mut Heard<'_>),
            ),
            ("few to compare with", &|heard| heard.usual = (1.0, 150.0)),
            ("a provider of today", &|heard| heard.since = AT - YOUNG + 1),
            ("a trickle", &|heard| (heard.bucket, heard.hour) = ((10, 12), (19, 22))),
            ("small beside all others", &|heard| (heard.bucket, heard.hour) = ((50, 400), (500, 4_000))),
            ("told the day before", &|heard| heard.told = (AT - YOUNG, 0.5)),
        ] {
            assert_eq!(told(change), None, "{why}");
        }
        assert!(told(&|heard| heard.told = (AT - YOUNG, 0.3)).is_some(), "twice what was told");
        assert!(told(&|heard| heard.told = (AT - 8 * YOUNG, 0.6)).is_some(), "a week later");
        let slow = told(&|heard| heard.bucket = (5, 100)).unwrap();
        assert!(slow.contains("to 50%"), "the hour decides where five minutes do not: {slow}");
    }
}
