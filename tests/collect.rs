//! The main job, driven as a host drives it: totals equal what the simulated host really wrote,
//! whatever it does to its files, and every source fails alone.

use crate::rig::{Metrics, Rig, Value, equal, never_fell};
use pmta_sim::{Columns, Counts, WebFault};

fn by_vmta(metrics: &Metrics, rig: &Rig) {
    for (vmta, counts) in rig.host.truth().vmtas {
        let tags = [("vmta", vmta.as_str())];
        let ours =
            if vmta.is_empty() { continue } else { metrics.sum("pmta_recipients", &tags, "delivered_total") };
        assert_eq!(ours, i64::try_from(counts.delivered).unwrap(), "delivered by {vmta}");
    }
}

#[test]
fn every_record_is_counted_once_over_many_runs() {
    let rig = Rig::with(|options| {
        options.rate = 200.0;
        options.receipts = true;
        options.move_to = true;
        options.separate_diag = true;
        // Few enough that every pair of provider and VMTA has a series of its own.
        options.small_domains = 5;
    });
    let mut before = rig.collect(&[]);
    equal(&before, &Counts::default());
    for round in 0..8 {
        rig.pass(10);
        match round {
            1 | 4 => rig.host.rotate_accounting().unwrap(),
            2 => rig.host.restart().unwrap(),
            3 => rig.host.reset_counters(),
            5 => rig.host.rotate_log().unwrap(),
            _ => {}
        }
        let metrics = rig.collect(&[]);
        equal(&metrics, &rig.host.totals());
        never_fell(&before, &metrics);
        before = metrics;
    }
    by_vmta(&before, &rig);
    assert_eq!(before.int("pmta_collector", &[("source", "accounting")], "rejected_total"), 0);
    assert_eq!(before.int("pmta_collector", &[("source", "accounting")], "lag_bytes"), 0);
    let delivered = before.int("pmta_totals", &[], "delivered_bytes_total");
    assert_eq!(delivered, i64::try_from(rig.host.totals().delivered_bytes).unwrap());
}

#[test]
fn replies_add_up_to_the_records_that_carry_them() {
    let rig = Rig::with(|options| options.rate = 200.0);
    rig.collect(&[]);
    rig.pass(60);
    let metrics = rig.collect(&[]);
    let truth = rig.host.totals();
    for (outcome, records) in
        [("deferred", truth.deferred), ("queue_deferred", truth.queue_deferred), ("bounced", truth.bounced)]
    {
        let sum = metrics.sum("pmta_replies", &[("outcome", outcome)], "total");
        assert_eq!(sum, i64::try_from(records).unwrap(), "{outcome}");
    }
    assert_eq!(
        metrics.sum("pmta_delivery_delay_seconds", &[], "count_total"),
        i64::try_from(truth.delivered).unwrap()
    );
}

#[test]
fn files_of_every_shape_are_read_by_their_header() {
    let shapes: [&dyn Fn(&mut pmta_sim::Options); 4] = [
        &|options| options.columns = Columns::Old22,
        &|options| options.epoch_times = true,
        &|options| options.crlf = true,
        &|options| {
            let names =
                ["timeLogged", "header_subject", "rcpt", "dsnDiag", "dsnStatus", "vmta", "queue", "dsnMta"];
            options.columns = Columns::RecordFields(names.map(str::to_owned).to_vec());
        },
    ];
    for shape in shapes {
        let rig = Rig::with(|options| {
            options.rate = 100.0;
            shape(options);
        });
        rig.collect(&[]);
        rig.pass(20);
        let metrics = rig.collect(&[]);
        equal(&metrics, &rig.host.totals());
        assert_eq!(metrics.int("pmta_collector", &[("source", "accounting")], "rejected_total"), 0);
    }
}

#[test]
fn columns_that_change_on_reload_lose_nothing() {
    let rig = Rig::with(|options| options.rate = 100.0);
    rig.collect(&[]);
    rig.pass(10);
    rig.host
        .change_columns(&["type", "timeLogged", "vmta", "queue", "dsnStatus", "dsnDiag", "rcpt"])
        .unwrap();
    rig.pass(10);
    equal(&rig.collect(&[]), &rig.host.totals());
}

#[test]
fn a_partial_last_record_waits_for_its_end() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.collect(&[]);
    rig.pass(10);
    let before = rig.host.totals();
    rig.host.write_partial_record(40).unwrap();
    equal(&rig.collect(&[]), &before);
    rig.host.finish_partial_record().unwrap();
    equal(&rig.collect(&[]), &rig.host.totals());
}

#[test]
fn what_was_there_before_the_first_run_is_not_counted_unless_asked_for() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.pass(30);
    let old = rig.host.totals();
    equal(&rig.collect(&[]), &Counts::default());
    rig.pass(10);
    equal(&rig.collect(&[]), &rig.host.totals().since(&old));

    let rig = Rig::with(|options| {
        options.rate = 50.0;
        options.move_to = true;
    });
    rig.pass(20);
    rig.host.rotate_accounting().unwrap();
    rig.pass(10);
    equal(&rig.collect(&["--from-start"]), &rig.host.totals());
    rig.pass(10);
    equal(&rig.collect(&["--from-start"]), &rig.host.totals());
}

#[test]
fn midnight_and_size_rotate_without_loss() {
    let rig = Rig::with(|options| {
        options.rate = 100.0;
        // Two minutes before midnight UTC.
        options.start = 1_795_478_400 - 120;
        options.max_size = 1_000_000;
    });
    rig.collect(&[]);
    for _ in 0..6 {
        rig.pass(60);
        equal(&rig.collect(&[]), &rig.host.totals());
    }
}

#[test]
fn a_web_monitor_in_trouble_leaves_the_accounting_unharmed() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.collect(&[]);
    for (fault, up) in [
        (WebFault::Forbidden, None),
        (WebFault::StatusFail, None),
        (WebFault::Garbage, None),
        (WebFault::ServerError, None),
    ] {
        rig.host.break_web(&[fault]).unwrap();
        rig.pass(10);
        let metrics = rig.collect(&[]);
        equal(&metrics, &rig.host.totals());
        assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 0, "{fault:?}");
        let told = metrics.series("pmta", &[], "up").next().map(|(_, value)| value.clone());
        assert_eq!(told, up, "{fault:?} says nothing about PowerMTA");
    }
    rig.host.break_web(&[]).unwrap();
    rig.pass(10);
    let metrics = rig.collect(&[]);
    assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 1);
    let up: Vec<_> = metrics.series("pmta", &[], "up").map(|(_, value)| value.clone()).collect();
    assert_eq!(up, [Value::Int(1)]);
}

#[test]
fn restarts_and_reset_counters_never_make_traffic_fall() {
    let rig = Rig::with(|options| options.rate = 100.0);
    let mut before = rig.collect(&[]);
    for round in 0..6 {
        rig.pass(10);
        let metrics = rig.collect(&[]);
        never_fell(&before, &metrics);
        let out = [("direction", "out")];
        assert!(
            metrics.int("pmta_traffic", &out, "recipients_total")
                >= before.int("pmta_traffic", &out, "recipients_total")
        );
        before = metrics;
        match round {
            1 => rig.host.restart().unwrap(),
            3 => rig.host.reset_counters(),
            _ => {}
        }
    }
}

#[test]
fn only_names_what_is_read_and_printed() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.collect(&[]);
    rig.pass(10);
    let web = rig.collect(&["--only", "web"]);
    assert!(!web.text.contains("pmta_totals") && web.text.contains("pmta_traffic"));
    let accounting = rig.collect(&["--only", "accounting"]);
    assert!(!accounting.text.contains("pmta_traffic"));
    equal(&accounting, &rig.host.totals());
    let refused = rig.run(&["collect", "--only", "acounting"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("did you mean accounting?") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_dry_run_writes_nothing_at_all() {
    let rig = Rig::with(|options| options.rate = 50.0);
    let first = rig.collect(&["--dry-run"]);
    equal(&first, &Counts::default());
    assert!(!rig.state().exists(), "a dry run must not even make the folder");
    rig.collect(&[]);
    rig.pass(10);
    let picture = || {
        let mut files: Vec<_> = std::fs::read_dir(rig.state())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .filter(|(path, _)| !path.to_string_lossy().ends_with("-shm"))
            .collect();
        files.sort();
        files
    };
    let before = picture();
    equal(&rig.collect(&["--dry-run"]), &rig.host.totals());
    assert!(before == picture(), "a dry run changed the state");
    equal(&rig.collect(&[]), &rig.host.totals());
}

#[test]
fn a_trouble_that_lasts_is_on_every_run_a_metric_and_once_an_hour_a_line_of_the_log() {
    let rig = Rig::with(|_| {});
    // Like a /dev/kmsg that may not be read: wrong on every run.
    rig.configure(&format!("[logs]\nkernel = {:?}\n", rig.folder.path()));
    let said = |consumer: &str, later: i64, more: &[&str]| {
        let mut command = rig.command_at(rig.host.now() + later);
        let output = command.args(["collect", "--consumer", consumer]).args(more).output().unwrap();
        assert!(output.status.success());
        let metrics = Metrics::read(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(metrics.int("pmta_collector", &[("source", "kernel")], "up"), 0);
        let stderr = String::from_utf8(output.stderr).unwrap();
        stderr.lines().filter(|line| line.contains("source kernel: ")).count()
    };
    assert_eq!(said("telegraf", 0, &[]), 1);
    assert_eq!(said("telegraf", 10, &[]), 0);
    assert_eq!(said("vector", 20, &[]), 1, "another host's log does not have it");
    assert_eq!(said("telegraf", 30, &["--dry-run"]), 1, "somebody is looking");
    assert_eq!(said("telegraf", 3_599, &[]), 0);
    assert_eq!(said("telegraf", 3_600, &[]), 1);
}
