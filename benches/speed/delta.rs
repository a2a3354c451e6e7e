//! What counting the growth of an accounting file costs over `wc -l` on the same bytes, everything
//! on (provider, reason, windows, totals, commit, print), and over what people would use instead; and
//! what judging the same bytes as old files costs over counting them.

use crate::peers::{self, Counts, Peer};
use crate::race::{Contender, race};
use crate::records::{DOMAINS, KINDS, Printed, Records};
use crate::stage::Stage;
use crate::table::{Row, Table};
use pmta_vitals::classify::{Provider, Providers};
use std::collections::BTreeMap;

const ROUNDS: usize = 5;
/// What is left of the file for those who are too slow for all of it.
const SLOW_SHARE: u64 = 10;

pub fn run(stage: &Stage, table: &mut Table) {
    let peers = peers::all(&stage.python);
    let records = Records::write(stage.data(), stage.bytes, DOMAINS);
    against(stage, table, &records, peers.iter().filter(|peer| !peer.slow).collect());
    replayed(stage, table, &records);
    std::fs::remove_file(&records.file).unwrap();
    let records = Records::write(stage.data(), stage.bytes / SLOW_SHARE, DOMAINS);
    against(stage, table, &records, peers.iter().filter(|peer| peer.slow).collect());
    std::fs::remove_file(&records.file).unwrap();
}

/// The same bytes as if they were being written now, over one collection of all of them.
fn replayed(stage: &Stage, table: &mut Table, records: &Records) {
    let contenders = [
        Contender::new("collect --from-start", records.collect(&stage.product, stage.state())),
        Contender::new("replay", records.replay(&stage.product, stage.state())),
    ];
    let runs = race("old records", stage.rounds(ROUNDS), &contenders);
    let what = format!("the same {} MB replayed", records.bytes / 1_000_000);
    table.add(Row::over(&what, &runs[1], &runs[0], "`collect --from-start`").budget("2").memory(&runs[1]));
}

/// One file, all who are there, counts before times.
fn against(stage: &Stage, table: &mut Table, records: &Records, peers: Vec<&Peer>) {
    let size = format!("{} MB", records.bytes / 1_000_000);
    let (there, missing): (Vec<&Peer>, Vec<&Peer>) =
        peers.into_iter().partition(|peer| peer.missing.is_none());
    let hosts = records.hosts();
    let ours = records.printed(&stage.product, stage.state());
    for peer in &there {
        agree(&peer.name, &peer.counts(&records.file), &hosts, &ours);
        eprintln!("{}: the same counts as ours, {} records", peer.name, records.count);
    }
    let mut contenders = vec![
        Contender::new("wc -l", records.lines()),
        Contender::new("collect, everything on", records.collect(&stage.product, stage.state())),
    ];
    contenders.extend(there.iter().map(|peer| Contender::new(&peer.name, peer.command(&records.file))));
    let runs = race(&format!("{size} of new records"), stage.rounds(ROUNDS), &contenders);
    let mut rows = runs.iter().skip(1);
    let ours = rows.next().unwrap();
    let what = format!("{size} of new records ({} of them, {DOMAINS} domains), everything on", records.count);
    table.add(Row::over(&what, ours, &runs[0], "`wc -l`").budget("8").memory(ours));
    for peer in rows {
        let what = format!("the same {size} counted by {}", peer.name);
        table.add(Row::over(&what, peer, &runs[0], "`wc -l`").against(peer, ours).memory(peer));
    }
    for peer in missing {
        let how = peer.missing.unwrap_or_default();
        table.add(Row::absent(&format!("the same {size} counted by {}", peer.name), how));
    }
}

/// Every type in all; by type every provider that has a name of its own, whose series begin with its
/// first record. A small domain's may begin later: what came before stands under `other`.
fn agree(who: &str, theirs: &Counts, hosts: &BTreeMap<String, String>, ours: &Printed) {
    let mut rolled: BTreeMap<String, [u64; 4]> = BTreeMap::new();
    let (mut all, mut table) = ([0; 4], Providers::new(&BTreeMap::new()));
    let mut named = std::collections::BTreeSet::new();
    for ((domain, kind), number) in theirs {
        let (name, is_named) = match table.lookup(domain.as_bytes(), hosts[domain].as_bytes()) {
            Provider::Named(number) => (table.name(number).to_owned(), true),
            Provider::Domain(domain) => (domain.to_owned(), false),
        };
        let at =
            KINDS.iter().position(|(code, _)| code == kind).unwrap_or_else(|| panic!("{who}: type {kind}"));
        if is_named {
            named.insert(name.clone());
        }
        rolled.entry(name).or_default()[at] += number;
        all[at] += number;
    }
    assert_eq!(all, ours.all, "{who} counts other totals");
    assert!(named.len() > 10, "{who}: {} providers", named.len());
    for name in &named {
        assert_eq!(rolled.get(name), ours.providers.get(name), "{who} counts others for {name}");
    }
    let mut rest = [0_u64; 4];
    for (name, numbers) in ours.providers.iter().filter(|(name, _)| !named.contains(*name)) {
        for (at, number) in numbers.iter().enumerate() {
            let most = rolled.get(name).map_or(u64::MAX, |theirs| theirs[at]);
            assert!(name == "other" || *number <= most, "{who} counts less for {name}");
            rest[at] += number;
        }
    }
    let unnamed = rolled.iter().filter(|(name, _)| !named.contains(*name));
    let theirs = unnamed.fold([0; 4], |sum, (_, numbers)| std::array::from_fn(|at| sum[at] + numbers[at]));
    assert_eq!(theirs, rest, "{who} counts others for the domains without a name");
}
