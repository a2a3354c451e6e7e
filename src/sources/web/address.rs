//! Where the web monitor is: host and port never change, only the scheme may, from http to https.

use crate::config::is_plain_address;
use reqwest::Url;
use std::net::IpAddr;

/// PowerMTA's own default.
pub const DEFAULT: &str = "http://127.0.0.1:8080";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pmta.url \"{shown}\" {why}")]
pub struct AddressError {
    shown: String,
    why: &'static str,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let refused = |why| Err(AddressError { shown: without_login(text), why });
        if !is_plain_address(text) {
            return refused("must be written in ASCII and without % (a host's other letters as xn--...)");
        }
        let Ok(mut url) = Url::parse(text.trim()) else {
            return refused("is no address like http://127.0.0.1:8080");
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return refused("must begin with http:// or https:// and name a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("holds a login, which PowerMTA does not know (use pmta.api_key_file)");
        }
        // Pages hang at the root; a `/ui` copied from a browser is the HTML application.
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Address { url })
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether what we send stays on this host.
    pub fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    pub fn page(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    /// The same host and port with TLS: PowerMTA serves both schemes on one port.
    pub fn secure(&self) -> Option<Address> {
        let port = self.port()?;
        let mut url = self.url.clone();
        url.set_scheme("https").ok()?;
        url.set_port(Some(port)).ok()?;
        Some(Address { url })
    }

    /// Where a redirect leads us: to https on our own host and port, or nowhere.
    pub fn redirected(&self, location: &str) -> Redirect {
        // A query may hold % escapes; neither a host nor PowerMTA's own paths do.
        let place = location.split(['?', '#']).next().unwrap_or_default();
        let target = Some(location).filter(|_| is_plain_address(place)).and_then(|it| self.url.join(it).ok());
        let Some(target) = target else { return Redirect::Elsewhere };
        if target.path().starts_with("/ui") && target.scheme() == self.url.scheme() {
            return Redirect::ToUi;
        }
        let ours = target.host_str() == self.url.host_str() && target.port_or_known_default() == self.port();
        match self.secure() {
            Some(secure) if ours && !self.is_https() && target.scheme() == "https" => {
                Redirect::Secure(secure)
            }
            _ => Redirect::Elsewhere,
        }
    }

    fn port(&self) -> Option<u16> {
        self.url.port_or_known_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    Secure(Address),
    /// The HTML application: the page does not know `format=`.
    ToUi,
    /// Another host, port, page or scheme: our key must not go there.
    Elsewhere,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

fn without_login(text: &str) -> String {
    let shown = text.rsplit('@').next().unwrap_or_default();
    shown.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_taken() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            (" https://mx.example.com:1983/ui/?x#y ", "https://mx.example.com:1983"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "127.0.0.1:8080", "ftp://h", "file:///etc/passwd", "http://"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        for text in ["http://aWĝœa:8080", "http:aW%C4%9Da", "http://mx.exämple.com"] {
            let why = Address::parse(text).unwrap_err().to_string();
            assert!(why.contains("ASCII"), "{why}");
        }
        let why = Address::parse("http://me:secret@h:1").unwrap_err().to_string();
        assert!(why.contains("login") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for (text, loopback) in [
            ("http://127.0.0.1:1", true),
            ("http://127.9.9.9:1", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://localhost.example.com:1", false),
            ("http://192.0.2.1:1", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn a_redirect_leads_only_to_https_on_the_same_host_and_port() {
        let from = Address::parse("http://mx.example.com:8080").unwrap();
        for location in [
            "https://mx.example.com:8080/status?format=json",
            "https://mx.example.com:8080/command?cmd=show%20status",
            "https://mx.example.com:8080",
        ] {
            let Redirect::Secure(to) = from.redirected(location) else { panic!("{location}") };
            assert_eq!(to.to_string(), "https://mx.example.com:8080");
        }
        for location in ["/ui", "/ui/status", "http://mx.example.com:8080/ui"] {
            assert_eq!(from.redirected(location), Redirect::ToUi, "{location}");
        }
        for location in [
            "https://mx.example.com/status",
            "https://evil.example.net:8080/status",
            "http://mx.example.com:8080/else",
            "//evil.example.net:8080/",
            "https://",
            "https:aWĝœa/status",
            "//aW%C4%9Da/status",
        ] {
            assert_eq!(from.redirected(location), Redirect::Elsewhere, "{location}");
        }
        let secure = from.secure().unwrap();
        assert_eq!(secure.redirected("https://mx.example.com:8080/status"), Redirect::Elsewhere);
    }
}
