//! InfluxDB and VictoriaMetrics accept every line of an hour, and give the simulator's truth back.

use crate::stage::{Running, Stage, encoded, free_port, http, program};
use serde_json::Value;
use std::process::Command;

#[test]
fn influxdb_takes_every_line_of_an_hour() {
    let Some(influxd) = program("influxd") else { return };
    let stage = Stage::hour();
    let (port, internal) = (free_port(), free_port());
    let folder = stage.folder.path().display();
    let config = format!(
        "reporting-disabled = true\nbind-address = \"127.0.0.1:{internal}\"\n\
         [meta]\ndir = \"{folder}/meta\"\n[data]\ndir = \"{folder}/data\"\nwal-dir = \"{folder}/wal\"\n\
         [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n"
    );
    std::fs::write(stage.path("influxdb.conf"), config).unwrap();
    let mut command = Command::new(influxd);
    command.arg("-config").arg(stage.path("influxdb.conf"));
    let mut influxd = Running::start(&mut command, stage.path("influxd.log"));
    let create = format!("q={}", encoded("CREATE DATABASE pmta"));
    influxd.wait("InfluxDB", || http(port, "POST", "/query", &create).filter(|(status, _)| *status == 200));
    stage.live_an_hour(|lines| {
        let (status, body) = http(port, "POST", "/write?db=pmta&precision=ns", lines).unwrap();
        assert_eq!((status, body.as_str()), (204, ""), "a line was refused: {lines}");
    });
    let ask = |question: &str| -> Value {
        let path = format!("/query?db=pmta&q={}", encoded(question));
        let (status, body) = http(port, "GET", &path, "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    for (field, truth) in stage.truths() {
        let answer = ask(&format!("SELECT last({field}) FROM pmta_totals"));
        assert_eq!(answer["results"][0]["series"][0]["values"][0][1], truth, "{field}: {answer}");
    }
    // What the graphs show: the growth of every provider, added up.
    let answer = ask(
        "SELECT sum(last) FROM (SELECT last(delivered_total) FROM pmta_recipients GROUP BY provider, vmta)",
    );
    assert_eq!(answer["results"][0]["series"][0]["values"][0][1], stage.host.totals().delivered, "{answer}");
    let events = ask("SELECT count(message) FROM pmta_event WHERE provider = 'Yahoo'");
    assert!(events["results"][0]["series"][0]["values"][0][1].as_u64().unwrap() >= 1, "{events}");
}

#[test]
fn victoria_metrics_takes_every_line_of_an_hour() {
    let Some(victoria) = program("victoria-metrics") else { return };
    let stage = Stage::hour();
    let port = free_port();
    let mut command = Command::new(victoria);
    command.arg(format!("-storageDataPath={}", stage.path("victoria").display()));
    command.arg(format!("-httpListenAddr=127.0.0.1:{port}")).arg("-retentionPeriod=100y");
    let mut victoria = Running::start(&mut command, stage.path("victoria.log"));
    victoria
        .wait("VictoriaMetrics", || http(port, "GET", "/health", "").filter(|(status, _)| *status == 200));
    let mut lines = 0;
    stage.live_an_hour(|text| {
        lines += text.lines().count();
        let (status, body) = http(port, "POST", "/write", text).unwrap();
        assert_eq!((status, body.as_str()), (204, ""), "a line was refused: {text}");
    });
    assert!(lines > 10_000, "an hour has more to say than {lines} lines");
    let at = stage.host.now();
    for (field, truth) in stage.truths() {
        let path = format!("/api/v1/query?query=pmta_totals_{field}&time={at}");
        let answer = victoria.wait(field, || {
            let _ = http(port, "GET", "/internal/force_flush", "");
            let (_, body) = http(port, "GET", &path, "")?;
            let answer: Value = serde_json::from_str(&body).ok()?;
            answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
        });
        assert_eq!(answer, truth.to_string(), "{field}");
    }
    let (_, metrics) = http(port, "GET", "/metrics", "").unwrap();
    let refused = metrics.lines().filter(|line| {
        line.starts_with("vm_rows_invalid_total{type=\"influx\"") || line.starts_with("vm_rows_ignored_total")
    });
    for line in refused {
        assert!(line.ends_with(" 0"), "{line}");
    }
}
