//! The web monitor seen through its port: envelopes, access, redirects, faults.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::{Access, Host, Options, SmtpFault, WebFault};

fn host(options: Options) -> (Host, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { rate: 30.0, scenario: "comcast-450@0+9000".into(), ..options };
    let host = Host::start(options.in_dir(dir.path())).unwrap();
    host.advance(120).unwrap();
    (host, dir)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A TLS stream that ends without a goodbye is an error, with all that was sent.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).map_or(0, |code| code.parse().unwrap());
    (code, head.to_owned(), body.to_owned())
}

fn get(host: &Host, target: &str) -> (u16, String, String) {
    let stream = TcpStream::connect(("127.0.0.1", host.http_port())).unwrap();
    exchange(stream, &format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))
}

fn post(host: &Host, command: &str, key: &str) -> (u16, String, String) {
    let stream = TcpStream::connect(("127.0.0.1", host.http_port())).unwrap();
    let body = format!("command={}&format=json", command.replace(' ', "+"));
    let head = "POST /command HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded";
    exchange(stream, &format!("{head}\r\nX-API-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn json(host: &Host, target: &str) -> Value {
    let (code, head, body) = get(host, target);
    assert_eq!(code, 200, "{head}");
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["status"], "success");
    value["data"].clone()
}

#[test]
fn status_has_the_shape_and_the_numbers_of_the_host() {
    let (host, _dir) = host(Options::default());
    let data = json(&host, "/status?format=json");
    assert_eq!(data["mta"]["product"]["name"], "PowerMTA");
    assert_eq!(data["mta"]["lak"]["serial"], "123456", "quoted even in JSON");
    let status = &data["status"];
    assert_eq!(status["traffic"]["total"]["out"]["rcp"], host.totals().delivered);
    assert_eq!(status["queue"]["smtp"]["rcp"], host.waiting());
    assert_eq!(status["shuttingDown"], false);
    assert_eq!(status["queue"]["pipe"]["kb"].to_string(), "0", "an integral kb has no decimal");
    let (_, _, xml) = get(&host, "/status?format=xml");
    assert!(
        xml.starts_with("<rsp><data><mta><product><name>PowerMTA</name>") && xml.ends_with("<succ/></rsp>")
    );
    assert!(
        xml.contains("<pipe><rcp>0</rcp><dom>0</dom><kb>0.0</kb></pipe>") && xml.contains("<userString/>")
    );
    host.restart().unwrap();
    host.reset_counters();
    let after = json(&host, "/status?format=json");
    assert_eq!(after["status"]["traffic"]["total"]["out"]["rcp"], 0);
    assert_ne!(after["status"]["startupTime"], status["startupTime"]);
}

#[test]
fn lists_show_ten_rows_and_true_totals() {
    let (host, _dir) = host(Options::default());
    for (page, many, count) in [
        ("/queues", "queues", "totalQueuesWithRcp"),
        ("/domains", "domains", "totalDomainsWithRcp"),
        ("/vmtas", "vmtas", "totalVmtasWithRcp"),
    ] {
        let data = json(&host, &format!("{page}?format=json&maxitems=500"));
        let rows = data[many].as_array().unwrap();
        assert!(rows.len() <= 10 && !rows.is_empty());
        assert_eq!(data["totalRcp"], host.waiting(), "{page}");
        assert!(data[count].as_u64().unwrap() >= rows.len() as u64);
        assert!(rows.windows(2).all(|pair| pair[0]["rcp"].as_u64() >= pair[1]["rcp"].as_u64()));
    }
    let queues = json(&host, "/queues?format=json");
    assert!(queues["totalQueuesWithRcp"].as_u64().unwrap() > 10);
    let comcast = json(&host, "/queues?format=json&queue=comcast.net/*");
    let row = &comcast["queues"][0];
    assert!(row["errors"][0]["text"].as_str().unwrap().contains("450 try later"), "{row}");
    assert!(row["paused"].is_boolean() && row["retryTime"].is_string());
    let detail = json(&host, "/queueDetail?format=json&queue=comcast.net/vmta1");
    assert_eq!(detail["queue"]["name"], "comcast.net/vmta1");
    assert_eq!(detail["settings"]["max-smtp-out"], "20");
    assert_eq!(get(&host, "/queueDetail?format=json&queue=nobody.example/vmta1").0, 404);
    let (_, _, xml) = get(&host, "/queues?format=xml&queue=comcast.net/vmta1");
    assert_eq!(xml.matches("<queue>").count(), 1);
    assert!(xml.contains("<event><type>error</type><time>") && xml.contains("<paused>no</paused>"));
}

#[test]
fn commands_need_a_right_and_answer_in_the_envelope() {
    let key = "k".repeat(40);
    let (host, _dir) = host(Options { api_key: Some(key.clone()), ..Options::default() });
    assert_eq!(post(&host, "show status", "wrong").0, 403, "a monitor may only look");
    let run = |line: &str| serde_json::from_str::<Value>(&post(&host, line, &key).2).unwrap();
    assert!(run("show topqueues --maxitems=3")["data"]["queues"].as_array().unwrap().len() <= 3);
    assert!(run("show version")["message"].as_str().unwrap().starts_with("PowerMTA v5"));
    let failed = run("show everything");
    assert_eq!(failed["status"], "fail");
    assert!(failed.get("data").is_none());
    assert_eq!(run("pause queue comcast.net/*")["message"], "Queue(s) paused.");
    let paused = run("show queues --paused=yes");
    assert!(paused["data"]["queues"].as_array().unwrap().iter().all(|row| row["paused"] == true));
    assert!(!paused["data"]["queues"].as_array().unwrap().is_empty());
    assert_eq!(run("list --queue=*/* --older-than=90d")["data"]["msgs"], Value::Array(vec![]));
    assert_eq!(run("reset counters")["message"], "Traffic counters reset.");
}

#[test]
fn the_front_door_refuses_redirects_and_hides() {
    let none = vec![("127.0.0.1".to_owned(), Access::None), ("127.0.0.0/8".to_owned(), Access::Admin)];
    let (closed, dir) = host(Options { access: none, ..Options::default() });
    assert_eq!(get(&closed, "/status?format=json").0, 403, "the first line wins");
    closed.flush().unwrap();
    let log = std::fs::read_to_string(dir.path().join("log/pmtahttp.log")).unwrap();
    assert!(log.contains("access denied from 127.0.0.1"));
    let (open, _dir) = host(Options { https_redirect: true, ..Options::default() });
    let (code, head, _) = get(&open, "/status?format=json");
    assert_eq!(code, 302);
    assert!(head.contains("Location: https://127.0.0.1"), "{head}");
    let (code, head, _) = get(&host(Options::default()).0, "/queues");
    assert!(code == 302 && head.contains("Location: /ui/queues"));
    let (old, _dir) = host(Options { old_version: true, ..Options::default() });
    assert!(get(&old, "/status?format=json").2.starts_with("<!DOCTYPE html>"), "4.x speaks no JSON");
    let (_, head, xml) = get(&old, "/status?format=xml");
    assert!(
        xml.contains("<gmImprinter>") && !xml.contains("<bounceProcessor>") && head.contains("text/html")
    );
}

#[test]
fn https_answers_on_the_same_port_with_the_certificate_of_the_host() {
    let (host, _dir) = host(Options { https_redirect: true, ..Options::default() });
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(host.certificate_der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", host.http_port())).unwrap());
    let (code, _, body) =
        exchange(stream, "GET /status?format=json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(code, 200);
    assert!(serde_json::from_str::<Value>(&body).is_ok());
}

#[test]
fn each_fault_is_seen_and_healed() {
    let (host, _dir) = host(Options::default());
    let status = "/status?format=json";
    let healthy = get(&host, status).2.len();
    let with = |faults: &[WebFault]| {
        host.break_web(faults).unwrap();
        get(&host, status)
    };
    assert_eq!(with(&[WebFault::Forbidden]).0, 403);
    assert_eq!(with(&[WebFault::RedirectToHttps]).0, 302);
    assert_eq!(with(&[WebFault::ServerError]).0, 500);
    assert!(with(&[WebFault::StatusFail]).2.starts_with("{\"status\":\"fail\""));
    assert!(serde_json::from_str::<Value>(&with(&[WebFault::Garbage]).2).is_err());
    let (code, _, body) = with(&[WebFault::Truncated]);
    assert!(code == 200 && body.len() < healthy);
    let odd = with(&[WebFault::UnknownKeys, WebFault::NumbersAsStrings]).2;
    let odd: Value = serde_json::from_str(&odd).unwrap();
    assert!(
        odd["data"]["status"]["queue"]["smtp"]["rcp"].is_string()
            && odd["data"]["somethingNewer"].is_object()
    );
    host.break_web(&[WebFault::OtherSpelling]).unwrap();
    let row = &json(&host, "/queues?format=json&queue=comcast.net/*")["queues"][0];
    assert!(row["paused"] == "no" && row["event"][0]["type"] == "error", "{row}");
    host.break_web(&[WebFault::ManyQueues(3_000)]).unwrap();
    assert_eq!(json(&host, "/queues?format=json")["queues"].as_array().unwrap().len(), 3_000);
    host.break_web(&[WebFault::Silent]).unwrap();
    let mut silent = TcpStream::connect(("127.0.0.1", host.http_port())).unwrap();
    silent.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
    silent.write_all(b"GET /status?format=json HTTP/1.1\r\n\r\n").unwrap();
    assert!(silent.read(&mut [0; 10]).is_err(), "no answer");
    host.break_web(&[]).unwrap();
    assert_eq!(get(&host, status).0, 200);
}

#[test]
fn the_smtp_port_greets_offers_tls_and_can_be_busy() {
    let (host, _dir) = host(Options::default());
    let talk = |said: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", host.smtp_port())).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        let mut heard = String::new();
        // A busy server hangs up on what it was told.
        let _ = stream.read_to_string(&mut heard);
        heard
    };
    let heard = talk("EHLO probe.example\r\nQUIT\r\n");
    assert!(heard.starts_with("220 ") && heard.contains("250-STARTTLS\r\n"), "{heard}");
    assert!(heard.ends_with("221 2.0.0 mta.sender.example says goodbye\r\n"));
    host.break_smtp(&[SmtpFault::Busy]).unwrap();
    assert!(talk("").starts_with("421 "));
    host.break_smtp(&[SmtpFault::NoStartTls]).unwrap();
    assert!(!talk("EHLO probe.example\r\nQUIT\r\n").contains("STARTTLS"));
    host.break_smtp(&[SmtpFault::Down]).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", host.smtp_port())).is_err());
}

#[test]
fn the_command_stand_in_prints_dom_with_its_quirks() {
    let (host, _dir) = host(Options::default());
    let run = |words: &[&str]| {
        let done = std::process::Command::new(host.command_path()).args(words).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap())
    };
    let (ok, status) = run(&["--dom", "show", "status"]);
    assert!(
        ok && status.contains(&format!("status.traffic.total.out.rcp=\"{}\"\n", host.totals().delivered))
    );
    let (_, queues) = run(&["--dom", "show", "topqueues", "--errors"]);
    assert!(queues.contains(".event[0].text=\"Error: \"450 try later\" while connected from"), "{queues}");
    assert!(queues.contains(".paused=\"no\"") && queues.contains("totalQueuesWithRcp=\""));
    assert!(run(&["show", "license"]).1.contains("expires: 20"));
    assert!(!run(&["show", "memory"]).0);
}

#[test]
fn the_configuration_names_what_the_host_has() {
    let (host, dir) = host(Options { move_to: true, separate_diag: true, ..Options::default() });
    let config = std::fs::read_to_string(host.config_path()).unwrap();
    for line in [
        format!("http-mgmt-port {}", host.http_port()),
        format!("smtp-listener 127.0.0.1:{}", host.smtp_port()),
        format!("<acct-file {}/log/diag.csv>\n    records t, tq", dir.path().display()),
        format!("    move-to {}/log/archive", dir.path().display()),
        format!("include {}/etc/domains.conf", dir.path().display()),
    ] {
        assert!(config.contains(&line), "{line} is not in\n{config}");
    }
    let off = Options { web_monitor: false, transient_records: false, ..Options::default() };
    let (off, _dir) = self::host(off);
    let config = std::fs::read_to_string(off.config_path()).unwrap();
    assert!(config.contains("http-mgmt-port 0\n") && config.contains("records d, b, rb, rs, f\n"));
    assert!(TcpStream::connect(("127.0.0.1", off.http_port())).is_err());
    assert_eq!(off.totals().deferred, 0, "what is not written is not counted");
    let domains = std::fs::read_to_string(dir.path().join("etc/domains.conf")).unwrap();
    assert!(domains.contains("mx *.am0.yahoodns.net yahoo.rollup"));
}
