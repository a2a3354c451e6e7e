//! Pages and read commands for a source that asks seldom: over HTTP, else by the `pmta` command.
//! It knows no page and remembers nothing.

use super::address::DEFAULT;
use super::body::{BodyError, Format, read_into};
use super::child::{self, ChildError};
use super::command::Line;
use super::fetch::{Access, FetchError};
use super::key::Key;
use super::tree::Listener;
use crate::config::Pmta;
use crate::sources::SourceError;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

const LONGEST: u64 = 4 * 1024 * 1024;

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
        rows: u32,
        line: Option<Line>,
    ) -> Result<P, SourceError> {
        let mut first = None;
        if let Some(access) = &self.access {
            match self.get(access, path, rows) {
                Ok(page) => return Ok(page),
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

    /// What a read command prints, and PowerMTA's remark on it. It takes the right to operate over
    /// HTTP; the command itself takes root or the group pmta.
    pub fn command<P: Listener + Default + Send + 'static>(
        &self,
        line: &Line,
    ) -> Result<(P, String), SourceError> {
        let keyed = self.access.as_ref().is_some_and(|access| access.sends_key());
        let here = self.pmta.command.exists();
        let mut first = None;
        if here && !keyed {
            match self.run(line) {
                Ok(told) => return Ok(told),
                Err(why) => first = Some(self.about_command(line, &why)),
            }
        }
        if let Some(access) = &self.access {
            match self.post(access, line) {
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
            return self.run(line).map_err(|why| first.unwrap_or_else(|| self.about_command(line, &why)));
        }
        Err(first.unwrap_or_else(|| SourceError::Absent("there is nobody to ask".to_owned())))
    }

    fn get<P: Listener + Default>(&self, access: &Access, path: &str, rows: u32) -> Result<P, FetchError> {
        let rows = rows.to_string();
        let once = |format| {
            let mut body = access.get(path, &[("format", format), ("maxitems", &rows)], LONGEST)?;
            read_into(&mut body, P::default()).map(|(page, _)| page).map_err(FetchError::Body)
        };
        match once("json") {
            Err(why) if why.is_about_format() => once("xml"),
            told => told,
        }
    }

    fn post<P: Listener + Default>(&self, access: &Access, line: &Line) -> Result<(P, String), FetchError> {
        let once = |format| {
            let mut body = access.command(line, format, LONGEST)?;
            read_into(&mut body, P::default()).map_err(FetchError::Body)
        };
        match once(Format::Json) {
            Err(why) if why.is_about_format() => once(Format::Xml),
            told => told,
        }
    }

    fn run<P: Listener + Default + Send + 'static>(&self, line: &Line) -> Result<(P, String), ChildError> {
        match child::run(&self.pmta.command, line, self.until, |body| read_into(body, P::default())) {
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

impl Drop for Asker<'_> {
    /// An HTTP client waits at its end for a name that is still being looked up: not here.
    fn drop(&mut self) {
        let access = self.access.take();
        let _ = thread::Builder::new().spawn(move || drop(access));
    }
}
