//! The web monitor over HTTP, or the `pmta` command where there is none: it turns PowerMTA's own
//! pages into samples. It knows no ledger and gives PowerMTA no orders.

mod address;
mod asker;
mod body;
mod child;
#[cfg(test)]
mod child_tests;
mod command;
mod complaint;
mod dom;
mod fetch;
mod json;
mod key;
mod learnt;
mod list;
mod page;
#[cfg(test)]
pub use body::read_text;
#[cfg(test)]
mod stage;
mod status;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod tls_tests;
mod tree;
mod turns;
mod xml;

pub use asker::Asker;
pub use body::{BodyError, Capped, Format, clean, parse_list, parse_status};
pub use command::{Line, Read};
pub use list::{List, Row};
pub use status::Status;
pub use tree::{Listener, Path, Scalar};

use super::{Ask, Place, Source, SourceError};
use crate::config::Pmta;
use crate::record::{Memory, Sample, Sink, Tick};
pub use child::{ChildError, capture};
use fetch::{Access, FetchError};
use learnt::Way;
use page::{Answer, Found, Page, Rows};
use std::sync::Arc;
use std::time::{Duration, Instant};
use turns::{QUICK, in_turn};

/// A measurement for the ledger and the judge, never to be printed. One row per page (tag
/// `page`). `status` has `generation`, a number that is another one after each start of
/// PowerMTA. The lists have `rows`, `kept_rows` and `recipients` of what was listed, `all_rows`
/// and `all_recipients` where PowerMTA tells them, and `complete` (1: the samples of this run
/// hold every row there is).
pub const PAGE: &str = "pmta_page";

/// The rest of a run's time belongs to the ledger and the output.
const LONGEST: Duration = Duration::from_secs(3);
/// With less time than this, silence says nothing about PowerMTA.
const SHORTEST: Duration = Duration::from_millis(500);

/// The source's name, for whoever must pick it from the table.
pub const NAME: &str = "web";

pub struct Web;

impl Source for Web {
    fn name(&self) -> &'static str {
        NAME
    }

    fn place(&self) -> Place {
        Place::Aside
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let pmta = &ask.config.pmta;
        // An empty address says that there is no web monitor (`http-mgmt-port 0`).
        if pmta.url.as_deref().is_some_and(|url| url.trim().is_empty()) {
            return by_command(pmta, ask.tick, sink).map_err(|why| complaint::about_command(pmta, &why));
        }
        let mut round = Round::new(pmta, ask.tick, ask.memory)?;
        if round.way == Way::Command && by_command(pmta, ask.tick, sink).is_ok() {
            return Ok(());
        }
        let told = round.by_web(ask.memory, sink);
        round.access.leave();
        told
    }
}

/// One run over HTTP.
struct Round<'a> {
    pmta: &'a Pmta,
    tick: Tick,
    way: Way,
    access: Arc<Access>,
}

impl<'a> Round<'a> {
    fn new(pmta: &'a Pmta, tick: Tick, memory: &dyn Memory) -> Result<Round<'a>, SourceError> {
        let ours = |why: String, advice: String| SourceError::Denied {
            what: "PowerMTA's web monitor".to_owned(),
            why,
            advice,
        };
        let key = match &pmta.api_key_file {
            None => None,
            Some(path) => {
                let read = key::Key::read(path);
                Some(read.map_err(|why| ours(format!("{}: {why}", path.display()), why.advice(path)))?)
            }
        };
        let until = Instant::now() + share(tick, if pmta.command.exists() { 0.6 } else { 0.75 });
        let access = Access::new(pmta, key, until)
            .map_err(|why| ours(why.to_string(), "write for example http://127.0.0.1:8080".to_owned()))?;
        let way = learnt::way(memory, &access.given().to_string(), tick.now());
        if matches!(way, Way::Web { secure: true, .. }) {
            access.switch();
        }
        Ok(Round { pmta, tick, way, access: Arc::new(access) })
    }

    fn by_web(&mut self, memory: &mut dyn Memory, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let (given, now) = (self.access.given().to_string(), self.tick.now());
        let enough_time = self.tick.left() >= SHORTEST;
        let answers = self.fetch(memory);
        let status = answers.iter().find(|answer| answer.page == Page::Status);
        // A page may be slow by itself (`/status` is while the spool is loaded): PowerMTA is silent
        // when all of them are.
        let silent = answers.iter().all(|answer| matches!(answer.found, Err(FetchError::Silent(_))));
        if silent && enough_time && by_command(self.pmta, self.tick, sink).is_ok() {
            learnt::note_way(memory, &given, now, self.way, Way::Command);
            return Ok(());
        }
        if let Some(Answer { found: Ok(_), format, .. }) = status {
            let secure = self.access.is_switched();
            learnt::note_way(memory, &given, now, self.way, Way::Web { format: *format, secure });
        }
        if silent && enough_time {
            sink.sample(Sample::new("pmta").int("up", 0).int("running", 0));
        }
        let mut first = None;
        for answer in answers {
            let page = answer.page;
            match answer.found {
                Ok(found) => push(page, found, sink),
                Err(_) if first.is_some() => {}
                Err(why) => first = Some(complaint::about_web(&self.access, page, why)),
            }
        }
        match first {
            Some(SourceError::Unreachable { what, .. }) if !(silent && enough_time) => {
                Err(SourceError::Late { what })
            }
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// All pages, none of which waits long for another.
    fn fetch(&self, memory: &mut dyn Memory) -> Vec<Answer<FetchError>> {
        let format = match self.way {
            Way::Web { format, .. } => format,
            Way::Command => Format::Json,
        };
        let now = self.tick.now();
        let learnt = Page::ALL.map(|page| (page, learnt::rows(memory, page, now)));
        let was_slow = learnt::is_slow(memory, now);
        let mut answers = if was_slow { Vec::new() } else { self.one_by_one(&learnt, format) };
        let late = learnt.get(answers.len()..).unwrap_or_default();
        learnt::note_slow(memory, now, !was_slow && !late.is_empty());
        answers.extend(self.side_by_side(late, format));
        for (answer, (page, before)) in answers.iter().zip(learnt) {
            if answer.found.is_ok() && page != Page::Status {
                learnt::note_rows(memory, page, now, before, answer.rows);
            }
        }
        answers
    }

    /// On this thread, as long as they come quickly: threads and their connections cost more than a
    /// page of a hundred rows. The first page that does not come, and those behind it, are left out.
    fn one_by_one(&self, pages: &[(Page, Rows)], format: Format) -> Vec<Answer<FetchError>> {
        self.access.hurry(true);
        let mut answers = Vec::with_capacity(pages.len());
        for (page, rows) in pages {
            let begun = Instant::now();
            let answer = page::fetch(&self.access, *page, format, *rows, self.asked());
            let given_up = matches!(&answer.found, Err(why) if why.is_passing());
            if given_up && begun.elapsed() >= QUICK {
                break;
            }
            answers.push(answer);
        }
        self.access.hurry(false);
        answers
    }

    fn side_by_side(&self, pages: &[(Page, Rows)], format: Format) -> Vec<Answer<FetchError>> {
        let (access, asked) = (Arc::clone(&self.access), self.asked());
        let answers = in_turn(self.access.until(), pages, move |page, rows| {
            page::fetch(&access, page, format, rows, asked)
        });
        let missing = |page, rows| {
            let late = Instant::now() >= self.access.until();
            let late = late.then(|| FetchError::Silent("no answer within its time".to_owned()));
            let why = late.unwrap_or_else(|| FetchError::Ours("the request was given up".to_owned()));
            Answer { page, found: Err(why), format, rows }
        };
        let pages = pages.iter();
        let answers = answers.into_iter().zip(pages);
        answers.map(|(answer, (page, rows))| answer.unwrap_or_else(|| missing(*page, *rows))).collect()
    }

    fn asked(&self) -> u32 {
        self.pmta.rows.min(page::MOST_ROWS)
    }
}

/// The `pmta` command for every page; only `show status` must work.
fn by_command(pmta: &Pmta, tick: Tick, sink: &mut dyn Sink) -> Result<(), ChildError> {
    if !pmta.command.exists() {
        return Err(ChildError::Missing);
    }
    let until = Instant::now() + share(tick, 0.8);
    let pages = Page::ALL.map(|page| (page, Rows::Parameter));
    let ours = pmta.clone();
    let answers = in_turn(until, &pages, move |page, _| page::run(&ours, page, until));
    let mut answers = answers.into_iter();
    match answers.next().flatten() {
        None => return Err(ChildError::Late),
        Some(Answer { found: Err(why), .. }) => return Err(why),
        Some(Answer { found: Ok(found), .. }) => push(Page::Status, found, sink),
    }
    for answer in answers.flatten() {
        if let Ok(found) = answer.found {
            push(answer.page, found, sink);
        }
    }
    Ok(())
}

fn share(tick: Tick, part: f64) -> Duration {
    tick.left().mul_f64(part).min(LONGEST)
}

fn push(page: Page, found: Found, sink: &mut dyn Sink) {
    let told = Sample::new(PAGE).tag("page", page.name());
    match found {
        Found::Status(status) => {
            sink.sample(status::ints(told, &[("generation", status.generation())]));
            status.samples().into_iter().for_each(|sample| sink.sample(sample));
        }
        Found::List(list) => {
            sink.sample(list.summary(told));
            for row in list.into_rows() {
                sink.sample(if page == Page::Queues { row.queue_sample() } else { row.vmta_sample() });
            }
        }
    }
}
