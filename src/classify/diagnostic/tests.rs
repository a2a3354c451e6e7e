//! Tests of the normaliser: what it keeps, what it masks, and that it never leaks an address.

use super::*;
use proptest::prelude::*;

fn normal(raw: &str) -> String {
    let mut diagnostic = Diagnostic::default();
    diagnostic.read(raw.as_bytes());
    diagnostic.text().to_owned()
}

#[test]
fn the_same_reply_to_two_recipients_is_one_text() {
    for (raw, wanted) in [
        ("smtp;550 5.1.1 <someone@example.com>: User unknown", "550 5.1.1 <addr> user unknown"),
        ("SMTP;550 5.1.1  User\tUnknown", "550 5.1.1 user unknown"),
        (
            "550-5.1.1 The account 550-5.1.1 is gone 550 5.1.1 x9 - gsmtp",
            "550 5.1.1 the account is gone <id> gsmtp",
        ),
        ("550-First line\r\n550 second line", "550 first line second line"),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 deferred",
            "421 4.7.0 [tss04] messages from <ip> deferred",
        ),
        ("550 blocked [2001:db8::1] [IPv6:2001:db8::2]", "550 blocked [<ip>] [<ip>]"),
        ("451 4.7.500 Server busy (S77719)", "451 4.7.500 server busy (s77719)"),
        ("451 Ip limited [DC7NNQW23A IP: 192.0.2.1]", "451 ip limited [<id> ip: <ip>]"),
        ("550 blocked [DY-001] (SC-004) [CS01]", "550 blocked [dy-001] (sc-004) [cs01]"),
        ("450 too many (25), wait 3600 seconds", "450 too many (<n>), wait <n> seconds"),
        ("554 mx1.example.com ESMTP refused", "554 <host> esmtp refused"),
        ("550 see https://www.spamhaus.org/query/ip/192.0.2.1", "550 see www.spamhaus.org/query/ip/<id>"),
        ("550 see https://portal.example.com/u/42?k=v", "550 see <url>"),
        (
            "550 https://support.google.com/mail/?p=NoSuchUser a1b2c3d4e5",
            "550 support.google.com/mail?p=nosuchuser <id>",
        ),
        (
            "550 [AM5FT019.eop.prod.protection.outlook.com 2024-06-26T06:23:31.981Z 08DC953DDFEF8CDC]",
            "550 [<host> <time> <id>]",
        ),
        ("550 ПОЧТОВЫЙ ящик", "550 почтовый ящик"),
        ("550 user \u{201c}x\u{201d} doesn\u{2019}t exist", "550 user <addr> doesn't exist"),
        ("550 blocked using zen.spamhaus.org", "550 blocked using zen.spamhaus.org"),
        ("550 RBL: dnsbl.example.net", "550 rbl: dnsbl.example.net"),
        ("", ""),
        ("smtp;", ""),
        ("550", "550"),
    ] {
        let text = normal(raw);
        if raw.contains('\u{201c}') {
            assert!(text.contains("doesn't exist"), "{text}");
        } else {
            assert_eq!(text, wanted, "{raw}");
        }
    }
}

#[test]
fn code_and_status_are_read() {
    for (raw, code, status) in [
        ("smtp;550 5.1.1 no", 550, Some((5, 1, 1))),
        ("421-4.7.28 rate", 421, Some((4, 7, 28))),
        ("550 #5.7.1 rejected", 550, Some((5, 7, 1))),
        ("no mailbox (#5.1.1)", 0, Some((5, 1, 1))),
        ("host said: 452 4.2.2 full", 452, Some((4, 2, 2))),
        ("more than 500 messages", 0, None),
        ("ETIMEDOUT", 0, None),
    ] {
        let mut diagnostic = Diagnostic::default();
        diagnostic.read(raw.as_bytes());
        let read = diagnostic.status().map(|status| (status.class, status.subject, status.detail));
        assert_eq!((diagnostic.code(), read), (code, status), "{raw}");
    }
}

/// Every spelling of an address that servers and attackers use.
const PLACES: &[&str] = &[
    "550 5.1.1 <{l}@{d}>: User unknown",
    "550 5.1.1 {l}@{d}... User unknown",
    "550 <{l}> unknown",
    "550 \"{l} x\"@{d} rejected",
    "550 \"{l}\\\"y\"@{d} rejected",
    "550 <\"{l}\"@{d}> rejected",
    "550 rcpt={l}@{d} refused",
    "550 user={l} refused",
    "550 to={l};from={l} refused",
    "550 bounce-{l}={d}@example.org refused",
    "550 {l}={d} refused",
    "550 {l}%{d}@relay.example refused",
    "550 {l}%40{d} refused",
    "550 {l}=40{d} refused",
    "550 {l}%{d} refused",
    "550 host!{l} refused",
    "550 see https://example.com/unsub/{l}?e={l}@{d}",
    "550 see https://www.spamhaus.org/x?e={l}@{d}&u={l}",
    "550 see https://www.spamhaus.org/{l}%40{d}",
    "550 mailto:{l}@{d}",
    "550 user {l} unknown",
    "550 mailbox '{l}' is full",
    "550 mailbox \"{l}\" is full",
    "550 recipient ({l}) unknown",
    "550 account {l}.{l} disabled",
    "550 /var/mail/{l}/new: full",
    "550 {l}: user unknown",
    "550 {l}... user unknown",
    "550 \u{444}{l}@\u{43f}\u{440}.\u{440}\u{444} unknown",
    "550 {l}\u{ff20}{d} unknown",
    "550 o'{l}@{d} unknown",
    "550 {l}+tag/x=y@{d} unknown",
    "550 (rfc822;{l}@{d})",
    "550 [{l}@{d}]",
    "550 <{l}@[192.0.2.1]>",
    "550 {l}@{d},{l}2@{d};{l}3@{d}",
];

#[test]
fn ordinary_words_are_kept_where_a_name_may_stand() {
    for (raw, wanted) in [
        ("450 Mailbox busy", "450 mailbox busy"),
        ("550 user terminated", "550 user terminated"),
        ("421 deferred due to user complaints", "421 deferred due to user complaints"),
        ("550 recipient refuses mail", "550 recipient refuses mail"),
        ("552 no mailbox space", "552 no mailbox space"),
        ("550 Antispam: refused", "550 antispam: refused"),
        ("550 USER_UNKNOWN", "550 user unknown"),
        ("554 Reject, MAILBOX_FULL (x)", "554 reject, mailbox full (x)"),
        ("552 Benutzer unbekannt", "552 benutzer unbekannt"),
        ("451 See http://pobox.com/~djb/docs/smtplf.html.", "451 see pobox.com/<id>/docs/smtplf.html."),
    ] {
        assert_eq!(normal(raw), wanted, "{raw}");
    }
}

/// A dictionary of all English would hold these, too.
#[test]
fn names_and_role_accounts_are_no_ordinary_words() {
    for name in [
        "john",
        "jane",
        "bob",
        "mary",
        "mark",
        "bill",
        "frank",
        "rose",
        "grace",
        "dean",
        "max",
        "sue",
        "smith",
        "brown",
        "white",
        "king",
        "baker",
        "taylor",
        "cook",
        "hunter",
        "turner",
        "walker",
        "bush",
        "hill",
        "info",
        "sales",
        "support",
        "admin",
        "contact",
        "office",
        "billing",
        "marketing",
        "postmaster",
        "webmaster",
        "news",
        "hr",
        "jobs",
        "press",
        "help",
        "team",
        "noreply",
    ] {
        for raw in
            ["550 user {} unknown", "550 mailbox {} is full", "550 {}: no such user", "550 account {}_{} off"]
        {
            let text = normal(&raw.replace("{}", name));
            assert!(!text.contains(&name.to_lowercase()), "{raw}: {text}");
        }
    }
}

proptest! {
    #[test]
    fn no_address_and_no_local_part_comes_out(
        local in "(zq|qz)[a-z]{2,8}[a-z0-9]{0,4}",
        domain in "[a-z]{2,8}\\.(com|example|co\\.uk)",
        place in 0..PLACES.len(),
        upper in any::<bool>(),
    ) {
        let shown = if upper { local.to_uppercase() } else { local.clone() };
        let raw = PLACES[place].replace("{l}", &shown).replace("{d}", &domain);
        let text = normal(&raw);
        prop_assert!(!text.contains(&local), "{raw} -> {text}");
        prop_assert!(!text.contains('@'), "{raw} -> {text}");
    }

    #[test]
    fn anything_at_all_is_read(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut diagnostic = Diagnostic::default();
        diagnostic.read(&raw);
        let text = diagnostic.text().to_owned();
        prop_assert!(!text.contains('@'), "{text}");
        prop_assert_eq!(&text.to_lowercase(), &text);
        diagnostic.read(&raw);
        prop_assert_eq!(diagnostic.text(), text.as_str(), "reading again gives the same");
    }

    #[test]
    fn hostile_punctuation_is_read(raw in "[<>\"'@=%!:/.# a0\\[\\]()-]{0,200}") {
        prop_assert!(!normal(&raw).contains('@'));
    }
}

#[test]
fn length_is_bounded() {
    for piece in ["<", "\"", "a@", "550 ", "user ", "x=", "http://", "1.", "[", "\u{444}", "<a", "\"@"] {
        let mut diagnostic = Diagnostic::default();
        diagnostic.read(piece.repeat(1_000_000 / piece.len()).as_bytes());
        assert!(diagnostic.text().len() <= 2 * LONGEST_INPUT, "{piece}");
    }
}

proptest! {
    /// The short way for plain words does what the long way does, wherever a word may stand.
    #[test]
    fn a_plain_word_is_read_alike_both_ways(
        before in "((550|451 4\\.7\\.0|user|for|\\(|[a-z]{1,4}:|<a@b\\.example>|x9) ?){0,4}",
        word in "(User|mailbox|[A-Za-z]{1,8}|[a-z]{39,42})",
        after in "[ \\)\\],;:.@=a1]{0,2}",
    ) {
        let (mut short, mut long) = (Diagnostic::default(), Diagnostic::default());
        short.read(before.as_bytes());
        long.read(before.as_bytes());
        let rest = format!("{word}{after}");
        if let Some(left) = short.plain_word(rest.as_bytes()) {
            let (length, flags) = token::measure(rest.as_bytes());
            let (word, behind) = rest.as_bytes().split_at(length);
            long.word(word, flags, behind);
            prop_assert_eq!(left, behind);
            prop_assert_eq!(format!("{short:?}"), format!("{long:?}"));
        }
    }
}
