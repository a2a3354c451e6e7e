//! PowerMTA's pages in all three formats, whole, odd and broken.

use super::*;
use crate::record::{Sample, Value};
use proptest::prelude::*;

const JSON_STATUS: &str = r#"{"data":{"mta":{"product":{"name":"PowerMTA","version":"5.0r9","bits":64},"lak":{"serial":"77"},"new":[{"a":[1,[2]]}]},
"status":{"timeNow":"2026-03-02 10:00:30","startupTime":"2026-03-01 09:00:00","shuttingDown":false,
"traffic":{"total":{"out":{"rcp":"1000","msg":990,"kb":2048.5},"in":{"rcp":1100,"msg":1010,"kb":3},"bounceProcessed":4},
"lastHr":{"out":{"rcp":60,"msg":60,"kb":1},"in":{"rcp":70,"msg":70,"kb":1.5}},"lastMin":{"out":{"rcp":1,"msg":1,"kb":0},"in":{"rcp":2,"msg":2,"kb":0.1}}},
"conn":{"smtpIn":{"cur":3,"max":150,"top":9},"smtpOut":{"cur":40,"max":500,"top":77}},
"queue":{"smtp":{"rcp":655,"dom":243,"kb":9.9},"httpDelivery":{"rcp":0,"dom":0,"kb":0}},
"spool":{"initPct":50,"dirs":1,"files":{"inUse":476,"recycled":1,"total":477},"totalRcp":655,"maxRcp":1000000},"status":"running"}},"status":"success","message":""}"#;

const DOM_STATUS: &str = "mta.product.version=\"5.0r9\"
status.timeNow=\"2026-03-02 10:00:30\"
status.startupTime=\"2026-03-01 09:00:00\"
status.shuttingDown=\"0\"
status.traffic.total.out.rcp=\"1000\"
status.traffic.total.out.msg=\"990\"
status.traffic.total.out.kb=\"2048.5\"
status.traffic.total.in.rcp=\"1100\"
status.traffic.total.in.msg=\"1010\"
status.traffic.total.in.kb=\"3.0\"
status.traffic.lastHr.out.rcp=\"60\"
status.traffic.lastHr.in.rcp=\"70\"
status.traffic.lastMin.out.rcp=\"1\"
status.traffic.lastMin.in.rcp=\"2\"
status.conn.smtpIn.cur=\"3\"
status.conn.smtpIn.max=\"150\"
status.conn.smtpIn.top=\"9\"
status.conn.smtpOut.cur=\"40\"
status.conn.smtpOut.max=\"500\"
status.conn.smtpOut.top=\"77\"
status.queue.smtp.rcp=\"655\"
status.queue.smtp.dom=\"243\"
status.queue.smtp.kb=\"9.9\"
status.queue.httpDelivery.rcp=\"0\"
status.queue.httpDelivery.dom=\"0\"
status.queue.httpDelivery.kb=\"0.0\"
status.spool.initPct=\"50\"
status.spool.files.inUse=\"476\"
status.spool.files.recycled=\"1\"
status.spool.files.total=\"477\"
status.spool.totalRcp=\"655\"
status.spool.maxRcp=\"1000000\"
status.status=\"running\"\r\n";

/// The same tree as XML, made from the DOM lines.
fn xml_status(layout: &str) -> String {
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::from("<rsp><data>");
    for line in DOM_STATUS.lines() {
        let (keys, value) = line.split_once("=\"").unwrap();
        let keys: Vec<&str> = keys.split('.').collect();
        let (leaf, branch) = keys.split_last().unwrap();
        let same = open.iter().zip(branch).take_while(|(a, b)| a == b).count();
        for key in open.drain(same..).rev() {
            text += &format!("</{key}>{layout}");
        }
        for key in &branch[same..] {
            text += &format!("<{key}>{layout}");
            open.push(key);
        }
        text += &format!("<{leaf}>{}</{leaf}>{layout}", value.trim_end_matches(['"', '\r']));
    }
    open.iter().rev().for_each(|key| text += &format!("</{key}>"));
    text + "</data><succ/></rsp>"
}

fn field(samples: &[Sample], measurement: &str, tag: &str, name: &str) -> Value {
    let row = samples.iter().find(|row| {
        row.measurement == measurement && (tag.is_empty() || row.tags.iter().any(|(_, is)| is == tag))
    });
    row.and_then(|row| row.field(name)).unwrap_or_else(|| panic!("{measurement} {tag} {name}")).clone()
}

#[test]
fn the_three_formats_say_the_same() {
    let (status, format) = parse_status(JSON_STATUS.as_bytes()).unwrap();
    assert_eq!(format, Format::Json);
    for (body, format) in [
        (DOM_STATUS.to_owned(), Format::Dom),
        (xml_status(""), Format::Xml),
        (xml_status("\n  "), Format::Xml),
        (format!("\u{feff}<?xml version=\"1.0\"?>\n{}", xml_status("")), Format::Xml),
        (
            JSON_STATUS
                .replace("\"status\":{\"timeNow\"", "\"mta\":{\"status\":{\"timeNow\"")
                .replace("\"running\"}}", "\"running\"}}}"),
            Format::Json,
        ),
        (
            JSON_STATUS.replace("false", "\"no\"").replace("655", "\"655\"").replace(":3}", ":\"3.0\"}"),
            Format::Json,
        ),
    ] {
        assert_eq!(parse_status(body.as_bytes()), Ok((status.clone(), format)), "{body}");
    }
}

#[test]
fn a_status_becomes_samples_of_the_documented_names_and_types() {
    let samples = parse_status(JSON_STATUS.as_bytes()).unwrap().0.samples();
    for (measurement, tag, name, value) in [
        ("pmta", "5.0r9", "up", Value::Int(1)),
        ("pmta", "", "running", Value::Int(1)),
        ("pmta", "", "uptime_seconds", Value::Float(90_030.0)),
        ("pmta_traffic", "out", "recipients_total", Value::Growing(1_000)),
        ("pmta_traffic", "out", "bytes_total", Value::Growing(2_097_664)),
        ("pmta_traffic", "in", "messages_total", Value::Growing(1_010)),
        ("pmta_traffic", "in", "last_minute_recipients", Value::Int(2)),
        ("pmta_traffic", "out", "last_hour_recipients", Value::Int(60)),
        ("pmta_connections", "out", "current", Value::Int(40)),
        ("pmta_connections", "in", "top", Value::Int(9)),
        ("pmta_spool", "", "init_ratio", Value::Float(0.5)),
        ("pmta_spool", "", "recipients_max", Value::Int(1_000_000)),
        ("pmta_queues", "smtp", "domains", Value::Int(243)),
        ("pmta_queues", "httpDelivery", "bytes", Value::Int(0)),
    ] {
        assert_eq!(field(&samples, measurement, tag, name), value, "{measurement} {tag} {name}");
    }
}

#[test]
fn what_a_page_does_not_tell_is_left_out() {
    let body = br#"{"data":{"status":{"status":"stopping","traffic":{"total":{"out":{"rcp":5}}},"conn":null,"queue":[],"startupTime":"yesterday","timeNow":7}}}"#;
    let (status, _) = parse_status(body).unwrap();
    let samples = status.samples();
    assert_eq!(samples.iter().map(|row| row.measurement).collect::<Vec<_>>(), ["pmta", "pmta_traffic"]);
    assert_eq!(field(&samples, "pmta", "", "running"), Value::Int(0));
    assert_eq!((status.uptime_seconds(), status.generation()), (None, None));
    let shutting = JSON_STATUS.replace("false", "\"true\"");
    assert!(!parse_status(shutting.as_bytes()).unwrap().0.running());
}

#[test]
fn another_start_is_another_generation() {
    let generation = |body: &str| parse_status(body.as_bytes()).unwrap().0.generation().unwrap();
    let later = JSON_STATUS.replace("2026-03-01 09:00:00", "2026-03-01 09:00:01");
    assert_eq!(generation(&later) - generation(JSON_STATUS), 1);
}

const JSON_QUEUES: &str = r#"{"data":{"title":"Top 3 queues","queues":[
{"name":"hot.example/v1","rcp":1060,"kb":10.5,"conn":7,"errors":[{"time":"2026-03-01 16:58:01","text":"bad <joe@hot.example>","name":"x/y","rcp":5}],"paused":"no","mode":"backoff"},
{"id":"öbb.example/{default}","rcp":"6","kb":1,"conn":0,"errors":[],"paused":true,"mode":"normal","retryTime":""},
{"name":"joe@small.example/v1","rcp":2,"brandNew":{"rcp":9}}],"totalRcp":1068,"totalQueuesWithRcp":3},"status":"success","message":""}"#;
const XML_QUEUES: &str = "<rsp><data><title>Top</title><queue><name>hot.example/v1</name><rcp>1060</rcp><kb>10.5</kb><conn>7</conn>\
<event><type>error</type><time>t</time><text>bad &lt;joe@hot.example&gt;</text><rcp>5</rcp></event><paused>0</paused><mode>backoff</mode></queue>\
<queue><name>&#246;bb.example/{default}</name><rcp>6</rcp><kb>1.0</kb><conn>0</conn><paused>yes</paused><mode>normal</mode><retryTime/></queue>\
<queue><name>small.example/v1</name><rcp>2</rcp></queue><totalRcp>1068</totalRcp><totalQueuesWithRcp>3</totalQueuesWithRcp></data><succ>fine</succ></rsp>";
const DOM_QUEUES: &str = "title=\"Top 3 \"queues\" = all\"
queue[0].name=\"hot.example/v1\"
queue[0].rcp=\"1060\"
queue[0].kb=\"10.5\"
queue[0].conn=\"7\"
queue[0].event[0].text=\"he said: \"421 4.2.1 joe@hot.example\" while x=\"1\"\"
queue[0].event[0].rcp=\"5\"
queue[0].paused=\"no\"
queue[0].mode=\"backoff\"
queue[1].name=\"öbb.example/{default}\"
queue[1].rcp=\"6\"
queue[1].kb=\"1.0\"
queue[1].conn=\"0\"
queue[1].paused=\"yes\"
queue[1].mode=\"normal\"
queue[2].name=\"small.example/v1\"
queue[2].rcp=\"2\"
totalRcp=\"1068\"
totalQueuesWithRcp=\"3\"
";

#[test]
fn the_three_formats_list_the_same_queues() {
    for (body, format) in [(JSON_QUEUES, Format::Json), (XML_QUEUES, Format::Xml), (DOM_QUEUES, Format::Dom)]
    {
        let (list, found) = parse_list(body.as_bytes(), 10).unwrap();
        assert_eq!(found, format);
        assert_eq!(
            (list.rows, list.recipients, list.all_rows, list.all_recipients),
            (3, 1_068, Some(3), Some(1_068))
        );
        assert!(list.complete() && !list.is_short_of(100));
        let samples: Vec<Sample> =
            list.into_rows().into_iter().map(crate::sources::web::Row::queue_sample).collect();
        let expected = Sample::new("pmta_queue")
            .tag("queue", "hot.example/v1")
            .tag("vmta", "v1")
            .int("recipients", 1_060);
        let expected = expected.int("bytes", 10_752).int("connections", 7).int("paused", 0).int("backoff", 1);
        assert_eq!(samples[0], expected, "{format:?}");
        assert_eq!(field(&samples, "pmta_queue", "öbb.example/{default}", "paused"), Value::Int(1));
        assert_eq!(samples[1].tags[1], ("vmta", "{default}".to_owned()));
        assert_eq!(field(&samples, "pmta_queue", "small.example/v1", "recipients"), Value::Int(2));
        assert_eq!(samples[2].fields.len(), 1, "what was not told is left out");
        assert!(!format!("{samples:?}").contains("joe"));
    }
}

#[test]
fn vmtas_have_domains_and_an_empty_list_is_a_list() {
    let body = br#"{"data":{"vmtas":[{"name":"v1","rcp":1093,"kb":2,"pctOfTotal":4,"conn":1,"dom":34}],"totalRcp":5000,"totalVmtasWithRcp":964},"status":"success"}"#;
    let (list, _) = parse_list(body, 10).unwrap();
    assert!(!list.complete() && list.is_short_of(100));
    let row = list.into_rows().remove(0).vmta_sample();
    let expected = Sample::new("pmta_vmta").tag("vmta", "v1").int("recipients", 1_093).int("bytes", 2_048);
    assert_eq!(row, expected.int("connections", 1).int("domains", 34));
    for body in [
        "{\"data\":{\"queues\":[]},\"status\":\"success\"}",
        "<rsp><data></data><succ/></rsp>",
        "totalRcp=\"0\"",
    ] {
        assert_eq!(parse_list(body.as_bytes(), 10).unwrap().0.rows, 0, "{body}");
    }
    for body in [JSON_STATUS, DOM_STATUS, &xml_status("")] {
        assert_eq!(
            parse_list(body.as_bytes(), 10).map(|_| ()),
            Err(BodyError::Foreign),
            "a status is no list"
        );
    }
}

#[test]
fn each_way_to_fail_has_words_of_its_own() {
    let deep = format!("{{\"data\":{}", "[".repeat(100_000));
    for (body, expected) in [
        (
            r#"{"status":"fail","message":"no queue of joe@example.com\nsecond line"}"#,
            BodyError::Failed("no queue of (address)".into()),
        ),
        (
            r#"{"data":{"status":{"status":"running"}},"status":"fail"}"#,
            BodyError::Failed("failed, without a reason".into()),
        ),
        ("<rsp><data/><fail>queue unknown</fail></rsp>", BodyError::Failed("queue unknown".into())),
        ("<rsp><data></data></rsp>", BodyError::Failed("failed, without a reason".into())),
        ("<!DOCTYPE html><html>", BodyError::Html),
        ("\n <html><body>hi", BodyError::Html),
        ("", BodyError::Empty),
        (" \r\n", BodyError::Empty),
        (r#"{"data":{"status":{"status":"runn"#, BodyError::Truncated),
        ("<rsp><data><status><status>runn", BodyError::Truncated),
        ("<rsp><data></status></rsp>", BodyError::Garbage("XML")),
        (r#"{"data":nonsense}"#, BodyError::Garbage("JSON")),
        ("[1,2]", BodyError::Garbage("JSON")),
        ("Access denied.", BodyError::Garbage("JSON, XML or DOM")),
        ("\0\0\0", BodyError::Garbage("JSON, XML or DOM")),
        (r#"{"data":{"hello":"world"},"status":"success"}"#, BodyError::Foreign),
        (&deep, BodyError::Garbage("JSON")),
    ] {
        let why = parse_status(body.as_bytes()).unwrap_err();
        assert_eq!(why, expected, "{}", &body[..body.len().min(60)]);
    }
}

#[test]
fn a_body_without_end_is_cut_and_says_so() {
    let endless = JSON_QUEUES.as_bytes()[..60].chain(std::io::repeat(b'x'));
    let why = read_list(&mut Capped::new(endless, 1 << 20, None), 5).unwrap_err();
    assert_eq!(why, BodyError::TooBig(1 << 20));
    assert!(why.to_string().contains("1 MiB"), "{why}");
    let late = Some(Instant::now());
    assert_eq!(read_status(&mut Capped::new(JSON_STATUS.as_bytes(), 1 << 20, late)), Err(BodyError::Late));
}

#[test]
fn only_the_largest_rows_of_a_long_list_are_kept() {
    let mut body = String::from("{\"data\":{\"queues\":[");
    for number in 0..5_000_u64 {
        // Every recipient count once, in a scrambled order.
        let recipients = number * 2_713 % 5_000;
        body += &format!(
            "{}{{\"name\":\"d{number}.example/v\",\"rcp\":{recipients}}}",
            if number > 0 { "," } else { "" }
        );
    }
    body += "],\"totalRcp\":12497500,\"totalQueuesWithRcp\":5000},\"status\":\"success\"}";
    let (list, _) = parse_list(body.as_bytes(), 3).unwrap();
    assert_eq!((list.rows, list.recipients, list.complete()), (5_000, 12_497_500, false));
    assert!(!list.is_short_of(100));
    let rows = list.into_rows();
    assert_eq!(rows.iter().map(|row| row.recipients).collect::<Vec<_>>(), [4_999, 4_998, 4_997]);
}

/// Every prefix of a good page is an error or (once everything is there) the page; none panics.
#[test]
fn a_page_cut_anywhere_is_never_taken_for_a_whole_one() {
    for body in [JSON_STATUS, JSON_QUEUES, &xml_status(""), XML_QUEUES] {
        for end in 0..body.len() - 1 {
            let cut = &body.as_bytes()[..end];
            assert!(parse_status(cut).is_err() && parse_list(cut, 2).is_err(), "{end} of {body}");
        }
    }
}

/// One queue as a page may print it: name, recipients, tenths of kilobytes, paused, backoff.
type Queue = (String, u32, u32, bool, bool);

fn print(queues: &[Queue], format: Format) -> String {
    let kb = |tenths: u32| format!("{}.{}", tenths / 10, tenths % 10);
    let mode = |backoff: bool| if backoff { "backoff" } else { "normal" };
    let row = |(at, (name, rcp, tenths, paused, backoff)): (usize, &Queue)| match format {
        Format::Json => {
            let rcp = if rcp % 2 == 0 { rcp.to_string() } else { format!("\"{rcp}\"") };
            let name = serde_json::to_string(name).unwrap();
            format!(
                "{{\"kb\":{},\"rcp\":{rcp},\"name\":{name},\"paused\":{paused},\"mode\":\"{}\"}}",
                kb(*tenths),
                mode(*backoff)
            )
        }
        Format::Xml => {
            let (name, paused) = (quick_xml::escape::escape(name.as_str()), u8::from(*paused));
            format!(
                "<queue><name>{name}</name><rcp>{rcp}</rcp><kb>{}</kb><paused>{paused}</paused><mode>{}</mode></queue>",
                kb(*tenths),
                mode(*backoff)
            )
        }
        Format::Dom => {
            let paused = if *paused { "yes" } else { "no" };
            format!(
                "queue[{at}].name=\"{name}\"\nqueue[{at}].rcp=\"{rcp}\"\nqueue[{at}].kb=\"{}\"\nqueue[{at}].paused=\"{paused}\"\nqueue[{at}].mode=\"{}\"\n",
                kb(*tenths),
                mode(*backoff)
            )
        }
    };
    let rows: Vec<String> = queues.iter().enumerate().map(row).collect();
    match format {
        Format::Json => format!(
            "{{\"data\":{{\"queues\":[{}],\"totalQueuesWithRcp\":{}}},\"status\":\"success\"}}",
            rows.join(","),
            rows.len()
        ),
        Format::Xml => format!(
            "<rsp><data>{}<totalQueuesWithRcp>{}</totalQueuesWithRcp></data><succ/></rsp>",
            rows.join("\n"),
            rows.len()
        ),
        Format::Dom => format!("{}totalQueuesWithRcp=\"{}\"\n", rows.concat(), rows.len()),
    }
}

proptest! {
    #[test]
    fn any_queues_are_the_same_in_every_format(
        queues in prop::collection::vec(("[a-zäß0-9.\"'<&=-]{1,12}/[{}a-z0-9.]{1,8}", any::<u32>(), any::<u32>(), any::<bool>(), any::<bool>()), 0..12),
        keep in 0_usize..14,
    ) {
        let mut sizes: Vec<i64> = queues.iter().map(|queue| i64::from(queue.1)).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut told = Vec::new();
        for format in [Format::Json, Format::Xml, Format::Dom] {
            let (list, found) = parse_list(print(&queues, format).as_bytes(), keep).unwrap();
            prop_assert_eq!(found, format);
            prop_assert_eq!(list.recipients, sizes.iter().sum::<i64>());
            prop_assert_eq!(list.complete(), queues.len() <= keep);
            let rows = list.into_rows();
            prop_assert!(rows.iter().map(|row| row.recipients).eq(sizes.iter().copied().take(keep)));
            told.push(rows);
        }
        prop_assert_eq!(&told[0], &told[1]);
        prop_assert_eq!(&told[0], &told[2]);
        for row in &told[0] {
            let same = |queue: &&Queue| queue.0 == row.name && i64::from(queue.1) == row.recipients
                && Some(queue.3) == row.paused && Some(queue.4) == row.backoff;
            prop_assert!(queues.iter().any(|queue| same(&queue)), "{:?}", row);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(body in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..1_500, which in 0_usize..5) {
        let page = [JSON_STATUS, JSON_QUEUES, XML_QUEUES, DOM_QUEUES, DOM_STATUS][which].as_bytes();
        let mut mixed = page[..at.min(page.len())].to_vec();
        mixed.extend_from_slice(&body);
        mixed.extend_from_slice(&page[at.min(page.len())..]);
        for body in [&body, &mixed] {
            if let Ok((status, _)) = parse_status(body) {
                prop_assert!(status.samples().len() < 64);
            }
            if let Ok((list, _)) = parse_list(body, 3) {
                prop_assert!(list.into_rows().len() <= 3);
            }
        }
    }
}
