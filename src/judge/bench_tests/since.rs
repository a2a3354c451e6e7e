//! When trouble began, as it is told.

use super::*;

/// Ten minutes of work at a provider with little mail: a message every two minutes.
fn little(host: &mut Host, minutes: i64) -> Vec<(Seconds, Finding)> {
    let mut told = Vec::new();
    for _ in 0..minutes / 2 {
        told.extend(host.run(&[delivered("Apple", 1)], STEP));
        told.extend(host.run(&[], 120 - STEP));
    }
    told
}

#[test]
fn bursts_of_every_hour_do_not_make_trouble_older_than_it_is() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    little(&mut host, 6 * 60);
    let bad = [flow("Apple", Kind::Deferred, 1, Reason::TempUnspecified)];
    for _ in 0..4 {
        let told = host.run(&bad, 300);
        assert!(told.iter().all(|(_, finding)| finding.severity == Severity::Info), "{told:?}");
        little(&mut host, 54);
        host.run(&[], 60);
    }
    let began = host.at;
    let told = host.run(&bad, 3_600);
    let (_, fires) = told.iter().find(|(_, finding)| finding.state == State::Firing).unwrap_or_else(|| {
        panic!(
            "{told:#?} {:?}",
            host.baselines.series(host.windows.find("Apple").unwrap(), Reason::TempUnspecified.number())
        )
    });
    assert!((began - 120..=began + 120).contains(&fires.began), "{} s off", fires.began - began);
}

#[test]
fn a_trickle_through_a_night_without_mail_is_as_old_as_its_first_refusal() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    little(&mut host, 6 * 60);
    let began = host.at;
    let mut told = Vec::new();
    for _ in 0..14 {
        told.extend(host.run(&[flow("Apple", Kind::Deferred, 1, Reason::Policy)], STEP));
        told.extend(host.run(&[], 1_500 - STEP));
    }
    let (_, fires) = told.iter().find(|(_, finding)| finding.state == State::Firing).unwrap_or_else(|| {
        panic!(
            "{told:#?} {:?}",
            host.baselines.series(host.windows.find("Apple").unwrap(), Reason::TempUnspecified.number())
        )
    });
    assert!((began - 120..=began + 120).contains(&fires.began), "{} s off", fires.began - began);
}
