//! The PowerMTA configuration that matches the simulated host: `etc/config` and one included file.

use std::fmt::Write as _;
use std::fs;

use crate::network::Network;
use crate::options::{Columns, Options, SimError};
use crate::providers;

/// `<domain>` blocks: `max-smtp-out` and `max-msg-per-connection`.
pub const DOMAINS: [(&str, u32, u32); 5] = [
    ("*", 20, 100),
    ("gmail.com", 40, 50),
    ("yahoo.rollup", 40, 50),
    ("outlook.com", 30, 100),
    ("att.net", 10, 20),
];
/// `max-smtp-out` of each VMTA.
pub const VMTA_CONNECTIONS: u32 = 400;

/// Writes `etc/config` and `etc/domains.conf`.
pub fn write(options: &Options, http_port: u16, smtp_port: u16) -> Result<(), SimError> {
    let folder = options.dir.join("etc");
    for (name, text) in [("config", main(options, http_port, smtp_port)), ("domains.conf", domains())] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(SimError::file(&path))?;
    }
    Ok(())
}

fn main(options: &Options, http_port: u16, smtp_port: u16) -> String {
    let mut out =
        String::from("# Configuration of a simulated PowerMTA host\npostmaster postmaster@sender.example\n");
    out.push_str("host-name mta.sender.example\n\n");
    add(&mut out, format_args!("smtp-listener 127.0.0.1:{smtp_port}"));
    out.push_str("total-max-smtp-out 1200\ntotal-max-smtp-in 100\n\n# web monitor\n");
    let http_port = if options.web_monitor { http_port } else { 0 };
    add(&mut out, format_args!("http-mgmt-port {http_port}"));
    let redirect = if options.https_redirect { "true" } else { "false" };
    add(&mut out, format_args!("http-redirect-to-https {redirect}"));
    add(&mut out, format_args!("http-default-max-items {}", options.default_max_items));
    for (cidr, access) in &options.access {
        add(&mut out, format_args!("http-access {cidr} {}", access.as_str()));
    }
    if let Some(key) = &options.api_key {
        add(&mut out, format_args!("http-api-key {key}"));
    }
    let log = options.log_folder();
    add(&mut out, format_args!("\nlog-file {}    # rotated at midnight", log.join("log").display()));
    out.push_str("log-rotate 8\n\n");
    add(
        &mut out,
        format_args!("<spool {}>\n    min-free-space 100M\n</spool>\n", options.dir.join("spool").display()),
    );
    for (base, kinds) in options.accounting_files() {
        accounting(options, base, &kinds, &mut out);
    }
    out.push_str("<source 127.0.0.1>\n    always-allow-relaying yes\n    allow-starttls yes\n</source>\n\n");
    patterns(&mut out);
    vmtas(options, &mut out);
    add(&mut out, format_args!("include {}", options.dir.join("etc/domains.conf").display()));
    out
}

fn accounting(options: &Options, base: &str, kinds: &[crate::Kind], out: &mut String) {
    let path = options.log_folder().join(format!("{base}.csv"));
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    add(out, format_args!("<acct-file {}>\n    records {}", path.display(), names.join(", ")));
    if let Columns::RecordFields(fields) = &options.columns {
        for name in &names {
            add(out, format_args!("    record-fields {name} {}", fields.join(", ")));
        }
    }
    add(out, format_args!("    iso-times {}", if options.epoch_times { "no" } else { "yes" }));
    add(out, format_args!("    max-size {}", options.max_size));
    match options.moved_folder() {
        Some(moved) => add(out, format_args!("    move-to {}\n    move-interval 1d", moved.display())),
        None => out.push_str("    delete-after 8d\n"),
    }
    out.push_str("    world-readable no\n</acct-file>\n\n");
}

fn patterns(out: &mut String) {
    out.push_str("<smtp-pattern-list blocking-errors>\n");
    for pattern in ["try (again )?later", "rate limit", "too many connections", "temporarily deferred"] {
        add(out, format_args!("    reply /{pattern}/ mode=backoff,backoff-to-normal-after=10m"));
    }
    out.push_str("</smtp-pattern-list>\n\n");
}

fn vmtas(options: &Options, out: &mut String) {
    let network = Network::new(options);
    for vmta in &network.vmtas {
        let (name, ip, host) = (&vmta.name, &vmta.ip, &vmta.host);
        let text = format!(
            "    smtp-source-host {ip} {host}\n    max-smtp-out {VMTA_CONNECTIONS}\n    max-smtp-msg-rate unlimited"
        );
        add(out, format_args!("<virtual-mta {name}>\n{text}\n</virtual-mta>"));
    }
    for pool in ["pool-a", "pool-b"] {
        let members = network.vmtas.iter().filter(|vmta| vmta.pool == pool);
        let members: String = members.map(|vmta| format!("    virtual-mta {}\n", vmta.name)).collect();
        if !members.is_empty() {
            add(out, format_args!("<virtual-mta-pool {pool}>\n{members}</virtual-mta-pool>"));
        }
    }
    out.push('\n');
}

fn domains() -> String {
    let mut out = String::from("# Limits of domains\n<mx-rollup-list>\n");
    for (name, pattern) in providers::rollups() {
        let suffix = pattern.split_once('.').map_or(pattern, |(_, rest)| rest);
        add(&mut out, format_args!("    mx *.{suffix} {name}"));
    }
    out.push_str("</mx-rollup-list>\n\n");
    let shared = "    retry-after 10m\n    bounce-after 4d12h\n    smtp-pattern-list blocking-errors\n    use-starttls yes\n    track-recipient-events yes\n";
    for (domain, connections, messages) in DOMAINS {
        add(
            &mut out,
            format_args!(
                "<domain {domain}>\n    max-smtp-out {connections}\n    max-msg-per-connection {messages}\n{shared}</domain>"
            ),
        );
    }
    out
}

fn add(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
    out.push('\n');
}
