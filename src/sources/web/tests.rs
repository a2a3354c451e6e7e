//! What the whole source does against a scripted web monitor on loopback.

use super::stage::{Reply, Request, Stage};
use super::*;
use crate::record::{Memory, Notes, Value};
use crate::sources::stage::Run;
use std::os::unix::fs::PermissionsExt;

const STATUS: &str = r#"{"data":{"mta":{"product":{"version":"5.0r1"}},"status":{"timeNow":"2026-03-02 10:00:30","startupTime":"2026-03-01 09:00:00",
"traffic":{"total":{"out":{"rcp":1000,"msg":990,"kb":1},"in":{"rcp":1100,"msg":1010,"kb":3}}},"status":"running"}},"status":"success","message":""}"#;
const XML: &str = "<rsp><data><status><status>running</status></status></data><succ/></rsp>";
const KEY: &str = "0123456789abcdefABCDEF_0123456789";
const AMPLE: Duration = Duration::from_secs(20);

/// A list page of `rows` out of `all`.
fn list(name: &str, rows: usize, all: usize) -> String {
    let listed: Vec<String> =
        (0..rows).map(|row| format!("{{\"name\":\"d{row}.example/v1\",\"rcp\":{}}}", all - row)).collect();
    let total = if name == "queues" { "totalQueuesWithRcp" } else { "totalVmtasWithRcp" };
    format!(
        "{{\"data\":{{\"title\":\"t\",\"{name}\":[{}],\"{total}\":{all}}},\"status\":\"success\"}}",
        listed.join(",")
    )
}

fn page(request: &Request) -> &str {
    request.line.split([' ', '?']).nth(1).unwrap()
}

/// A host that knows everything, `maxitems` too.
fn healthy(request: &Request) -> Reply {
    let rows = if request.line.contains("maxitems=100") { 30 } else { 10 };
    match page(request) {
        "/status" => Reply::ok(STATUS),
        "/queues" => Reply::ok(list("queues", rows, 30)),
        "/vmtas" => Reply::ok(list("vmtas", 2, 2)),
        _ => Reply::code(404),
    }
}

fn pmta(url: String) -> Pmta {
    Pmta { url: Some(url), command: "/nowhere/pmta".into(), ..Pmta::default() }
}

fn run(stage: &Stage, now: i64, notes: Notes) -> Run {
    Run::of(&Web, pmta(stage.url()), now, notes, AMPLE)
}

#[test]
fn three_pages_become_samples_and_one_note() {
    let stage = Stage::new(healthy);
    let run = run(&stage, 1_000, Notes::default());
    run.result.as_ref().unwrap();
    let lines = [
        "GET /queues?format=json&maxitems=100 HTTP/1.1",
        "GET /status?format=json HTTP/1.1",
        "GET /vmtas?format=json&maxitems=100 HTTP/1.1",
    ];
    assert_eq!(stage.lines(), lines);
    assert_eq!(run.samples.iter().filter(|row| row.measurement == "pmta_queue").count(), 30);
    assert_eq!(run.samples.iter().filter(|row| row.measurement == "pmta_vmta").count(), 2);
    let told: Vec<_> = run.samples.iter().filter(|row| row.measurement == PAGE).collect();
    assert_eq!(told[0].fields, [("generation", Value::Int(1_772_355_600))]);
    assert_eq!(told[1].field("complete"), Some(&Value::Int(1)));
    assert_eq!(told[1].field("all_rows"), Some(&Value::Int(30)));
    let health = run.samples.iter().find(|row| row.measurement == "pmta").unwrap();
    assert_eq!(health.fields[..2], [("up", Value::Int(1)), ("running", Value::Int(1))]);
    assert_eq!(run.notes.scan("").len(), 1);
    let again = self::run(&stage, 9_000, Notes::new(run.notes.scan("")));
    assert!(again.result.is_ok() && again.notes.into_changes().is_empty(), "an idle run writes nothing");
}

#[test]
fn an_older_host_is_asked_for_xml_and_again_for_json_after_an_hour() {
    // Older still than XML-for-JSON: it does not know the word and shows HTML.
    for json in ["<html>?</html>", XML, "not found"] {
        let stage = Stage::new(move |request| match page(request) {
            "/status" if request.line.contains("format=xml") => Reply::ok(XML),
            "/status" => Reply::ok(json),
            _ if request.line.contains("format=xml") => Reply::ok("<rsp><data></data><succ/></rsp>"),
            _ => Reply::ok("<rsp><data></data><succ/></rsp>"),
        });
        let first = run(&stage, 1_000, Notes::default());
        assert!(first.result.is_ok(), "{}", first.why());
        assert!(first.names().contains(&"pmta"));
        stage.forget();
        let second = run(&stage, 2_000, first.notes);
        assert!(
            second.result.is_ok() && stage.lines().iter().all(|line| line.contains("format=xml")),
            "{json}"
        );
        stage.forget();
        assert!(run(&stage, 4_600, second.notes).result.is_ok());
        assert!(stage.lines().iter().any(|line| line.contains("/status?format=json")));
    }
}

#[test]
fn silence_is_down_but_a_refusal_is_unknown() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let run = Run::of(&Web, pmta(closed), 1_000, Notes::default(), AMPLE);
    assert!(matches!(run.result, Err(SourceError::Unreachable { .. })), "{:?}", run.result);
    assert!(
        run.why().to_lowercase().contains("refused") && run.why().contains("http-mgmt-port"),
        "{}",
        run.why()
    );
    assert_eq!(run.samples, [Sample::new("pmta").int("up", 0).int("running", 0)]);
    for code in [401, 403] {
        let stage = Stage::new(move |_| Reply::code(code));
        let run = self::run(&stage, 1_000, Notes::default());
        assert!(matches!(run.result, Err(SourceError::Denied { .. })), "{:?}", run.result);
        assert!(run.why().contains("add `http-access 127.0.0.1 monitor`"), "{}", run.why());
        assert_eq!(run.samples, []);
    }
}

#[test]
fn each_strange_answer_has_words_of_its_own_and_is_no_outage() {
    let json = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let moved = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    for (reply, words) in [
        (json(r#"{"status":"fail","message":"no service"}"#), "PowerMTA says: no service"),
        (json("<html></html>"), "HTML page"),
        (moved("/ui/status"), "HTML application"),
        (moved("https://other.example.com/"), "do not follow"),
        (moved("http://127.0.0.1:9/"), "do not follow"),
        (json("{]"), "no readable JSON"),
        (json("{\"data\":{\"sta"), "ends in the middle"),
        (json("{}"), "none of the fields"),
        (json(""), "empty"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"data\":{".to_owned(),
            "broke off: end of file before message length reached",
        ),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(), "HTTP 500"),
        ("220 mx.example.com ESMTP\r\n".to_owned(), "does not speak HTTP"),
    ] {
        let answer = reply.clone();
        let stage = Stage::new(move |_| Reply::Raw(answer.clone()));
        let run = run(&stage, 1_000, Notes::default());
        assert!(run.why().contains(words), "{reply} -> {}", run.why());
        assert!(matches!(run.result, Err(SourceError::Malformed { .. })), "{:?}", run.result);
        assert!(run.samples.is_empty() && run.notes.scan("").is_empty(), "{reply}");
    }
}

#[test]
fn a_page_that_hangs_costs_only_itself() {
    let stage = Stage::new(|request| match page(request) {
        "/queues" => Reply::Hang(String::new()),
        "/vmtas" => Reply::Hang("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":".to_owned()),
        _ => healthy(request),
    });
    let run = Run::of(&Web, pmta(stage.url()), 1_000, Notes::default(), Duration::from_millis(1_200));
    assert!(run.names().contains(&"pmta_traffic"), "{:?}", run.names());
    assert!(
        matches!(&run.result, Err(SourceError::Late { what }) if what.contains("/queues")),
        "{:?}",
        run.result
    );
    assert!(run.took < Duration::from_millis(1_200), "{:?}", run.took);
    assert!(run.notes.get("slow").is_some(), "the next runs ask side by side at once");
    assert!(!run.samples.iter().any(|row| row.field("up") == Some(&Value::Int(0))));
}

#[test]
fn a_slow_status_is_no_outage_while_other_pages_answer() {
    let stage = Stage::new(|request| match page(request) {
        "/status" => Reply::Hang(String::new()),
        _ => healthy(request),
    });
    let run = Run::of(&Web, pmta(stage.url()), 1_000, Notes::default(), Duration::from_millis(1_200));
    assert!(
        matches!(&run.result, Err(SourceError::Late { what }) if what.contains("/status")),
        "{:?}",
        run.result
    );
    assert!(!run.names().contains(&"pmta") && run.names().contains(&"pmta_queue"), "{:?}", run.names());
}

#[test]
fn a_host_that_accepts_and_says_nothing_is_down_if_it_had_the_time() {
    let stage = Stage::new(|_| Reply::Hang(String::new()));
    let run = Run::of(&Web, pmta(stage.url()), 1_000, Notes::default(), Duration::from_millis(1_200));
    assert!(matches!(run.result, Err(SourceError::Unreachable { .. })), "{:?}", run.result);
    assert!(run.why().contains("no answer within"), "{}", run.why());
    assert_eq!(run.samples, [Sample::new("pmta").int("up", 0).int("running", 0)]);
    let run = Run::of(&Web, pmta(stage.url()), 1_000, Notes::default(), Duration::from_millis(300));
    assert!(matches!(run.result, Err(SourceError::Late { .. })), "{:?}", run.result);
    assert_eq!(run.samples, [], "too little time says nothing about PowerMTA");
}

/// `maxitems` is ignored; `/command` works with the key only.
fn stubborn(request: &Request) -> Reply {
    match page(request) {
        "/command" if !request.headers.contains(&format!("x-api-key: {}", KEY.to_lowercase())) => {
            Reply::code(403)
        }
        "/command" if request.body.contains("topqueues") => Reply::ok(list("queues", 30, 30)),
        "/queues" => Reply::ok(list("queues", 10, 30)),
        _ => healthy(request),
    }
}

#[test]
fn more_rows_come_by_command_where_the_parameter_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, KEY).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let stage = Stage::new(stubborn);
    let with_key = || Pmta { api_key_file: Some(key.clone()), ..pmta(stage.url()) };
    let first = Run::of(&Web, with_key(), 1_000, Notes::default(), AMPLE);
    assert_eq!(first.names().iter().filter(|name| **name == "pmta_queue").count(), 30);
    let posted = stage.heard().into_iter().find(|request| request.line.starts_with("POST")).unwrap();
    assert_eq!(posted.line, "POST /command HTTP/1.1");
    assert_eq!(posted.body, "command=show+topqueues+--errors+--maxitems%3D100&format=json");
    stage.forget();
    let second = Run::of(&Web, with_key(), 1_010, first.notes, AMPLE);
    assert!(
        second.result.is_ok() && !stage.lines().iter().any(|line| line.contains("/queues")),
        "{:?}",
        stage.lines()
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Run::of(&Web, with_key(), 1_010, Notes::default(), AMPLE);
    assert!(
        refused.why().contains("others may read it") && refused.why().contains("chmod 0640"),
        "{}",
        refused.why()
    );
    assert!(!format!("{:?}", refused.result).contains(KEY));
}

#[test]
fn an_operator_by_address_needs_no_key_for_more_rows() {
    let stage = Stage::new(|request| match page(request) {
        "/command" => Reply::ok(list("queues", 30, 30)),
        _ => stubborn(request),
    });
    let run = run(&stage, 1_000, Notes::default());
    assert_eq!(run.names().iter().filter(|name| **name == "pmta_queue").count(), 30);
    assert!(stage.heard().iter().all(|request| !request.headers.contains("x-api-key")));
}

#[test]
fn a_list_of_many_queues_is_summed_and_only_its_head_is_handed_on() {
    let stage = Stage::new(|request| match page(request) {
        "/queues" => Reply::ok(list("queues", 5_000, 5_000)),
        _ => healthy(request),
    });
    let run = run(&stage, 1_000, Notes::default());
    let told = run.samples.iter().find(|row| row.measurement == PAGE && row.tags[0].1 == "queues").unwrap();
    for (name, value) in [("rows", 5_000), ("kept_rows", 100), ("recipients", 12_502_500), ("complete", 0)] {
        assert_eq!(told.field(name), Some(&Value::Int(value)), "{name}");
    }
    let largest = run.samples.iter().find(|row| row.measurement == "pmta_queue").unwrap();
    assert_eq!(largest.field("recipients"), Some(&Value::Int(5_000)));
}

#[test]
fn ten_rows_are_taken_where_nothing_gives_more_and_asked_again_after_an_hour() {
    let stage = Stage::new(stubborn);
    let first = run(&stage, 1_000, Notes::default());
    first.result.as_ref().unwrap();
    let told = first.samples.iter().find(|row| row.measurement == PAGE && row.tags[0].1 == "queues").unwrap();
    assert_eq!((told.field("rows"), told.field("complete")), (Some(&Value::Int(10)), Some(&Value::Int(0))));
    assert!(stage.lines().iter().any(|line| line.contains("/command")));
    stage.forget();
    let second = run(&stage, 4_000, first.notes);
    assert!(stage.lines().contains(&"GET /queues?format=json HTTP/1.1".to_owned()), "{:?}", stage.lines());
    assert!(!stage.lines().iter().any(|line| line.contains("/command")));
    stage.forget();
    assert!(run(&stage, 4_600, second.notes).result.is_ok());
    assert!(stage.lines().iter().any(|line| line.contains("/command")), "an hour is over");
}

#[test]
fn a_host_that_dislikes_the_parameter_still_shows_its_ten() {
    let stage = Stage::new(|request| match page(request) {
        "/queues" | "/vmtas" if request.line.contains("maxitems") => Reply::code(400),
        _ => healthy(request),
    });
    let run = run(&stage, 1_000, Notes::default());
    assert!(run.result.is_ok(), "{}", run.why());
    assert_eq!(run.names().iter().filter(|name| **name == "pmta_queue").count(), 10);
}

#[test]
fn the_key_travels_only_where_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, KEY).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let access = |url: &str, insecure: bool| {
        let pmta = Pmta { insecure, ..pmta(url.to_owned()) };
        Access::new(&pmta, Some(key::Key::read(&path).unwrap()), Instant::now()).unwrap()
    };
    for (url, insecure, sends) in [
        ("http://127.0.0.1:8080", false, true),
        ("https://127.0.0.1:8080", true, true),
        ("http://mx.example.com:8080", false, false),
        ("https://mx.example.com:8080", false, true),
        ("https://mx.example.com:8080", true, false),
    ] {
        assert_eq!(access(url, insecure).sends_key(), sends, "{url} {insecure}");
    }
    let redirected = access("http://mx.example.com:8080", false);
    redirected.switch();
    assert!(redirected.sends_key());
}
