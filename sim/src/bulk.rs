//! Large accounting files for measuring readers: fast, deterministic, and counted. No host is needed.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use crate::calendar::Calendar;
use crate::dice::Dice;
use crate::entry::{Column, Entry, Kind, write_header, write_line};
use crate::network::small_domain;
use crate::options::{Options, SimError};
use crate::providers::{self, Provider, SMALL};
use crate::reply::{Blanks, Effect, Reply, diagnostic, gloss};
use crate::truth::Counts;

/// What the file is to hold.
#[derive(Clone, Debug)]
pub struct Bulk {
    pub path: PathBuf,
    /// It ends with the record that reaches this size.
    pub bytes: u64,
    pub seed: u64,
    pub domains: usize,
    pub vmtas: usize,
    /// Share of `t` and `tq` among the records.
    pub deferrals: f64,
    /// How many styles of answer beside the built-in ones.
    pub templates: usize,
    /// Time of the first record.
    pub start: i64,
    /// Records per second of event time.
    pub rate: u64,
}

impl Default for Bulk {
    fn default() -> Self {
        Self {
            path: PathBuf::from("acct-2026-11-24-0000.csv"),
            bytes: 1_000_000_000,
            seed: 1,
            domains: 2_000,
            vmtas: 16,
            deferrals: 0.2,
            templates: 300,
            start: 1_795_433_400,
            rate: 500,
        }
    }
}

/// Where mail goes, ready to print.
struct Target {
    provider: &'static Provider,
    domain: String,
    mta: String,
    ip: String,
    queue_domain: String,
}

/// One line's texts, kept between lines so that nothing is allocated for each.
#[derive(Default)]
struct Scratch {
    rcpt: String,
    orig: String,
    diag: String,
    status: String,
    queue: String,
    vmta: String,
    source_ip: String,
    size: String,
    logged: String,
    queued: String,
}

/// Everything that stays while the file is written.
struct Press<'a> {
    bulk: &'a Bulk,
    targets: Vec<Target>,
    odd: Vec<String>,
    columns: Vec<Column>,
    dice: Dice,
    scratch: Scratch,
    counts: Counts,
}

/// Writes the file; returns what it holds.
pub fn write_bulk(bulk: &Bulk) -> Result<Counts, SimError> {
    let failed = || SimError::file(&bulk.path);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&bulk.path).map_err(failed())?);
    let mut dice = Dice::new(bulk.seed);
    let mut press = Press {
        bulk,
        targets: targets(bulk, &mut dice),
        odd: odd_templates(bulk, &mut dice),
        columns: Options::default().file_columns(&[]),
        dice,
        scratch: Scratch::default(),
        counts: Counts::default(),
    };
    let (calendar, rate) = (Calendar::new(0), bulk.rate.max(1));
    let mut line = Vec::new();
    write_header(&press.columns, false, &mut line);
    let (mut written, mut records) = (0, 0);
    while written < bulk.bytes {
        if records % rate == 0 {
            let now = bulk.start + (records / rate) as i64;
            press.scratch.logged = calendar.stamp_with_offset(now);
            press.scratch.queued = calendar.stamp_with_offset(now - 3);
        }
        records += 1;
        press.print(&mut line);
        if line.len() > 1 << 16 || written + line.len() as u64 >= bulk.bytes {
            out.write_all(&line).map_err(failed())?;
            written += line.len() as u64;
            line.clear();
        }
    }
    out.flush().map_err(failed())?;
    Ok(press.counts)
}

impl Press<'_> {
    /// Appends one record.
    fn print(&mut self, line: &mut Vec<u8>) {
        let Self { bulk, targets, odd, columns, dice, scratch, counts } = self;
        // Squared, so that the first targets are much busier than the last.
        let at = (dice.unit() * dice.unit() * targets.len() as f64) as usize;
        let Some(target) = targets.get(at) else { return };
        let deferred = dice.chance(bulk.deferrals);
        let (kind, template, status, category) = answer(target, deferred, odd, dice);
        let size = scratch.fill(bulk, target, dice);
        let (ip, rcpt) = (&scratch.source_ip, &scratch.rcpt);
        let blanks = Blanks { ip, mx: &target.domain, rcpt, domain: &target.domain };
        diagnostic(template, blanks, dice, &mut scratch.diag);
        set(&mut scratch.status, format_args!("{status} ({})", gloss(status)));
        let queue = Entry {
            kind,
            logged: &scratch.logged,
            status: &scratch.status,
            diag: &scratch.diag,
            mta: &target.mta,
            delivery_type: "smtp",
            source_ip: &scratch.source_ip,
            destination_ip: &target.ip,
            vmta: &scratch.vmta,
            queue: &scratch.queue,
            ..Entry::default()
        };
        let recipient = Entry {
            queued: &scratch.queued,
            orig: &scratch.orig,
            rcpt: &scratch.rcpt,
            action: action(kind),
            category,
            source_type: "api",
            source_mta: "feeder.sender.example (10.20.30.40)",
            esmtp: target.provider.esmtp,
            size: if kind == Kind::Delivery { &scratch.size } else { "" },
            job: "secret-JoB00017",
            pool: "pool-a",
            ..queue
        };
        counts.add(kind, size);
        let entry = if kind == Kind::TransientQueue { &queue } else { &recipient };
        write_line(entry, columns, false, line);
    }
}

impl Scratch {
    /// The texts that every record has; returns the message's size.
    fn fill(&mut self, bulk: &Bulk, target: &Target, dice: &mut Dice) -> u64 {
        let vmta = dice.below(bulk.vmtas.max(1) as u64) + 1;
        let (local, size) = (dice.bits() & 0xfff_ffff, 2_000 + dice.below(60_000));
        set(&mut self.vmta, format_args!("vmta{vmta}"));
        set(&mut self.source_ip, format_args!("203.0.113.{}", vmta % 250 + 1));
        set(&mut self.rcpt, format_args!("secret-{local:x}@{}", target.domain));
        set(&mut self.orig, format_args!("bounce-17-secret-{local:x}={}@mail.sender.example", target.domain));
        set(&mut self.queue, format_args!("{}/vmta{vmta}", target.queue_domain));
        set(&mut self.size, format_args!("{size}"));
        size
    }
}

fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Delivery => "relayed",
        Kind::Transient => "delayed",
        Kind::Bounce => "failed",
        _ => "",
    }
}

/// Type, template, status and category of one record.
fn answer<'a>(
    target: &Target,
    deferred: bool,
    odd: &'a [String],
    dice: &mut Dice,
) -> (Kind, &'a str, &'static str, &'static str) {
    let weather: &'static [Reply] = target.provider.weather;
    if !deferred {
        let refused = dice.chance(0.02);
        let reply = dice.pick(weather).filter(|reply| refused && reply.effect == Effect::Refuse);
        return match reply {
            Some(reply) => (Kind::Bounce, reply.text, reply.status, reply.category),
            None => (Kind::Delivery, target.provider.accepted, "2.0.0", ""),
        };
    }
    if dice.chance(0.3)
        && let Some(text) = dice.pick(odd)
    {
        return (Kind::Transient, text, "4.0.0", "other");
    }
    let soft = weather.iter().filter(|reply| reply.effect != Effect::Refuse).count();
    let nth = dice.below(soft.max(1) as u64) as usize;
    let reply = weather.iter().filter(|reply| reply.effect != Effect::Refuse).nth(nth);
    match reply {
        Some(reply) if reply.effect == Effect::Defer => {
            (Kind::Transient, reply.text, reply.status, reply.category)
        }
        Some(reply) => (Kind::TransientQueue, reply.text, reply.status, ""),
        None => (Kind::Transient, "451 4.3.0 Temporary failure", "4.3.0", "other"),
    }
}

fn targets(bulk: &Bulk, dice: &mut Dice) -> Vec<Target> {
    let known = providers::all().flat_map(|provider| provider.domains.iter().map(move |d| (provider, d)));
    let mut found: Vec<Target> =
        known.map(|(provider, domain)| target(provider, (*domain).to_owned())).collect();
    while found.len() < bulk.domains {
        found.push(target(&SMALL, small_domain(found.len(), dice)));
    }
    found.truncate(bulk.domains.max(1));
    found
}

fn target(provider: &'static Provider, domain: String) -> Target {
    let ip = format!("192.0.2.{}", domain.bytes().map(u32::from).sum::<u32>() % 250 + 1);
    let host = provider.hosts.first().copied().unwrap_or("mail.{domain}");
    let host = host.replace("{dash}", &domain.replace('.', "-")).replace("{domain}", &domain);
    let queue_domain = provider.rollup.map_or_else(|| domain.clone(), str::to_owned);
    Target { provider, mta: format!("{host} ({ip})"), ip, queue_domain, domain }
}

/// Answers in styles of their own, so that a reader meets hundreds of templates.
fn odd_templates(bulk: &Bulk, dice: &mut Dice) -> Vec<String> {
    const SUBJECT: [&str; 8] = [
        "mailbox",
        "server",
        "policy engine",
        "content filter",
        "directory",
        "relay",
        "disk",
        "queue manager",
    ];
    const STATE: [&str; 8] = [
        "is busy",
        "asks for patience",
        "reached its limit",
        "cannot decide now",
        "is under maintenance",
        "has no answer",
        "is short of room",
        "refuses for the moment",
    ];
    let one = |i: usize, dice: &mut Dice| {
        let subject = dice.pick(&SUBJECT).copied().unwrap_or("server");
        let state = dice.pick(&STATE).copied().unwrap_or("is busy");
        let code = dice.pick(&[421, 450, 451, 452]).copied().unwrap_or(451);
        format!(
            "{code} 4.{}.{} The {subject} {state}, please \"retry\" (rule{i}) [{{ip}}] {{hex}}",
            i % 8,
            i % 5
        )
    };
    (0..bulk.templates).map(|i| one(i, dice)).collect()
}

fn set(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.clear();
    // Writing to a String cannot fail.
    let _ = std::fmt::Write::write_fmt(out, arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_file_has_the_size_the_share_and_the_same_bytes_again() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, seed| {
            let path = dir.path().join(name);
            let counts =
                write_bulk(&Bulk { path: path.clone(), bytes: 2_000_000, seed, ..Bulk::default() }).unwrap();
            (counts, std::fs::read_to_string(path).unwrap())
        };
        let (counts, text) = write("a.csv", 1);
        assert!((2_000_000..2_100_000).contains(&text.len()));
        assert_eq!(counts.records(), text.lines().count() as u64 - 1);
        let starting = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count() as u64;
        assert_eq!(starting("d,"), counts.delivered);
        assert_eq!(starting("tq,"), counts.queue_deferred);
        assert_eq!(starting("t,"), counts.deferred);
        assert!((0.18..0.22).contains(&counts.deferral_ratio()), "{}", counts.deferral_ratio());
        assert_eq!(text, write("b.csv", 1).1);
        assert_ne!(text, write("c.csv", 2).1);
    }
}
