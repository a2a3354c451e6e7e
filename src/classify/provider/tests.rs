//! Tests of the provider table and its look-up.

use super::*;

fn plain() -> Providers {
    Providers::new(&BTreeMap::new())
}

fn tag(providers: &mut Providers, domain: &str, mta: &str) -> String {
    match providers.lookup(domain.as_bytes(), mta.as_bytes()) {
        Provider::Named(number) => providers.name(number).to_owned(),
        Provider::Domain(domain) => domain.to_owned(),
    }
}

#[test]
fn rollup_then_mx_then_domain() {
    for (domain, mta, wanted) in [
        ("yahoo.rollup", "", "Yahoo"),
        ("aol.rollup", "", "Yahoo"),
        ("gmail.rollup", "", "Gmail"),
        ("hotmail.com.rollup", "", "Microsoft"),
        ("unheard-of.rollup", "", "unheard-of.rollup"),
        ("example.com", "aspmx.l.google.com (192.0.2.1)", "Gmail"),
        ("example.org", "example-org.mail.protection.outlook.com (192.0.2.1)", "Microsoft"),
        ("example.net", "MX0A-00000000.PPHOSTED.COM. (192.0.2.1)", "Proofpoint"),
        ("hotmail.com", "", "Microsoft"),
        ("Hotmail.COM", "", "Microsoft"),
        ("att.net", "al-ip4-mx-vip1.prodigy.net (192.0.2.1)", "ATT.NET"),
        ("gmx.at", "mx00.emig.gmx.net (192.0.2.1)", "GMX"),
        ("Example.EDU", "mx.example.edu (192.0.2.1)", "example.edu"),
        ("bücher.de", "", "bücher.de"),
        ("BÜCHER.de.", "", "bücher.de"),
        ("", "", ""),
        ("notgoogle.com", "mx.notgoogle.com (192.0.2.1)", "notgoogle.com"),
        ("cox.net", "cxr.mx.a.cloudfilter.net (192.0.2.1)", "Cox"),
    ] {
        assert_eq!(tag(&mut plain(), domain, mta), wanted, "{domain} {mta}");
    }
}

#[test]
fn the_operators_map_comes_first() {
    let map = BTreeMap::from([
        ("Example Corp".to_owned(), vec!["example.com".to_owned(), "*.mx.example.net".to_owned()]),
        ("gmail".to_owned(), vec!["alumni.example.edu".to_owned()]),
    ]);
    let mut providers = Providers::new(&map);
    assert_eq!(tag(&mut providers, "example.com", "aspmx.l.google.com"), "Example Corp");
    assert_eq!(tag(&mut providers, "other.example", "in1.mx.example.net (192.0.2.1)"), "Example Corp");
    assert_eq!(
        tag(&mut providers, "alumni.example.edu", ""),
        "Gmail",
        "an existing name is extended, not doubled"
    );
    assert_eq!(tag(&mut providers, "gmail.com", ""), "Gmail");
    assert_eq!(providers.find("EXAMPLE corp"), providers.find("Example Corp"));
    assert!(providers.find("nobody").is_none());
}

#[test]
fn an_answer_depends_on_nothing_that_was_asked_before() {
    let asked = [
        ("example.com", "", "example.com"),
        ("example.com", "aspmx.l.google.com (192.0.2.1)", "Gmail"),
        ("example.com", "", "example.com"),
        ("example.com", "mx.example.com (192.0.2.2)", "example.com"),
        ("example.com", "mx.example.com", "example.com"),
        ("example.com", "(192.0.2.2)", "example.com"),
        ("Example.Com.", "aspmx.l.google.com[192.0.2.1]", "Gmail"),
        ("example.com", "aspmx.l.google.company (192.0.2.1)", "example.com"),
        ("example.com", "eu-smtp-inbound-1.mimecast.com (192.0.2.3)", "Mimecast"),
        ("hotmail.com", "aspmx.l.google.com (192.0.2.1)", "Gmail"),
        ("hotmail.com", "", "Microsoft"),
        ("yahoo.rollup", "aspmx.l.google.com (192.0.2.1)", "Yahoo"),
    ];
    let (mut forwards, mut backwards) = (plain(), plain());
    for (nth, (domain, mta, wanted)) in asked.into_iter().enumerate() {
        let mut other_first = plain();
        for (domain, mta, _) in asked.into_iter().skip(nth) {
            tag(&mut other_first, domain, mta);
        }
        assert_eq!(tag(&mut other_first, domain, mta), wanted, "{domain} {mta}, after others");
    }
    for (domain, mta, wanted) in asked {
        assert_eq!(tag(&mut forwards, domain, mta), wanted, "{domain} {mta}");
    }
    for (domain, mta, wanted) in asked.into_iter().rev() {
        assert_eq!(tag(&mut backwards, domain, mta), wanted, "{domain} {mta}, the other way round");
    }
}

#[test]
fn names_are_fit_for_tags_and_sentences() {
    let providers = plain();
    assert!(providers.names().len() > 80);
    for name in providers.names().iter() {
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ')),
            "{name}"
        );
        assert_eq!(providers.find(&name.to_lowercase()), providers.find(name));
    }
    for (name, hosts, domains) in providers.describe() {
        for word in hosts.into_iter().chain(domains) {
            assert_eq!(*word, word.to_lowercase(), "{name}");
            assert!(!word.starts_with('.'), "{name}: {word}");
        }
    }
    assert_eq!(providers.sentence_name(Provider::Domain("example.com")), "EXAMPLE.COM");
    let yahoo = providers.find("yahoo").unwrap();
    assert_eq!(providers.sentence_name(Provider::Named(yahoo)), "Yahoo");
}

#[test]
fn nothing_belongs_to_two_providers() {
    let providers = plain();
    let mut seen = std::collections::BTreeMap::new();
    for (name, hosts, domains) in providers.describe() {
        for word in hosts
            .into_iter()
            .map(|host| ("mx", host))
            .chain(domains.into_iter().map(|domain| ("domain", domain)))
        {
            assert_eq!(seen.insert(word, name), None, "{word:?}");
        }
    }
}

#[test]
fn a_mistyped_name_is_recognised() {
    let providers = plain();
    assert_eq!(providers.nearest("Micosoft"), Some("Microsoft"));
    assert_eq!(providers.nearest("yaho"), Some("Yahoo"));
    assert_eq!(providers.nearest("zzzzzzzzzz"), None);
}

#[test]
fn a_name_of_any_length_and_any_bytes_has_a_provider() {
    let mut providers = plain();
    let long = vec![b'a'; 100_000];
    assert!(
        matches!(providers.lookup(&long, &long), Provider::Domain(domain) if domain.len() == LONGEST_DOMAIN)
    );
    assert!(matches!(providers.lookup(b"\xff\xfe", b"\xff"), Provider::Domain(_)));
}
