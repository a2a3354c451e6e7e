//! A remote server's answer as a template, and how its blanks are filled. Knows no provider.

use std::fmt::Write as _;

use crate::dice::Dice;

/// What an answer does to a delivery attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// 4xx to one recipient: a `t` record.
    Defer,
    /// 4xx at the banner, EHLO or STARTTLS: a `tq` record with the answer.
    Connect,
    /// No connection, or no address: a `tq` record with an empty diagnostic.
    Unreachable,
    /// 5xx: a `b` record.
    Refuse,
}

/// One style of answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// How often, in attempts of 10,000.
    pub weight: u32,
    pub effect: Effect,
    /// The sim's own word for why.
    pub reason: &'static str,
    /// As PowerMTA fills `dsnStatus`, without its gloss.
    pub status: &'static str,
    pub category: &'static str,
    /// Without `smtp;`. Blanks: `{ip}` `{mx}` `{rcpt}` `{domain}` `{hex}` `{id}` `{n}` `{s}`.
    pub text: &'static str,
}

pub const fn defer(
    weight: u32,
    reason: &'static str,
    status: &'static str,
    category: &'static str,
    text: &'static str,
) -> Reply {
    Reply { weight, effect: Effect::Defer, reason, status, category, text }
}

pub const fn connect(weight: u32, reason: &'static str, status: &'static str, text: &'static str) -> Reply {
    Reply { weight, effect: Effect::Connect, reason, status, category: "", text }
}

pub const fn unreachable(weight: u32, reason: &'static str, status: &'static str) -> Reply {
    Reply { weight, effect: Effect::Unreachable, reason, status, category: "", text: "" }
}

pub const fn refuse(
    weight: u32,
    reason: &'static str,
    status: &'static str,
    category: &'static str,
    text: &'static str,
) -> Reply {
    Reply { weight, effect: Effect::Refuse, reason, status, category, text }
}

/// What the blanks of a template stand for in one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Blanks<'a> {
    pub ip: &'a str,
    pub mx: &'a str,
    pub rcpt: &'a str,
    pub domain: &'a str,
}

/// Appends the template with its blanks filled.
pub fn fill(template: &str, blanks: Blanks<'_>, dice: &mut Dice, out: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((blank, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match blank {
            "ip" => out.push_str(blanks.ip),
            "mx" => out.push_str(blanks.mx),
            "rcpt" => out.push_str(blanks.rcpt),
            "domain" => out.push_str(blanks.domain),
            "hex" => push_number(format_args!("{:016x}", dice.bits()), out),
            "id" => push_id(dice, out),
            "n" => push_number(format_args!("{}", dice.below(900_000) + 100_000), out),
            "s" => push_number(format_args!("{}", dice.below(90) + 10), out),
            other => push_number(format_args!("{{{other}}}"), out),
        }
        rest = after;
    }
    out.push_str(rest);
}

/// `smtp;` and the filled template; nothing for an empty one.
pub fn diagnostic(template: &str, blanks: Blanks<'_>, dice: &mut Dice, out: &mut String) {
    out.clear();
    if !template.is_empty() {
        out.push_str("smtp;");
        fill(template, blanks, dice, out);
    }
}

/// PowerMTA's own words behind an enhanced status.
pub fn gloss(status: &str) -> &'static str {
    match status {
        "2.0.0" => "success",
        "5.1.1" | "4.1.1" => "bad destination mailbox address",
        "5.1.2" | "4.1.2" => "bad destination system: no such domain",
        "4.1.8" | "5.1.8" => "bad sender's system address",
        "5.2.1" | "4.2.1" => "mailbox disabled, not accepting messages",
        "5.2.2" | "4.2.2" => "mailbox full",
        "5.3.4" => "message too big for system",
        "4.3.0" | "5.3.0" => "unknown mail system-related status",
        "4.3.2" => "system not accepting network messages",
        "4.4.1" => "no answer from host",
        "4.4.2" => "bad connection",
        "4.4.4" => "unable to route: dns lookup failure",
        "4.4.7" | "5.4.7" => "delivery time expired",
        "4.5.0" | "5.5.0" => "unknown protocol-related status",
        "4.5.3" => "too many recipients",
        "4.7.1" | "5.7.1" => "delivery not authorized",
        "4.7.0" | "5.7.0" => "other or undefined security status",
        "4.7.5" => "cryptographic failure",
        _ => "undefined status",
    }
}

fn push_number(arguments: std::fmt::Arguments<'_>, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
}

/// A queue id as mail servers print them: letters and digits.
fn push_id(dice: &mut Dice, out: &mut String) {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    for _ in 0..10 {
        let letter = LETTERS.get(dice.below(32) as usize).copied().unwrap_or(b'A');
        out.push(char::from(letter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_and_the_rest_kept() {
        let blanks =
            Blanks { ip: "203.0.113.4", mx: "mx.example", rcpt: "secret-a@b.example", domain: "b.example" };
        let mut out = String::new();
        fill("550 <{rcpt}> at {mx} {odd} {", blanks, &mut Dice::new(1), &mut out);
        assert_eq!(out, "550 <secret-a@b.example> at mx.example {odd} {");
        out.clear();
        fill("{hex} {id} {n}", blanks, &mut Dice::new(1), &mut out);
        let lengths: Vec<_> = out.split(' ').map(str::len).collect();
        assert_eq!(lengths, [16, 10, 6]);
    }
}
