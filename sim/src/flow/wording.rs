//! The words of each record: senders, recipients, diagnostics, MX hosts. Decides nothing.

use crate::books::Books;
use crate::dice::{Dice, mix};
use crate::entry::{Entry, Kind};
use crate::flow::Route;
use crate::reply::{Blanks, Effect, Reply, diagnostic, gloss};
use crate::truth::Facts;

/// A bounce that PowerMTA decides without asking anyone.
#[derive(Clone, Copy)]
pub(super) struct OwnDecision {
    status: &'static str,
    diag: &'static str,
    category: &'static str,
    reason: &'static str,
}

pub(super) const SUPPRESSED: OwnDecision = OwnDecision {
    status: "5.7.1 (delivery not authorized)",
    diag: "smtp;550 5.7.1 recipient is in suppression list \"suppress-main\"",
    category: "policy-related",
    reason: "local",
};

pub(super) const EXPIRED: OwnDecision = OwnDecision {
    status: "5.4.7 (delivery time expired)",
    diag: "smtp;554 5.4.7 [internal] exceeded max time without delivery",
    category: "message-expired",
    reason: "expired",
};

const SENDER_DOMAIN: &str = "mail.sender.example";
const FEEDER: &str = "feeder.sender.example (10.20.30.40)";

/// The texts one message carries through all its records.
struct Texts {
    rcpt: String,
    orig: String,
    job: String,
    envelope: String,
    subject: String,
    message_id: String,
    queue: String,
    logged: String,
    queued: String,
    size: String,
    seconds: String,
}

impl Texts {
    fn new(route: Route<'_>, queue_domains: &[String], books: &Books) -> Self {
        let Route { now, message, destination, vmta } = route;
        let domain = &destination.domain;
        let local = format!("secret-{:x}", mix(message.serial) & 0xff_ffff);
        let job = message.queued / 900 % 1_000;
        let queue_domain = queue_domains.get(destination.queue).map_or("", String::as_str);
        let logged = books.stamp(now);
        Self {
            orig: format!("bounce-{job}-{local}={domain}@{SENDER_DOMAIN}"),
            rcpt: format!("{local}@{domain}"),
            job: format!("secret-JoB{job:05}"),
            envelope: format!("secret-env-{}", message.serial),
            subject: format!("secret \"special\", part {}", job % 7),
            message_id: format!("<secret-{:016x}@{SENDER_DOMAIN}>", mix(message.serial ^ 0x1d)),
            queue: format!("{queue_domain}/{}", vmta.name),
            queued: if message.queued == now { logged.clone() } else { books.stamp(message.queued) },
            logged,
            size: message.size.to_string(),
            seconds: (now - message.queued).to_string(),
        }
    }

    fn headers(&self) -> [(&str, &str); 4] {
        let id = self.message_id.as_str();
        [
            ("Subject", &self.subject),
            ("Message-Id", id),
            ("X-Campaign", &self.job),
            ("From", "\"News\" <news@mail.sender.example>"),
        ]
    }

    /// The cells every `d`, `b` and `t` has.
    fn base<'a>(&'a self, kind: Kind, route: Route<'a>, headers: &'a [(&'a str, &'a str)]) -> Entry<'a> {
        Entry {
            kind,
            headers,
            logged: &self.logged,
            queued: &self.queued,
            imprinted: &self.queued,
            seconds_queued: &self.seconds,
            orig: &self.orig,
            rcpt: &self.rcpt,
            source_type: "api",
            source_mta: FEEDER,
            delivery_type: "smtp",
            vmta: &route.vmta.name,
            job: &self.job,
            envelope: &self.envelope,
            queue: &self.queue,
            pool: &route.vmta.pool,
            ..Entry::default()
        }
    }
}

pub(super) fn received(route: Route<'_>, dice: &mut Dice, books: &mut Books) {
    if !books.takes(Kind::Receipt) {
        return;
    }
    let texts = Texts::new(route, &[], books);
    let headers = texts.headers();
    let user = format!("feed{}", dice.below(3));
    let entry = Entry {
        received_from: "10.20.30.40",
        received_at: "10.20.30.1",
        smtp_user: &user,
        queue: "",
        queued: "",
        imprinted: "",
        seconds_queued: "",
        delivery_type: "",
        ..texts.base(Kind::Receipt, route, &headers)
    };
    books.record(&entry, facts(route, ""));
}

pub(super) fn delivered(route: Route<'_>, queue_domains: &[String], dice: &mut Dice, books: &mut Books) {
    let texts = Texts::new(route, queue_domains, books);
    let headers = texts.headers();
    let (mx, ip) = host(route, dice);
    let mut diag = String::new();
    diagnostic(route.destination.provider.accepted, blanks(route, &texts, mx), dice, &mut diag);
    let mta = format!("{mx} ({ip})");
    let entry = Entry {
        action: "relayed",
        status: "2.0.0 (success)",
        diag: &diag,
        mta: &mta,
        source_ip: &route.vmta.ip,
        destination_ip: ip,
        esmtp: route.destination.provider.esmtp,
        size: &texts.size,
        tls_protocol: "TLSv1.3",
        tls_cipher: "TLS_AES_256_GCM_SHA384",
        ..texts.base(Kind::Delivery, route, &headers)
    };
    books.outbound.add(route.now, u64::from(route.message.size));
    books.record(&entry, facts(route, ""));
}

/// Suppressed or expired: no host was asked.
pub(super) fn bounced_here(route: Route<'_>, queue_domains: &[String], why: OwnDecision, books: &mut Books) {
    let texts = Texts::new(route, queue_domains, books);
    let headers = texts.headers();
    let entry = Entry {
        action: "failed",
        status: why.status,
        diag: why.diag,
        category: why.category,
        ..texts.base(Kind::Bounce, route, &headers)
    };
    books.record(&entry, facts(route, why.reason));
}

/// The remote side, or the way to it, said no. Returns the line for the queue's list of errors.
pub(super) fn answered(
    route: Route<'_>,
    reply: &'static Reply,
    queue_domains: &[String],
    dice: &mut Dice,
    books: &mut Books,
) -> String {
    let texts = Texts::new(route, queue_domains, books);
    let headers = texts.headers();
    let (mx, ip) = host(route, dice);
    let mut diag = String::new();
    diagnostic(reply.text, blanks(route, &texts, mx), dice, &mut diag);
    let status = format!("{} ({})", reply.status, gloss(reply.status));
    let resolved = reply.status != "4.4.4";
    let mta = if resolved { format!("{mx} ({ip})") } else { String::new() };
    let unbound = reply.effect == Effect::Unreachable;
    let source_ip = if unbound { "0.0.0.0" } else { &route.vmta.ip };
    let destination_ip = if resolved { ip } else { "" };
    let shared =
        Entry { status: &status, diag: &diag, mta: &mta, source_ip, destination_ip, ..Entry::default() };
    match reply.effect {
        Effect::Defer | Effect::Refuse => {
            let (kind, action) = match reply.effect {
                Effect::Defer => (Kind::Transient, "delayed"),
                _ => (Kind::Bounce, "failed"),
            };
            let base = texts.base(kind, route, &headers);
            let entry = Entry {
                action,
                status: shared.status,
                diag: shared.diag,
                mta: shared.mta,
                source_ip,
                destination_ip,
                category: reply.category,
                esmtp: route.destination.provider.esmtp,
                ..base
            };
            books.record(&entry, facts(route, reply.reason));
        }
        Effect::Connect | Effect::Unreachable => {
            let entry = Entry {
                kind: Kind::TransientQueue,
                logged: &texts.logged,
                delivery_type: "smtp",
                vmta: &route.vmta.name,
                queue: &texts.queue,
                ..shared
            };
            let queue_domain = queue_domains.get(route.destination.queue).map_or("", String::as_str);
            books.record(&entry, Facts { domain: queue_domain, ..facts(route, reply.reason) });
        }
    }
    trouble(route, reply, &diag, mx, ip, books)
}

/// Now and then a delivered message comes back as an asynchronous bounce, a status or a complaint.
pub(super) fn reported(route: Route<'_>, dice: &mut Dice, books: &mut Books) {
    let draw = dice.below(10_000);
    let kind = match draw {
        0..8 => Kind::FeedbackLoop,
        8..20 => Kind::RemoteBounce,
        20..26 => Kind::RemoteStatus,
        _ => return,
    };
    if !books.takes(kind) {
        return;
    }
    let texts = Texts::new(route, &[], books);
    let (mx, ip) = host(route, dice);
    let mta = format!("{mx} ({ip})");
    let reporting = format!("mail.{}", route.destination.domain);
    let diag = format!("smtp;550 5.1.1 no such local recipient: <{0}> in \"RCPT TO:<{0}>\"", texts.rcpt);
    let base =
        Entry { kind, logged: &texts.logged, orig: &texts.orig, rcpt: &texts.rcpt, ..Entry::default() };
    let returned =
        Entry { mta: &mta, source_type: "smtp", source_mta: "in.mta.sender.example (203.0.113.2)", ..base };
    let (entry, reason) = match kind {
        Kind::FeedbackLoop => {
            let report = Entry {
                format: "arf",
                feedback_type: "abuse",
                user_agent: "Feedback/1.0, \"abuse\" desk",
                feedback_mta: mx,
                source_ip: &route.vmta.ip,
                report_source_ip: ip,
                reported_domain: SENDER_DOMAIN,
                envelope: &texts.envelope,
                ..base
            };
            (report, "")
        }
        Kind::RemoteBounce => {
            let status = "5.1.1 (bad destination mailbox address)";
            let category = "bad-mailbox";
            (Entry { status, diag: &diag, reporting_mta: &reporting, category, ..returned }, category)
        }
        _ => (Entry { action: "delayed", status: "4.4.1 (no answer from host)", ..returned }, ""),
    };
    match kind {
        Kind::FeedbackLoop => books.complaints_processed += 1,
        _ => books.bounces_processed += 1,
    }
    // The report knows no VMTA: neither its record nor the truth names one.
    books.record(&entry, Facts { vmta: "", ..facts(route, reason) });
}

fn trouble(route: Route<'_>, reply: &Reply, diag: &str, mx: &str, ip: &str, books: &mut Books) -> String {
    let said = diag.strip_prefix("smtp;").unwrap_or(diag);
    let (vmta, domain) = (route.vmta, &route.destination.domain);
    let event = match reply.effect {
        Effect::Unreachable if reply.status == "4.4.4" => format!("StatusDnsQueryFailed resolving {domain}"),
        Effect::Unreachable => format!("ETIMEDOUT connecting to {mx} ({ip})"),
        _ => format!("Error: \"{said}\" while connected from {} ({}) to {mx} ({ip})", vmta.host, vmta.ip),
    };
    if reply.effect == Effect::Unreachable {
        books.log.line(route.now, &event);
    }
    event
}

fn host<'a>(route: Route<'a>, dice: &mut Dice) -> (&'a str, &'a str) {
    dice.pick(&route.destination.hosts).map_or(("", ""), |(name, ip)| (name.as_str(), ip.as_str()))
}

fn blanks<'a>(route: Route<'a>, texts: &'a Texts, mx: &'a str) -> Blanks<'a> {
    Blanks { ip: &route.vmta.ip, mx, rcpt: &texts.rcpt, domain: &route.destination.domain }
}

fn facts<'a>(route: Route<'a>, reason: &'static str) -> Facts<'a> {
    Facts {
        label: &route.destination.label,
        domain: &route.destination.domain,
        vmta: &route.vmta.name,
        reason,
        bytes: u64::from(route.message.size),
    }
}
