//! The ends of the mail flow: our VMTAs, and every recipient domain with its MX hosts and addresses.

use crate::dice::{Dice, mix};
use crate::options::Options;
use crate::providers::{self, Provider, SMALL};

/// One of the host's own senders.
#[derive(Clone, Debug)]
pub struct Vmta {
    pub name: String,
    pub ip: String,
    pub host: String,
    pub pool: String,
}

/// A recipient domain.
#[derive(Clone, Debug)]
pub struct Destination {
    pub label: String,
    pub domain: String,
    /// Index into `Network::queue_domains`.
    pub queue: usize,
    /// MX name and address.
    pub hosts: Vec<(String, String)>,
    pub provider: &'static Provider,
}

#[derive(Clone, Debug)]
pub struct Network {
    pub vmtas: Vec<Vmta>,
    pub destinations: Vec<Destination>,
    pub queue_domains: Vec<String>,
    /// Running sum of shares, for drawing a destination.
    running: Vec<u64>,
}

/// Addresses for documentation; nobody's.
const DESTINATION_NETS: [&str; 2] = ["192.0.2", "198.51.100"];

impl Network {
    pub fn new(options: &Options) -> Self {
        let vmtas = (0..options.vmtas.max(1)).map(vmta).collect();
        let mut network =
            Self { vmtas, destinations: Vec::new(), queue_domains: Vec::new(), running: Vec::new() };
        for provider in providers::all() {
            let mut share = u64::from(provider.share) * 1_000;
            for (i, domain) in provider.domains.iter().enumerate() {
                // Each domain takes two thirds of what is left; the last takes the rest.
                let last = i + 1 == provider.domains.len();
                let mine = if last { share } else { share * 2 / 3 };
                share -= mine;
                network.add(provider.label, domain, provider, mine);
            }
        }
        let mut dice = Dice::new(options.seed).branch(0x5a11);
        for i in 0..options.small_domains {
            let domain = small_domain(i, &mut dice);
            // A few busy ones, a long tail of quiet ones.
            network.add(&domain, &domain, &SMALL, 12_000 / (i as u64 + 2) + 200);
        }
        network
    }

    /// A network of these recipient domains only, each with its recipients a day.
    pub fn of(vmtas: usize, domains: &[(&str, u64)]) -> Self {
        let vmtas = (0..vmtas.max(1)).map(vmta).collect();
        let mut network =
            Self { vmtas, destinations: Vec::new(), queue_domains: Vec::new(), running: Vec::new() };
        for (domain, volume) in domains {
            let known = providers::all().find(|provider| provider.domains.contains(domain));
            let provider = known.unwrap_or(&SMALL);
            let label = if known.is_some() { provider.label } else { domain };
            network.add(label, domain, provider, *volume);
        }
        network
    }

    /// The label of whoever a queue domain belongs to.
    pub fn label_of(&self, queue_domain: usize) -> &str {
        let found = self.destinations.iter().find(|destination| destination.queue == queue_domain);
        found.map_or("", |destination| &destination.label)
    }

    pub fn draw(&self, dice: &mut Dice) -> usize {
        let sum = self.running.last().copied().unwrap_or(0);
        let mark = dice.below(sum);
        self.running.partition_point(|running| *running <= mark)
    }

    fn add(&mut self, label: &str, domain: &str, provider: &'static Provider, share: u64) {
        let queue_domain = provider.rollup.unwrap_or(domain);
        let queue = self.queue_domains.iter().position(|known| known == queue_domain).unwrap_or_else(|| {
            self.queue_domains.push(queue_domain.to_owned());
            self.queue_domains.len() - 1
        });
        let dashed = domain.replace('.', "-");
        let hosts = provider.hosts.iter().map(|host| {
            let name = host.replace("{dash}", &dashed).replace("{domain}", domain);
            let ip = address(&name);
            (name, ip)
        });
        let hosts = hosts.collect();
        let sum = self.running.last().copied().unwrap_or(0) + share;
        self.running.push(sum);
        self.destinations.push(Destination {
            label: label.to_owned(),
            domain: domain.to_owned(),
            queue,
            hosts,
            provider,
        });
    }
}

fn vmta(i: usize) -> Vmta {
    let pool = if i.is_multiple_of(2) { "pool-a" } else { "pool-b" };
    Vmta {
        name: format!("vmta{}", i + 1),
        ip: format!("203.0.113.{}", 10 + i % 240),
        host: format!("out{}.mta.sender.example", i + 1),
        pool: pool.to_owned(),
    }
}

fn address(name: &str) -> String {
    let number = mix(name.bytes().fold(7, |sum, byte| sum * 131 % 1_000_003 + u64::from(byte)));
    let net = DESTINATION_NETS.get((number % 2) as usize).copied().unwrap_or("192.0.2");
    format!("{net}.{}", number / 2 % 253 + 1)
}

pub fn small_domain(i: usize, dice: &mut Dice) -> String {
    const FIRST: [&str; 12] = [
        "maple", "river", "copper", "winter", "saffron", "lantern", "velvet", "ember", "cobalt", "juniper",
        "willow", "summit",
    ];
    const SECOND: [&str; 12] = [
        "bakery", "cycles", "dental", "gardens", "joinery", "movers", "optics", "pottery", "records",
        "studio", "travel", "yoga",
    ];
    let first = dice.pick(&FIRST).copied().unwrap_or("maple");
    let second = dice.pick(&SECOND).copied().unwrap_or("studio");
    format!("{first}-{second}{i}.example")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn big_providers_get_their_share_and_a_rollup_is_one_queue() {
        let network = Network::new(&Options::default());
        let mut dice = Dice::new(4);
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for _ in 0..20_000 {
            *seen.entry(&network.destinations[network.draw(&mut dice)].label).or_default() += 1;
        }
        assert!(seen["Gmail"] > seen["Microsoft"] && seen["Microsoft"] > seen["Yahoo"]);
        assert!(seen["bücher.de"] > 0);
        let rollups = network.queue_domains.iter().filter(|name| *name == "yahoo.rollup").count();
        assert_eq!(rollups, 1);
        assert!(network.destinations.iter().filter(|d| d.provider.rollup.is_some()).count() >= 5);
    }
}
