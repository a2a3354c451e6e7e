//! The answers for people: the text tables of `pmta show ...`. Computes nothing.

use std::fmt::Write as _;

use super::fits;
use super::tree::{Tree, text};
use crate::meter::Amount;
use crate::settings;
use crate::world::World;

pub fn version(world: &World) -> String {
    format!("PowerMTA v{} (2020-11-24 09:12:44, 64-bit).", world.version())
}

pub fn status(world: &World) -> String {
    let books = &world.books;
    let mut out = format!(
        "            PowerMTA v{} status on mta.sender.example on {}\n\n",
        world.version(),
        world.calendar.stamp(world.now)
    );
    out.push_str("  Traffic    ------------inbound------------  ------------outbound-----------\n");
    out.push_str("                 rcpts      msgs      kbytes      rcpts      msgs      kbytes\n");
    let rows: [(&str, Amount, Amount); 5] = [
        ("Total", books.inbound.total, books.outbound.total),
        ("Last Hour", books.inbound.hour.sum, books.outbound.hour.sum),
        ("Top/Hour", books.inbound.hour.top, books.outbound.hour.top),
        ("Last Min.", books.inbound.minute.sum, books.outbound.minute.sum),
        ("Top/Min.", books.inbound.minute.top, books.outbound.minute.top),
    ];
    for (name, inbound, outbound) in rows {
        let side = |a: Amount| format!("{:>10}{:>10}{:>12.1}", a.recipients, a.messages, a.kilobytes());
        line(&mut out, format_args!("{name:>11} {}  {}", side(inbound), side(outbound).trim_start()));
    }
    let waiting = world.flow.waiting();
    out.push_str("\n Connections    active       top     maximum  Domain       cached     pending\n");
    let connections = world.connections();
    line(&mut out, format_args!("   Outbound{connections:>11}{:>10}{:>12}", world.connections_top, 1_200));
    out.push_str("\n     Queues      rcpts   domains      kbytes  Spool        in use    recycled\n");
    line(
        &mut out,
        format_args!("       SMTP{waiting:>11}         0         0.0    Files{waiting:>12}          40"),
    );
    let up = world.now - world.started;
    let (days, hours, minutes, seconds) = (up / 86_400, up / 3_600 % 24, up / 60 % 60, up % 60);
    let started = world.calendar.stamp(world.started);
    line(
        &mut out,
        format_args!(
            "\n     Status    running    Started  {started}    Uptime {days:>3} {hours:>2}:{minutes:02}:{seconds:02}"
        ),
    );
    out
}

pub fn queues(tree: &Tree) -> String {
    let mut out = String::from("queue           #rcpt kbytes conn st    retry last error\n");
    out.push_str("--------------- ----- ------ ---- -- -------- ----------\n");
    let rows = rows(tree);
    for row in rows {
        let retry = cell(row, "retryTime");
        let time = retry.split(' ').next_back().unwrap_or("");
        let (name, rcp, kb, conn) = (cell(row, "name"), cell(row, "rcp"), cell(row, "kb"), cell(row, "conn"));
        line(&mut out, format_args!("{name} {rcp:>5} {kb:>6} {conn:>4}    {time:>8}"));
    }
    let all = trailer(tree);
    line(&mut out, format_args!("\n{} of {all} matching queues.", rows.len()));
    out
}

pub fn domains(tree: &Tree) -> String {
    let mut out =
        String::from("-----------------------------domain --#rcpt ---kbytes conn last error----------\n");
    let rows = rows(tree);
    for row in rows {
        let (name, rcp, kb, conn) = (cell(row, "name"), cell(row, "rcp"), cell(row, "kb"), cell(row, "conn"));
        line(&mut out, format_args!("{name:>35} {rcp:>7} {kb:>9} {conn:>4}"));
    }
    line(&mut out, format_args!("\n{} of {} domains shown.", rows.len(), trailer(tree)));
    out
}

pub fn vmtas(tree: &Tree) -> String {
    let mut out = String::from(
        "name    domains #rcpt % total kbytes conn\n------- ------- ----- ------- ------ ----\n",
    );
    let rows = rows(tree);
    for row in rows {
        let [name, dom, rcp, share, kb, conn] =
            ["name", "dom", "rcp", "pctOfTotal", "kb", "conn"].map(|name| cell(row, name));
        line(&mut out, format_args!("{name:<7} {dom:>7} {rcp:>5} {share:>7} {kb:>6} {conn:>4}"));
    }
    line(&mut out, format_args!("\n{} of {} virtual MTAs.", rows.len(), trailer(tree)));
    out
}

pub fn jobs(tree: &Tree) -> String {
    let mut out = String::from("-----------------------------job-id ----#rcpt ---kbytes\n");
    for row in rows(tree) {
        let (name, rcp, kb) = (cell(row, "name"), cell(row, "rcp"), cell(row, "kb"));
        line(&mut out, format_args!("{name:>35} {rcp:>9} {kb:>9}"));
    }
    line(&mut out, format_args!("\nTotal of {} job(s).", trailer(tree)));
    out
}

fn license_fields(world: &World) -> [(&'static str, String); 9] {
    [
        ("product", "PowerMTA".to_owned()),
        ("version", world.version().split('r').next().unwrap_or("5.0").to_owned()),
        ("platform", "linux-intel".to_owned()),
        ("units", "0".to_owned()),
        ("instances", "1".to_owned()),
        ("licensee", "Sender Example Ltd".to_owned()),
        ("serial", "123456".to_owned()),
        ("issued", world.calendar.date(world.options.start - 300 * 86_400)),
        ("expires", expiry(world)),
    ]
}

fn expiry(world: &World) -> String {
    let days = world.gauges.license_days;
    days.map_or(world.calendar.date(world.options.start + 400 * 86_400), |days| {
        world.calendar.date(world.now + days * 86_400)
    })
}

pub fn license(world: &World) -> String {
    let mut out = String::new();
    for (name, value) in license_fields(world) {
        line(&mut out, format_args!("{name:>9}: {value}"));
    }
    out
}

pub fn license_tree(world: &World) -> Tree {
    Tree::Node(license_fields(world).into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// Settings in force for a queue, by PowerMTA's directive names: what the configuration said when the
/// host started, and what was put in force since.
fn settings_of(world: &World, queue: &str) -> Vec<(&'static str, String)> {
    let domain = queue.split('/').next().unwrap_or("");
    let of = |name: &str| settings::DOMAINS.into_iter().find(|(known, ..)| *known == name);
    let (_, connections, messages) = of(domain).or_else(|| of("*")).unwrap_or(("*", 20, 100));
    let said = [
        ("type", "smtp".to_owned()),
        ("backoff-max-smtp-out", "20".to_owned()),
        ("backoff-retry-after", "1h".to_owned()),
        ("backoff-to-normal-after", "never".to_owned()),
        ("bounce-after", "4d12h".to_owned()),
        ("connect-timeout", "2m".to_owned()),
        ("max-connect-rate", "unlimited".to_owned()),
        ("max-msg-per-connection", messages.to_string()),
        ("max-msg-rate", "unlimited".to_owned()),
        ("max-smtp-out", connections.to_string()),
        ("retry-after", "10m".to_owned()),
        ("retry-recipients-after", "600".to_owned()),
        ("smtp-pattern-list", "blocking-errors".to_owned()),
        ("use-starttls", "yes".to_owned()),
    ];
    let now = |(name, value)| {
        let newer =
            world.enforced.iter().rev().find(|(pattern, other, _)| *other == name && fits(pattern, queue));
        (name, newer.map_or(value, |(_, _, value)| value.clone()))
    };
    said.into_iter().map(now).collect()
}

pub fn settings(world: &World, queue: &str) -> String {
    let mut out = String::from("Virtual MTA Settings\n--------------------\nmax-smtp-msg-rate unlimited\n");
    line(&mut out, format_args!("max-smtp-out {}", settings::VMTA_CONNECTIONS));
    out.push_str("\nQueue Settings\n--------------\n");
    for (name, value) in settings_of(world, queue) {
        line(&mut out, format_args!("{name} {value}"));
    }
    out
}

pub fn settings_tree(world: &World, queue: &str) -> Tree {
    Tree::Node(settings_of(world, queue).into_iter().map(|(name, value)| (name, text(value))).collect())
}

pub fn vmta_settings(world: &World, name: &str) -> String {
    let host = world.flow.network.vmtas.iter().find(|vmta| vmta.name == name);
    let (ip, host) = host.map_or(("0.0.0.0", "mta.sender.example"), |vmta| (&vmta.ip, &vmta.host));
    format!(
        "--------------------\nmax-smtp-msg-rate unlimited\nmax-smtp-out 400\n\n\
         Source Host IP Source Host\n-------------- -----------\n{ip:>14} {host}\n"
    )
}

fn rows(tree: &Tree) -> &[Tree] {
    let Tree::Node(fields) = tree else { return &[] };
    let rows = fields.iter().find_map(|(_, value)| match value {
        Tree::Rows(_, rows) => Some(rows.as_slice()),
        _ => None,
    });
    rows.unwrap_or(&[])
}

/// The last total of a list: how many there are in all.
fn trailer(tree: &Tree) -> u64 {
    match tree {
        Tree::Node(fields) => match fields.last() {
            Some((_, Tree::Whole(count))) => *count,
            _ => 0,
        },
        _ => 0,
    }
}

fn cell(row: &Tree, name: &str) -> String {
    let Tree::Node(fields) = row else { return String::new() };
    match fields.iter().find(|(field, _)| *field == name) {
        Some((_, Tree::Text(value))) => value.clone(),
        Some((_, Tree::Whole(value))) => value.to_string(),
        Some((_, Tree::Amount(value))) => format!("{value:.1}"),
        _ => String::new(),
    }
}

fn line(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
    out.push('\n');
}
