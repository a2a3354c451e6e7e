//! Each fault injected into a healthy host must be named, with its mend, and nothing else blamed.

use super::fixture::{Broken, HEADER, TELEGRAF};
use super::*;
use std::fs;

/// Breaks a healthy host and returns the advice that is not good.
fn after(breaking: impl FnOnce(&mut Broken)) -> Vec<Advice> {
    let mut host = Broken::healthy();
    breaking(&mut host);
    host.examine().into_iter().filter(|advice| advice.state != State::Good).collect()
}

/// Exactly one thing is wrong; its topic, state and text.
fn one(breaking: impl FnOnce(&mut Broken), topic: &str, state: State) -> Advice {
    let advice = after(breaking);
    assert_eq!(advice.len(), 1, "{advice:#?}");
    assert_eq!((advice[0].topic, advice[0].state), (topic, state), "{advice:#?}");
    advice.into_iter().next().unwrap()
}

fn lines(advice: &Advice) -> Vec<&str> {
    advice.edits.iter().flat_map(|edit| edit.lines.iter().map(|line| line.trim())).collect()
}

#[test]
fn a_healthy_host_has_nothing_to_mend() {
    let all = Broken::healthy().examine();
    assert_eq!(worst(&all), State::Good, "{all:#?}");
    let topics: Vec<_> = all.iter().map(|advice| advice.topic).collect();
    for topic in [
        "user",
        "powermta-config",
        "web-monitor",
        "accounting",
        "accounting-columns",
        "deferral-records",
        "moved-folder",
        "pmta-log",
        "kernel-log",
        "pmta-command",
        "smtp-listener",
        "state-folder",
        "clock",
    ] {
        assert!(topics.contains(&topic), "{topic} in {topics:?}");
    }
    assert!(fix_commands(&all).ends_with("# Nothing to mend.\n"));
}

#[test]
fn every_answer_of_the_web_monitor_has_its_mend() {
    let answer = |web: WebProbe, state| one(|host| host.web = web, "web-monitor", state);
    let refused = answer(WebProbe::Refused403, State::Bad);
    assert_eq!(lines(&refused), ["http-access 127.0.0.1 monitor"]);
    assert!(!format!("{refused:?}").contains("http-api-key"), "{refused:?}");
    assert_eq!(refused.edits[0].place, "anywhere outside of < >");
    let off = answer(WebProbe::Off, State::Bad);
    assert_eq!(lines(&off), ["http-mgmt-port 8080", "http-access 127.0.0.1 monitor"]);
    assert_eq!(off.commands, ["systemctl restart pmtahttp"]);
    let redirects = answer(WebProbe::Redirects, State::Bad);
    assert!(lines(&redirects).contains(&"pin_sha256 = \"FINGERPRINT\""), "{redirects:?}");
    assert!(lines(&redirects).contains(&"url = \"https://127.0.0.1:1983\""), "{redirects:?}");
    assert!(lines(&redirects).contains(&"http-redirect-to-https false"), "{redirects:?}");
    let certificate = answer(WebProbe::CertificateRefused("unknown issuer".to_owned()), State::Bad);
    assert!(certificate.found.contains("unknown issuer") && certificate.mend.contains("ca_file"));
    let silent = answer(WebProbe::NoAnswer("connection refused".to_owned()), State::Bad);
    assert_eq!(silent.found, "http://127.0.0.1:1983 does not answer (connection refused)");
    let other = answer(WebProbe::NotJson("an HTML page".to_owned()), State::Unknown);
    assert!(other.found.contains("an HTML page"));
    answer(WebProbe::NotTried, State::Unknown);
}

#[test]
fn a_failed_collection_is_told_as_an_answer() {
    use crate::sources::SourceError;
    let (what, advice) = (String::new, String::new);
    let denied = |why: &str| SourceError::Denied { what: what(), why: why.to_owned(), advice: advice() };
    for (error, expected) in [
        (denied("HTTP 403"), WebProbe::Refused403),
        (
            denied("its TLS certificate is refused"),
            WebProbe::CertificateRefused("its TLS certificate is refused".to_owned()),
        ),
        (
            SourceError::Unreachable { what: what(), why: "refused".to_owned(), advice: advice() },
            WebProbe::NoAnswer("refused".to_owned()),
        ),
        (
            SourceError::Malformed { what: what(), why: "HTML".to_owned() },
            WebProbe::NotJson("HTML".to_owned()),
        ),
        (SourceError::Absent(what()), WebProbe::NotTried),
    ] {
        assert_eq!(WebProbe::told(&error), expected);
    }
    assert!(matches!(WebProbe::told(&SourceError::Late { what: what() }), WebProbe::NoAnswer(_)));
}

#[test]
fn a_wrong_port_and_an_access_line_in_front_are_named() {
    let silent = one(
        |host| {
            host.config.pmta.url = Some("http://127.0.0.1:8080".to_owned());
            host.web = WebProbe::NoAnswer("refused".to_owned());
        },
        "web-monitor",
        State::Bad,
    );
    assert!(silent.found.ends_with("PowerMTA's configuration says port 1983"), "{}", silent.found);
    let refused = one(
        |host| {
            let text = fs::read_to_string(host.path("etc/config")).unwrap();
            host.configure(&format!("{text}http-access 0/0 none\n"));
            host.config.pmta.url = Some("http://192.0.2.9:1983".to_owned());
            host.web = WebProbe::Refused403;
        },
        "web-monitor",
        State::Bad,
    );
    assert_eq!(refused.edits[0].place, "above the other http-access lines");
    assert_eq!(lines(&refused), ["http-access ADDRESS-OF-THIS-HOST monitor"]);
}

#[test]
fn a_closed_configuration_names_the_group() {
    let advice = after(|host| host.user.groups = vec![TELEGRAF]);
    let config = advice.iter().find(|advice| advice.topic == "powermta-config").unwrap();
    assert_eq!(config.commands, ["usermod -aG pmta telegraf"]);
    assert!(
        config.found.contains("belongs to root:pmta") && config.found.contains("user telegraf"),
        "{config:?}"
    );
    // What the configuration would have told is unknown, not bad.
    assert!(!advice.iter().any(|advice| advice.topic == "powermta-include"), "{advice:#?}");
    for topic in ["accounting", "deferral-records", "pmta-log"] {
        let state = advice.iter().find(|advice| advice.topic == topic).map(|advice| advice.state);
        assert_eq!(state, Some(State::Unknown), "{topic}: {advice:#?}");
    }
    let folder = advice.iter().find(|advice| advice.topic == "state-folder").unwrap();
    assert_eq!(folder.commands, ["usermod -aG pmta telegraf"]);
}

#[test]
fn a_missing_configuration_is_bad_only_when_nothing_else_is_told() {
    let bare = after(|host| fs::remove_file(host.path("etc/config")).unwrap());
    let state = |advice: &[Advice]| advice.iter().find(|a| a.topic == "powermta-config").unwrap().state;
    assert_eq!(state(&bare), State::Bad);
    let told = after(|host| {
        fs::remove_file(host.path("etc/config")).unwrap();
        host.config.pmta.url = Some("http://127.0.0.1:1983".to_owned());
    });
    assert_eq!(state(&told), State::Info);
}

#[test]
fn missing_deferral_records_are_advised_in_the_right_section() {
    for (records, found, expected) in [
        (vec![], "recipients (t) and whole queues (tq)", "records d,b,t,tq"),
        (vec!["records d,b,t"], "whole queues (tq)", "records d,b,t,tq"),
        (vec!["records tq r"], "recipients (t)", "records tq,r,t"),
    ] {
        let advice = one(|host| host.powermta(&records), "deferral-records", State::Bad);
        assert!(advice.found.contains(&format!("deferrals of {found} are not")), "{}", advice.found);
        assert_eq!(lines(&advice), [expected]);
        assert!(
            advice.edits[0].place.ends_with("log/acct.csv> (line 4), as its only records line"),
            "{}",
            advice.edits[0].place
        );
    }
    let filtered = one(
        |host| host.powermta(&["records d,b,t,tq", "queue-filter */v1"]),
        "deferral-records",
        State::Info,
    );
    assert!(filtered.found.contains("queue-filter"));
}

#[test]
fn accounting_files_that_are_not_there_or_closed_are_named() {
    let live = "log/acct-2026-11-24-0000.csv";
    let gone = one(|host| fs::remove_file(host.path(live)).unwrap(), "accounting", State::Bad);
    assert!(
        gone.found.starts_with("no file matches ") && gone.found.ends_with("log/acct.csv"),
        "{}",
        gone.found
    );
    let none =
        after(|host| host.configure("http-mgmt-port 1983\nsmtp-listener 0/0:25\nlog-file /dev/null\n"));
    let none = none.iter().find(|advice| advice.topic == "accounting").unwrap();
    assert_eq!((none.state, lines(none)[1]), (State::Bad, "records d,b,t,tq"));
    let closed = one(|host| host.mode(live, 0o600), "accounting", State::Bad);
    assert_eq!(lines(&closed), ["world-readable yes"]);
    assert!(closed.commands[0].starts_with("setfacl -m u:telegraf:r "), "{closed:?}");
    let group = one(|host| host.pretend(live, 0o640, 0, 991), "accounting", State::Bad);
    assert_eq!(group.commands, ["usermod -aG 991 telegraf"]);
    let folder = after(|host| host.mode("log", 0o700));
    assert!(
        folder.iter().any(|a| a.topic == "accounting" && a.found.contains("/log: it belongs to")),
        "{folder:#?}"
    );
    let pipe = after(|host| host.configure("<acct-file |/usr/bin/feed>\nrecords d,b,t,tq\n</acct-file>\n"));
    assert!(
        pipe.iter().any(|a| a.found == "PowerMTA writes accounting records to a program only"),
        "{pipe:#?}"
    );
    let relative = after(|host| {
        let text = fs::read_to_string(host.path("etc/config")).unwrap();
        host.configure(&format!("{text}<acct-file log/more.csv>\n</acct-file>\n"));
    });
    assert!(relative.iter().any(|a| a.found.contains("has no absolute path")), "{relative:#?}");
    let pattern = one(
        |host| host.config.accounting.files = Some(vec![format!("{}/no*.csv", host.path("log").display())]),
        "accounting",
        State::Bad,
    );
    assert_eq!(pattern.mend, "correct the pattern in [accounting] files");
}

#[test]
fn columns_that_are_missing_are_named() {
    let live = "log/acct-2026-11-24-0000.csv";
    let columns = |text: String, state| {
        one(|host| fs::write(host.path(live), text).unwrap(), "accounting-columns", state)
    };
    let missing = columns(HEADER.replace(",dsnDiag", "").replace(",vmta", ""), State::Bad);
    assert!(missing.found.ends_with("lacks the columns dsnDiag, vmta"), "{}", missing.found);
    assert_eq!(lines(&missing), ["record-fields d,b,t,tq *"]);
    let nobody = columns(HEADER.replace(",rcpt", "").replace(",queue", ""), State::Bad);
    assert!(nobody.found.ends_with("lacks the columns queue"), "{}", nobody.found);
    let older = columns(HEADER.replace(",queue", ""), State::Info);
    assert!(older.found.ends_with("but not queue"), "{}", older.found);
    columns("d,2026-11-24 00:00:00+0000,x\n".to_owned(), State::Bad);
    columns("type,timeLogg".to_owned(), State::Unknown);
}

#[test]
fn moved_folders_and_compressions_are_looked_at() {
    let gone = one(|host| fs::remove_dir(host.path("done")).unwrap(), "moved-folder", State::Bad);
    assert!(gone.found.contains("done is not there"), "{}", gone.found);
    let closed = one(|host| host.mode("done", 0o710), "moved-folder", State::Bad);
    assert!(closed.commands[0].starts_with("setfacl -m u:telegraf:rx "), "{closed:?}");
    for ending in ["xz", "zst", "lzma", "Z"] {
        let name = format!("done/acct-2026-11-23-0000.csv.{ending}");
        let packed = one(|host| fs::write(host.path(&name), "").unwrap(), "compression", State::Info);
        assert!(packed.found.contains(&name) && packed.mend.contains("gzip"), "{packed:?}");
    }
    assert!(after(|host| fs::write(host.path("done/acct-2026-11-23-0000.csv.gz"), "").unwrap()).is_empty());
}

#[test]
fn logs_that_are_closed_or_gone_are_named() {
    let closed = one(|host| host.mode("log/log", 0o600), "pmta-log", State::Bad);
    assert_eq!(lines(&closed), ["log-file-world-readable yes"]);
    let gone = one(|host| fs::remove_file(host.path("log/log")).unwrap(), "pmta-log", State::Bad);
    assert!(gone.found.starts_with("no file matches "));
    let panic = one(
        |host| host.config.logs.panic = vec![host.path("paniclog").display().to_string()],
        "panic-log",
        State::Info,
    );
    assert!(panic.found.contains("is not there"));
    let kernel = one(|host| host.pretend("kmsg", 0o600, 0, 0), "kernel-log", State::Unknown);
    assert!(kernel.found.ends_with("by its mode"), "{}", kernel.found);
    let restricted = one(
        |host| {
            host.config.logs.kernel = PathBuf::from("/dev/kmsg");
            host.pretend("/dev/kmsg", 0o644, 0, 0);
            host.heads.insert(PathBuf::from("/proc/sys/kernel/dmesg_restrict"), b"1\n".to_vec());
            host.heads.insert(PathBuf::from("/proc/self/status"), b"CapEff:\t0000000000000000\n".to_vec());
        },
        "kernel-log",
        State::Unknown,
    );
    assert!(restricted.found.ends_with("by kernel.dmesg_restrict = 1"), "{}", restricted.found);
    assert!(lines(&restricted).contains(&"AmbientCapabilities=CAP_SYSLOG"));
    assert_eq!(restricted.commands, ["usermod -aG systemd-journal telegraf"]);
}

#[test]
fn the_state_folder_is_made_shared_and_closed_to_others() {
    let state = |breaking: &dyn Fn(&mut Broken), state| one(breaking, "state-folder", state);
    let gone = state(&|host| fs::remove_dir_all(host.path("state")).unwrap(), State::Bad);
    assert!(gone.commands[0].starts_with("install -d -m 2770 -o telegraf -g pmta /"), "{gone:?}");
    assert!(
        lines(&gone)[0].starts_with("d /") && lines(&gone)[0].ends_with("/state 2770 telegraf pmta -"),
        "{gone:?}"
    );
    let by_root = after(|host| {
        fs::remove_dir_all(host.path("state")).unwrap();
        (host.user.uid, host.user.name, host.user.groups) = (0, "root".to_owned(), vec![0]);
    });
    assert!(by_root[1].commands[0].contains(" -o telegraf -g pmta /"), "{by_root:?}");
    let open = state(&|host| host.mode("state", 0o2777), State::Bad);
    assert!(open.commands[0].starts_with("chmod o= /"), "{open:?}");
    let half = state(&|host| host.mode("state", 0o770), State::Bad);
    assert!(half.commands[0].starts_with("chmod 2770 /"), "{half:?}");
    let other = state(&|host| host.pretend("state", 0o700, 0, 0), State::Bad);
    assert!(
        other.found.contains("cannot be written by user telegraf: it belongs to root:root with mode 0700"),
        "{other:?}"
    );
    let alone = state(&|host| host.pretend("state", 0o700, TELEGRAF, TELEGRAF), State::Info);
    assert!(alone.found.contains("belongs to user telegraf alone"), "{alone:?}");
    let file = state(&|host| host.mode("state/ledger", 0o600), State::Bad);
    assert!(file.found.contains("state/ledger has mode 0600"), "{file:?}");
    let no_folder = state(
        &|host| {
            fs::remove_dir_all(host.path("state")).unwrap();
            fs::write(host.path("state"), "").unwrap();
        },
        State::Bad,
    );
    assert!(no_folder.found.ends_with("is no folder"));
}

#[test]
fn the_clock_the_command_the_listener_and_root_are_told() {
    let live = "log/acct-2026-11-24-0000.csv";
    let ahead = one(
        |host| {
            let file = fs::File::options().write(true).open(host.path(live)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_710_001_400)).unwrap();
            host.now = 1_710_000_000;
        },
        "clock",
        State::Bad,
    );
    assert!(ahead.found.ends_with("was written 1400 seconds in the future"), "{}", ahead.found);
    one(|host| host.now = 1_000_000_000, "clock", State::Bad);
    one(|host| fs::remove_file(host.path("pmta")).unwrap(), "pmta-command", State::Info);
    one(|host| host.mode("pmta", 0o640), "pmta-command", State::Info);
    one(
        |host| {
            let text = fs::read_to_string(host.path("etc/config")).unwrap();
            host.configure(&text.replace("smtp-listener 0/0:25\n", ""));
        },
        "smtp-listener",
        State::Info,
    );
    let root = one(|host| (host.user.uid, host.user.name) = (0, "root".to_owned()), "user", State::Info);
    assert_eq!(root.commands, ["sudo -u telegraf pmta-vitals doctor"]);
}

#[test]
fn includes_problems_and_keys_are_told() {
    let advice = after(|host| {
        let text = fs::read_to_string(host.path("etc/config")).unwrap();
        host.configure(&format!("{text}include https://conf.example/x?key=SECRET\n<domain x\n"));
        fs::write(host.path("key"), "SECRET").unwrap();
        host.mode("key", 0o644);
        host.config.pmta.api_key_file = Some(host.path("key"));
    });
    let topics: Vec<_> = advice.iter().map(|advice| (advice.topic, advice.state)).collect();
    let expected = [
        ("powermta-config-line", State::Info),
        ("powermta-include", State::Info),
        ("api-key-file", State::Bad),
    ];
    assert_eq!(topics, expected, "{advice:#?}");
    assert!(!format!("{}{}", render(&advice), fix_commands(&advice)).contains("SECRET"));
}

#[test]
fn the_text_ends_with_the_worst_and_fixes_are_safe_to_paste() {
    let mut host = Broken::healthy();
    host.powermta(&[]);
    host.web = WebProbe::Refused403;
    fs::remove_dir_all(host.path("state")).unwrap();
    let advice = host.examine();
    assert_eq!(worst(&advice), State::Bad);
    let text = render(&advice);
    let last = text.lines().rfind(|line| !line.starts_with(' ') && line.contains(": ")).unwrap();
    assert!(last.starts_with("BAD     state-folder: "), "{text}");
    assert!(text.ends_with(&format!("{} looked at, 3 bad, 0 unknown\n", advice.len())), "{text}");
    let fixes = fix_commands(&advice);
    for line in ["#     http-access 127.0.0.1 monitor", "#     records d,b,t,tq"] {
        assert!(fixes.lines().any(|fix| fix == line), "{fixes}");
    }
    assert!(fixes.contains("\ninstall -d -m 2770 -o telegraf -g pmta /"), "{fixes}");
    assert_eq!(fixes.matches(" reload\n").count(), 1, "the same command twice: {fixes}");
    // A file name cannot smuggle a line into the script.
    let evil = Advice::bad("x", "a\nrm -rf /", "").run("true\nrm -rf /").edit(
        Path::new("/f"),
        "p",
        &["a\nrm -rf /"],
    );
    assert!(!fix_commands(&[evil]).lines().any(|line| line.starts_with("rm")));
    assert_eq!(permission::word("a b'; rm -rf /"), "'a b'\\''; rm -rf /'");
    assert_eq!(permission::word("-rf"), "'-rf'");
}
