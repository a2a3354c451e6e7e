//! How mail leaves: throttles and shares.

use super::open;
use crate::rig::{Metrics, Rig, Value};

#[test]
fn throttle_is_the_share_of_rate_limits_and_not_of_other_deferrals() {
    for (scenario, provider, expected) in
        [("gmail-rate@0+7200x3", "Gmail", true), ("comcast-450@0+7200x2", "Comcast", false)]
    {
        let rig = Rig::with(|options| {
            options.rate = 60.0;
            options.scenario = scenario.to_owned();
        });
        rig.collect(&[]);
        let mut metrics = Metrics::default();
        for _ in 0..4 {
            rig.pass(150);
            metrics = rig.collect(&[]);
        }
        let of = [("finding", "throttle"), ("provider", provider)];
        assert_eq!(
            metrics.series("pmta_finding", &of, "active").count(),
            usize::from(expected),
            "{}",
            metrics.text
        );
        let of = [("provider", provider)];
        assert!(metrics.int("pmta_throttle", &of, "attempts") >= 200, "{}", metrics.text);
        let Some(Value::Float(ratio)) = metrics.get("pmta_throttle", &of, "ratio") else {
            panic!("no ratio")
        };
        assert_eq!(*ratio > 0.3, expected, "{ratio}");
    }
}

#[test]
fn fairness_a_vmta_that_stands_still_is_told_and_a_paused_one_is_not() {
    for stalls in [true, false] {
        let rig = Rig::with(|options| options.rate = 20.0);
        rig.collect(&[]);
        rig.host.load_queue("gmail.com", 4_000, 60);
        if stalls {
            rig.host.stall_queue("*/vmta2");
        } else {
            rig.host.pause_queue("*/vmta2", true);
        }
        let (mut metrics, mut named) = (Metrics::default(), false);
        for _ in 0..10 {
            rig.pass(150);
            metrics = rig.collect(&[]);
            named |= metrics.text.contains("vmta2 delivered nothing");
        }
        assert_eq!(open(&metrics, "fairness").len(), usize::from(stalls), "{}", metrics.text);
        assert_eq!(metrics.int("pmta_fairness", &[], "stalled_vmtas"), i64::from(stalls));
        let Some(Value::Float(index)) = metrics.get("pmta_fairness", &[], "jain_index") else {
            panic!("none")
        };
        assert!(*index > 0.0 && *index <= 1.0, "{index}");
        assert_eq!(named, stalls);
    }
}
