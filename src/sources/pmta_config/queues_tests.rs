//! PowerMTA's inheritance: patterns, macros, pools and VMTAs, in any order of the file.

use super::*;
use proptest::prelude::*;

const CONFIG: &str = "\
domain-macro tld com, co.uk
domain-macro Big yahoo.$tld ymail.com
<domain gmail.com>
    max-smtp-out 11
    max-msg-rate 100/m
</domain>
<domain $Big>
    max-smtp-out 12
    retry-after 5m
</domain>
<domain ymail.com>
    max-smtp-out 13
</domain>
<domain *.example.com>
    max-smtp-out 14
    use-starttls no
</domain>
<domain [*.]example.com>
    max-smtp-out 15
    require-starttls yes
</domain>
<domain [10.0.0.0/8]>
    max-smtp-out 16
</domain>
<domain *>
    max-smtp-out 2
    max-msg-rate 10/s
    bounce-after 1d
    smtp-pattern-list blocking
    source-ip-max-smtp-out 10.0.0.0/8 3
</domain>
<virtual-mta V1>
    smtp-source-host 192.0.2.1 mail.example.net
    max-smtp-out 40
    max-smtp-msg-rate 500/h
    domain-key sel,example.net,/etc/pmta/dkim.pem
    <domain gmail.com>
        max-msg-rate \"\"
    </domain>
    <domain *>
        max-smtp-out 30
    </domain>
</virtual-mta>
<virtual-mta v2>
</virtual-mta>
<virtual-mta-pool p>
    virtual-mta v1, v2
    <domain *>
        max-smtp-out 20
        backoff-to-normal-after 1h
    </domain>
</virtual-mta-pool>
<virtual-mta-pool q>
    virtual-mta v2
    <domain none>
    </domain>
</virtual-mta-pool>
<smtp-pattern-list blocking>
    reply /421 .* too \"many\" \\x23/ mode=backoff
    reply /later/ mode=backoff,backoff-to-normal-after=10m
</smtp-pattern-list>
<mx-rollup-list>
    mx *.yahoodns.net yahoo.rollup
</mx-rollup-list>
";

fn parse(config: &str) -> Parsed {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, config).unwrap();
    read(&path)
}

#[test]
fn the_most_specific_setting_wins_whatever_the_order() {
    let queues = parse(CONFIG).queues;
    for (domain, vmta, connections) in [
        ("other.org", "x", 2),
        ("gmail.com", "x", 11),
        ("GMail.Com", "x", 11),
        ("yahoo.com", "x", 12),
        ("yahoo.co.uk", "x", 12),
        ("ymail.com", "x", 13),
        ("a.example.com", "x", 14),
        ("example.com", "x", 15),
        ("[10.1.2.3]", "x", 16),
        ("gmail.com", "v1", 30),
        ("gmail.com", "v2", 20),
        ("other.org", "V2", 20),
    ] {
        assert_eq!(queues.settings_for(domain, vmta).max_smtp_out(), Some(connections), "{domain}/{vmta}");
    }
}

#[test]
fn settings_are_merged_and_an_empty_text_takes_one_back() {
    let queues = parse(CONFIG).queues;
    let example = queues.settings_for("a.example.com", "x");
    assert!(!example.flag("use-starttls") && example.flag("require-starttls"));
    let minute = Rate { count: 100, seconds: 60 };
    assert_eq!(queues.settings_for("gmail.com", "x").rate("max-msg-rate"), Some(minute));
    let own = queues.settings_for("gmail.com", "v1");
    assert_eq!((own.rate("max-msg-rate"), own.level("max-msg-rate")), (None, Level::Default));
    assert_eq!((own.level("max-smtp-out"), own.level("bounce-after")), (Level::Vmta, Level::Global));
    assert_eq!(own.level("backoff-to-normal-after"), Level::Pool);
    assert_eq!(
        (own.vmta_max_smtp_out, own.vmta_max_msg_rate),
        (Some(40), Some(Rate { count: 500, seconds: 3_600 }))
    );
    assert_eq!(own.bounce_after(), Some(86_400));
    assert_eq!(queues.settings_for("yahoo.com", "x").retry_after(), [300]);
    assert_eq!(own.text("source-ip-max-smtp-out"), "3");
    assert!(queues.settings_for("x.org", "x").backoff_is_endless());
    assert!(!own.backoff_is_endless());
}

#[test]
fn what_is_said_nowhere_is_powermtas_default() {
    let settings = Queues::default().settings_for("example.com", "v");
    assert_eq!((settings.max_smtp_out(), settings.max_msg_per_connection()), (Some(20), None));
    assert_eq!(settings.bounce_after(), Some(388_800));
    assert_eq!((settings.retry_after(), settings.interval("backoff-retry-after")), (vec![600], Some(3_600)));
    assert_eq!(settings.interval("backoff-to-normal-after"), None);
    assert!(settings.flag("use-starttls") && !settings.backoff_is_endless());
    assert_eq!(settings.text("no-such-directive"), "");
    let nonsense =
        parse("<domain *>\nmax-smtp-out lots\nbounce-after soon\nuse-starttls perhaps\n</domain>\n").queues;
    let settings = nonsense.settings_for("x", "y");
    assert_eq!((settings.max_smtp_out(), settings.bounce_after()), (Some(20), Some(388_800)));
    assert!(settings.flag("use-starttls"));
    // Every default must itself be readable as what it is.
    for (name, default) in SETTINGS {
        let readable = default.is_empty()
            || *name == "type"
            || count(default).is_some()
            || rate(default).is_some()
            || interval(default).is_some()
            || flag(default).is_some();
        assert!(readable, "{name} {default}");
    }
}

#[test]
fn of_two_blocks_alike_the_later_wins_line_by_line() {
    let queues = parse(
        "<domain a.com>\nmax-smtp-out 1\nmax-msg-rate 7/h\n</domain>\n<domain a.com b.com>\nmax-smtp-out 2\n</domain>\n",
    )
    .queues;
    let settings = queues.settings_for("a.com", "v");
    assert_eq!(settings.max_smtp_out(), Some(2));
    assert_eq!(settings.rate("max-msg-rate"), Some(Rate { count: 7, seconds: 3_600 }));
}

#[test]
fn a_macro_may_be_defined_behind_its_use() {
    let parsed = parse("<domain $big>\nmax-smtp-out 9\n</domain>\ndomain-macro big a.com,b.com\n");
    assert_eq!(parsed.queues.settings_for("b.com", "v").max_smtp_out(), Some(9));
    assert_eq!((parsed.found.problems.len(), parsed.queues.blocks.len()), (0, 1));
}

#[test]
fn vmtas_pools_lists_and_keys_are_known() {
    let parsed = parse(CONFIG);
    let queues = &parsed.queues;
    assert_eq!(queues.vmta("v1").unwrap().sources, ["192.0.2.1"]);
    assert_eq!(queues.pools[0].vmtas, ["v1", "v2"]);
    let patterns: Vec<(&str, usize)> =
        queues.pattern_lists["blocking"].iter().map(|row| (row.expression.as_str(), row.line)).collect();
    assert_eq!(patterns.len(), 2);
    assert_eq!(patterns[1].0, "later");
    assert_eq!(patterns[1].1, patterns[0].1 + 1, "{patterns:?}");
    assert_eq!(
        queues.rollups,
        [Rollup { pattern: "*.yahoodns.net".to_owned(), name: "yahoo.rollup".to_owned() }]
    );
    let key = &queues.dkim_keys[0];
    assert_eq!((key.vmta.as_deref(), key.path.to_str()), (Some("V1"), Some("/etc/pmta/dkim.pem")));
    assert_eq!(queues.in_two_pools(), ["v2"]);
    assert_eq!(parsed.found.problems.len(), 1, "{:?}", parsed.found.problems);
}

#[test]
fn what_is_remembered_comes_back_the_same() {
    let queues = parse(CONFIG).queues;
    let bytes = serde_json::to_vec(&queues).unwrap();
    assert_eq!(serde_json::from_slice::<Queues>(&bytes).unwrap(), queues);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Blocks of different patterns may stand in any order.
    #[test]
    fn order_of_the_blocks_does_not_matter(order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle()) {
        let patterns = ["*", "[*.]example.com", "*.example.com", "*.b.example.com", "a.b.example.com"];
        let blocks: String = order
            .iter()
            .map(|index| format!("<domain {}>\nmax-smtp-out {}\n</domain>\n", patterns[*index], index + 1))
            .collect();
        let queues = parse(&blocks).queues;
        for (domain, expected) in
            [("x.org", 1), ("example.com", 2), ("x.example.com", 3), ("x.b.example.com", 4), ("a.b.example.com", 5)]
        {
            prop_assert_eq!(queues.settings_for(domain, "v").max_smtp_out(), Some(expected));
        }
    }
}
