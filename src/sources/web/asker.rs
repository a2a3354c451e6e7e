//! Pages and read commands for a source that asks seldom: over HTTP, else by the `pmta` command.
//! It knows no page and remembers nothing.

use super::address::DEFAULT;
use super::body::{BodyError, Capped, Format, read_into};
use super::child::{self, ChildError};
use super::command::Line;
use super::fetch::{Access, FetchError};
use super::key::Key;
use super::tree::{Listener, Path, Scalar};
use crate::config::Pmta;
use crate::sources::SourceError;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

const LONGEST: u64 = 4 * 1024 * 1024;
/// A hundred directives of a line each.
const LONGEST_TEXT: u64 = 64 * 1024;

/// One round of questions.
pub struct Asker<'a> {
    pmta: &'a Pmta,
    until: Instant,
    access: Option<Arc<Access>>,
}

impl<'a> Asker<'a> {
    pub fn new(pmta: &'a Pmta, until: Instant) -> Asker<'a> {
        let off = pmta.url.as_deref().is_some_and(|url| url.trim().is_empty());
        // A key that may not be read is the web monitor's own trouble, and told there.
        let key = pmta.api_key_file.as_ref().and_then(|path| Key::read(path).ok());
        let access = if off { None } else { Access::new(pmta, key, until).ok() };
        Asker { pmta, until, access: access.map(Arc::new) }
    }

    /// A page that everybody with the right to look may see, else what the command prints.
    pub fn page<P: Listener + Default + Send + 'static>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        line: Option<Line>,
    ) -> Result<P, SourceError> {
        let mut first = None;
        if let Some(access) = &self.access {
            match get(access, path, query) {
                Ok((page, _)) => return Ok(page),
                Err(why) => first = Some(self.about_web(path, &why)),
            }
        }
        match line {
            Some(line) if self.pmta.command.exists() => self
                .run(&line)
                .map(|(page, _)| page)
                .map_err(|why| first.unwrap_or_else(|| self.about_command(&line, &why))),
            _ => Err(first.unwrap_or_else(|| {
                SourceError::Absent("there is no web monitor and no pmta command".to_owned())
            })),
        }
    }

    /// A page that only the web monitor has, and PowerMTA's remark on it; `None` where it does not
    /// show it to us.
    pub fn web_page<P: Listener + Default>(&self, path: &str, query: &[(&str, &str)]) -> Option<(P, String)> {
        get(self.access.as_ref()?, path, query).ok()
    }

    /// What a read command prints, and PowerMTA's remark on it.
    pub fn command<P: Listener + Default + Send + 'static>(
        &self,
        line: &Line,
    ) -> Result<(P, String), SourceError> {
        let post = |access: &Access| {
            let once = |format: Format| {
                let mut body = access.command(line, format.wish(), LONGEST)?;
                read_into(&mut body, P::default()).map_err(FetchError::Body)
            };
            match once(Format::Json) {
                Err(why) if why.is_about_format() => once(Format::Xml),
                told => told,
            }
        };
        self.either(line, || self.run(line), post)
    }

    /// The same as PowerMTA prints it for people: for what is published in no other form.
    pub fn text(&self, line: &Line) -> Result<String, SourceError> {
        let run = || {
            let whole = |body: &mut Capped<_>| body.text(LONGEST_TEXT);
            child::run(&self.pmta.command, (None, line), self.until, whole)
        };
        let post = |access: &Access| {
            let once = |format| {
                let mut body = access.command(line, format, LONGEST)?;
                let (Said(text), _) = read_into(&mut body, Said::default()).map_err(FetchError::Body)?;
                Ok(text)
            };
            match once("json-text") {
                Err(why) if FetchError::is_about_format(&why) => once("xml-text"),
                told => told,
            }
        };
        self.either(line, run, post)
    }

    /// By the command or by `/command`, which takes the right to operate; the command itself takes
    /// root or the group pmta.
    fn either<T>(
        &self,
        line: &Line,
        run: impl Fn() -> Result<T, ChildError>,
        post: impl Fn(&Access) -> Result<T, FetchError>,
    ) -> Result<T, SourceError> {
        let keyed = self.access.as_ref().is_some_and(|access| access.sends_key());
        let here = self.pmta.command.exists();
        let mut first = None;
        if here && !keyed {
            match run() {
                Ok(told) => return Ok(told),
                Err(why) => first = Some(self.about_command(line, &why)),
            }
        }
        if let Some(access) = &self.access {
            match post(access) {
                Ok(told) => return Ok(told),
                // Nobody said that we may: that is no trouble.
                Err(FetchError::Forbidden(_)) if !keyed && !here => {
                    let why = "neither an API key, an operator line in http-access nor the pmta command is here to ask with";
                    return Err(SourceError::Absent(why.to_owned()));
                }
                Err(why) => first = first.or_else(|| Some(self.about_web("/command", &why))),
            }
        }
        if here && keyed {
            return run().map_err(|why| first.unwrap_or_else(|| self.about_command(line, &why)));
        }
        Err(first.unwrap_or_else(|| SourceError::Absent("there is nobody to ask".to_owned())))
    }

    fn run<P: Listener + Default + Send + 'static>(&self, line: &Line) -> Result<(P, String), ChildError> {
        let read = |body: &mut Capped<_>| read_into(body, P::default());
        match child::run(&self.pmta.command, (child::DOM, line), self.until, read) {
            // DOM has no envelope: a list without rows is an empty answer.
            Err(ChildError::Body(BodyError::Empty)) => Ok((P::default(), String::new())),
            told => told,
        }
    }

    fn about_web(&self, path: &str, why: &FetchError) -> SourceError {
        let what = format!("PowerMTA's web monitor at {}{path}", self.pmta.url.as_deref().unwrap_or(DEFAULT));
        match why {
            FetchError::Silent(why) => {
                SourceError::Unreachable { what, why: why.clone(), advice: "is PowerMTA running?".to_owned() }
            }
            FetchError::Body(BodyError::Late) => SourceError::Late { what },
            FetchError::Forbidden(_) | FetchError::Ours(_) | FetchError::Tls(_) => SourceError::Denied {
                what,
                why: why.to_string(),
                advice: "commands take an API key or `http-access 127.0.0.1 operator`".to_owned(),
            },
            why => SourceError::Malformed { what, why: why.to_string() },
        }
    }

    fn about_command(&self, line: &Line, why: &ChildError) -> SourceError {
        let what = format!("{} {}", self.pmta.command.display(), line.text());
        match why {
            ChildError::Late => SourceError::Late { what },
            why => SourceError::Denied {
                what,
                why: why.to_string(),
                advice: "let this user use it (root or the group pmta)".to_owned(),
            },
        }
    }
}

fn get<P: Listener + Default>(
    access: &Access,
    path: &str,
    query: &[(&str, &str)],
) -> Result<(P, String), FetchError> {
    let once = |format: Format| {
        let query = [&[("format", format.wish())], query].concat();
        let mut body = access.get(path, &query, LONGEST)?;
        read_into(&mut body, P::default()).map_err(FetchError::Body)
    };
    match once(Format::Json) {
        Err(why) if why.is_about_format() => once(Format::Xml),
        told => told,
    }
}

/// The text of `json-text` and `xml-text`, which is all the data there is.
#[derive(Default)]
struct Said(String);

impl Listener for Said {
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        if path.key() == "data" {
            self.0 = value.text().into_owned();
        }
    }
}

impl Drop for Asker<'_> {
    /// An HTTP client waits at its end for a name that is still being looked up: not here.
    fn drop(&mut self) {
        let access = self.access.take();
        let _ = thread::Builder::new().spawn(move || drop(access));
    }
}
