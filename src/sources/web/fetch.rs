//! One request to the web monitor and whatever may come of it. It knows hosts, keys and time,
//! no page and no meaning.

use super::address::{Address, AddressError, Redirect};
use super::body::{BodyError, Capped, Format};
use super::command::Line;
use super::key::Key;
use super::tls;
use crate::config::Pmta;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::LOCATION;
use std::error::Error;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Everything that a request needs; shared by the threads that fetch side by side.
pub struct Access {
    pmta: Pmta,
    given: Address,
    key: Option<Key>,
    until: Instant,
    plain: OnceLock<Result<Client, String>>,
    secure: OnceLock<Result<Client, String>>,
    /// Set once a redirect showed that this host wants https.
    switched: OnceLock<Address>,
}

/// Why there is no answer, or none of use.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// Nobody listens, or nobody answers.
    #[error("{0}")]
    Silent(String),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("access denied (HTTP {0})")]
    Forbidden(u16),
    #[error("it redirects to its HTML application: it does not know the parameter `format`")]
    ToUi,
    #[error("it redirects to {0}, where we do not follow")]
    Elsewhere(String),
    #[error("it answers HTTP {0}")]
    Status(u16),
    #[error("what answers there does not speak HTTP (is the port right?)")]
    Foreign,
    #[error(transparent)]
    Body(BodyError),
    /// Our own configuration forbids to ask.
    #[error("{0}")]
    Ours(String),
}

impl FetchError {
    /// Whether the same page in another format may be worth a try.
    pub fn is_about_format(&self) -> bool {
        match self {
            FetchError::ToUi | FetchError::Status(400 | 404 | 406 | 415 | 500 | 501) => true,
            FetchError::Body(why) => {
                matches!(why, BodyError::Html | BodyError::Garbage(_) | BodyError::Foreign | BodyError::Empty)
            }
            _ => false,
        }
    }

    /// Whether it says nothing about what PowerMTA can and cannot do.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            FetchError::Silent(_)
                | FetchError::Body(BodyError::Late | BodyError::Broken(_) | BodyError::Truncated)
        )
    }
}

impl Access {
    pub fn new(pmta: &Pmta, key: Option<Key>, until: Instant) -> Result<Access, AddressError> {
        let given = Address::parse(pmta.url.as_deref().unwrap_or(super::address::DEFAULT))?;
        let (plain, secure, switched) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Access { pmta: pmta.clone(), given, key, until, plain, secure, switched })
    }

    pub fn given(&self) -> &Address {
        &self.given
    }

    /// The address that answers now: the given one, or the same with https.
    pub fn address(&self) -> &Address {
        self.switched.get().unwrap_or(&self.given)
    }

    pub fn is_switched(&self) -> bool {
        self.switched.get().is_some()
    }

    /// Goes on with https, as an earlier run learnt.
    pub fn switch(&self) {
        if let (false, Some(secure)) = (self.given.is_https(), self.given.secure()) {
            let _ = self.switched.set(secure);
        }
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// A key travels only where nobody can listen: verified https, or this host.
    pub fn sends_key(&self) -> bool {
        self.sends_key_to(self.address())
    }

    fn sends_key_to(&self, address: &Address) -> bool {
        self.key.is_some() && (address.is_loopback() || (address.is_https() && !self.pmta.insecure))
    }

    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// One page of at most `most` bytes.
    pub fn get(&self, path: &str, query: &[(&str, &str)], most: u64) -> Result<Capped<Response>, FetchError> {
        self.ask(most, &|client, address| client.get(address.page(path)).query(query))
    }

    /// `/command`: lines come from the table of read commands and nowhere else.
    pub fn command(&self, line: &Line, format: Format, most: u64) -> Result<Capped<Response>, FetchError> {
        let format = if format == Format::Json { "json" } else { "xml" };
        let text = line.text();
        let form = [("command", text.as_str()), ("format", format)];
        self.ask(most, &|client, address| client.post(address.page("/command")).form(&form))
    }

    fn ask(
        &self,
        most: u64,
        request: &dyn Fn(&Client, &Address) -> RequestBuilder,
    ) -> Result<Capped<Response>, FetchError> {
        // Another page's thread may switch to https meanwhile: this answer is to this address.
        let mut address = self.address();
        let mut response = self.send(address, request)?;
        if response.status().is_redirection() {
            let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap_or_default());
            let location = location.unwrap_or_default();
            match address.redirected(location) {
                Redirect::Secure(secure) => address = self.switched.get_or_init(|| secure),
                Redirect::ToUi => return Err(FetchError::ToUi),
                Redirect::Elsewhere => return Err(FetchError::Elsewhere(super::body::clean(location))),
            }
            response = self.send(address, request)?;
        }
        match response.status().as_u16() {
            200 => Ok(Capped::new(response, most, Some(self.until))),
            code @ (401 | 403) => Err(FetchError::Forbidden(code)),
            code @ 300..=399 => Err(FetchError::Elsewhere(format!("another place again (HTTP {code})"))),
            code => Err(FetchError::Status(code)),
        }
    }

    fn send(
        &self,
        address: &Address,
        request: &dyn Fn(&Client, &Address) -> RequestBuilder,
    ) -> Result<Response, FetchError> {
        let left = self.until.saturating_duration_since(Instant::now());
        let mut request = request(self.client(address)?, address).timeout(left);
        if let (true, Some(key)) = (self.sends_key_to(address), &self.key) {
            request = request.header("X-API-Key", key.header());
        }
        request.send().map_err(|why| explain(&why, left))
    }

    fn client(&self, address: &Address) -> Result<&Client, FetchError> {
        let made = if address.is_https() {
            self.secure.get_or_init(|| build(tls::settings(&self.pmta)))
        } else {
            self.plain.get_or_init(|| build(tls::none()))
        };
        made.as_ref().map_err(|why| FetchError::Ours(why.clone()))
    }
}

fn build(settings: Result<rustls::ClientConfig, tls::TlsError>) -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(settings.map_err(|why| why.to_string())?)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .timeout(None)
        .connect_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(0)
        .user_agent(concat!("pmta-vitals/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|why| why.to_string())
}

fn explain(why: &reqwest::Error, waited: Duration) -> FetchError {
    if why.is_timeout() {
        return FetchError::Silent(format!("no answer within {:.1} s", waited.as_secs_f64()));
    }
    let mut cause = Error::source(why);
    let mut last = "the request failed".to_owned();
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(rustls::Error::InvalidMessage(_)) => {
                return FetchError::Tls(
                    "no TLS is spoken on this port (write http:// in pmta.url)".to_owned(),
                );
            }
            Some(refused) => return FetchError::Tls(refused.to_string()),
            None => last = error.to_string(),
        }
        // An I/O error that wraps another hides it from `source`.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    // hyper's words for an answer that is no HTTP; the type itself is not reachable from here.
    if last.starts_with("invalid HTTP") { FetchError::Foreign } else { FetchError::Silent(last) }
}
