//! node_exporter reads the text file, Prometheus scrapes it, and the shipped alert fires.

use crate::simulated::binary;
use crate::stage::{INCIDENT, QUIET, Running, Stage, encoded, free_port, http, present, program};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn shipped() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus")
}

#[test]
fn the_shipped_rules_pass_their_own_test() {
    let Some(promtool) = program("promtool") else { return };
    for arguments in [["check", "rules", "pmta-vitals.rules.yml"], ["test", "rules", "pmta-vitals.test.yml"]]
    {
        let output = Command::new(&promtool).args(arguments).current_dir(shipped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// systemd reads the units as they will be installed, and has nothing to say about them.
#[test]
fn systemd_accepts_the_shipped_units() {
    let Some(systemd) = present("systemd-analyze") else {
        eprintln!("SKIPPED: systemd-analyze verify: this machine has no systemd");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(systemd);
    command.args(["verify", "--man=no"]);
    for name in ["pmta-vitals-textfile.timer", "pmta-vitals-textfile.service"] {
        let text = std::fs::read_to_string(shipped().join(name)).unwrap();
        let path = folder.path().join(name);
        // The program must be there, and it is not installed on this machine.
        std::fs::write(&path, text.replace("/usr/bin/pmta-vitals", binary().to_str().unwrap())).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

fn query(port: u16, expression: &str) -> Option<Vec<(Value, f64)>> {
    let (status, body) = http(port, "GET", &format!("/api/v1/query?query={}", encoded(expression)), "")?;
    // Not ready yet.
    if status == 503 {
        return None;
    }
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let rows = answer["data"]["result"].as_array()?.clone();
    let read = |row: Value| {
        let value = row["value"][1].as_str().unwrap().parse().unwrap();
        (row["metric"].clone(), value)
    };
    Some(rows.into_iter().map(read).collect())
}

/// Writes the file as the shipped timer's unit does.
fn write(stage: &Stage) {
    let unit = std::fs::read_to_string(shipped().join("pmta-vitals-textfile.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let line = line.replace("/var/lib/prometheus/node-exporter", stage.path("textfile").to_str().unwrap());
    let arguments: Vec<&str> = line.split(' ').skip(1).collect();
    let output = stage.run(&arguments);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn an_alert_fires_and_ends_and_totals_are_the_truth() {
    let (Some(exporter), Some(prometheus)) = (program("prometheus-node-exporter"), program("prometheus"))
    else {
        return;
    };
    let stage = Stage::new(30.0, INCIDENT);
    std::fs::create_dir(stage.path("textfile")).unwrap();
    stage.collect();
    stage.live(QUIET, 300);
    write(&stage);
    let (export, serve) = (free_port(), free_port());
    let mut command = Command::new(exporter);
    command.args(["--collector.disable-defaults", "--collector.textfile"]);
    command.arg(format!("--collector.textfile.directory={}", stage.path("textfile").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{export}"));
    let mut exporter = Running::start(&mut command, stage.path("exporter.log"));
    let scraped = exporter.wait("node_exporter", || http(export, "GET", "/metrics", "")).1;
    assert!(scraped.contains("\nnode_textfile_scrape_error 0\n"), "{scraped}");
    assert!(scraped.contains("# TYPE pmta_totals_delivered_total counter"), "counters stay counters");
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [ {:?} ]\n\
         scrape_configs:\n- job_name: mx\n  static_configs: [ {{ targets: [ '127.0.0.1:{export}' ] }} ]\n",
        shipped().join("pmta-vitals.rules.yml")
    );
    std::fs::write(stage.path("prometheus.yml"), config).unwrap();
    let mut command = Command::new(prometheus);
    command.arg(format!("--config.file={}", stage.path("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", stage.path("tsdb").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{serve}"));
    let mut prometheus = Running::start(&mut command, stage.path("prometheus.log"));
    let truth = stage.host.totals().delivered as f64;
    prometheus.wait("scraped total", || {
        query(serve, "pmta_totals_delivered_total")?.iter().any(|(_, value)| *value == truth).then_some(())
    });
    assert_eq!(query(serve, "ALERTS{alertname=~\"PmtaFinding.*\"}").unwrap(), []);
    stage.live(720, 60);
    write(&stage);
    let firing = prometheus.wait("alert", || {
        let alerts = query(serve, "ALERTS{alertname=\"PmtaFindingWarning\",alertstate=\"firing\"}")?;
        alerts.into_iter().next()
    });
    assert_eq!(firing.0["provider"], "Yahoo", "{firing:?}");
    assert_eq!(firing.0["finding"], "deferral-ratio", "{firing:?}");
    stage.live(3_600, 300);
    write(&stage);
    prometheus.wait("end of the alert", || {
        query(serve, "ALERTS{alertname=~\"PmtaFinding.*\",alertstate=\"firing\"}")?.is_empty().then_some(())
    });
}
