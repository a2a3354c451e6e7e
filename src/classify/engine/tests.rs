//! Tests of the engine: evidence in its order, stages, memory, and that it always answers.

use super::*;
use crate::classify::Stage;
use crate::classify::explain::tsv_line;
use std::collections::BTreeMap;

fn fresh() -> (Providers, Classifier) {
    let providers = Providers::new(&BTreeMap::new());
    let classifier = Classifier::new(&providers, Vec::new());
    (providers, classifier)
}

fn reply<'a>(status: &'a str, diag: &'a str, kind: &str) -> Reply<'a> {
    Reply {
        provider: Provider::Domain("example.com"),
        queue_level: kind == "tq",
        transient: kind != "b",
        status: status.as_bytes(),
        diag: diag.as_bytes(),
        has_remote: true,
    }
}

#[test]
fn evidence_is_believed_in_its_order() {
    let (_, mut classifier) = fresh();
    for (status, diag, wanted) in [
        ("4.4.1 (no answer from host)", "", Reason::ConnectFailure),
        ("4.4.4 (unable to route: dns lookup failure)", "", Reason::Dns),
        ("4.4.2 (bad connection)", "", Reason::ConnectionLost),
        ("4.4.7 (delivery time expired)", "", Reason::Expired),
        ("5.0.0 (undefined status)", "smtp;550 zzz", Reason::Other),
        ("5.7.1", "smtp;550 5.7.1", Reason::Other),
        ("4.7.0", "smtp;421 4.7.0", Reason::TempUnspecified),
        ("5.7.1", "smtp;550 5.2.2 zzz", Reason::MailboxFull),
        ("5.1.1", "smtp;550 5.1.1 blocked using zen.spamhaus.org", Reason::Blocklisted),
        ("", "", Reason::Other),
        ("", "503", Reason::ProtocolError),
    ] {
        assert_eq!(classifier.answer(reply(status, diag, "t")).reason, wanted, "{status} {diag}");
    }
}

#[test]
fn a_code_that_a_mask_could_hide_keeps_its_own_answer() {
    let (_, mut classifier) = fresh();
    let busy = classifier.answer(reply("", "451 4.7.500 Server busy", "t"));
    let other = classifier.answer(reply("", "451 4.7.777 zzz", "t"));
    assert_eq!(busy.reason, Reason::RateLimited);
    assert_ne!(other.reason, Reason::RateLimited);
    assert_ne!(busy.template, other.template);
}

#[test]
fn stages_follow_the_words_and_the_record() {
    let (_, mut classifier) = fresh();
    for (status, diag, kind, wanted) in [
        ("", "421 4.7.0 zzz", "tq", Some(Stage::Handshake)),
        ("", "421 EHLO refused", "tq", Some(Stage::Ehlo)),
        ("", "454 STARTTLS not available", "tq", Some(Stage::Starttls)),
        ("", "450 zzz", "t", Some(Stage::Session)),
        ("", "450 Recipient address rejected: Greylisted", "t", Some(Stage::Rcpt)),
        ("", "451 timed out in reply to end of DATA command", "t", Some(Stage::Data)),
        ("", "450 EHLO refused", "t", Some(Stage::Session)),
        ("4.4.1 (no answer from host)", "", "tq", Some(Stage::Connect)),
        ("", "550 zzz", "b", None),
    ] {
        assert_eq!(classifier.answer(reply(status, diag, kind)).stage, wanted, "{diag} {kind}");
    }
}

#[test]
fn throttling_is_a_reason_or_the_status() {
    let (_, mut classifier) = fresh();
    for (status, diag, wanted) in [
        ("4.2.1", "450 4.2.1 zzz", true),
        ("4.2.1 (mailbox disabled)", "450 zzz", true),
        ("", "421 too many connections", true),
        ("", "450 greylisted", false),
    ] {
        assert_eq!(classifier.answer(reply(status, diag, "t")).throttling, wanted, "{diag}");
    }
}

#[test]
fn known_templates_need_no_rules() {
    let (providers, mut first) = fresh();
    assert!(!first.has_read_rules(), "making one reads nothing");
    let answer = first.answer(reply("", "421 too many connections from 192.0.2.1", "tq"));
    assert!(first.has_read_rules());
    let written = first.remembered().unwrap();
    assert_eq!(first.remembered(), None, "nothing new, nothing written");

    let mut second = Classifier::new(&providers, Vec::new());
    second.recall(&written);
    assert_eq!(second.answer(reply("", "421 too many connections from 192.0.2.9", "tq")), answer);
    assert!(!second.has_read_rules());
    assert_eq!(second.remembered(), None);

    let mut changed = Classifier::new(&providers, vec![("mine.toml".to_owned(), OWN.to_owned())]);
    changed.recall(&written);
    changed.answer(reply("", "421 too many connections from 192.0.2.9", "tq"));
    assert!(changed.has_read_rules(), "other rules make old answers void");
}

const OWN: &str =
    "[[rule]]\nid = \"mine\"\nreason = \"policy\"\npattern = \"too many connections\"\nexample = \"x\"\n";

#[test]
fn the_operators_rules_come_first_and_a_bad_file_is_told() {
    let (providers, _) = fresh();
    let bad = "[[rule]]\nid = \"broken\"\nreason = \"slowness\"\npattern = \"abc\"\nexample = \"x\"\n";
    let files = vec![("bad.toml".to_owned(), bad.to_owned()), ("mine.toml".to_owned(), OWN.to_owned())];
    let mut classifier = Classifier::new(&providers, files);
    let answer = classifier.answer(reply("", "421 too many connections", "tq"));
    assert_eq!(answer.reason, Reason::Policy);
    assert_eq!(classifier.answer(reply("", "550 user unknown", "b")).reason, Reason::BadMailbox);
    let problems = classifier.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].file.as_str(), problems[0].line), ("bad.toml", 3));
    assert!(problems[0].to_string().starts_with("bad.toml:3: unknown reason"), "{}", problems[0]);
}

#[test]
fn tsv_answers_every_line() {
    let (providers, mut classifier) = fresh();
    let gmail = "4.2.2\tsmtp;452 4.2.2 over quota\tgmail-smtp-in.l.google.com (192.0.2.1)\tt\textra\r\n";
    for (line, wanted) in [
        (gmail.as_bytes().to_vec(), "mailbox-full\tGmail\tsession\t"),
        (b"".to_vec(), "other\tother\t-\t-"),
        (b"\t\t\t".to_vec(), "other\tother\t-\t-"),
        (b"4.4.1 (no answer from host)".to_vec(), "connect-failure\tother\tconnect\t-"),
        (b"\xff\xfe\t\xff550 user unknown".to_vec(), "bad-mailbox\tother\t"),
        ([b"5.0.0\t550 ".to_vec(), vec![b'x'; 1 << 20]].concat(), "other\tother\t-\t-"),
    ] {
        let answer = tsv_line(&mut classifier, &providers, &line);
        assert!(answer.starts_with(wanted), "{answer}");
        assert_eq!(answer.matches('\t').count(), 3);
        assert!(!answer.contains('\n'));
    }
}

/// Mutations of real words, seeded: total, and never two answers to one reply.
#[test]
fn mutated_replies_are_always_answered() {
    let (_, mut classifier) = fresh();
    let examples: Vec<String> = classifier.all_rules().iter().map(|rule| rule.example.clone()).collect();
    let mut seed = 7u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below.max(1)
    };
    for round in 0..1_500 {
        let mut bytes = examples[round % examples.len()].clone().into_bytes();
        for _ in 0..next(6) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => drop(bytes.drain(at..)),
                2 => bytes.insert(at, b"<>@\"=%\xff\0"[next(8)]),
                _ => bytes.extend_from_slice(examples[next(examples.len())].as_bytes()),
            }
            bytes.push(b' ');
        }
        let mut asked = reply("5.0.0", "", ["t", "tq", "b"][next(3)]);
        asked.diag = &bytes;
        assert_eq!(classifier.answer(asked), classifier.answer(asked));
    }
}

/// Twice the length may cost about twice the time; a quadratic step would cost four times.
#[test]
fn time_is_linear_in_the_reply() {
    let (_, mut classifier) = fresh();
    for piece in ["<", "\"", "user unknown ", "a@b ", "blocked spam full ", "550-5.1.1 ", "x=y "] {
        let mut cost = |length: usize| {
            let text = piece.repeat(length / piece.len());
            let mut asked = reply("", &text, "t");
            asked.has_remote = false;
            classifier.answer(asked);
            let start = std::time::Instant::now();
            for _ in 0..3 {
                classifier.answer(asked);
            }
            start.elapsed().as_secs_f64()
        };
        let (short, long) = (cost(1 << 14), cost(1 << 16));
        assert!(long < 40.0 * short + 0.2, "{piece}: {short} {long}");
        let huge = cost(1 << 20);
        assert!(huge < 8.0 * long + 0.2, "{piece}: cut at 64 KiB, {long} {huge}");
    }
}
