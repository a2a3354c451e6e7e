//! The tree of `show status` and `show version`, in the field order of real hosts.

use super::tree::{Tree, text};
use crate::meter::{Amount, Meter};
use crate::world::World;

pub fn status(world: &World) -> Tree {
    if let Some(frozen) = &world.frozen {
        return frozen.clone();
    }
    Tree::Node(vec![("mta", mta(world)), ("status", state(world))])
}

/// Who this host is: the `mta` part of `status`, all of `show version`.
pub fn mta(world: &World) -> Tree {
    let old = world.options.old_version;
    let product = Tree::Node(vec![
        ("name", text("PowerMTA")),
        ("version", text(world.version())),
        ("buildDate", text(if old { "2012-11-02 11:20:31" } else { "2020-11-24 09:12:44" })),
        ("revision", text(if old { "v4_0r18@12044" } else { "v5_0r8@201124.5b1d0e7" })),
        ("bits", Tree::Whole(64)),
    ]);
    let os = Tree::Node(vec![
        ("name", text("Linux")),
        ("version", text("5.14.0-427.el9.x86_64")),
        ("build", text("Rocky Linux release 9.4 (Blue Onyx) ")),
    ]);
    Tree::Node(vec![
        ("product", product),
        ("lak", Tree::Node(vec![("serial", text("123456")), ("instances", Tree::Whole(1))])),
        ("os", os),
        ("cpu", Tree::Node(vec![("type", text("x86_64")), ("count", Tree::Whole(8))])),
        ("ram", Tree::Node(vec![("real", Tree::Whole(32_750_628))])),
        ("fullHostName", text("mta.sender.example")),
        ("userString", text("")),
        ("hostId", Tree::Whole(0)),
    ])
}

fn state(world: &World) -> Tree {
    Tree::Node(vec![
        ("timeNow", text(world.calendar.stamp(world.now))),
        ("startupTime", text(world.calendar.stamp(world.started))),
        ("shuttingDown", Tree::Flag(false)),
        ("traffic", traffic(world)),
        ("conn", connections(world)),
        ("resolver", resolver(world)),
        ("queue", queues(world)),
        ("spool", spool(world)),
        ("status", text(world.gauges.state.unwrap_or("running"))),
    ])
}

fn traffic(world: &World) -> Tree {
    let books = &world.books;
    let window = |of: fn(&Meter) -> Amount, total: bool| {
        let mut fields = vec![("out", amount(of(&books.outbound))), ("in", amount(of(&books.inbound)))];
        if !world.options.old_version {
            let shown = |n| Tree::Whole(if total { n } else { 0 });
            fields.push(("bounceProcessed", shown(books.bounces_processed)));
            fields.push(("feedbackLoopProcessed", shown(books.complaints_processed)));
        }
        Tree::Node(fields)
    };
    let nothing = ["count", "mailFromTime", "dataTime", "totalTime"].map(|name| (name, Tree::Whole(0)));
    let inbound = Tree::Node(vec![("in", Tree::Node(nothing.into()))]);
    Tree::Node(vec![
        ("total", window(|meter| meter.total, true)),
        ("lastHr", window(|meter| meter.hour.sum, false)),
        ("lastMin", window(|meter| meter.minute.sum, false)),
        ("topPerHr", window(|meter| meter.hour.top, false)),
        ("topPerMin", window(|meter| meter.minute.top, false)),
        ("perf", Tree::Node(vec![("lastMin", inbound)])),
    ])
}

fn amount(amount: Amount) -> Tree {
    Tree::Node(vec![
        ("rcp", Tree::Whole(amount.recipients)),
        ("msg", Tree::Whole(amount.messages)),
        ("kb", Tree::Amount(amount.kilobytes())),
    ])
}

fn connections(world: &World) -> Tree {
    let one = |cur: u32, max: u32, top: u32| {
        Tree::Node(vec![
            ("cur", Tree::Whole(cur.into())),
            ("max", Tree::Whole(max.into())),
            ("top", Tree::Whole(top.into())),
        ])
    };
    let inbound = u32::from(world.books.inbound.minute.sum.recipients > 0);
    Tree::Node(vec![
        ("smtpIn", one(world.gauges.inbound.unwrap_or(inbound * 2), 100, 6)),
        ("smtpOut", one(world.gauges.outbound.unwrap_or(world.connections()), 1_200, world.connections_top)),
    ])
}

fn resolver(world: &World) -> Tree {
    let names = world.flow.network.destinations.len() as u64;
    Tree::Node(vec![
        ("namesCached", Tree::Whole(names)),
        ("queriesPending", Tree::Whole(world.gauges.resolver_pending.unwrap_or(0))),
        ("queriesActive", Tree::Whole(0)),
    ])
}

fn queues(world: &World) -> Tree {
    let kinds: &[&'static str] = if world.options.old_version {
        &["smtp", "pipe", "discard", "file", "gmImprinter", "alias"]
    } else {
        &["smtp", "pipe", "discard", "file", "alias", "bounceProcessor", "feedbackLoopProcessor"]
    };
    let busy: Vec<_> = world.flow.queues.iter().filter(|queue| !queue.waiting.is_empty()).collect();
    let mut domains: Vec<_> = busy.iter().map(|queue| queue.domain).collect();
    domains.sort_unstable();
    domains.dedup();
    let bytes: u64 = busy.iter().map(|queue| queue.bytes).sum();
    let rows = kinds.iter().map(|kind| {
        let (rcp, dom, bytes) = match *kind {
            "smtp" => {
                (world.gauges.waiting.unwrap_or_else(|| world.flow.waiting()), domains.len() as u64, bytes)
            }
            _ => (0, 0, 0),
        };
        let kb = Amount { bytes, ..Amount::default() }.kilobytes();
        let row =
            Tree::Node(vec![("rcp", Tree::Whole(rcp)), ("dom", Tree::Whole(dom)), ("kb", Tree::Amount(kb))]);
        (*kind, row)
    });
    Tree::Node(rows.collect())
}

fn spool(world: &World) -> Tree {
    let waiting = world.flow.waiting();
    let files = Tree::Node(vec![
        ("inUse", Tree::Whole(waiting)),
        ("recycled", Tree::Whole(40)),
        ("total", Tree::Whole(waiting + 40)),
    ]);
    let mut fields = vec![
        ("initPct", Tree::Whole(world.gauges.spool_loaded.unwrap_or(100))),
        ("dirs", Tree::Whole(1)),
        ("files", files),
    ];
    if !world.options.old_version {
        fields.push(("totalRcp", Tree::Whole(waiting)));
        fields.push(("maxRcp", Tree::Whole(world.gauges.spool_max.unwrap_or(1_000_000))));
    }
    Tree::Node(fields)
}
