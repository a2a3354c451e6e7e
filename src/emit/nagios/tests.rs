//! Plugin output against the rules of its hosts.

use super::super::grammar::perfdata;
use super::{Perf, Plugin, Range, Status, Uom, about, plain};
use crate::record::{Finding, Severity, State};

fn text(plugin: &Plugin, max: usize) -> String {
    String::from_utf8(plugin.print(max)).unwrap()
}

#[test]
fn a_check_is_one_line_with_its_data_and_a_line_for_each_part() {
    let range = |text| Range::parse(text).unwrap();
    let mut plugin = Plugin::new(Status::Critical, "[Yahoo] deferrals 38 % (was 12 %): 421 handshake");
    plugin.perf = vec![
        Perf::new("ratio", Some(38.0), Uom::Percent)
            .thresholds(range("20"), range("@30:100"))
            .bounds(0.0, Some(100.0)),
        Perf::new("oldest age", Some(12.5), Uom::Seconds),
        Perf::new("unknown", None, Uom::Bytes),
    ];
    plugin.lines = vec![(Status::Critical, "Yahoo|x".to_owned()), (Status::Ok, "Gmail\nfine".to_owned())];
    assert_eq!(
        text(&plugin, 8_000),
        "VITALS CRITICAL - [Yahoo] deferrals 38 % (was 12 %): 421 handshake | ratio=38%;20;@30:100;0;100 'oldest age'=12.5s\n\
         \\_[CRITICAL] - Yahoo/x\n\
         \\_[OK] - Gmail fine\n"
    );
}

#[test]
fn what_a_remote_server_said_stays_text() {
    assert_eq!(
        plain("421 | x=1 \"no\" `id` $(id)\\\r\n\u{7} 12% → 38%"),
        "421 / x=1 'no' 'id' _(id)/    12% -> 38%"
    );
    let label =
        |raw: &str| text(&Plugin { perf: vec![Perf::new(raw, Some(1.0), Uom::None)], ..quiet() }, 8_000);
    for (raw, shown) in
        [("a=b", "a_b=1"), ("it's", "it_s=1"), ("a::b", "a_b=1"), ("a b", "'a b'=1"), ("", "value=1")]
    {
        assert_eq!(label(raw), format!("VITALS OK - fine | {shown}\n"), "{raw}");
    }
}

#[test]
fn numbers_have_no_exponent_and_unknown_ones_are_left_out() {
    let value = |value| text(&Plugin { perf: vec![Perf::new("a", value, Uom::Counter)], ..quiet() }, 8_000);
    assert_eq!(value(Some(1e12)), "VITALS OK - fine | a=1000000000000c\n");
    assert_eq!(value(Some(1e-7)), "VITALS OK - fine | a=0c\n");
    for unknown in [None, Some(f64::NAN), Some(f64::INFINITY), Some(1e300)] {
        assert_eq!(value(unknown), "VITALS OK - fine\n");
    }
}

#[test]
fn whole_data_and_whole_lines_fit_into_nrpe() {
    let mut plugin = Plugin::new(Status::Warning, "é|".repeat(900));
    plugin.perf = (0..40).map(|at| Perf::new(format!("label number {at}"), Some(1.0), Uom::Bytes)).collect();
    plugin.lines = (0..100).map(|at| (Status::Warning, format!("part {at} {}", "-".repeat(60)))).collect();
    for max in [80, 200, 500, 900, 1_024, 8_000] {
        let output = text(&plugin, max);
        perfdata::read(&output, max).unwrap();
        assert!(max < 500 || output.len() + 110 > max, "{max}: room is left");
    }
    let output = text(&plugin, 4_000);
    let shown = output.lines().filter(|line| line.starts_with("\\_[")).count();
    assert!(shown > 10 && output.ends_with(&format!("... and {} more\n", 100 - shown)), "{output}");
}

#[test]
fn what_is_known_to_be_bad_is_worse_than_what_is_not_known() {
    use Status::{Critical, Ok, Unknown, Warning};
    let order = [Ok, Unknown, Warning, Critical];
    for (at, worse) in order.iter().enumerate() {
        for better in &order[..at] {
            assert_eq!((worse.worst(*better), better.worst(*worse)), (*worse, *worse));
        }
    }
    assert_eq!(order.map(Status::code), [0, 3, 1, 2]);
}

#[test]
fn thresholds_decide_critical_before_warning() {
    let range = |text| Range::parse(text).unwrap();
    for (value, status) in [(5.0, Status::Ok), (15.0, Status::Warning), (25.0, Status::Critical)] {
        assert_eq!(Status::judge(value, range("10"), range("20")), status);
    }
    assert_eq!(Status::judge(99.0, None, None), Status::Ok);
}

#[test]
fn the_worst_finding_leads_and_a_suppressed_one_is_ok_with_the_word() {
    let known = |state, severity, message: &str| Finding {
        state,
        suppressed_by: Some("greylisting".to_owned()),
        ..Finding::note("x", severity, 0, message.to_owned(), "wait")
    };
    let suppressed = known(State::Suppressed, Severity::Critical, "a");
    let warning = known(State::Firing, Severity::Warning, "b.");
    let critical = known(State::Firing, Severity::Critical, "c, so wait");
    let info = known(State::Firing, Severity::Info, "d");
    let first = |findings: &[&Finding]| text(&about(findings), 8_000).lines().next().unwrap().to_owned();
    assert_eq!(first(&[]), "VITALS OK - nothing found");
    assert_eq!(first(&[&suppressed]), "VITALS OK - suppressed (greylisting): a. Action: wait");
    assert_eq!(first(&[&info]), "VITALS OK - d. Action: wait");
    assert_eq!(first(&[&suppressed, &warning]), "VITALS WARNING - b. Action: wait (and 1 more)");
    assert_eq!(first(&[&warning, &critical, &info]), "VITALS CRITICAL - c, so wait (and 2 more)");
    assert_eq!(text(&about(&[&warning, &critical]), 8_000).lines().count(), 3);
}

fn quiet() -> Plugin {
    Plugin::new(Status::Ok, "fine")
}
