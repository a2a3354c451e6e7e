//! Which pages there are and how each is got in the best way that works. It knows no memory:
//! what earlier runs learnt comes in, what this one learns goes out.

use super::body::{Format, read_list, read_status};
use super::child::{self, ChildError};
use super::command::{Line, Read};
use super::fetch::{Access, FetchError};
use super::list::List;
use super::status::Status;
use crate::config::Pmta;
use std::time::Instant;

/// More rows than this are asked for and kept from no page, whatever the configuration says.
pub const MOST_ROWS: u32 = 10_000;

/// A status has 4 KB; a list of 100,000 queues 25 MB.
const LONGEST_STATUS: u64 = 1024 * 1024;
const LONGEST_LIST: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Status,
    Queues,
    Vmtas,
}

/// How to get more rows than the ten that PowerMTA shows unasked; the first is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Parameter,
    Command,
    Unasked,
}

#[derive(Debug)]
pub enum Found {
    Status(Box<Status>),
    List(List),
}

/// A page and what was learnt on the way to it.
pub struct Answer<E> {
    pub page: Page,
    pub found: Result<Found, E>,
    pub format: Format,
    pub rows: Rows,
}

impl Page {
    pub const ALL: [Page; 3] = [Page::Status, Page::Queues, Page::Vmtas];

    pub fn name(self) -> &'static str {
        match self {
            Page::Status => "status",
            Page::Queues => "queues",
            Page::Vmtas => "vmtas",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Page::Status => "/status",
            Page::Queues => "/queues",
            Page::Vmtas => "/vmtas",
        }
    }

    fn line(self, rows: u32) -> Option<Line> {
        match self {
            Page::Status => Line::new(Read::Status, &[]),
            Page::Queues => Line::new(Read::TopQueues, &[&rows.to_string()]),
            Page::Vmtas => Line::new(Read::Vmtas, &[&rows.to_string()]),
        }
    }
}

/// Over HTTP: the format that worked before first, then the other.
pub fn fetch(access: &Access, page: Page, format: Format, rows: Rows, asked: u32) -> Answer<FetchError> {
    let other = if format == Format::Json { Format::Xml } else { Format::Json };
    let first = fetch_as(access, page, format, rows, asked);
    match &first.found {
        Err(why) if why.is_about_format() => {
            let second = fetch_as(access, page, other, rows, asked);
            // Neither worked: the first complaint is about the way that should have.
            if second.found.is_err() { first } else { second }
        }
        _ => first,
    }
}

/// By the `pmta` command.
pub fn run(pmta: &Pmta, page: Page, until: Instant) -> Answer<ChildError> {
    let rows = pmta.rows.clamp(1, MOST_ROWS);
    let keep = usize::try_from(rows).unwrap_or(usize::MAX);
    let found = match page.line(rows) {
        None => Err(ChildError::Start("no such read command".to_owned())),
        Some(line) => child::run(&pmta.command, (child::DOM, &line), until, move |body| match page {
            Page::Status => read_status(body).map(|(status, _)| Found::Status(Box::new(status))),
            Page::Queues | Page::Vmtas => read_list(body, keep).map(|(list, _)| Found::List(list)),
        }),
    };
    Answer { page, found, format: Format::Dom, rows: Rows::Parameter }
}

fn fetch_as(access: &Access, page: Page, format: Format, rows: Rows, asked: u32) -> Answer<FetchError> {
    if page == Page::Status {
        let found = access
            .get(page.path(), &[("format", word(format))], LONGEST_STATUS)
            .and_then(|mut body| read_status(&mut body).map_err(FetchError::Body));
        return match found {
            Ok((status, format)) => Answer { page, found: Ok(Found::Status(Box::new(status))), format, rows },
            Err(why) => Answer { page, found: Err(why), format, rows },
        };
    }
    let wanted = Wanted { access, page, format, asked };
    let (found, rows) = wanted.rows(rows);
    match found {
        Ok((list, format)) => Answer { page, found: Ok(Found::List(list)), format, rows },
        Err(why) => Answer { page, found: Err(why), format, rows },
    }
}

type Listed = Result<(List, Format), FetchError>;

struct Wanted<'a> {
    access: &'a Access,
    page: Page,
    format: Format,
    asked: u32,
}

impl Wanted<'_> {
    fn rows(&self, start: Rows) -> (Listed, Rows) {
        match start {
            _ if self.asked <= 10 => (self.unasked(), start),
            Rows::Parameter => self.parameter_first(),
            Rows::Unasked => (self.unasked(), Rows::Unasked),
            Rows::Command => match self.command() {
                Ok(listed) => (Ok(listed), Rows::Command),
                Err(why) if why.is_passing() => (Err(why), Rows::Command),
                Err(_) => self.parameter_first(),
            },
        }
    }

    fn parameter_first(&self) -> (Listed, Rows) {
        let held = match self.parameter() {
            // PowerMTA does not document the parameter, so the rows are counted.
            Ok(listed) if !listed.0.is_short_of(self.asked) => return (Ok(listed), Rows::Parameter),
            Ok(listed) => listed,
            Err(FetchError::Status(_) | FetchError::Body(super::body::BodyError::Failed(_))) => {
                match self.unasked() {
                    Ok(listed) if !listed.0.is_short_of(self.asked) => return (Ok(listed), Rows::Unasked),
                    Ok(listed) => listed,
                    Err(why) => return (Err(why), Rows::Parameter),
                }
            }
            Err(why) => return (Err(why), Rows::Parameter),
        };
        match self.command() {
            Ok(listed) if listed.0.rows > held.0.rows => (Ok(listed), Rows::Command),
            Err(why) if why.is_passing() => (Ok(held), Rows::Parameter),
            _ => (Ok(held), Rows::Unasked),
        }
    }

    fn unasked(&self) -> Listed {
        self.get(&[("format", word(self.format))])
    }

    fn parameter(&self) -> Listed {
        self.get(&[("format", word(self.format)), ("maxitems", &self.asked.to_string())])
    }

    fn get(&self, query: &[(&str, &str)]) -> Listed {
        let mut body = self.access.get(self.page.path(), query, LONGEST_LIST)?;
        read_list(&mut body, self.keep()).map_err(FetchError::Body)
    }

    fn command(&self) -> Listed {
        let line = self.page.line(self.asked);
        let line = line.ok_or_else(|| FetchError::Ours("no such read command".to_owned()))?;
        let mut body = self.access.command(&line, self.format.wish(), LONGEST_LIST)?;
        read_list(&mut body, self.keep()).map_err(FetchError::Body)
    }

    fn keep(&self) -> usize {
        usize::try_from(self.asked).unwrap_or(usize::MAX)
    }
}

fn word(format: Format) -> &'static str {
    if format == Format::Json { "json" } else { "xml" }
}
