//! What to tell the operator when a way failed: one line that says what to do. It tries nothing.

use super::child::ChildError;
use super::fetch::{Access, FetchError};
use super::page::Page;
use crate::config::Pmta;
use crate::sources::SourceError;

pub fn about_web(access: &Access, page: Page, why: FetchError) -> SourceError {
    let what = format!("PowerMTA's web monitor at {}{}", access.address(), page.path());
    match why {
        FetchError::Silent(why) => SourceError::Unreachable {
            what,
            why,
            advice: "is PowerMTA running, and is pmta.url the port of http-mgmt-port?".to_owned(),
        },
        FetchError::Tls(why) => SourceError::Denied {
            what,
            why: format!("its TLS certificate or handshake is refused: {why}"),
            advice:
                "set pmta.ca_file to its certificate (/var/lib/pmta/webmon.pem), or pmta.pin_sha256 to its \
                     SHA-256 fingerprint, or pmta.insecure = true"
                    .to_owned(),
        },
        FetchError::Forbidden(code) => {
            SourceError::Denied { what, why: format!("HTTP {code}"), advice: about_rights(access) }
        }
        FetchError::Ours(why) => SourceError::Denied {
            what,
            why,
            advice: "mend the section [pmta] of the configuration".to_owned(),
        },
        FetchError::Body(super::body::BodyError::Late) => SourceError::Late { what },
        why => SourceError::Malformed { what, why: why.to_string() },
    }
}

/// There is no web monitor, and this is why the command did not help either.
pub fn about_command(pmta: &Pmta, why: &ChildError) -> SourceError {
    let command = pmta.command.display();
    match why {
        ChildError::Missing => {
            SourceError::Absent(format!("no web monitor is configured and there is no {command}"))
        }
        ChildError::Late => SourceError::Late { what: format!("{command} --dom show status") },
        why => SourceError::Denied {
            what: format!("{command} --dom show status"),
            why: why.to_string(),
            advice:
                "only root and the group pmta may use it; better is the web monitor: http-mgmt-port 8080 and \
                     http-access 127.0.0.1 monitor in /etc/pmta/config"
                    .to_owned(),
        },
    }
}

fn about_rights(access: &Access) -> String {
    let us = if access.address().is_loopback() { "127.0.0.1" } else { "OUR-ADDRESS" };
    let line = format!("add `http-access {us} monitor` to /etc/pmta/config and run `pmta reload`");
    if access.has_key() && !access.sends_key() {
        format!("{line}; the API key is sent only over verified https or to this host itself")
    } else if access.has_key() {
        format!("{line}, or is the API key no longer valid?")
    } else {
        line
    }
}
