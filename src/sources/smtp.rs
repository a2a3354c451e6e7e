//! PowerMTA's SMTP port as a client sees it: does it greet, how fast, does it offer STARTTLS. It
//! sends no mail, and says goodbye whatever happened.

use super::{Ask, Place, Source, SourceError};
use crate::record::{Sample, Seconds, Sink};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const DEFAULT: &str = "127.0.0.1:25";
/// A probe is a connection in PowerMTA's log: once a minute and listener is enough. A run that
/// comes a little early still counts as the minute's.
const EVERY: Seconds = 55;
const LONGEST: Duration = Duration::from_secs(3);
/// With less time than this, silence says nothing about PowerMTA.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST_REPLY: usize = 8 * 1024;
const MOST_LISTENERS: usize = 8;
/// The port that nobody named is PowerMTA's.
const GREETED: &str = "greeted";

pub struct Smtp;

impl Source for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn place(&self) -> Place {
        Place::Aside
    }

    fn is_due(&self, ask: &Ask<'_>) -> bool {
        due(ask).next().is_some()
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let now = ask.tick.now();
        let until = Instant::now() + ask.tick.left().mul_f64(0.75).min(LONGEST);
        let due: Vec<String> = due(ask).map(str::to_owned).collect();
        if due.is_empty() {
            return ask.standing();
        }
        if ask.tick.left() < SHORTEST {
            return Err(SourceError::Late { what: "the SMTP probe".to_owned() });
        }
        let mut first = Ok(());
        let offer = ask.config.smtp.mail_from.clone().zip(ask.config.smtp.rcpt_to.clone());
        for (listener, probe) in probe_all(&due, offer.as_ref(), until) {
            ask.memory.put(&key(&listener), now.to_string().as_bytes());
            let guessed = ask.config.smtp.address.is_none();
            if guessed && probe.code == 220 && ask.memory.get(GREETED).is_none() {
                ask.memory.put(GREETED, b"1");
            }
            // Nobody named this port, and nobody has ever answered there.
            if guessed && probe.code == 0 && ask.memory.get(GREETED).is_none() {
                first = Err(unnamed(&listener));
                continue;
            }
            let told = tell(&listener, probe, sink);
            first = first.and(told);
        }
        ask.keep(first)
    }
}

fn unnamed(listener: &str) -> SourceError {
    SourceError::Denied {
        what: "PowerMTA's SMTP listeners".to_owned(),
        why: format!("its configuration cannot be read or names none, and nobody answers at {listener}"),
        advice: "name them in smtp.address".to_owned(),
    }
}

/// The listeners whose minute is over; `smtp.address` may name several, with commas between them.
fn due<'a>(ask: &'a Ask<'_>) -> impl Iterator<Item = &'a str> {
    let named = ask.config.smtp.address.as_deref().unwrap_or(DEFAULT);
    let listeners = named.split([',', ' ']).filter(|name| !name.is_empty()).take(MOST_LISTENERS);
    listeners.filter(|name| ask.is_over(&key(name), EVERY))
}

/// What a probe found out before it ended.
#[derive(Debug, Default)]
struct Probe {
    connect: Option<Duration>,
    greeting: Option<Duration>,
    /// The first digit of the greeting's code.
    code: u16,
    starttls: Option<bool>,
    /// The answer to a sender and a recipient, where some are to be offered.
    taken: Option<u16>,
    trouble: Option<String>,
}

/// The sender and the recipient that a probe offers.
type Offer = (String, String);

fn tell(listener: &str, probe: Probe, sink: &mut dyn Sink) -> Result<(), SourceError> {
    let what = format!("PowerMTA's SMTP listener {listener}");
    if probe.code >= 500 {
        return Err(SourceError::Denied {
            what,
            why: format!("it greets with {}", probe.code),
            advice: "allow this host's address in PowerMTA's <source>, or set smtp.address".to_owned(),
        });
    }
    let up = probe.code == 220 && probe.starttls.is_some();
    let mut sample = Sample::new("pmta_smtp_probe").tag("listener", listener).int("up", i64::from(up));
    for (name, took) in [("connect_seconds", probe.connect), ("banner_seconds", probe.greeting)] {
        if let Some(took) = took {
            sample = sample.float(name, took.as_secs_f64());
        }
    }
    if let Some(starttls) = probe.starttls {
        sample = sample.int("starttls", i64::from(starttls));
    }
    match probe.taken {
        Some(200..=299) => sample = sample.int("accepts", 1),
        Some(400..=499) => sample = sample.int("accepts", 0),
        _ => {}
    }
    sink.sample(sample);
    if let (true, Some(code @ 500..)) = (up, probe.taken) {
        return Err(SourceError::Denied {
            what,
            why: format!("it answers smtp.mail_from and smtp.rcpt_to with {code}"),
            advice: "name addresses that this host may relay between".to_owned(),
        });
    }
    if up {
        return Ok(());
    }
    let why = probe.trouble.unwrap_or_else(|| format!("it greets with {}", probe.code));
    let advice = "is PowerMTA running, and is smtp.address one of its smtp-listeners?".to_owned();
    Err(SourceError::Unreachable { what, why, advice })
}

/// Side by side on detached threads: a listener that hangs costs only itself.
fn probe_all(listeners: &[String], offer: Option<&Offer>, until: Instant) -> Vec<(String, Probe)> {
    let (tell, told) = mpsc::channel();
    for (at, listener) in listeners.iter().enumerate() {
        let (tell, listener, offer) = (tell.clone(), listener.clone(), offer.cloned());
        let work = move || drop(tell.send((at, probe(&listener, offer.as_ref(), until))));
        let _ = thread::Builder::new().name("pmta-smtp".to_owned()).spawn(work);
    }
    drop(tell);
    let mut probes: Vec<Option<Probe>> = listeners.iter().map(|_| None).collect();
    let patience = until + Duration::from_millis(50);
    while let Ok((at, probe)) = told.recv_timeout(patience.saturating_duration_since(Instant::now())) {
        if let Some(place) = probes.get_mut(at) {
            *place = Some(probe);
        }
    }
    let late = || Probe { trouble: Some("no answer within its time".to_owned()), ..Probe::default() };
    listeners.iter().cloned().zip(probes.into_iter().map(|probe| probe.unwrap_or_else(late))).collect()
}

fn probe(listener: &str, offer: Option<&Offer>, until: Instant) -> Probe {
    let mut probe = Probe::default();
    if let Err(why) = converse(listener, offer, until, &mut probe) {
        let timeout = matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        probe.trouble = Some(if timeout { "no answer within its time".to_owned() } else { why.to_string() });
    }
    probe
}

fn converse(listener: &str, offer: Option<&Offer>, until: Instant, probe: &mut Probe) -> io::Result<()> {
    let address =
        listener.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let started = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, left(until)?)?;
    probe.connect = Some(started.elapsed());
    let started = Instant::now();
    let greeting = reply(&mut stream, until);
    let goodbye = |stream: &mut TcpStream| {
        let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
        let _ = stream.write_all(b"QUIT\r\n");
    };
    let heard = greeting.and_then(|(code, _)| {
        (probe.code, probe.greeting) = (code, Some(started.elapsed()));
        if code != 220 {
            return Ok(());
        }
        let (code, text) = say(&mut stream, "EHLO pmta-vitals.invalid", until)?;
        if code != 250 {
            return Err(io::Error::other(format!("it answers EHLO with {code}")));
        }
        let offers =
            |line: &str| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"));
        probe.starttls = Some(text.lines().any(offers));
        if let Some((from, to)) = offer {
            probe.taken = Some(propose(&mut stream, from, to, until)?);
        }
        Ok(())
    });
    goodbye(&mut stream);
    heard
}

/// Offers a sender and a recipient and takes them back: the code that decided.
fn propose(stream: &mut TcpStream, from: &str, to: &str, until: Instant) -> io::Result<u16> {
    let (sender, _) = say(stream, &format!("MAIL FROM:<{from}>"), until)?;
    if !(200..300).contains(&sender) {
        return Ok(sender);
    }
    let (recipient, _) = say(stream, &format!("RCPT TO:<{to}>"), until)?;
    say(stream, "RSET", until)?;
    Ok(recipient)
}

fn say(stream: &mut TcpStream, line: &str, until: Instant) -> io::Result<(u16, String)> {
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(format!("{line}\r\n").as_bytes())?;
    reply(stream, until)
}

/// One reply of any number of lines: its code and its text, which is never printed.
fn reply(stream: &mut TcpStream, until: Instant) -> io::Result<(u16, String)> {
    let mut text = Vec::new();
    let mut piece = [0; 1_024];
    loop {
        if let Some(last) = last_line(&text) {
            let code = last
                .get(..3)
                .and_then(|code| std::str::from_utf8(code).ok())
                .and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other("it does not speak SMTP"))?;
            return Ok((code, String::from_utf8_lossy(&text).into_owned()));
        }
        if text.len() > LONGEST_REPLY {
            return Err(io::Error::other("its reply has no end"));
        }
        stream.set_read_timeout(Some(left(until)?))?;
        let got = stream.read(&mut piece)?;
        if got == 0 {
            return Err(io::Error::other("it hangs up without a word"));
        }
        text.extend_from_slice(piece.get(..got).unwrap_or_default());
    }
}

/// The line that ends a reply: its fourth byte is no `-`.
fn last_line(text: &[u8]) -> Option<&[u8]> {
    let whole = text.strip_suffix(b"\n")?;
    let line = whole.rsplit(|byte| *byte == b'\n').next()?;
    (line.get(3) != Some(&b'-')).then_some(line)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn key(listener: &str) -> String {
    format!("probed.{listener}")
}

#[cfg(test)]
#[path = "smtp_tests.rs"]
mod tests;
