//! The probe against scripted listeners on loopback.

use super::*;
use crate::config::{Config, Smtp as Section};
use crate::record::{Memory, Notes, Value};
use crate::sources::stage::Run;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Greets, answers EHLO, and writes down every line that it hears.
struct Listener {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
    served: mpsc::Receiver<()>,
}

fn listen(greeting: &'static str, ehlo: &'static str) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, (done, served)) = (Arc::clone(&heard), mpsc::channel());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(greeting.as_bytes());
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                if line.starts_with("EHLO") {
                    let _ = stream.write_all(ehlo.as_bytes());
                }
                kept.lock().unwrap().push(line);
            }
            let _ = done.send(());
        }
    });
    Listener { address, heard, served }
}

fn run(address: &str, now: Seconds, notes: Notes, time: Duration) -> Run {
    let config = Config { smtp: Section { address: Some(address.to_owned()) }, ..Config::default() };
    Run::with(&Smtp, &config, now, notes, time)
}

const AMPLE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(600);

#[test]
fn a_healthy_listener_is_greeted_and_left() {
    for (ehlo, starttls) in [
        ("250-mx.example.com\r\n250-SIZE\r\n250-STARTTLS\r\n250 HELP\r\n", 1),
        ("250-mx.example.com\r\n250 starttls\r\n", 1),
        ("250-STARTTLSX\r\n250 SIZE STARTTLS\r\n", 0),
    ] {
        let listener = listen("220-welcome\r\n220 mx.example.com ESMTP\r\n", ehlo);
        let run = run(&listener.address, 1_000, Notes::default(), AMPLE);
        assert!(run.result.is_ok(), "{}", run.why());
        let sample = &run.samples[0];
        assert_eq!(
            (sample.measurement, &sample.tags),
            ("pmta_smtp_probe", &vec![("listener", listener.address.clone())])
        );
        assert_eq!(sample.field("up"), Some(&Value::Int(1)));
        assert_eq!(sample.field("starttls"), Some(&Value::Int(starttls)), "{ehlo}");
        for name in ["connect_seconds", "banner_seconds"] {
            assert!(
                matches!(sample.field(name), Some(Value::Float(took)) if (0.0..20.0).contains(took)),
                "{name}"
            );
        }
        listener.served.recv().unwrap();
        assert_eq!(*listener.heard.lock().unwrap(), ["EHLO pmta-vitals.invalid", "QUIT"]);
    }
}

#[test]
fn goodbye_is_said_whatever_happened() {
    for (greeting, ehlo, words) in [
        ("421 too busy\r\n", "", "greets with 421"),
        ("220 hello\r\n", "502 what?\r\n", "answers EHLO with 502"),
        ("220 hello\r\n", "", "no answer within its time"),
        ("", "", "no answer within its time"),
        ("HTTP/1.1 400 Bad Request\r\n", "", "does not speak SMTP"),
        ("220-and\r\n220-so on\r\n", "", "no answer within its time"),
    ] {
        let listener = listen(greeting, ehlo);
        let run = run(&listener.address, 1_000, Notes::default(), SHORT);
        assert!(run.why().contains(words), "{greeting}{ehlo}: {}", run.why());
        assert!(matches!(run.result, Err(SourceError::Unreachable { .. })));
        assert_eq!(run.samples[0].field("up"), Some(&Value::Int(0)));
        listener.served.recv().unwrap();
        assert_eq!(listener.heard.lock().unwrap().last().unwrap(), "QUIT", "{greeting}{ehlo}");
    }
}

#[test]
fn a_listener_that_will_not_have_us_is_unknown() {
    let listener = listen("554 5.7.1 joe@example.com you are not welcome\r\n", "");
    let run = run(&listener.address, 1_000, Notes::default(), AMPLE);
    assert!(matches!(run.result, Err(SourceError::Denied { .. })) && run.samples.is_empty());
    assert!(run.why().contains("554") && !run.why().contains("joe"), "{}", run.why());
}

#[test]
fn once_a_minute_and_each_listener_by_itself() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let listener = listen("220 hello\r\n", "250 ok\r\n");
    let both = format!("{closed}, {}", listener.address);
    let first = run(&both, 1_000, Notes::default(), AMPLE);
    let ups: Vec<_> = first.samples.iter().map(|sample| sample.field("up").cloned()).collect();
    assert_eq!(ups, [Some(Value::Int(0)), Some(Value::Int(1))]);
    assert!(first.why().contains(&closed), "{}", first.why());
    let second = run(&both, 1_050, first.notes, AMPLE);
    assert!(second.result.is_ok() && second.samples.is_empty());
    let third = run(&both, 1_056, second.notes, AMPLE);
    assert_eq!(third.samples.len(), 2);
    let clock_set_back = run(&both, 500, third.notes, AMPLE);
    assert_eq!(clock_set_back.samples.len(), 2);
}

#[test]
fn too_little_time_proves_nothing() {
    let run = run("127.0.0.1:9", 1_000, Notes::default(), Duration::from_millis(300));
    assert!(matches!(run.result, Err(SourceError::Late { .. })));
    assert!(run.samples.is_empty() && run.notes.scan("").is_empty());
}
