//! How mail leaves: throttles and shares.

use super::{Bench, findings, fires, open, quiet};
use crate::rig::{Metrics, Rig, Value};
use pmta_sim::Gauges;

#[test]
fn throttle_is_the_share_of_rate_limits_and_not_of_other_deferrals() {
    for (scenario, provider, expected) in
        [("gmail-rate@0+7200x3", "Gmail", true), ("comcast-450@0+7200x2", "Comcast", false)]
    {
        let rig = Rig::with(|options| {
            options.rate = 30.0;
            options.scenario = scenario.to_owned();
        });
        rig.collect(&[]);
        let mut metrics = Metrics::default();
        for _ in 0..4 {
            rig.pass(150);
            metrics = rig.collect(&[]);
        }
        let of = [("finding", "throttle"), ("provider", provider)];
        let mut told = metrics.series("pmta_finding", &of, "active");
        assert_eq!(told.any(|(tags, _)| !tags.contains_key("reason")), expected, "{}", findings(&metrics));
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
        let rig = Rig::with(|options| options.rate = 8.0);
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

#[test]
fn dns_queries_that_pile_up_are_told_and_a_busy_cache_is_not() {
    let bench = Bench::new();
    let pending = |pending| {
        bench.rig.host.show(Gauges { resolver_pending: Some(pending), ..Gauges::default() });
    };
    pending(40);
    let metrics = bench.runs(9, 10);
    quiet(&metrics, "dns");
    assert_eq!(metrics.int("pmta_resolver", &[], "pending"), 40);
    pending(600);
    quiet(&bench.runs(3, 10), "dns");
    fires(&bench.runs(6, 10), "dns", "pending", "warning");
    pending(0);
    quiet(&bench.runs(8, 10), "dns");
}

#[test]
fn dns_our_own_resolvers_are_one_finding_of_the_host_and_a_dead_provider_is_none() {
    for (scenario, told) in [("resolver-down@600+1800", true), ("comcast-unreachable@600+1800", false)] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = scenario.to_owned();
        });
        let mut metrics = Metrics::default();
        for _ in 0..16 {
            rig.pass(60);
            metrics = rig.collect(&[]);
        }
        assert_eq!(open(&metrics, "resolver").len(), usize::from(told), "{}", findings(&metrics));
        let of = [("kind", if told { "lookup" } else { "no-answer" })];
        // One provider's queues are tried a few times in ten minutes; all of them far more often.
        let least = if told { 20 } else { 4 };
        assert!(metrics.int("pmta_dns", &of, "failures") > least, "{}", metrics.text);
        // Weather fails a host here and there for anybody: only our own trouble must be broad.
        assert!(!told || metrics.int("pmta_dns", &of, "providers") >= 4, "{}", metrics.text);
        // What the host's own resolvers explain is shown as suppressed and blames nobody.
        let mut blamed = open(&metrics, "deferral-ratio").into_iter().map(|(reason, _)| reason);
        assert!(!blamed.any(|reason| reason == "dns"), "{}", findings(&metrics));
    }
}

#[test]
fn throttle_by_policy_without_a_bounce_is_told_and_a_block_is_not() {
    for (scenario, provider, expected) in
        [("gmail-reputation@0+7200", "Gmail", true), ("microsoft-blocklist@0+7200", "Microsoft", false)]
    {
        let rig = Rig::with(|options| {
            options.rate = 30.0;
            options.scenario = scenario.to_owned();
        });
        rig.collect(&[]);
        let mut metrics = Metrics::default();
        for _ in 0..4 {
            rig.pass(100);
            metrics = rig.collect(&[]);
        }
        let of = [("finding", "throttle"), ("provider", provider), ("reason", "policy")];
        assert_eq!(
            metrics.series("pmta_finding", &of, "active").count(),
            usize::from(expected),
            "{}",
            findings(&metrics)
        );
        let share = |field| match metrics.get("pmta_throttle", &[("provider", provider)], field) {
            Some(Value::Float(share)) => *share,
            other => panic!("{field}: {other:?}"),
        };
        assert_eq!(share("policy_ratio") > 0.3, expected, "{}", share("policy_ratio"));
        assert_eq!(share("policy_bounced_ratio") > 0.05, !expected, "{}", share("policy_bounced_ratio"));
    }
}

#[test]
fn throttle_tells_whole_queues_from_single_recipients() {
    // `burst-orange` refuses whole queues, `gmail-rate` single recipients.
    for (scenario, provider, whole) in
        [("burst-orange@0+7200x2", "Orange", true), ("gmail-rate@0+7200x3", "Gmail", false)]
    {
        let rig = Rig::with(|options| {
            options.rate = 30.0;
            options.scenario = scenario.to_owned();
        });
        rig.collect(&[]);
        rig.host.load_queue(if whole { "orange.fr" } else { "gmail.com" }, 800, 60);
        for _ in 0..4 {
            rig.pass(100);
            rig.collect(&[]);
        }
        let said = String::from_utf8(rig.run(&["check", "throttle", "--provider", provider]).stdout).unwrap();
        let (_, told) = said.split_once("in ten minutes (").unwrap_or_else(|| panic!("{said}"));
        let numbers: Vec<i64> = told.split(' ').filter_map(|word| word.parse().ok()).take(2).collect();
        let [single, queues] = numbers[..] else { panic!("{said}") };
        assert_eq!(queues > single, whole, "{said}");
    }
}

#[test]
fn fairness_a_provider_that_holds_the_connections_is_named_as_the_cause() {
    for (slow, told) in [("comcast.net", true), ("gmail.com", false)] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = "comcast-450@0+72000x2".to_owned();
        });
        rig.collect(&[]);
        let of_ten = if told { 60 } else { 20 };
        rig.host.show(Gauges { held: Some((slow, of_ten)), outbound: Some(1_150), ..Gauges::default() });
        rig.host.load_queue("comcast.net", 4_000, 60);
        rig.host.load_queue("gmail.com", 4_000, 60);
        rig.host.stall_queue("*/vmta2");
        let (mut metrics, mut named) = (Metrics::default(), false);
        for _ in 0..10 {
            rig.pass(150);
            metrics = rig.collect(&[]);
            named |= metrics.text.contains("; Comcast holds ");
        }
        let of = open(&metrics, "fairness");
        assert!(of.contains(&(String::new(), "warning".to_owned())), "{}", findings(&metrics));
        let hogged = of.contains(&("connections".to_owned(), "warning".to_owned()));
        assert_eq!((hogged, named), (told, told), "{}", findings(&metrics));
    }
}
