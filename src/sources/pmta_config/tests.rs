//! Every construct of the configuration, hostile input, includes, secrets, memory.

use super::*;
use crate::config::Config;
use crate::record::{Memory, Notes};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Host {
    folder: TempDir,
}

impl Host {
    fn new(config: &str) -> Host {
        let host = Host { folder: tempfile::tempdir().unwrap() };
        host.write("config", config);
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self) -> Parsed {
        read(&self.path("config"))
    }
}

fn found(config: &str) -> Discovered {
    Host::new(config).read().found
}

fn problems(found: &Discovered) -> Vec<(usize, &str)> {
    found.problems.iter().map(|problem| (problem.line, problem.text.as_str())).collect()
}

const WHOLE: &str = "\
# a whole host
postmaster ops@example.com
smtp-listener 0.0.0.0:25
smtp-listener [2001:db8::1]:2525 tls=yes
http-mgmt-port 1983   # not the default
http-access 10.0.0.0/8 monitor,deny-logs
HTTP-Access 127.0.0.1 Admin
http-api-key SECRETSECRETSECRETSECRETSECRETSECRET
http-redirect-to-https no
log-file /var/log/pmta/pmta.log
log-file-world-readable true
total-max-smtp-out 1200
run-as-root no
unknown-directive SECRET
<spool /var/spool/pmta>
    min-free-space 1G
</spool>
spool /var/spool/pmta2
<smtp-user someone>
    password SECRET
</smtp-user>
<acct-file /var/log/pmta/acct.csv>
    records delivery, b r
    record-fields d *,!jobId
    move-to /var/log/pmta/done
    move-interval 5m
    max-size 50M
    user-string SECRET
</acct-file>
<acct-file \"/var/log/pmta/diag file.csv\">
    records transient,tq
    delete-after never
    world-readable yes
    queue-filter */vmta1
</acct-file>
<acct-file |/usr/bin/feed --password SECRET>
    records f
</acct-file>
";

#[test]
fn a_whole_configuration_is_understood() {
    let found = found(WHOLE);
    assert!(found.readable);
    assert_eq!(problems(&found), []);
    assert_eq!((found.http_port, found.web_port()), (Some(1983), Some(1983)));
    assert_eq!(found.http_redirect_to_https, Some(false));
    assert_eq!(found.api_keys, 1);
    let access: Vec<_> =
        found.access.iter().map(|a| (a.network.as_str(), a.level.as_str(), a.deny_logs)).collect();
    assert_eq!(access, [("10.0.0.0/8", "monitor", true), ("127.0.0.1", "admin", false)]);
    let addresses: Vec<_> = found.listeners.iter().map(Listener::address).collect();
    assert_eq!(addresses, ["127.0.0.1:25", "[2001:db8::1]:2525"]);
    assert_eq!(found.log_file.as_deref(), Some(Path::new("/var/log/pmta/pmta.log")));
    assert!(found.log_world_readable);
    assert_eq!(found.server.get("total-max-smtp-out").map(String::as_str), Some("1200"));
    let spools: Vec<_> = found.spools.iter().map(|s| (s.path.to_str().unwrap(), s.min_free_bytes)).collect();
    assert_eq!(spools, [("/var/spool/pmta", Some(1 << 30)), ("/var/spool/pmta2", None)]);
    let [acct, diag, pipe] = found.acct_files.as_slice() else { panic!("{:?}", found.acct_files) };
    assert_eq!(acct.records, ["d", "b", "r"]);
    assert_eq!(acct.record_fields, [("d".to_owned(), "*,!jobId".to_owned())]);
    assert_eq!((acct.line, acct.move_to.as_deref()), (22, Some(Path::new("/var/log/pmta/done"))));
    assert_eq!(acct.globs(), ["/var/log/pmta/acct-*.csv", "/var/log/pmta/acct.csv"]);
    assert_eq!((diag.records.join(","), diag.world_readable, diag.filtered), ("t,tq".to_owned(), true, true));
    assert_eq!(diag.globs(), ["/var/log/pmta/diag file-*.csv", "/var/log/pmta/diag file.csv"]);
    assert!(pipe.pipe && pipe.globs().is_empty());
    assert!(found.records("t") && found.records("tq") && !found.records("f"));
}

#[test]
fn no_secret_is_kept_in_any_form() {
    let broken = "SECRET-on-a-line\n<SECRET\n</SECRET>\n<acct-file x>\nrecords SECRET\n</acct-file>\n\
                  <domain *>\nauth-password SECRET\n</domain>\ninclude https://u:SECRET@h.example/x?key=SECRET\n\
                  http-mgmt-port SECRET\n<virtual-mta v>\nauth-password SECRET\n</virtual-mta>\n";
    for config in [WHOLE.to_owned(), broken.to_owned(), format!("{WHOLE}{broken}")] {
        let host = Host::new(&config);
        let mut notes = Notes::default();
        let found = discover(&host.path("config"), &mut notes);
        let queues = queues(&host.path("config"), &mut notes);
        let mut all = format!("{found:?}{queues:?}");
        all.extend(notes.scan("").into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()));
        assert!(!all.to_lowercase().contains("secret"), "{all}");
    }
    let found = found(broken);
    assert_eq!(found.not_fetched, ["https://h.example/x"]);
}

#[test]
fn what_is_wrong_is_told_by_place_and_stops_nothing() {
    for (config, expected) in [
        ("http-mgmt-port many\n", vec![(1, "http-mgmt-port is no port")]),
        ("http-access 127.0.0.1\n", vec![(1, "http-access needs a network and a level")]),
        ("smtp-listener 1.2.3.4:x\n", vec![(1, "smtp-listener has no port")]),
        ("</domain>\n", vec![(1, "</domain> closes nothing")]),
        ("<domain x\n", vec![(1, "a group without its >")]),
        ("<>\n</>\n", vec![(1, "a group without a name")]),
        ("<domain x>\n", vec![(0, "<domain> is never closed")]),
        (
            "<virtual-mta v>\n<domain x>\n</virtual-mta>\n",
            vec![(3, "<domain> is not closed before </virtual-mta>")],
        ),
        ("<domain $x>\n</domain>\n", vec![(1, "<domain>: it names an unknown macro")]),
        ("domain-macro x\n", vec![(1, "domain-macro: it has no domains")]),
        ("<acct-file /a>\nrecords d,zz\n</acct-file>\n", vec![(2, "unknown record type")]),
    ] {
        let found = found(&format!("{config}log-file /late\n"));
        assert_eq!(problems(&found), expected, "{config}");
        // Only an open group swallows what follows.
        let open = config.matches('<').count() == 1 && config.contains('>') && !config.contains('/');
        assert_eq!(found.log_file.is_some(), !open, "{config}");
    }
}

#[test]
fn includes_are_followed_within_their_group_and_bounds() {
    let host = Host::new(
        "include domains/*.conf\ninclude none/*.conf\ninclude gone.conf\n<virtual-mta v>\ninclude v.conf\n</virtual-mta>\nlog-file /l\n",
    );
    host.write("domains/a.conf", "<domain a.com>\nmax-smtp-out 1\n</domain>\n");
    host.write("domains/b.conf", "<domain b.com>\nmax-smtp-out 2\n</domain>\ninclude ../deep/c.conf\n");
    host.write("deep/c.conf", "include ../config\nhttp-mgmt-port 99\n<domain left.open>\n");
    host.write("v.conf", "max-smtp-out 5\n<domain *>\nmax-smtp-out 3\n</domain>\n</virtual-mta>\n");
    host.write("config-defaults", "http-mgmt-port 1\nlog-file /default\n");
    let parsed = host.read();
    let settings = |domain: &str, vmta: &str| parsed.queues.settings_for(domain, vmta);
    assert_eq!(settings("a.com", "other").max_smtp_out(), Some(1));
    assert_eq!(settings("b.com", "other").max_smtp_out(), Some(2));
    assert_eq!(settings("b.com", "v").max_smtp_out(), Some(3));
    assert_eq!(settings("b.com", "v").vmta_max_smtp_out, Some(5));
    assert_eq!(parsed.found.http_port, Some(99));
    assert_eq!(parsed.found.log_file.as_deref(), Some(Path::new("/l")));
    let told: Vec<_> =
        parsed.found.problems.iter().map(|problem| (problem.line, problem.text.clone())).collect();
    let missing =
        format!("cannot read {}: No such file or directory (os error 2)", host.path("gone.conf").display());
    let looped =
        format!("cannot read {}: it includes itself", host.path("domains/../deep/../config").display());
    let expected = [
        (1, looped),
        (0, "<domain> is never closed".to_owned()),
        (3, missing),
        (5, "</virtual-mta> closes nothing".to_owned()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn loops_depth_and_sheer_size_are_bounded() {
    let host = Host::new("include f0\nlog-file /l\n");
    for depth in 0..40 {
        host.write(&format!("f{depth}"), format!("include f{}\ninclude f{}\n", depth + 1, depth + 1));
    }
    host.write("f40", "http-mgmt-port 5\n");
    let found = host.read().found;
    assert_eq!(found.log_file.as_deref(), Some(Path::new("/l")));
    assert_eq!(found.http_port, None);
    assert!(found.problems.len() <= 100 && found.stamps.len() <= 1_024);

    let host = Host::new(&format!(
        "log-file /l\n# {}\n{} x\nhttp-mgmt-port 7\n",
        "c".repeat(1 << 20),
        "n".repeat(1 << 20)
    ));
    assert_eq!(host.read().found.http_port, Some(7));
    let host = Host::new(&"<domain a>".repeat(100_000));
    assert!(host.read().found.problems.len() <= 100);
    let host = Host::new(&"<virtual-mta v>\n".repeat(100_000));
    assert!(host.read().queues.vmtas.len() <= 20_000);
    let host = Host::new(&format!(
        "domain-macro a {}\n{}",
        "x$b ".repeat(20_000),
        "domain-macro b \n<domain $a$a$a>\n</domain>\n".repeat(2_000)
    ));
    assert!(host.read().found.readable);
    let host = Host::new(&"include config-*\ninclude dir/../x*\n".repeat(3_000));
    (0..100).for_each(|n| host.write(&format!("config-{n}"), "x y\n"));
    assert!(host.read().found.readable);
}

#[test]
fn no_bytes_make_it_panic_or_forget_its_bounds() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let seeds = [
        WHOLE,
        "domain-macro a b.$a\n<domain $a [*.]x [10.0.0.0/8]>\nretry-after \"\n</domain>\ninclude *[a-\n",
    ];
    let noise: &[&[u8]] = &[
        b"<",
        b">",
        b"\"",
        b"\\",
        b"#",
        b"$",
        b"/",
        b"*",
        b"[",
        b"\0",
        b"\xff",
        b"\n",
        b"</",
        b"include ",
        b"\xc3",
    ];
    for round in 0..600 {
        let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..=random(8) {
            let at = random(bytes.len());
            match random(3) {
                0 => drop(bytes.splice(at..at, noise[random(noise.len())].iter().copied())),
                1 => bytes.truncate(at.max(1)),
                _ => bytes[at] = u8::try_from(random(256)).unwrap(),
            }
        }
        let host = Host::new("");
        host.write("config", &bytes);
        let parsed = host.read();
        let _ = parsed.queues.settings_for("example.com", "v");
        assert!(parsed.found.problems.len() <= 100);
    }
}

#[test]
fn a_tick_reads_again_only_what_changed() {
    let host = Host::new("include parts/*\nlog-file /one\n");
    host.write("parts/a", "<domain *>\nmax-smtp-out 4\n</domain>\n");
    let path = host.path("config");
    let mut notes = Notes::default();
    let first = discover(&path, &mut notes);
    assert_eq!(discover(&path, &mut notes), first);
    // What is remembered is what is told: nothing is parsed while the files are the same.
    let mut forged = first;
    forged.log_file = Some(PathBuf::from("/remembered"));
    notes.put("pmta_config/found", &serde_json::to_vec(&forged).unwrap());
    assert_eq!(discover(&path, &mut notes), forged);
    assert_eq!(queues(&path, &mut notes).settings_for("x", "y").max_smtp_out(), Some(4));
    host.write("parts/a", "<domain *>\nmax-smtp-out 50\n</domain>\n");
    assert_eq!(queues(&path, &mut notes).settings_for("x", "y").max_smtp_out(), Some(50));
    assert_eq!(discover(&path, &mut notes).log_file.as_deref(), Some(Path::new("/one")));
    // A file more in an included folder, and defaults that appear.
    host.write("parts/b", "http-mgmt-port 7\n");
    assert_eq!(discover(&path, &mut notes).http_port, Some(7));
    host.write("config-defaults", "http-mgmt-port 6\ntotal-max-smtp-in 9\n");
    let last = discover(&path, &mut notes);
    assert_eq!((last.http_port, last.server.len()), (Some(7), 1));
    // Another file, notes that are damaged, and none at all.
    assert!(!discover(&host.path("nowhere"), &mut notes).readable);
    notes.put("pmta_config/found", b"{");
    assert_eq!(discover(&path, &mut notes), last);
    assert_eq!(discover(&path, &mut Notes::default()), last);
}

#[test]
fn only_what_the_operator_left_open_is_filled() {
    let host = Host::new(WHOLE);
    let found = host.read().found;
    let filled = fill(Config::default(), &found);
    assert_eq!(filled.pmta.url.as_deref(), Some("http://127.0.0.1:1983"));
    let globs = filled.accounting.files.clone().unwrap();
    assert_eq!(globs.len(), 4);
    assert_eq!(globs[0], "/var/log/pmta/acct-*.csv");
    assert_eq!(filled.accounting.moved, Some(vec![PathBuf::from("/var/log/pmta/done")]));
    assert_eq!(filled.logs.pmta, Some(vec!["/var/log/pmta/pmta.log".to_owned()]));
    assert_eq!(filled.smtp.address.as_deref(), Some("127.0.0.1:25,[2001:db8::1]:2525"));
    let mut own = Config::default();
    own.pmta.url = Some("https://mx:1".to_owned());
    own.accounting.files = Some(vec!["/x/*.csv".to_owned()]);
    own.accounting.moved = Some(Vec::new());
    own.logs.pmta = Some(Vec::new());
    own.smtp.address = Some("mx:25".to_owned());
    let whole = fill(own.clone(), &found);
    own.host = whole.host.clone();
    assert_eq!(whole, own);
    assert_eq!(own.host.spools.len(), 2);
    assert_eq!(own.host.min_free.values().copied().collect::<Vec<_>>(), [1_073_741_824]);
    assert_eq!(fill(Config::default(), &Discovered::default()), Config::default());
    let off = Host::new("http-mgmt-port 0\n").read().found;
    assert_eq!(fill(Config::default(), &off).pmta.url, None);
    let bare = Host::new("").read().found;
    assert_eq!(fill(Config::default(), &bare).pmta.url.as_deref(), Some("http://127.0.0.1:8080"));
}
