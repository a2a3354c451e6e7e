//! What waits: how long, and why.

use crate::rig::{Rig, Value};

#[test]
fn queue_age_is_read_off_the_deferrals_and_young_mail_is_none() {
    for (age, expected) in [(30 * 3_600, Some("warning")), (101 * 3_600, Some("critical")), (3_600, None)] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = "comcast-450@0+7200x2".to_owned();
        });
        rig.collect(&[]);
        assert!(rig.host.load_queue("comcast.net", 400, age));
        rig.pass(120);
        let metrics = rig.collect(&[]);
        let of = [("finding", "queue-age"), ("provider", "Comcast")];
        let severity =
            metrics.series("pmta_finding", &of, "active").next().map(|(tags, _)| tags["severity"].as_str());
        assert_eq!(severity, expected, "{}", metrics.text);
        let oldest = metrics.get("pmta_queue_age", &[("provider", "Comcast")], "oldest_seconds");
        let Some(Value::Float(oldest)) = oldest else { panic!("no age in {}", metrics.text) };
        assert!((*oldest - age as f64).abs() < 300.0, "{oldest}");
    }
}
