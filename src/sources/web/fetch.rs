//! One request to the web monitor and whatever may come of it. It knows hosts, keys and time,
//! no page and no meaning.

use super::address::{Address, AddressError, Redirect};
use super::body::{BodyError, Capped};
use super::command::Line;
use super::key::Key;
use super::tls;
use super::turns::QUICK;
use crate::config::Pmta;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::LOCATION;
use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// A connection serves the next page, not the next run: PowerMTA may have few to give.
const IDLE: Duration = Duration::from_secs(2);

/// Everything that a request needs; shared by the threads that fetch side by side.
pub struct Access {
    pmta: Pmta,
    given: Address,
    key: Option<Key>,
    until: Instant,
    /// Whether each request has a moment only.
    hurry: AtomicBool,
    secure: OnceLock<Result<Client, String>>,
    /// Set once a redirect showed that this host wants https.
    switched: OnceLock<Address>,
    /// An answer came, and its connection may be used again.
    answered: AtomicBool,
}

/// The client for http: it needs no setting of the operator's and serves the process to its end.
static PLAIN: OnceLock<Result<Client, String>> = OnceLock::new();

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
        let (secure, switched, answered) = (OnceLock::new(), OnceLock::new(), AtomicBool::new(false));
        let hurry = AtomicBool::new(false);
        Ok(Access { pmta: pmta.clone(), given, key, until, hurry, secure, switched, answered })
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

    /// An HTTP client waits at its end for a name that is still being looked up: not here.
    pub fn leave(self: Arc<Self>) {
        if self.secure.get().is_some() {
            let _ = thread::Builder::new().spawn(move || drop(self));
        }
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// From now on a request is given up when it is not quick, or has its whole time again.
    pub fn hurry(&self, hurry: bool) {
        self.hurry.store(hurry, Relaxed);
    }

    /// When a request that begins now is given up.
    fn limit(&self) -> Instant {
        if self.hurry.load(Relaxed) { self.until.min(Instant::now() + QUICK) } else { self.until }
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
    pub fn command(&self, line: &Line, format: &str, most: u64) -> Result<Capped<Response>, FetchError> {
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
        let until = self.limit();
        let mut response = self.send(address, until, request)?;
        if response.status().is_redirection() {
            let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap_or_default());
            let location = location.unwrap_or_default();
            match address.redirected(location) {
                Redirect::Secure(secure) => address = self.switched.get_or_init(|| secure),
                Redirect::ToUi => return Err(FetchError::ToUi),
                Redirect::Elsewhere => return Err(FetchError::Elsewhere(super::body::clean(location))),
            }
            response = self.send(address, until, request)?;
        }
        match response.status().as_u16() {
            200 => {
                let length = response.content_length();
                Ok(Capped::new(response, most, Some(until)).of_length(length))
            }
            code @ (401 | 403) => Err(FetchError::Forbidden(code)),
            code @ 300..=399 => Err(FetchError::Elsewhere(format!("another place again (HTTP {code})"))),
            code => Err(FetchError::Status(code)),
        }
    }

    /// A server may hang up after an answer without a word; then the next request is lost on the
    /// way, and asking again is a new connection. Everything here only reads.
    fn send(
        &self,
        address: &Address,
        until: Instant,
        request: &dyn Fn(&Client, &Address) -> RequestBuilder,
    ) -> Result<Response, FetchError> {
        let left = until.saturating_duration_since(Instant::now());
        let lost = |why: &reqwest::Error| why.is_request() && !why.is_timeout() && !why.is_connect();
        let sent = match self.send_once(address, until, request)? {
            Err(why) if lost(&why) && self.answered.load(Relaxed) => {
                self.send_once(address, until, request)?
            }
            sent => sent,
        };
        self.answered.fetch_or(sent.is_ok(), Relaxed);
        sent.map_err(|why| explain(&why, left))
    }

    fn send_once(
        &self,
        address: &Address,
        until: Instant,
        request: &dyn Fn(&Client, &Address) -> RequestBuilder,
    ) -> Result<reqwest::Result<Response>, FetchError> {
        let left = until.saturating_duration_since(Instant::now());
        let mut request = request(self.client(address)?, address).timeout(left);
        if let (true, Some(key)) = (self.sends_key_to(address), &self.key) {
            request = request.header("X-API-Key", key.header());
        }
        Ok(request.send())
    }

    fn client(&self, address: &Address) -> Result<&Client, FetchError> {
        let made = if address.is_https() {
            self.secure.get_or_init(|| build(tls::settings(&self.pmta)))
        } else {
            PLAIN.get_or_init(|| build(tls::none()))
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
        .pool_max_idle_per_host(2)
        .pool_idle_timeout(IDLE)
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
