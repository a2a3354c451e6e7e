//! The checks that have a cause for their name: each speaks up where its mail calls for it, and stays
//! quiet where it does not.

use super::diary::{Collected, Diary, Refusal};

const QUIET: [&str; 6] = ["authentication", "blocklisting", "tls", "vmta", "drift", "complaints"];

const UNSIGNED: Refusal =
    Some(("b", "5.7.26", "smtp;550 5.7.26 This mail has been blocked because the sender is unauthenticated"));
const LISTED: Refusal = Some((
    "b",
    "5.7.1",
    "smtp;554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using zen.spamhaus.org",
));
const FINGERPRINT: Refusal = Some(("t", "4.7.5", "smtp;454 4.7.5 TLS fingerprint mismatch"));
const REVERSE: Refusal =
    Some(("b", "5.7.25", "smtp;550 5.7.25 The IP address sending this message does not have a PTR record"));
const SPAM: Refusal = Some(("b", "5.7.1", "smtp;550 5.7.1 Message rejected as spam by Content Filtering"));

/// Forty minutes of peace at four providers over two VMTAs, a message a second each; then fifteen in
/// which some of it is refused as the caller says.
fn an_hour(refused: impl Fn(&str, &str) -> Refusal) -> Collected {
    let mut diary = Diary::new();
    for second in 0..3_300 {
        let bad = second >= 2_400 && second * 7_919 % 100 < 40;
        let vmta = if second % 2 == 0 { "vmta1" } else { "vmta2" };
        for domain in ["gmail.com", "yahoo.com", "outlook.com", "att.net"] {
            diary.put(second, domain, vmta, if bad { refused(domain, vmta) } else { None });
        }
    }
    Collected::new(&diary, 3_301)
}

/// The one that speaks says so in these words; of the others those that are not named are quiet.
fn speaks(host: &Collected, name: &str, words: &str, too: &[&str]) {
    for asked in QUIET {
        let (code, text) = host.check(asked);
        if asked == name {
            assert!(code == 1 || code == 2, "{asked}: {text}");
            assert!(text.contains(words), "{asked}: {text}");
        } else if !too.contains(&asked) {
            assert!(code == 0 && text.starts_with("VITALS OK - "), "{name}, but {asked}: {text}");
        }
    }
}

#[test]
fn mail_that_is_taken_leaves_every_one_of_them_quiet() {
    let host = an_hour(|_, _| None);
    for name in QUIET {
        let (code, text) = host.check(name);
        assert!(code == 0 && text.starts_with("VITALS OK - "), "{name}: {text}");
    }
}

#[test]
fn a_key_that_is_refused_is_authentication() {
    let host = an_hour(|domain, _| if domain == "att.net" { None } else { UNSIGNED });
    speaks(&host, "authentication", "authentication", &[]);
}

#[test]
fn an_address_on_a_list_is_blocklisting() {
    let host = an_hour(|domain, _| if domain == "yahoo.com" { LISTED } else { None });
    speaks(&host, "blocklisting", "blocklist", &[]);
}

#[test]
fn a_fingerprint_that_differs_is_tls() {
    let host = an_hour(|domain, _| if domain == "att.net" { FINGERPRINT } else { None });
    speaks(&host, "tls", "[ATT.NET] TLS fingerprint mismatch -> deferral rate", &[]);
}

#[test]
fn refusals_of_three_kinds_at_one_vmta_are_of_the_vmta() {
    let host = an_hour(|domain, vmta| match (domain, vmta) {
        ("gmail.com", "vmta2") => REVERSE,
        ("yahoo.com", "vmta2") => SPAM,
        ("outlook.com", "vmta2") => UNSIGNED,
        _ => None,
    });
    speaks(&host, "vmta", "VMTA vmta2 only", &["authentication"]);
}

/// A day and a half of mail, a message every half minute at two providers; the second day begins at
/// noon, and from then on so many of a thousand complain.
fn a_day_of_complaints(of_thousand: i64) -> Collected {
    let mut diary = Diary::new();
    for place in 0..4_320 {
        let second = place * 30;
        diary.put(second, "yahoo.com", "vmta1", None);
        diary.put(second + 15, "gmail.com", "vmta1", None);
        let often = if second < 43_200 { 1 } else { of_thousand };
        if place * 7_919 % 1_000 < often {
            diary.complain(second + 20, "yahoo.com");
        }
    }
    Collected::new(&diary, 4_320 * 30)
}

#[test]
fn complaints_of_a_day_are_told_with_what_receivers_stand() {
    let host = a_day_of_complaints(5);
    speaks(&host, "complaints", "[Yahoo] Complaints: ", &[]);
    let (_, text) = host.check("complaints");
    assert!(text.contains("of a day's deliveries"), "{text}");
    assert!(host.printed.contains("pmta_event,event=complaints"), "{}", host.printed);
    let event = host.printed.lines().find(|line| line.starts_with("pmta_event,event=complaints")).unwrap();
    for words in ["provider=Yahoo", "severity=warning", "routing=\"ticket\"", "below 0.1%", "Not: waiting"] {
        assert!(event.contains(words), "{words}: {event}");
    }
    speaks(&a_day_of_complaints(2), "", "", &[]);
}

#[test]
fn a_level_that_grew_from_week_to_week_is_drift_and_never_a_warning() {
    let slower: Refusal =
        Some(("t", "4.7.28", "smtp;421 4.7.28 Gmail has detected an unusual rate of unsolicited mail"));
    let mut diary = Diary::new();
    for place in 0..15 * 360_i64 {
        let second = place * 240;
        let often = if second < 7 * 86_400 { 2 } else { 7 };
        let bad = place * 7_919 % 100 < often;
        diary.put(second, "gmail.com", "vmta1", if bad { slower } else { None });
    }
    let host = Collected::new(&diary, 15 * 86_400);
    let event = host.printed.lines().find(|line| line.starts_with("pmta_event,event=drift"));
    let event = event.unwrap_or_else(|| panic!("{}", host.printed));
    for words in ["[Gmail] Weekly drift: reputation 2% → ", "severity=info", "routing=\"log\""] {
        assert!(event.contains(words), "{words}: {event}");
    }
    speaks(&host, "", "", &[]);
}
