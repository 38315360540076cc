//! Plays many pages side by side: each has its own network, its own processes and its own folder. The programs of a page
//! share one processor, and two thirds of the time they wait for a clock: for a timeout that the page shows, a
//! retransmission, a `sleep`. So several pages share a processor.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::book::page::Page;
use crate::error::{Error, Result};
use crate::processes::Processes;
use crate::replay::{self, Run, Stage};
use crate::signals::Signals;

/// How many pages share a processor, unless somebody asks for more or fewer.
const SHARE: usize = 3;

/// What a page has come to, with its index.
enum News {
    Begun(usize),
    Ended(usize, Box<Result<Run>>),
}

/// Plays the pages that have something to play; `begun` is told when one begins. Gives what each came to, in the order of
/// the pages; none for a page with nothing to play. At most `jobs` play at once.
///
/// # Errors
/// The first error of a play: once it is known, no other page is begun. A signal has come.
pub fn play(
    pages: &[Page],
    stage: &Stage<'_>,
    jobs: Option<NonZero<usize>>,
    signals: &Signals,
    mut begun: impl FnMut(&Page) -> Result<()>,
) -> Result<Vec<Option<Run>>> {
    let queue = Mutex::new(queue(pages));
    let mut runs: Vec<Option<Run>> = pages.iter().map(|_| None).collect();
    let (sender, news) = channel();
    thread::scope(|scope| {
        let mut failed = Ok(());
        for _ in 0..at_once(stage, jobs)? {
            let (queue, sender) = (&queue, sender.clone());
            thread::Builder::new()
                .name("pages".to_owned())
                .spawn_scoped(scope, move || work(queue, pages, stage, signals, &sender))
                .map_err(|error| Error::of("start a thread for pages", error))?;
        }
        drop(sender);
        for news in news {
            let result = match news {
                News::Begun(index) => pages.get(index).map_or(Ok(()), &mut begun),
                News::Ended(index, run) => run.map(|run| {
                    if let Some(place) = runs.get_mut(index) {
                        *place = Some(run);
                    }
                }),
            };
            if result.is_err() && failed.is_ok() {
                failed = result;
                queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
        failed
    })?;
    // What came until then says nothing about the pages.
    signals.go_on()?;
    Ok(runs)
}

/// Takes a page, plays it, takes the next.
fn work(
    queue: &Mutex<VecDeque<usize>>,
    pages: &[Page],
    stage: &Stage<'_>,
    signals: &Signals,
    sender: &Sender<News>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(index) = next() {
        let Some(page) = pages.get(index) else { continue };
        // Nobody listens any more only if the caller has panicked.
        let _ = sender.send(News::Begun(index));
        let run = replay::play(page, stage, &mut &*signals);
        let _ = sender.send(News::Ended(index, Box::new(run)));
    }
}

/// How many pages may play at once: on the host's own network, and where programs have no processes of their own, they
/// would meet.
fn at_once(stage: &Stage<'_>, jobs: Option<NonZero<usize>>) -> Result<usize> {
    if stage.network.missing().is_some() || !Processes::start()?.is_private() {
        return Ok(1);
    }
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    Ok(jobs.map_or(SHARE * processors, NonZero::get))
}

/// The pages that have something to play, as indices, the longest first: what takes long should not begin last. A page
/// that gives its blocks more time needs it, and else the number of its blocks tells.
fn queue(pages: &[Page]) -> VecDeque<usize> {
    let lengths = pages.iter().map(|page| (page.settings.timeout, page.played().count()));
    let mut queue: Vec<_> = lengths.enumerate().filter(|(_, (_, blocks))| *blocks > 0).collect();
    queue.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    queue.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_longest_page_begins_first() {
        let page = |head: &str, blocks: usize| {
            let blocks = "```console a\n$ true\n```\n\n".repeat(blocks);
            Page::parse(Path::new("page.md"), format!("{head}\n\n{blocks}"))
        };
        let mut pages = Vec::from([1, 0, 2, 5, 2].map(|blocks| page("", blocks)));
        pages.push(page("<!-- lab: timeout 60 -->", 1));
        assert_eq!(queue(&pages), [5, 3, 2, 4, 0]);
    }
}
