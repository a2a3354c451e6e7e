//! The pages' order: a few threads take one after the other while they come quickly, and more are
//! started as soon as one does not. It knows no way to get a page.

use super::page::{Answer, Page, Rows};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Threads from the start: while one reads the long list, the other fetches what is short.
const HANDS: usize = 2;
/// A page that takes longer keeps the next ones waiting no more.
pub const QUICK: Duration = Duration::from_millis(100);
/// A little longer than the pages may take, so that they can say themselves why they failed.
const GRACE: Duration = Duration::from_millis(50);

/// What the threads share: the pages, and how many of them somebody has taken.
struct Turn<W> {
    pages: Vec<(Page, Rows)>,
    taken: AtomicUsize,
    work: W,
}

/// Every page's answer, in the pages' order; `None` for one that did not come in time. Threads are
/// detached, and never waited for longer than the time is.
pub fn in_turn<E, W>(until: Instant, pages: &[(Page, Rows)], work: W) -> Vec<Option<Answer<E>>>
where
    E: Send + 'static,
    W: Fn(Page, Rows) -> Answer<E> + Send + Sync + 'static,
{
    let turn = Arc::new(Turn { pages: pages.to_vec(), taken: AtomicUsize::new(0), work });
    let mut answers: Vec<Option<Answer<E>>> = pages.iter().map(|_| None).collect();
    let (tell, told) = mpsc::channel();
    // Held while another thread may have to be started; when all are gone, nothing more will come.
    let mut tell = Some(tell);
    for _ in pages.iter().take(HANDS) {
        hire(&turn, tell.as_ref());
    }
    loop {
        let all_taken = turn.taken.load(Ordering::Relaxed) >= pages.len();
        if all_taken {
            tell = None;
        }
        let left = (until + GRACE).saturating_duration_since(Instant::now());
        match told.recv_timeout(if all_taken { left } else { left.min(QUICK) }) {
            Ok(answer) => {
                let at = pages.iter().position(|(page, _)| *page == answer.page);
                if let Some(place) = at.and_then(|at| answers.get_mut(at)) {
                    *place = Some(answer);
                }
            }
            Err(RecvTimeoutError::Timeout) if left > QUICK && !all_taken => hire(&turn, tell.as_ref()),
            Err(_) => return answers,
        }
        if answers.iter().all(Option::is_some) {
            return answers;
        }
    }
}

/// One more thread for the pages that nobody has taken; one that cannot be started takes none.
fn hire<E, W>(turn: &Arc<Turn<W>>, tell: Option<&Sender<Answer<E>>>)
where
    E: Send + 'static,
    W: Fn(Page, Rows) -> Answer<E> + Send + Sync + 'static,
{
    let Some(tell) = tell.cloned() else { return };
    let turn = Arc::clone(turn);
    let _ = thread::Builder::new().name("pmta-pages".to_owned()).spawn(move || {
        while let Some((page, rows)) = turn.pages.get(turn.taken.fetch_add(1, Ordering::Relaxed)) {
            if tell.send((turn.work)(*page, *rows)).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::web::body::Format;
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::thread::ThreadId;

    const PAGES: [(Page, Rows); 3] =
        [(Page::Status, Rows::Parameter), (Page::Queues, Rows::Parameter), (Page::Vmtas, Rows::Parameter)];

    fn nothing(page: Page, rows: Rows) -> Answer<&'static str> {
        Answer { page, found: Err("nothing"), format: Format::Json, rows }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    #[test]
    fn quick_pages_share_few_threads() {
        let threads: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
        let seen = Arc::clone(&threads);
        let answers = in_turn(soon(), &PAGES, move |page, rows| {
            seen.lock().unwrap().insert(thread::current().id());
            nothing(page, rows)
        });
        let came: Vec<Page> = answers.into_iter().flatten().map(|answer| answer.page).collect();
        assert_eq!(came, PAGES.map(|(page, _)| page));
        assert!(threads.lock().unwrap().len() <= HANDS);
    }

    #[test]
    fn pages_that_hang_cost_only_themselves() {
        let (go, gone) = mpsc::channel::<()>();
        let gone = Mutex::new(gone);
        let until = Instant::now() + Duration::from_millis(500);
        let answers = in_turn(until, &PAGES, move |page, rows| {
            if page != Page::Vmtas {
                // Until the test is over.
                let _ = gone.lock().unwrap().recv();
            }
            nothing(page, rows)
        });
        let came: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(came, [false, false, true]);
        drop(go);
    }

    #[test]
    fn a_page_that_hangs_costs_only_itself() {
        let (go, gone) = mpsc::channel::<()>();
        let gone = Mutex::new(gone);
        let until = Instant::now() + Duration::from_millis(500);
        let answers = in_turn(until, &PAGES, move |page, rows| {
            if page == Page::Status {
                // Until the test is over.
                let _ = gone.lock().unwrap().recv();
            }
            nothing(page, rows)
        });
        let came: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(came, [false, true, true]);
        drop(go);
    }

    #[test]
    fn a_page_that_panics_is_not_waited_for() {
        let answers = in_turn(soon(), &PAGES, |page, rows| {
            assert!(page != Page::Queues, "on purpose");
            nothing(page, rows)
        });
        let came: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(came, [true, false, true]);
    }
}
