//! Mail flowing through queues: injection, attempts, retries. Decides what happens; `flow/wording` writes it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::books::Books;
use crate::calendar::Calendar;
use crate::dice::{Dice, mix};
use crate::harm::Harm;
use crate::incidents::{self, Change, Incident};
use crate::network::{Destination, Network, Vmta};
use crate::options::{Options, SimError};
use crate::reply::{Effect, Reply};

mod wording;

/// One recipient waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// When it is tried next; first, so that the heap sorts by it.
    pub next: i64,
    pub serial: u64,
    pub queued: i64,
    pub to: u32,
    pub size: u32,
    pub tries: u8,
    /// The incident that made its first attempt slow.
    pub slowed_by: Option<u16>,
}

/// A domain (or rollup) behind one VMTA.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    pub domain: usize,
    pub vmta: usize,
    pub waiting: BinaryHeap<Reverse<Message>>,
    pub bytes: u64,
    pub connections: u32,
    pub paused: bool,
    /// Backoff mode until then.
    pub backoff_until: i64,
    /// Newest first, at most ten.
    pub errors: VecDeque<(i64, String)>,
    blocked_until: i64,
}

impl Queue {
    /// No attempt is made any more, and nothing shows why: a source address that is gone.
    pub fn stall(&mut self) {
        self.blocked_until = i64::MAX;
    }
}

/// What one attempt came to.
enum Fate {
    Delivered,
    Answered(&'static Reply),
    Suppressed,
    Expired,
}

pub struct Flow {
    pub network: Network,
    pub queues: Vec<Queue>,
    pub incidents: Vec<Incident>,
    /// No mail is taken.
    pub deaf: bool,
    /// Attempts that each incident harmed.
    pub harm: Harm,
    dice: Dice,
    calendar: Calendar,
    rate: f64,
    daily_curve: bool,
    seed: u64,
    serial: u64,
}

/// `bounce-after`
const BOUNCE_AFTER: i64 = 4 * 86_400 + 12 * 3_600;
/// Attempts a queue makes in one second at most.
const BURST: usize = 60;
/// `retry-after`
const RETRY_AFTER: i64 = 600;

impl Flow {
    pub fn new(options: &Options) -> Result<Self, SimError> {
        let network = Network::new(options);
        let vmtas = network.vmtas.len();
        let incidents = incidents::parse(&options.scenario, options.start, options.seed, vmtas)?;
        Ok(Self::with(options, network, incidents))
    }

    /// A flow over a network and with incidents of one's own.
    pub fn with(options: &Options, network: Network, incidents: Vec<Incident>) -> Self {
        let vmtas = network.vmtas.len();
        let queues = (0..network.queue_domains.len() * vmtas).map(|i| Queue {
            domain: i / vmtas,
            vmta: i % vmtas,
            ..Queue::default()
        });
        Self {
            queues: queues.collect(),
            network,
            harm: Harm::of(incidents.len()),
            incidents,
            deaf: false,
            dice: Dice::new(options.seed),
            calendar: Calendar::new(options.utc_offset_minutes),
            rate: options.rate,
            daily_curve: options.daily_curve,
            seed: options.seed,
            serial: 0,
        }
    }

    /// Lets one second happen.
    pub fn tick(&mut self, now: i64, books: &mut Books) {
        let usual = self.rate * self.curve(now);
        let mean = usual * self.volume(now);
        self.harm.miss(&self.incidents, usual, now);
        let arrivals = self.dice.arrivals(mean);
        for _ in 0..if self.deaf { 0 } else { arrivals } {
            self.inject(now, books);
        }
        for at in 0..self.queues.len() {
            self.work(at, now, books);
        }
    }

    /// One delivered record at once, from outside the ordinary flow.
    pub fn deliver_one(&mut self, now: i64, books: &mut Books) {
        let to = self.network.draw(&mut self.dice);
        let message = self.new_message(to, now);
        let network = &self.network;
        if let (Some(destination), Some(vmta)) = (network.destinations.get(to), network.vmtas.first()) {
            let route = Route { now, message, destination, vmta };
            wording::delivered(route, &network.queue_domains, &mut self.dice, books);
        }
    }

    /// Puts recipients of a domain into its queues, received so long ago; false if nobody has that domain.
    pub fn load(&mut self, domain: &str, recipients: u64, age: i64, now: i64) -> bool {
        let known = self.network.destinations.iter().position(|destination| destination.domain == domain);
        let Some(to) = known else { return false };
        let vmtas = self.network.vmtas.len();
        let queue = self.network.destinations.get(to).map_or(0, |destination| destination.queue);
        for i in 0..recipients {
            let message = Message { next: now, ..self.new_message(to, now - age) };
            if let Some(queue) = self.queues.get_mut(queue * vmtas + i as usize % vmtas) {
                queue.bytes += u64::from(message.size);
                queue.waiting.push(Reverse(message));
            }
        }
        true
    }

    pub fn waiting(&self) -> u64 {
        self.queues.iter().map(|queue| queue.waiting.len() as u64).sum()
    }

    pub fn queue_name(&self, queue: &Queue) -> String {
        let domain = self.network.queue_domains.get(queue.domain).map_or("", String::as_str);
        let vmta = self.network.vmtas.get(queue.vmta).map_or("", |vmta| vmta.name.as_str());
        format!("{domain}/{vmta}")
    }

    /// After a restart nothing is in backoff and no event is remembered.
    pub fn forget(&mut self) {
        for queue in &mut self.queues {
            queue.backoff_until = 0;
            queue.blocked_until = 0;
            queue.connections = 0;
            queue.errors.clear();
        }
    }

    fn inject(&mut self, now: i64, books: &mut Books) {
        let to = self.network.draw(&mut self.dice);
        let vmta_at = self.dice.below(self.network.vmtas.len() as u64) as usize;
        let mut message = self.new_message(to, now);
        let network = &self.network;
        let (Some(destination), Some(vmta)) = (network.destinations.get(to), network.vmtas.get(vmta_at))
        else {
            return;
        };
        message.next = now + self.dice.exponential(destination.provider.delay).min(30.0) as i64;
        books.inbound.add(now, u64::from(message.size));
        wording::received(Route { now, message, destination, vmta }, &mut self.dice, books);
        let at = destination.queue * network.vmtas.len() + vmta_at;
        if let Some(queue) = self.queues.get_mut(at) {
            queue.bytes += u64::from(message.size);
            queue.waiting.push(Reverse(message));
        }
    }

    fn new_message(&mut self, to: usize, now: i64) -> Message {
        self.serial += 1;
        let size = 2_000 + self.dice.exponential(38_000.0) as u32;
        Message {
            next: now,
            serial: self.serial,
            queued: now,
            to: to as u32,
            size,
            tries: 0,
            slowed_by: None,
        }
    }

    /// Tries what is due in one queue.
    fn work(&mut self, at: usize, now: i64, books: &mut Books) {
        let mut tried = 0;
        while tried < BURST {
            let Some(queue) = self.queues.get_mut(at) else { break };
            if queue.paused || queue.blocked_until > now {
                break;
            }
            let Some(Reverse(message)) = queue.waiting.peek().copied() else { break };
            if message.next > now {
                break;
            }
            queue.waiting.pop();
            tried += 1;
            if let Some(again) = self.attempt(at, message, now, books) {
                if let Some(queue) = self.queues.get_mut(at) {
                    queue.waiting.push(Reverse(again));
                }
            } else if let Some(queue) = self.queues.get_mut(at) {
                queue.bytes = queue.bytes.saturating_sub(u64::from(message.size));
            }
        }
        if let Some(queue) = self.queues.get_mut(at) {
            queue.connections = tried.min(20) as u32;
            if queue.waiting.is_empty() {
                queue.errors.clear();
            }
        }
    }

    /// One attempt; the message if it has to wait again.
    fn attempt(&mut self, at: usize, message: Message, now: i64, books: &mut Books) -> Option<Message> {
        if let Some((by, seconds)) = self.slowness(at, message, now) {
            let next = now + self.dice.exponential(seconds).min(900.0) as i64;
            return Some(Message { next, slowed_by: u16::try_from(by).ok(), ..message });
        }
        let fate = self.fate(at, message, now);
        let network = &self.network;
        let destination = network.destinations.get(message.to as usize)?;
        let vmta = network.vmtas.get(self.queues.get(at)?.vmta)?;
        let route = Route { now, message, destination, vmta };
        let dice = &mut self.dice;
        let reply = match fate {
            Fate::Delivered => {
                self.harm.count(message.slowed_by.map(usize::from), now);
                wording::delivered(route, &network.queue_domains, dice, books);
                wording::reported(route, dice, books);
                return None;
            }
            Fate::Suppressed => {
                wording::bounced_here(route, &network.queue_domains, wording::SUPPRESSED, books);
                return None;
            }
            Fate::Expired => {
                wording::bounced_here(route, &network.queue_domains, wording::EXPIRED, books);
                return None;
            }
            Fate::Answered(reply) => reply,
        };
        let event = wording::answered(route, reply, &network.queue_domains, dice, books);
        if reply.effect == Effect::Refuse {
            return None;
        }
        let queue = self.queues.get_mut(at)?;
        note_trouble(queue, reply, event, now);
        let step = i64::from(message.tries.min(5) + 1) * RETRY_AFTER;
        let wait = match reply.effect {
            Effect::Connect => dice.between(45, 150),
            Effect::Unreachable => no_answer_wait(reply),
            _ => step + dice.between(-30, 60),
        };
        Some(Message { next: now + wait, tries: message.tries.saturating_add(1), ..message })
    }

    fn fate(&mut self, at: usize, message: Message, now: i64) -> Fate {
        if now - message.queued > BOUNCE_AFTER {
            return Fate::Expired;
        }
        if message.tries == 0 && self.dice.chance(0.002) {
            return Fate::Suppressed;
        }
        let second_of_hour = self.calendar.second_of_day(now) % 3_600;
        let vmta = self.queues.get(at).map_or(0, |queue| queue.vmta);
        let Some(destination) = self.network.destinations.get(message.to as usize) else {
            return Fate::Delivered;
        };
        for (place, incident) in self.incidents.iter().enumerate() {
            let here = incident.active(now, second_of_hour)
                && incident.hits(&destination.label, &destination.domain, vmta);
            if let Some(reply) = here.then(|| incident.answer(now, &mut self.dice)).flatten() {
                self.harm.count(Some(place), now);
                return Fate::Answered(reply);
            }
        }
        let mut roll = self.dice.unit() * 10_000.0;
        for (i, reply) in destination.provider.weather.iter().enumerate() {
            roll -= f64::from(reply.weight) * wander(self.seed, &destination.label, i, now);
            if roll < 0.0 {
                return Fate::Answered(reply);
            }
        }
        Fate::Delivered
    }

    /// Seconds a first attempt is held by a slow provider, and by which incident.
    fn slowness(&self, at: usize, message: Message, now: i64) -> Option<(usize, f64)> {
        if message.tries > 0 || message.slowed_by.is_some() {
            return None;
        }
        let vmta = self.queues.get(at)?.vmta;
        let destination = self.network.destinations.get(message.to as usize)?;
        self.incidents.iter().enumerate().find_map(|(place, incident)| match incident.plot.change {
            Change::Slowness(seconds)
                if incident.active(now, 0)
                    && incident.hits(&destination.label, &destination.domain, vmta) =>
            {
                Some((place, seconds * incident.strength))
            }
            _ => None,
        })
    }

    fn volume(&self, now: i64) -> f64 {
        let factors = self.incidents.iter().filter(|incident| incident.active(now, 0));
        factors.fold(1.0, |volume, incident| match incident.plot.change {
            Change::Volume(factor) => volume * factor.powf(incident.strength),
            _ => volume,
        })
    }

    /// Volume over the day, 1 in the mean of a working day: a morning peak, a smaller evening one, little at
    /// night; less at weekends.
    fn curve(&self, now: i64) -> f64 {
        if !self.daily_curve {
            return 1.0;
        }
        let hour = self.calendar.second_of_day(now) as f64 / 3_600.0;
        let hill = |centre: f64, width: f64| (-((hour - centre) / width).powi(2)).exp();
        let weekend = if self.calendar.weekday(now) >= 5 { 0.6 } else { 1.0 };
        weekend * (0.31 + 2.34 * hill(10.0, 2.6) + 1.36 * hill(18.5, 2.4))
    }
}

/// Where an attempt goes.
#[derive(Clone, Copy)]
pub(crate) struct Route<'a> {
    pub now: i64,
    pub message: Message,
    pub destination: &'a Destination,
    pub vmta: &'a Vmta,
}

/// Remembers the error in the queue, and what it means for the next attempts.
fn note_trouble(queue: &mut Queue, reply: &Reply, event: String, now: i64) {
    queue.errors.push_front((now, event));
    queue.errors.truncate(10);
    match reply.effect {
        Effect::Unreachable => queue.blocked_until = now + no_answer_wait(reply),
        Effect::Connect => queue.backoff_until = now + 600,
        _ => {}
    }
}

/// How long the whole queue rests: `retry-after-dns-error`, or half of `retry-after` as there are two MX hosts.
fn no_answer_wait(reply: &Reply) -> i64 {
    if reply.status == "4.4.4" { 60 } else { RETRY_AFTER / 2 }
}

/// Weather: each reply's base rate wanders by a fifth around its mean, smoothly from hour to hour.
fn wander(seed: u64, label: &str, reply: usize, now: i64) -> f64 {
    let name = label.bytes().fold(seed, |sum, byte| mix(sum ^ u64::from(byte)));
    let at = |hour: i64| {
        let draw = mix(name ^ mix(hour as u64) ^ (reply as u64) << 40) >> 40;
        0.8 + 0.4 * draw as f64 / (1_u64 << 24) as f64
    };
    let (hour, part) = (now.div_euclid(3_600), now.rem_euclid(3_600) as f64 / 3_600.0);
    at(hour) * (1.0 - part) + at(hour + 1) * part
}
