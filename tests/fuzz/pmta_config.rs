//! PowerMTA's configuration: it never fails, and says the same each time.

use pmta_vitals::sources::pmta_config::{SETTINGS, read};

pub const WORDS: &[&str] = &[
    "<domain *>\n",
    "</domain>\n",
    "<virtual-mta a>\n",
    "</virtual-mta>\n",
    "<acct-file /x/acct.csv>\n",
    "</acct-file>\n",
    "include part.conf\n",
    "include config\n",
    "domain-macro big gmail.com, yahoo.com\n",
    "<domain $big>\n",
    "max-smtp-out 20\n",
    "records d, b, t\n",
    "record-fields d type, rcpt\n",
    "move-to moved\n",
    "http-mgmt-port 8080\n",
    "http-access 0/0 admin\n",
    "mx *.google.com gmail.rollup\n",
    "1d12h",
    "100M",
    "50/h",
    "unlimited",
    "\"",
    "#",
    ">",
    "\u{feff}",
];

thread_local! {
    static FOLDER: tempfile::TempDir = {
        let folder = tempfile::tempdir().unwrap();
        let part = "<domain example.com>\nmax-smtp-out 3\n</domain>\n";
        std::fs::write(folder.path().join("part.conf"), part).unwrap();
        folder
    };
}

pub fn body(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("config");
        std::fs::write(&path, data).unwrap();
        let parsed = read(&path);
        assert_eq!(read(&path), parsed, "the same file, read twice");
        assert!(parsed.found.readable);
        assert!(parsed.found.problems.len() <= 200, "{} problems", parsed.found.problems.len());
        for (domain, vmta) in [("example.com", "a"), ("gmail.rollup", ""), ("\u{fc}.example", "{default}")] {
            let settings = parsed.queues.settings_for(domain, vmta);
            for (name, _) in SETTINGS {
                let _ =
                    (settings.text(name), settings.count(name), settings.rate(name), settings.level(name));
                let _ = (settings.interval(name), settings.flag(name));
            }
            let _ = (settings.max_smtp_out(), settings.retry_after(), settings.bounce_after());
        }
        let _ = (parsed.found.acct_globs(), parsed.found.moved_folders(), parsed.found.web_port());
    });
}
