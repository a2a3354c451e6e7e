//! Loading, refusing and printing the configuration, with the lines an operator would read.

use super::keys::{KEYS, SECTIONS};
use super::*;
use std::collections::BTreeSet;

const FILE: &str = "/etc/pmta-vitals.toml";

fn refused(text: &str) -> String {
    let line = Loaded::parse(text, FILE).map(|loaded| loaded.config).unwrap_err().to_string();
    assert!(!line.contains('\n') && line.len() < 512, "{line}");
    line
}

const GOLDEN: &[(&str, &str)] = &[
    (
        "[pmta]\nrows = 5\n\n[judge]\nalpha = 1e-6\n[limits]\nprovider = 3\n",
        "unknown key \"provider\" in [limits] at /etc/pmta-vitals.toml:7; did you mean \"providers\"?",
    ),
    ("[limit]\n", "unknown section [limit] at /etc/pmta-vitals.toml:1; did you mean \"limits\"?"),
    ("[zebra]\n", "unknown section [zebra] at /etc/pmta-vitals.toml:1"),
    ("url = \"http://x\"\n", "unknown section [url] at /etc/pmta-vitals.toml:1"),
    (
        "[pmta]\napi_key = \"SECRET\"\n",
        "unknown key \"api_key\" in [pmta] at /etc/pmta-vitals.toml:2; did you mean \"api_key_file\"?",
    ),
    ("[pmta]\nbanana = 1\n", "unknown key \"banana\" in [pmta] at /etc/pmta-vitals.toml:2"),
    (
        "[limits]\nproviders = \"many\"\n",
        "key \"providers\" in [limits] at /etc/pmta-vitals.toml:2 must be a whole number, not a text",
    ),
    (
        "[accounting]\nfiles = \"/var/log/acct.csv\"\n",
        "key \"files\" in [accounting] at /etc/pmta-vitals.toml:2 must be a list of texts in quotes, not a text",
    ),
    (
        "[accounting]\nfiles = [\"/a\", 1]\n",
        "key \"files\" in [accounting] at /etc/pmta-vitals.toml:2 must be a list of texts in quotes, not a list that holds something else",
    ),
    (
        "[suppress]\nreason = \"other\"\n",
        "key \"suppress\" in [suppress] at /etc/pmta-vitals.toml:1 must be written as [[suppress]], not [suppress]",
    ),
    (
        "[[suppress]]\nreason = \"x\"\n[[suppress]]\nminute = \"0-10\"\n",
        "unknown key \"minute\" in [suppress] at /etc/pmta-vitals.toml:4; did you mean \"minutes\"?",
    ),
    (
        "[[suppress]]\nminutes = \"10-10\"\n",
        "key \"minutes\" in [suppress] at /etc/pmta-vitals.toml:2: must be FIRST-LAST with minutes from 0 to 60, for example 0-10",
    ),
    (
        "[judge]\nmethod = \"reason\"\n",
        "key \"method\" in [judge] at /etc/pmta-vitals.toml:2: must be one of reasons, mean-stddev; did you mean \"reasons\"?",
    ),
];

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (text, expected) in GOLDEN {
        assert_eq!(refused(text), *expected, "{text}");
    }
    let line = refused("[pmta\nurl = 1\n");
    assert!(line.contains("at /etc/pmta-vitals.toml:1 (the file must be valid TOML)"), "{line}");
    let line = refused("[pmta]\nrows = 1\nrows = 2\n");
    assert!(line.contains("at /etc/pmta-vitals.toml:3 "), "{line}");
}

#[test]
fn a_value_that_makes_no_sense_is_refused_and_a_good_one_taken() {
    for (section, key, good, bad) in [
        ("pmta", "url", "\"https://[::1]:8443\"", "\"ftp://x\""),
        ("pmta", "url", "\"http://host:8080/\"", "\"http://user:pw@host:8080\""),
        ("pmta", "url", "\"http://127.0.0.1:1983\"", "\"127.0.0.1:8080\""),
        ("pmta", "url", "\"http://h\"", "\"http://h/?format=json\""),
        ("pmta", "pin_sha256", &format!("\"{}\"", "aB".repeat(32)), "\"abcd\""),
        ("pmta", "pin_sha256", &format!("\"{}ab\"", "aB:".repeat(31)), &format!("\"{}\"", "xy".repeat(32))),
        ("pmta", "timezone", "\"UTC\"", "\"Berlin\""),
        ("pmta", "rows", "10_000", "0"),
        ("pmta", "config", "\"/x\"", "\"config\""),
        ("accounting", "files", "[\"/a/ab*.csv\", \"/b\"]", "[\"/a\", \"/a*/b\"]"),
        ("accounting", "files", "[]", "[\"/var/log/pmta/\"]"),
        ("accounting", "moved", "[]", "[\"archive\"]"),
        ("smtp", "address", "\"[::1]:25\"", "\"::1:25\""),
        ("smtp", "address", "\"mx.example.com:587\"", "\"mx.example.com\""),
        ("smtp", "address", "\"127.0.0.1:25\"", "\"127.0.0.1:0\""),
        ("smtp", "address", "\"127.0.0.1:25, [::1]:587\"", "\"127.0.0.1:25,\""),
        ("smtp", "mail_from", "\"probe@example.com\"", "\"probe\""),
        ("smtp", "rcpt_to", "\"a@example.com\"", "\"a@b> SIZE=1\""),
        ("limits", "lines", "100", "-1"),
        ("judge", "alpha", "1e-12", "0.5"),
        ("judge", "sigmas", "2", "0"),
        ("judge", "smallest_excess", "0", "-0.1"),
        ("judge", "smallest_excess", "1", "nan"),
    ] {
        let parse = |value: &str| Loaded::parse(&format!("[{section}]\n{key} = {value}\n"), FILE);
        assert!(parse(good).is_ok(), "{key} = {good}: {:?}", parse(good).err());
        let line = parse(bad).map(|loaded| loaded.config).unwrap_err().to_string();
        assert!(
            line.starts_with(&format!("key \"{key}\" in [{section}] at {FILE}:2: ")),
            "{key} = {bad}: {line}"
        );
        assert!(!line.contains("pw@"), "{line}");
    }
    for (key, good, bad) in [
        ("minutes", "\"0-60\"", "\"0-61\""),
        ("minutes", "\"0-10\"", "\"ten\""),
        ("minutes", "\"55-5\"", "\"60-5\""),
        ("hours", "\"22-6\"", "\"24-6\""),
        ("weekdays", "[\"Mon\", \"Tuesday\"]", "[\"funday\"]"),
        ("dates", "[\"2026-12-24\"]", "[\"24.12.2026\"]"),
        ("dates", "[\"2024-02-29\"]", "[\"2026-02-29\"]"),
        ("unless_backlog", "0", "-1"),
        ("from", "\"2026-12-01T22:00:00+01:00\"", "\"2026-12-01 22:00\""),
        ("until", "\"2026-12-01T22:00:00Z\"", "\"tomorrow\""),
        ("maintenance", "\"new disks\"", "\"\""),
        ("reason", "\"x\"", "\" \""),
    ] {
        let parse = |value: &str| Loaded::parse(&format!("[[suppress]]\n{key} = {value}\n"), FILE);
        assert!(parse(good).is_ok(), "{key} = {good}: {:?}", parse(good).err());
        assert!(parse(bad).is_err(), "{key} = {bad}");
    }
}

#[test]
fn the_file_lies_over_the_defaults_and_flags_over_the_file() {
    let text = "[limits]\nproviders = 7\n[judge]\nmethod = \"mean-stddev\"\n[providers]\n\"Example Corp\" = [\"example.com\"]\n";
    let mut loaded = Loaded::parse(text, FILE).unwrap();
    assert_eq!((loaded.config.limits.providers, loaded.config.limits.vmtas), (7, 100));
    assert_eq!(loaded.config.judge.method, Method::MeanStddev);
    loaded.set("limits.providers", "8", "--providers").unwrap();
    loaded.set("pmta.url", "http://10.0.0.1:1983", "-H").unwrap();
    assert_eq!(loaded.config.limits.providers, 8);
    assert_eq!(loaded.config.pmta.url.as_deref(), Some("http://10.0.0.1:1983"));
    assert_eq!(loaded.config.providers["Example Corp"], ["example.com"]);
    let origin = |section, key| loaded.origins.of(section, key);
    assert_eq!(origin("limits", "providers"), Origin::Flag);
    assert_eq!(origin("judge", "method"), Origin::File);
    assert_eq!(origin("limits", "vmtas"), Origin::Default);
    let line = loaded.set("pmta.url", "nonsense", "-H").unwrap_err().to_string();
    assert!(line.starts_with("key \"url\" in [pmta] at -H: "), "{line}");
    assert_eq!(loaded.config.pmta.url.as_deref(), Some("http://10.0.0.1:1983"));
}

#[test]
fn only_a_file_that_was_asked_for_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    assert_eq!(Loaded::read(&path, false).unwrap().config, Config::default());
    let line = Loaded::read(&path, true).map(|loaded| loaded.config).unwrap_err().to_string();
    assert!(line.starts_with("cannot read ") && line.contains("no such file"), "{line}");
    let line = Loaded::read(folder.path(), false).map(|loaded| loaded.config).unwrap_err().to_string();
    assert!(line.contains("it is a folder"), "{line}");
    std::fs::write(&path, [0xff, 0xfe, b'x']).unwrap();
    assert!(matches!(Loaded::read(&path, true), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(Loaded::read(&path, true), Err(ConfigError::TooLarge { .. })));
    std::fs::write(&path, "[pmta]\nrows = 25\n").unwrap();
    assert_eq!(Loaded::read(&path, true).unwrap().config.pmta.rows, 25);
}

#[test]
fn reasons_and_providers_are_held_against_the_lists() {
    let check = |text: &str| {
        let loaded = Loaded::parse(text, FILE).unwrap();
        loaded
            .check_words(&["greylisted", "rate-limited"], &["Gmail", "Yahoo"])
            .map_err(|why| why.to_string())
    };
    assert_eq!(check("[[suppress]]\nreason = \"greylisted\"\nprovider = \"gmail\"\n"), Ok(()));
    assert_eq!(check("[[suppress]]\nprovider = \"gmx.de\"\n"), Ok(()));
    assert_eq!(check("[providers]\n\"My Corp\" = []\n[[suppress]]\nprovider = \"my corp\"\n"), Ok(()));
    let line =
        "unknown reason \"greylist\" in [suppress] at /etc/pmta-vitals.toml:4; did you mean \"greylisted\"?";
    assert_eq!(
        check("[[suppress]]\nreason = \"rate-limited\"\n[[suppress]]\nreason = \"greylist\"\n"),
        Err(line.to_owned())
    );
    let line = "unknown provider \"Gmial\" in [suppress] at /etc/pmta-vitals.toml:2; did you mean \"Gmail\"?";
    assert_eq!(check("[[suppress]]\nprovider = \"Gmial\"\n"), Err(line.to_owned()));
}

/// The table of keys and the structs must be one: serde names every field that it expects.
#[test]
fn the_table_names_exactly_the_keys_that_exist() {
    for (section, _) in SECTIONS.iter().filter(|(section, _)| *section != "providers") {
        let header = if *section == "suppress" { "[[suppress]]".to_owned() } else { format!("[{section}]") };
        let why = toml::from_str::<Config>(&format!("{header}\nno_such_key = 1\n")).unwrap_err();
        let expected = why.message().split("expected").nth(1).unwrap();
        let fields: BTreeSet<&str> = expected.split('`').skip(1).step_by(2).collect();
        let keys: BTreeSet<&str> = keys::names(section).collect();
        assert_eq!(keys, fields, "[{section}]");
    }
    let why = toml::from_str::<Config>("no_such_section = 1\n").unwrap_err();
    let fields: BTreeSet<&str> =
        why.message().split("expected").nth(1).unwrap().split('`').skip(1).step_by(2).collect();
    assert_eq!(SECTIONS.iter().map(|(section, _)| *section).collect::<BTreeSet<_>>(), fields);
}

#[test]
fn every_example_is_itself_accepted() {
    for key in KEYS {
        let header =
            if key.section == "suppress" { "[[suppress]]".to_owned() } else { format!("[{}]", key.section) };
        let text = format!("{header}\n{} = {}\n", key.name, key.example);
        assert!(Loaded::parse(&text, FILE).is_ok(), "{text}: {:?}", Loaded::parse(&text, FILE).err());
    }
}

#[test]
fn the_printed_configuration_reads_back_as_the_same() {
    let text = "[pmta]\ntimezone = \"UTC\"\n[providers]\n\"Example \\\"Corp\\\"\" = [\"example.com\"]\n\
                [[suppress]]\nreason = \"greylisted\"\nminutes = \"0-10\"\nunless_backlog = 50000\n[[suppress]]\nweekdays = [\"sun\"]\n";
    let mut loaded = Loaded::parse(text, FILE).unwrap();
    let before = loaded.config.clone();
    loaded.config.smtp.address = Some("127.0.0.1:25".to_owned());
    loaded.origins.note(&before, &loaded.config, Origin::PowerMta);
    let printed = render(&loaded.config, &loaded.origins);
    assert_eq!(Loaded::parse(&printed, FILE).unwrap().config, loaded.config, "{printed}");
    for line in [
        "timezone = \"UTC\"  # from the file",
        "address = \"127.0.0.1:25\"  # from PowerMTA's configuration",
        "rows = 100  # default",
        "alpha = 1e-7  # default",
        "# api_key_file = \"/etc/pmta-vitals.key\"  # not set: no key is sent",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    let bare = render(&Config::default(), &Origins::default());
    assert_eq!(Loaded::parse(&bare, FILE).unwrap().config, Config::default());
    // Taking the # off the commented lines must give a valid file, too.
    let uncommented: String = bare
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|line| line.contains(" = ") || line.starts_with("[["))
                .unwrap_or(line)
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(
        Loaded::parse(&uncommented, FILE).is_ok(),
        "{uncommented}\n{:?}",
        Loaded::parse(&uncommented, FILE).err()
    );
}

#[test]
fn the_readme_table_has_a_row_for_every_key() {
    let table = keys_as_markdown();
    assert_eq!(table.lines().count(), KEYS.len() + 1 + 2);
    assert!(table.contains("| `[judge]` | `alpha` | `1e-7` |"), "{table}");
    assert!(table.lines().all(|row| row.matches(" | ").count() == 3 || row.starts_with("|---")), "{table}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever a file holds: it is taken, or refused in one short line.
    #[test]
    fn no_file_makes_it_panic_or_ramble(noise in "[\\[\\]a-z=\"'\\{\\}0-9.\n_#é-]{0,40}", at in 0usize..200) {
        let whole = "[pmta]\nurl = \"http://127.0.0.1:8080\"\n[accounting]\nfiles = [\"/a\"]\n[[suppress]]\nminutes = \"0-10\"\n";
        let at = at.min(whole.len());
        let text = format!("{}{noise}{}", &whole[..at], &whole[at..]);
        if let Err(why) = Loaded::parse(&text, FILE) {
            let line = why.to_string();
            proptest::prop_assert!(!line.contains('\n') && line.len() < 512, "{line}");
            proptest::prop_assert!(line.contains("/etc/pmta-vitals.toml:"), "{line}");
        }
    }
}
