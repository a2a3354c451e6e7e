//! All formats at once: the same numbers, the bytes as they are, and any input at all.

use super::document::{Document, Gathered};
use super::fixture;
use super::grammar::{Numbers, exposition, influx as lines, perfdata, schema, vector};
use super::{FORMATS, catalogue, format};
use crate::record::{Event, Finding, Sample, Severity, State, Value};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;

fn printed(name: &str, document: &Document) -> String {
    String::from_utf8((format(name).unwrap().print)(document)).unwrap()
}

#[test]
fn one_document_has_the_same_numbers_in_every_format() {
    let document = fixture::document();
    let influx = lines::numbers(&lines::read(&printed("influx", &document)).unwrap());
    assert!(influx.len() > 30);
    assert_eq!(exposition::read(&printed("prometheus", &document)).unwrap(), influx);
    assert_eq!(vector::numbers(&vector::read(&printed("native-json", &document)).unwrap()), influx);
    assert_eq!(json_numbers(&printed("json", &document)), influx);
    let total = |field: &str| influx[&(format!("pmta_totals_{field}"), BTreeMap::new())];
    let perf = perfdata::read(&printed("nagios", &document), 8_000).unwrap();
    for (label, field) in
        [("delivered", "delivered_total"), ("deferred", "deferred_total"), ("bounced", "bounced_total")]
    {
        assert_eq!(perf[label], total(field), "{label}");
    }
    let text = printed("text", &document);
    let yahoo = text.lines().find(|line| line.starts_with("Yahoo")).unwrap();
    let cells: Vec<&str> = yahoo.split_whitespace().collect();
    assert_eq!(cells[..5], ["Yahoo", "60", "40", "3", "2"]);
}

fn json_numbers(text: &str) -> Numbers {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut numbers = Numbers::new();
    for row in ["metrics", "collector"].iter().flat_map(|key| document[*key].as_array().unwrap()) {
        let tags: BTreeMap<String, String> = serde_json::from_value(row["tags"].clone()).unwrap();
        for (field, value) in row["fields"].as_object().unwrap() {
            let name = format!("{}_{field}", row["measurement"].as_str().unwrap());
            assert_eq!(numbers.insert((name, tags.clone()), value.as_f64().unwrap()), None);
        }
    }
    numbers
}

#[test]
fn every_row_is_in_the_catalogue_with_its_type() {
    let document = fixture::document();
    for row in document.rows.iter().chain(&document.event_rows) {
        assert_eq!(catalogue::check(row), Ok(()));
    }
    assert!(document.rows.iter().any(|row| row.measurement == "pmta_finding"));
    assert_eq!(document.event_rows.len(), 2);
}

/// `GOLDEN=write cargo test golden` writes them anew; read the difference before it is committed.
#[test]
fn the_golden_bytes_are_unchanged() {
    let document = fixture::document();
    for format in FORMATS {
        let path = format!("{}/src/emit/golden/{}.txt", env!("CARGO_MANIFEST_DIR"), format.name);
        let now = printed(format.name, &document);
        if std::env::var_os("GOLDEN").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        assert_eq!(now, std::fs::read_to_string(&path).unwrap(), "{}", format.name);
    }
}

#[test]
fn the_order_of_the_input_changes_nothing() {
    let mut turned = fixture::gathered();
    turned.samples.reverse();
    turned.findings.reverse();
    turned.events.reverse();
    let (one, other) = (fixture::document(), Document::new(turned));
    for format in FORMATS {
        assert_eq!(printed(format.name, &one), printed(format.name, &other), "{}", format.name);
    }
}

#[test]
fn json_keeps_to_its_schema() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/collect.schema.json")).unwrap();
    let rules: serde_json::Value = serde_json::from_str(&text).unwrap();
    let empty = Document::new(Gathered { host: "mx1".to_owned(), ..Gathered::default() });
    for document in [fixture::document(), empty] {
        let value: serde_json::Value = serde_json::from_str(&printed("json", &document)).unwrap();
        assert_eq!(schema::check(&value, &rules, &rules, ""), Ok(()));
    }
    let mut wrong: serde_json::Value = serde_json::from_str(&printed("json", &fixture::document())).unwrap();
    wrong["findings"][0]["n"] = serde_json::Value::Null;
    assert!(schema::check(&wrong, &rules, &rules, "").is_err());
}

#[test]
fn a_change_of_state_has_every_key_that_replay_promises() {
    let mut finding = fixture::spike();
    finding.vmta = String::new();
    finding.was = Some(f64::NAN);
    let line = super::told(&fixture::event(1, 0, finding));
    let keys: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
    let promised = "time began event_id event state severity provider vmta reason stage unit was now ci_low ci_high n \
                    n_queue recipients explained message action confidence routing suppressed_by";
    let mut promised: Vec<&str> = promised.split_whitespace().collect();
    promised.sort_unstable();
    assert_eq!(keys.keys().collect::<Vec<_>>(), promised);
    assert_eq!(keys["time"], "1970-01-01T02:00:00+02:00");
    assert!(keys["vmta"].is_null() && keys["was"].is_null());
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn a_long_document_is_cut_at_the_end_and_says_so() {
    let mut gathered = fixture::gathered();
    gathered
        .samples
        .extend((0..500).map(|at| Sample::new("pmta_queue").tag("queue", format!("q{at}")).int("bytes", 1)));
    gathered.lines = 40;
    let document = Document::new(gathered.clone());
    assert_eq!(document.rows.len(), 40);
    let whole = lines::read(&printed("influx", &document)).unwrap();
    let count = |name: &str| whole.iter().filter(|line| line.measurement == name).count();
    assert_eq!(
        (count("pmta_finding"), count("pmta_event"), count("pmta_totals"), count("pmta")),
        (3, 2, 1, 1)
    );
    assert!(count("pmta_recipients") == 2 && count("pmta_queue") > 0, "queues go before totals");
    let own = |document: &Document| document.rows[0].field("truncated").cloned();
    assert_eq!(own(&document), Some(Value::Int(1)));
    gathered.lines = 0;
    let kept = Document::new(gathered.clone());
    assert_eq!(kept.rows.len(), 7, "collector, its source, pmta, totals and three findings are never cut");
    gathered.lines = 10_000;
    assert_eq!(own(&Document::new(gathered)), Some(Value::Int(0)));
}

#[test]
fn one_series_is_one_row_and_a_field_has_one_type() {
    let samples = vec![
        Sample::new("pmta_memory").tag("process", "pmtad").int("rss_bytes", 1),
        Sample::new("pmta_memory").tag("process", "pmtad").int("rss_bytes", 2).float("threads", 3.4),
        Sample::new("pmta").int("uptime_seconds", 5).growing("up", 1).float("running", f64::NAN),
        Sample::new("pmta_spool").float("init_ratio", f64::INFINITY),
    ];
    let document = Document::new(Gathered { samples, lines: 9, ..Gathered::default() });
    assert_eq!(document.rows.len(), 3, "{:?}", document.rows);
    assert_eq!(document.rows[1].fields, [("up", Value::Int(1)), ("uptime_seconds", Value::Float(5.0))]);
    assert_eq!(document.rows[2].fields, [("rss_bytes", Value::Int(1)), ("threads", Value::Int(3))]);
}

#[test]
fn an_event_keeps_its_time_when_it_is_told_again() {
    let times = |events: Vec<Event>| -> Vec<i64> {
        let document = Document::new(Gathered { events, ..Gathered::default() });
        document.event_rows.iter().map(|row| row.at_ns.unwrap()).collect()
    };
    let event = |seq| fixture::event(seq, 100, fixture::spike());
    assert_eq!(times(vec![event(3), event(4), event(4)]), [100_000_000_003, 100_000_000_004]);
    assert_eq!(times(vec![event(4)]), [100_000_000_004]);
    let mut unnumbered = event(4);
    unnumbered.id = "another".to_owned();
    assert_eq!(times(vec![event(4), unnumbered]), [100_000_000_004, 100_000_000_005]);
}

#[test]
fn states_become_levels() {
    let finding = |state, changed| Finding { state, changed, began: 0, ..fixture::spike() };
    let level = |state, changed| {
        let gathered = Gathered {
            now_ns: 1_000_000_000_000,
            findings: vec![finding(state, changed)],
            ..Gathered::default()
        };
        let document = Document::new(gathered);
        let row = document.of("pmta_finding").next()?.clone();
        let field = |name| row.field(name).cloned().unwrap();
        Some((field("active"), field("suppressed"), field("since_seconds")))
    };
    let levels =
        |active, suppressed, since| Some((Value::Int(active), Value::Int(suppressed), Value::Float(since)));
    assert_eq!(level(State::Firing, 10), levels(1, 0, 1_000.0));
    assert_eq!(level(State::Suppressed, 10), levels(0, 1, 1_000.0));
    assert_eq!(level(State::Resolved, 400), levels(0, 0, 400.0));
    assert_eq!(level(State::Resolved, 399), None);
    assert_eq!(level(State::Pending, 999), None);
    assert_eq!(level(State::Noted, 999), None);
}

#[test]
fn a_finding_that_began_again_inherits_nothing() {
    let again = Finding { recipients: None, was: None, id: "second".to_owned(), ..fixture::spike() };
    let before = Finding { state: State::Resolved, changed: 999, ..fixture::spike() };
    let document = Document::new(Gathered {
        now_ns: 1_000_000_000_000,
        findings: vec![before, again],
        ..Gathered::default()
    });
    let rows: Vec<&Sample> = document.of("pmta_finding").collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].field("active"), Some(&Value::Int(1)));
    assert_eq!((rows[0].field("recipients"), rows[0].field("was")), (None, None));
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\\", "\"", "'", "|", "=", ",", " ", "\n", "\r", "\t", "\0", "{", "}", ";", "::", "é", "→", "\u{85}",
        "\u{2028}", "NaN", "a", "\\n", "#",
    ]);
    prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()),
        (nasty_char(), 0..1_500_usize).prop_map(|(c, times)| c.to_string().repeat(times)),
    ]
}

fn nasty_char() -> impl Strategy<Value = char> {
    prop_oneof![any::<char>(), Just('\\'), Just('é'), Just(' '), Just('|')]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Growing),
        any::<f64>().prop_map(Value::Float),
        (-10.0..10.0_f64).prop_map(Value::Float),
        nasty().prop_map(Value::Text),
    ]
}

/// A row of any measurement that the catalogue knows, with anything in it.
fn sample() -> impl Strategy<Value = Sample> {
    let known = prop::sample::select(catalogue::MEASUREMENTS);
    (known, prop::collection::vec(nasty(), 5), prop::collection::vec(value(), 18)).prop_map(
        |(known, words, values)| {
            let mut sample = Sample::new(known.name);
            sample.tags.extend(known.tags.iter().copied().zip(words));
            sample.fields.extend(known.fields.iter().map(|field| field.name).zip(values));
            sample
        },
    )
}

fn finding() -> impl Strategy<Value = Finding> {
    let states = vec![State::Firing, State::Suppressed, State::Resolved, State::Noted];
    let numbers = prop::collection::vec(prop::option::of(any::<f64>()), 2);
    (prop::collection::vec(nasty(), 8), prop::sample::select(states), numbers, any::<i64>(), any::<i64>())
        .prop_map(|(words, state, numbers, began, n)| Finding {
            finding: words[0].clone(),
            provider: words[1].clone(),
            vmta: words[2].clone(),
            reason: words[3].clone(),
            id: words[4].clone(),
            message: words[5].clone(),
            action: words[6].clone(),
            suppressed_by: Some(words[7].clone()),
            state,
            was: numbers[0],
            now: numbers[1],
            began,
            n,
            ..Finding::note("x", Severity::Critical, began, String::new(), "")
        })
}

prop_compose! {
    fn anything()(
        now_ns in any::<i64>(),
        host in nasty(),
        samples in prop::collection::vec(sample(), 0..12),
        findings in prop::collection::vec(finding(), 0..6),
        told in prop::collection::vec((finding(), any::<i64>(), 0..3_i64), 0..6),
        lines in 0..40_usize,
    ) -> Gathered {
        let events = told.into_iter().map(|(finding, time, seq)| Event { seq, id: finding.id.clone(), time, finding });
        Gathered { now_ns, host, version: "1".to_owned(), samples, findings, events: events.collect(), lines }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_every_host_can_read_what_goes_out(gathered in anything()) {
        let document = Document::new(gathered);
        let influx = printed("influx", &document);
        let read = lines::read(&influx).map_err(TestCaseError::fail)?;
        prop_assert_eq!(read.len(), document.len());
        let crate_read: Result<Vec<_>, _> = influxdb_line_protocol::parse_lines(&influx).collect();
        let crate_read = crate_read.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(crate_read.len(), read.len());
        for (ours, theirs) in read.iter().zip(&crate_read) {
            same(ours, theirs);
        }
        let numbers = lines::numbers(&read);
        prop_assert_eq!(&exposition::read(&printed("prometheus", &document)).map_err(TestCaseError::fail)?, &numbers);
        let vector = vector::read(&printed("native-json", &document)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&vector::numbers(&vector), &numbers);
        serde_json::from_str::<serde_json::Value>(&printed("json", &document)).unwrap();
        perfdata::read(&printed("nagios", &document), 8_000).map_err(TestCaseError::fail)?;
        let text = printed("text", &document);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn a_plugin_keeps_to_its_limit(gathered in anything(), max in 0..9_000_usize) {
        let output = super::nagios::summary(&Document::new(gathered)).print(max);
        perfdata::read(std::str::from_utf8(&output).unwrap(), max.max(80)).map_err(TestCaseError::fail)?;
    }
}

/// The strict reader and the crate's parser (which is Vector's) read the same.
fn same(ours: &lines::Line, theirs: &influxdb_line_protocol::ParsedLine<'_>) {
    use influxdb_line_protocol::FieldValue;
    assert_eq!(theirs.series.measurement.as_str(), ours.measurement);
    assert_eq!(theirs.timestamp, Some(ours.time));
    for (name, value) in &ours.tags {
        assert_eq!(theirs.tag_value(name).unwrap().as_str(), value);
    }
    for (name, held) in &ours.fields {
        match (held, theirs.field_value(name).unwrap()) {
            (lines::Held::Int(ours), FieldValue::I64(theirs)) => assert_eq!(ours, theirs),
            (lines::Held::Float(ours), FieldValue::F64(theirs)) => assert_eq!(ours, theirs),
            (lines::Held::Text(ours), FieldValue::String(theirs)) => assert_eq!(ours, theirs.as_str()),
            (ours, theirs) => panic!("{name}: {ours:?} is not {theirs:?}"),
        }
    }
}
