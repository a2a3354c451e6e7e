//! The trees of queues, domains, VMTAs, jobs and waiting recipients: filtered, sorted, cut, with totals.

use std::collections::BTreeMap;

use super::tree::{Tree, text};
use crate::flow::Queue;
use crate::meter::Amount;
use crate::world::World;

/// What a caller wants to see of a list.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub max_items: usize,
    pub errors: bool,
    /// `D/V` with `*`; empty = all.
    pub pattern: String,
    pub vmta: String,
    pub connected: Option<bool>,
    pub paused: Option<bool>,
    pub backoff: Option<bool>,
    /// `name`, `size`, else by recipients.
    pub sort: String,
    pub older_than: i64,
    /// JSON has other names and types than XML and DOM here and there.
    pub json: bool,
}

pub fn queues(world: &World, wish: &Wish) -> Tree {
    let mut found: Vec<(&Queue, String)> = matching(world, wish);
    match wish.sort.as_str() {
        "name" => found.sort_by(|a, b| a.1.cmp(&b.1)),
        "size" => found.sort_by_key(|(queue, name)| (u64::MAX - queue.bytes, name.clone())),
        _ => found.sort_by_key(|(queue, name)| (usize::MAX - queue.waiting.len(), name.clone())),
    }
    let recipients = found.iter().map(|(queue, _)| queue.waiting.len() as u64).sum();
    let count = found.len() as u64;
    found.truncate(wish.max_items);
    let rows: Vec<_> = found.iter().map(|(queue, name)| queue_row(world, queue, name, wish)).collect();
    page("queues", "queue", "totalQueuesWithRcp", rows, recipients, count)
}

/// One queue by its whole name, whether or not anything waits in it.
pub fn detail(world: &World, name: &str, wish: &Wish) -> Option<Tree> {
    let queue = world.flow.queues.iter().find(|queue| world.flow.queue_name(queue) == name)?;
    Some(queue_row(world, queue, name, wish))
}

/// A page of queues that do not exist, for the fault of that name.
pub fn invented_queues(count: usize, wish: &Wish) -> Tree {
    let rows = (0..count).map(|i| {
        let name = text(format!("tenant{i:06}.example/vmta{}", i % 16 + 1));
        let paused = if wish.json { Tree::Flag(false) } else { text("no") };
        Tree::Node(vec![
            ("name", name),
            ("rcp", Tree::Whole(i as u64 % 97 + 1)),
            ("kb", Tree::Amount(i as f64 / 10.0)),
            ("conn", Tree::Whole(0)),
            (if wish.json { "errors" } else { "event" }, Tree::Rows("event", Vec::new())),
            ("paused", paused),
            ("mode", text("normal")),
        ])
    });
    let recipients = (0..count).map(|i| i as u64 % 97 + 1).sum();
    page("queues", "queue", "totalQueuesWithRcp", rows.collect(), recipients, count as u64)
}

pub fn domains(world: &World, wish: &Wish) -> Tree {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (queue, _) in matching(world, wish) {
        let domain = world.flow.network.queue_domains.get(queue.domain).map_or("", String::as_str);
        let group = groups.entry(domain).or_default();
        group.add(queue);
        group.errors.extend(queue.errors.iter().cloned());
    }
    let rows = largest(groups, wish.max_items, |name, group| {
        group.errors.sort_by_key(|error| std::cmp::Reverse(error.0));
        group.errors.truncate(10);
        let mut row = group.head(name);
        if wish.errors {
            row.push(("errors", errors(world, group.errors.iter(), wish.json)));
        }
        Tree::Node(row)
    });
    page("domains", "domain", "totalDomainsWithRcp", rows.0, rows.1, rows.2)
}

pub fn vmtas(world: &World, wish: &Wish) -> Tree {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (queue, _) in matching(world, wish) {
        let vmta = world.flow.network.vmtas.get(queue.vmta).map_or("", |vmta| vmta.name.as_str());
        groups.entry(vmta).or_default().add(queue);
    }
    let all = world.flow.waiting().max(1);
    let rows = largest(groups, wish.max_items, |name, group| {
        Tree::Node(vec![
            ("name", text(name)),
            ("rcp", Tree::Whole(group.recipients)),
            ("kb", Tree::Amount(kilobytes(group.bytes))),
            ("pctOfTotal", Tree::Whole(group.recipients * 100 / all)),
            ("conn", Tree::Whole(group.connections)),
            ("dom", Tree::Whole(group.queues)),
        ])
    });
    page("vmtas", "vmta", "totalVmtasWithRcp", rows.0, rows.1, rows.2)
}

pub fn jobs(world: &World, wish: &Wish) -> Tree {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for queue in &world.flow.queues {
        for message in &queue.waiting {
            let job = format!("secret-JoB{:05}", message.0.queued / 900 % 1_000);
            let group = groups.entry(job).or_default();
            group.recipients += 1;
            group.bytes += u64::from(message.0.size);
        }
    }
    let paused = world.gauges.jobs_paused;
    let rows = largest(groups, wish.max_items, |name, group| {
        let mut row = group.head(name);
        row.push((
            "paused",
            if wish.json { Tree::Flag(paused) } else { text(if paused { "yes" } else { "no" }) },
        ));
        Tree::Node(row)
    });
    page("jobs", "job", "totalJobsWithRcp", rows.0, rows.1, rows.2)
}

/// `list`: one row per waiting recipient, oldest first.
pub fn list(world: &World, wish: &Wish) -> Tree {
    let mut found = Vec::new();
    for (queue, name) in matching(world, wish) {
        let old = queue.waiting.iter().filter(|message| world.now - message.0.queued >= wish.older_than);
        found.extend(old.map(|message| (message.0.queued, message.0.serial, name.clone())));
    }
    found.sort_unstable();
    found.truncate(wish.max_items);
    let rows = found.into_iter().map(|(queued, serial, queue)| {
        let domain = queue.split('/').next().unwrap_or("").to_owned();
        Tree::Node(vec![
            ("queue", text(queue)),
            ("orig", text(format!("bounce-secret-{serial:x}@mail.sender.example"))),
            ("rcpt", text(format!("secret-{serial:x}@{domain}"))),
            ("file", text(format!("/var/spool/pmta/0/{serial:08X}"))),
            ("timeQueued", text(world.calendar.stamp(queued))),
            ("header_subject", text("")),
            ("priority", Tree::Whole(50)),
        ])
    });
    Tree::Node(vec![("msgs", Tree::Rows("msg", rows.collect()))])
}

/// Queues with recipients that the wish is about.
fn matching<'a>(world: &'a World, wish: &Wish) -> Vec<(&'a Queue, String)> {
    let full = world.flow.queues.iter().filter(|queue| !queue.waiting.is_empty());
    let named = full.map(|queue| (queue, world.flow.queue_name(queue)));
    let wanted = named.filter(|(queue, name)| {
        let agrees = |asked: Option<bool>, is: bool| asked.is_none_or(|asked| asked == is);
        agrees(wish.connected, queue.connections > 0)
            && agrees(wish.paused, queue.paused)
            && agrees(wish.backoff, queue.backoff_until > world.now)
            && fits(&wish.pattern, name)
            && (wish.vmta.is_empty() || name.rsplit('/').next() == Some(&wish.vmta))
    });
    wanted.collect()
}

/// `domain/vmta`, each part with a `*` at either end; a domain alone means all its VMTAs.
pub fn fits(pattern: &str, name: &str) -> bool {
    let part = |pattern: &str, text: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" || pattern.is_empty() => true,
        (Some(end), _) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    };
    let (domain, vmta) = pattern.split_once('/').unwrap_or((pattern, "*"));
    let (name, of) = name.split_once('/').unwrap_or((name, ""));
    part(domain, name) && part(vmta, of)
}

fn queue_row(world: &World, queue: &Queue, name: &str, wish: &Wish) -> Tree {
    let yes_no = |yes| text(if yes { "yes" } else { "no" });
    let backoff = queue.backoff_until > world.now;
    let held = world.gauges.held.filter(|(domain, _)| name.split('/').next() == Some(domain));
    let connections = held.map_or(queue.connections, |(_, held)| held);
    let mut row = vec![
        ("name", text(name)),
        ("rcp", Tree::Whole(queue.waiting.len() as u64)),
        ("kb", Tree::Amount(kilobytes(queue.bytes))),
        ("conn", Tree::Whole(connections.into())),
    ];
    if wish.errors {
        row.push((if wish.json { "errors" } else { "event" }, errors(world, queue.errors.iter(), wish.json)));
    }
    row.push(("paused", if wish.json { Tree::Flag(queue.paused) } else { yes_no(queue.paused) }));
    row.push(("mode", text(if backoff { "backoff" } else { "normal" })));
    let next = queue.waiting.peek().map(|message| message.0.next).filter(|next| *next > world.now);
    if let Some(next) = next {
        row.push(("retryTime", text(world.calendar.stamp(next))));
    }
    Tree::Node(row)
}

fn errors<'a>(world: &World, errors: impl Iterator<Item = &'a (i64, String)>, json: bool) -> Tree {
    let rows = errors.map(|(at, what)| {
        let mut row = vec![("time", text(world.calendar.stamp(*at))), ("text", text(what))];
        if !json {
            row.insert(0, ("type", text("error")));
        }
        Tree::Node(row)
    });
    Tree::Rows("event", rows.collect())
}

fn page(
    many: &'static str,
    one: &'static str,
    count_name: &'static str,
    rows: Vec<Tree>,
    recipients: u64,
    count: u64,
) -> Tree {
    Tree::Node(vec![
        ("title", text(format!("Top {} {many} by number of recipients", rows.len()))),
        (many, Tree::Rows(one, rows)),
        ("totalRcp", Tree::Whole(recipients)),
        (count_name, Tree::Whole(count)),
    ])
}

#[derive(Default)]
struct Group {
    recipients: u64,
    bytes: u64,
    connections: u64,
    queues: u64,
    errors: Vec<(i64, String)>,
}

impl Group {
    fn add(&mut self, queue: &Queue) {
        self.recipients += queue.waiting.len() as u64;
        self.bytes += queue.bytes;
        self.connections += u64::from(queue.connections);
        self.queues += 1;
    }

    fn head(&self, name: &str) -> Vec<(&'static str, Tree)> {
        vec![
            ("name", text(name)),
            ("rcp", Tree::Whole(self.recipients)),
            ("kb", Tree::Amount(kilobytes(self.bytes))),
            ("conn", Tree::Whole(self.connections)),
        ]
    }
}

/// The largest groups as rows, and the recipients and number of all.
fn largest<K: AsRef<str> + Ord + Clone>(
    groups: BTreeMap<K, Group>,
    max_items: usize,
    row: impl Fn(&str, &mut Group) -> Tree,
) -> (Vec<Tree>, u64, u64) {
    let recipients = groups.values().map(|group| group.recipients).sum();
    let count = groups.len() as u64;
    let mut sorted: Vec<_> = groups.into_iter().collect();
    sorted.sort_by_key(|(name, group)| (u64::MAX - group.recipients, name.clone()));
    sorted.truncate(max_items);
    let rows = sorted.iter_mut().map(|(name, group)| row(name.as_ref(), group));
    (rows.collect(), recipients, count)
}

fn kilobytes(bytes: u64) -> f64 {
    Amount { bytes, ..Amount::default() }.kilobytes()
}
