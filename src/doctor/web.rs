//! What the web monitor's answer means and which line in PowerMTA's configuration mends it. It
//! asks nothing itself.

use super::permission::{Obstacle, closed, obstacle};
use super::{Advice, Examination};
use crate::sources::SourceError;
use std::path::Path;

/// How the web monitor answered when it was asked for `/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebProbe {
    Answers {
        version: String,
    },
    /// 403: no access line covers us, or the key is wrong.
    Refused403,
    /// To https.
    Redirects,
    CertificateRefused(String),
    NoAnswer(String),
    /// It answers, but not with a status page.
    NotJson(String),
    /// There is no port to ask.
    Off,
    /// Nobody asked (no URL, or the operator said so).
    NotTried,
}

impl WebProbe {
    /// What a failed collection of the web monitor means here.
    pub fn told(why: &SourceError) -> WebProbe {
        match why {
            SourceError::Absent(_) => WebProbe::NotTried,
            SourceError::Denied { why, .. } if why.starts_with("HTTP ") => WebProbe::Refused403,
            SourceError::Denied { why, .. } => WebProbe::CertificateRefused(why.clone()),
            SourceError::Unreachable { why, .. } => WebProbe::NoAnswer(why.clone()),
            SourceError::Late { .. } => WebProbe::NoAnswer("it takes longer than the deadline".to_owned()),
            SourceError::Io { why, .. } => WebProbe::NoAnswer(why.to_string()),
            SourceError::Malformed { why, .. } => WebProbe::NotJson(why.clone()),
        }
    }
}

const TOPIC: &str = "web-monitor";

pub(super) fn monitor(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let (config, url) = (asked.config, asked.config.pmta.url.as_deref().unwrap_or("no URL"));
    if let Some(key) = &config.pmta.api_key_file {
        advice.push(key_file(key, asked));
    }
    advice.push(match &asked.web {
        WebProbe::Answers { version } => Advice::good(TOPIC, format!("{url} answers: PowerMTA {version}")),
        WebProbe::Off => off(asked),
        WebProbe::Refused403 => refused(url, asked),
        WebProbe::Redirects => certificate(asked, format!("{url} redirects to https")),
        WebProbe::CertificateRefused(why) => {
            certificate(asked, format!("{url}: certificate refused ({why})"))
        }
        WebProbe::NoAnswer(why) => no_answer(url, why, asked),
        WebProbe::NotJson(why) => Advice::unknown(
            TOPIC,
            format!("{url} answers, but not as PowerMTA's web monitor does: {why}"),
            "check that [pmta] url names PowerMTA's web monitor and no other web server or proxy",
        ),
        WebProbe::NotTried => {
            Advice::unknown(TOPIC, "was not asked", "set [pmta] url, or let PowerMTA's configuration be read")
        }
    });
}

fn off(asked: &Examination<'_>) -> Advice {
    let mend =
        "give the web monitor a port and restart it; until then only accounting files and the log are read";
    Advice::bad(TOPIC, "PowerMTA's web monitor is off (http-mgmt-port 0)", mend)
        .edit(&asked.config.pmta.config, "instead of http-mgmt-port 0", &["http-mgmt-port 8080"])
        .edit(&asked.config.pmta.config, above_the_others(asked), &[&access_line(asked)])
        .run("systemctl restart pmtahttp")
}

fn refused(url: &str, asked: &Examination<'_>) -> Advice {
    let key = asked.config.pmta.api_key_file.is_some();
    let why = if key { "the API key is none of PowerMTA's" } else { "no http-access line lets this host in" };
    let found = format!("{url} refuses access (403): {why}");
    let mend = "allow this host to look, and nothing more; an API key is not needed and would be full admin";
    let line = access_line(asked);
    Advice::bad(TOPIC, found, mend)
        .edit(&asked.config.pmta.config, above_the_others(asked), &[&line])
        .run(format!("{} reload", super::permission::quoted(&asked.config.pmta.command)))
}

/// The first matching line wins, so ours goes above the others.
fn above_the_others(asked: &Examination<'_>) -> &'static str {
    if asked.found.access.is_empty() {
        "anywhere outside of < >"
    } else {
        "above the other http-access lines"
    }
}

fn access_line(asked: &Examination<'_>) -> String {
    let from = match host_of(asked) {
        Some(host) if host == "[::1]" => "::1",
        Some(host) if host == "localhost" || host.starts_with("127.") => "127.0.0.1",
        None => "127.0.0.1",
        Some(_) => "ADDRESS-OF-THIS-HOST",
    };
    format!("http-access {from} monitor")
}

fn certificate(asked: &Examination<'_>, found: String) -> Advice {
    let port = port_of(asked).unwrap_or(8080);
    let host = host_of(asked).unwrap_or_else(|| "127.0.0.1".to_owned());
    let url = format!("url = \"https://{host}:{port}\"");
    let mend = "PowerMTA's certificate is its own: pin it by the fingerprint that the command prints (where a company CA \
                signed it: ca_file; `insecure = true` accepts any)";
    let show = format!(
        "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
        super::permission::word(&format!("{host}:{port}"))
    );
    let own = Path::new(crate::config::DEFAULT_PATH);
    let advice = Advice::bad(TOPIC, found, mend).run(show);
    let advice = advice.edit(own, "in [pmta]", &[&url, "pin_sha256 = \"FINGERPRINT\""]);
    if !host.starts_with("127.") {
        return advice;
    }
    let other = "or, as this is loopback, without https";
    advice.edit(&asked.config.pmta.config, other, &["http-redirect-to-https false"])
}

fn no_answer(url: &str, why: &str, asked: &Examination<'_>) -> Advice {
    let configured = asked.found.web_port().filter(|_| asked.found.readable);
    let advice = match (configured, port_of(asked)) {
        (Some(theirs), Some(ours)) if theirs != ours => Advice::bad(
            TOPIC,
            format!("{url} does not answer ({why}), and PowerMTA's configuration says port {theirs}"),
            "correct the port of [pmta] url, or leave it out",
        ),
        _ => Advice::bad(
            TOPIC,
            format!("{url} does not answer ({why})"),
            "see whether pmtahttp runs and on which port it listens",
        ),
    };
    advice.run("systemctl status pmtahttp").run("ss -ltnp")
}

fn key_file(path: &Path, asked: &Examination<'_>) -> Advice {
    const TOPIC: &str = "api-key-file";
    match obstacle(asked.host, path) {
        Some(Obstacle::Missing) => {
            Advice::bad(TOPIC, format!("{} is not there", path.display()), "correct [pmta] api_key_file")
        }
        Some(Obstacle::Closed(at, facts)) => closed(TOPIC, path, &at, &facts, "", asked),
        None => match asked.host.facts(path).filter(|facts| facts.mode & 0o007 != 0) {
            Some(_) => {
                let found =
                    format!("{} is open to every user of this host: a key is full admin", path.display());
                let command = format!("chmod o= {}", super::permission::quoted(path));
                Advice::bad(TOPIC, found, "close it to others").run(command)
            }
            None => Advice::good(TOPIC, format!("{} is readable and closed to others", path.display())),
        },
    }
}

fn parsed(asked: &Examination<'_>) -> Option<reqwest::Url> {
    reqwest::Url::parse(asked.config.pmta.url.as_deref()?).ok()
}

fn host_of(asked: &Examination<'_>) -> Option<String> {
    parsed(asked)?.host_str().map(str::to_owned)
}

fn port_of(asked: &Examination<'_>) -> Option<u16> {
    parsed(asked)?.port_or_known_default()
}
