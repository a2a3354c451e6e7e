//! Runs that end anywhere, and findings that live through them.

use super::*;

/// A day of everything, to be cut anywhere.
fn eventful(host: &mut Host, cut_every: usize, config: &Config) -> Vec<(Seconds, String)> {
    let disk = disk();
    let mut told = Vec::new();
    let mut parts = 0;
    let dns = flow("Gmail", Kind::QueueDeferred, 20, Reason::Dns);
    let slow = Flow { age: 100, ..delivered("Gmail", 60) };
    let plans: [(&[Flow], Seconds); 7] = [
        (&[delivered("Gmail", 40)], 5 * 3_600),
        (&[delivered("Gmail", 20), slow], 1_800),
        (&[delivered("Gmail", 40)], 3_600),
        (&[delivered("Gmail", 40), dns], 600),
        (&[delivered("Gmail", 40)], 1_200),
        (&[delivered("Gmail", 30), flow("Gmail", Kind::Bounced, 10, Reason::Auth)], 1_200),
        (&[delivered("Gmail", 40)], 5_400),
    ];
    for (flows, seconds) in plans {
        let end = host.at + seconds;
        while host.at < end {
            let mut all = yahoo((host.at / 7_200) % 3 == 2);
            all.extend_from_slice(flows);
            let found = host.run(&all, STEP);
            told.extend(
                found.into_iter().map(|(at, finding)| (at, serde_json::to_string(&finding).unwrap())),
            );
            parts += 1;
            if parts % cut_every == 0 {
                host.restart(config, &disk);
            }
        }
    }
    told
}

#[test]
fn a_run_may_end_anywhere() {
    let config = Config::default();
    let whole = eventful(&mut Host::new(&config, MIDNIGHT), usize::MAX, &config);
    assert!(whole.len() >= 8, "{whole:#?}");
    for cut in [7, 101] {
        let parts = eventful(&mut Host::new(&config, MIDNIGHT), cut, &config);
        assert_eq!(parts, whole, "cut every {cut} steps");
    }
}

#[test]
fn a_finding_keeps_its_id_from_first_sight_to_the_end_and_back() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&yahoo(false), 5 * 3_600);
    let mut told = host.run(&yahoo(true), 2_400);
    told.extend(host.run(&yahoo(false), 2_700));
    told.extend(host.run(&yahoo(true), 1_500));
    told.extend(host.run(&yahoo(false), 7_200));
    let steps: Vec<(State, Severity)> =
        told.iter().map(|(_, finding)| (finding.state, finding.severity)).collect();
    use Severity::{Critical, Warning};
    use State::{Firing, Resolved};
    assert_eq!(
        steps,
        [
            (Firing, Warning),
            (Firing, Critical),
            (Resolved, Critical),
            (Firing, Warning),
            (Firing, Critical),
            (Resolved, Critical)
        ]
    );
    assert!(told.iter().all(|(_, finding)| finding.id == told[0].1.id));
    assert!(told[2].1.message.starts_with("[Yahoo] Resolved after "), "{}", told[2].1.message);
    assert_eq!(host.bench.findings().count(), 0, "what is long over is let go");
}
