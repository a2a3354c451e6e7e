//! Which moments a rule covers, to the second.

use super::*;

const GREY: Option<Reason> = Some(Reason::Greylisted);

fn moment(
    step: Seconds,
    offset_minutes: i16,
    reason: Option<Reason>,
    backlog: Option<i64>,
) -> Moment<'static> {
    Moment { provider: "Microsoft", reason, step, offset_minutes, backlog }
}

#[test]
fn greylisting_is_expected_in_the_first_ten_minutes_of_the_records_own_hour() {
    let rules = rules(&[]).unwrap();
    // 2026-11-24 03:00:00 UTC.
    let hour = 1_795_489_200;
    for (second, offset, reason, backlog, covered) in [
        (0, 0, GREY, None, true),
        (599, 0, GREY, Some(50_000), true),
        (599, 0, GREY, Some(50_001), false),
        (600, 0, GREY, None, false),
        (-1, 0, GREY, None, false),
        (0, 0, Some(Reason::Tls), None, false),
        (0, 30, GREY, None, false),
        (1_800, 330, GREY, None, true),
        (0, -60, GREY, None, true),
    ] {
        let asked = suppressed_by(&rules, &moment(hour + second, offset, reason, backlog));
        assert_eq!(asked.is_some(), covered, "second {second} offset {offset} backlog {backlog:?}");
    }
}

#[test]
fn planned_work_covers_everything_from_its_first_second_to_its_last() {
    let text = |text: &str| Some(text.to_owned());
    let work = Suppress {
        from: text("2026-11-24T03:00:00+01:00"),
        until: text("2026-11-24T04:00:00+01:00"),
        maintenance: text("new disks"),
        ..Suppress::default()
    };
    let grey = Suppress { reason: text("greylisted"), ..Suppress::default() };
    let rules = rules(&[grey, work.clone()]).unwrap();
    // 2026-11-24 02:00:00 UTC.
    let begin = 1_795_485_600;
    for (at, covered) in [(begin - 1, false), (begin, true), (begin + 3_599, true), (begin + 3_600, false)] {
        let by = suppressed_by(&rules, &moment(at, 0, Some(Reason::Tls), None));
        assert_eq!(by, covered.then_some("maintenance: new disks"), "{at}");
        assert_eq!(maintenance(std::slice::from_ref(&work), at, 0).is_some(), covered);
    }
    let one = Suppress { provider: text("Gmail"), ..work };
    assert_eq!(maintenance(&[one], begin, 0), None, "of one provider only");
}

#[test]
fn the_operators_rules_hold_where_he_said() {
    let text = |text: &str| Some(text.to_owned());
    let section = Suppress {
        provider: text("microsoft"),
        hours: text("22-6"),
        weekdays: Some(vec!["Tuesday".to_owned()]),
        dates: Some(vec!["2026-11-24".to_owned()]),
        ..Suppress::default()
    };
    let rules = rules(&[section]).unwrap();
    let midnight = 1_795_478_400;
    assert_eq!(
        suppressed_by(&rules, &moment(midnight + 3_600, 0, None, Some(9))),
        Some("[[suppress]] provider microsoft hours 22-6 weekdays Tuesday dates 2026-11-24")
    );
    assert!(suppressed_by(&rules, &moment(midnight + 6 * 3_600, 0, None, None)).is_none(), "six is over");
    assert!(suppressed_by(&rules, &moment(midnight - 3_600, 0, None, None)).is_none(), "Monday");
    assert!(
        suppressed_by(&rules, &Moment { provider: "Gmail", ..moment(midnight, 0, None, None) }).is_none()
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_refused_with_its_cure() {
    let section =
        |minutes: Option<&str>, reason: Option<&str>, day: Option<&str>, date: Option<&str>| Suppress {
            minutes: minutes.map(str::to_owned),
            reason: reason.map(str::to_owned),
            weekdays: day.map(|day| vec![day.to_owned()]),
            dates: date.map(|date| vec![date.to_owned()]),
            ..Suppress::default()
        };
    for (section, words) in [
        (section(Some("0..10"), None, None, None), "write a range such as 0-10"),
        (section(Some("0-61"), None, None, None), "write a range such as 0-10"),
        (section(None, Some("greylist"), None, None), "no such reason"),
        (section(None, None, Some("someday"), None), "is no day"),
        (section(None, None, None, Some("24.11.2026")), "is no date"),
    ] {
        let error = rules(&[section]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
