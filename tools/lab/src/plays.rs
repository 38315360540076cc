//! Plays many pages side by side, as many as there are processors. Each has its own network and its own processes; what
//! they share is the folder in which they run, so the pages of one part, which name the same files, play one after
//! another.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::book::page::Page;
use crate::error::{Error, Result};
use crate::processes::Processes;
use crate::replay::{self, Run, Stage};
use crate::signals::Signals;

/// Pages that play one after another, as indices.
type Queue = VecDeque<usize>;

/// What a page has come to, with its index.
enum News {
    Begun(usize),
    Ended(usize, Box<Result<Run>>),
}

/// Plays the pages that have something to play; `begun` is told when one begins. Gives what each came to, in the order of
/// the pages; none for a page with nothing to play.
///
/// # Errors
/// The first error of a play: once it is known, no other page is begun. A signal has come.
pub fn play(
    pages: &[Page],
    stage: &Stage<'_>,
    signals: &Signals,
    mut begun: impl FnMut(&Page) -> Result<()>,
) -> Result<Vec<Option<Run>>> {
    let queues = Mutex::new(queues(pages));
    let stopped = AtomicBool::new(false);
    let mut runs: Vec<Option<Run>> = pages.iter().map(|_| None).collect();
    let (sender, news) = channel();
    thread::scope(|scope| {
        let mut failed = Ok(());
        for _ in 0..at_once(stage)? {
            let (queues, stopped, sender) = (&queues, &stopped, sender.clone());
            thread::Builder::new()
                .name("pages".to_owned())
                .spawn_scoped(scope, move || work(queues, stopped, pages, stage, signals, &sender))
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
                stopped.store(true, Ordering::Relaxed);
            }
        }
        failed
    })?;
    // What came until then says nothing about the pages.
    signals.go_on()?;
    Ok(runs)
}

/// Takes a queue, plays its pages, takes the next.
fn work(
    queues: &Mutex<VecDeque<Queue>>,
    stopped: &AtomicBool,
    pages: &[Page],
    stage: &Stage<'_>,
    signals: &Signals,
    sender: &Sender<News>,
) {
    while let Some(queue) = queues.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
        for index in queue {
            let Some(page) = pages.get(index).filter(|_| !stopped.load(Ordering::Relaxed)) else { return };
            // Nobody listens any more only if the caller has panicked.
            let _ = sender.send(News::Begun(index));
            let run = replay::play(page, stage, &mut &*signals);
            let _ = sender.send(News::Ended(index, Box::new(run)));
        }
    }
}

/// How many pages may play at once: on the host's own network, and where programs have no processes of their own, they
/// would meet.
fn at_once(stage: &Stage<'_>) -> Result<usize> {
    if stage.network.missing().is_some() || !Processes::start()?.is_private() {
        return Ok(1);
    }
    Ok(thread::available_parallelism().map_or(1, NonZero::get))
}

/// The pages by their part, the longest queue first: what is long should not begin last.
fn queues(pages: &[Page]) -> VecDeque<Queue> {
    let mut queues: Vec<(String, usize, Queue)> = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        let length = page.played().count();
        if length == 0 {
            continue;
        }
        let part = part(&page.path);
        if let Some((_, lengths, queue)) = queues.iter_mut().find(|(name, ..)| *name == part) {
            *lengths += length;
            queue.push_back(index);
        } else {
            queues.push((part, length, Queue::from([index])));
        }
    }
    queues.sort_by_key(|(_, length, _)| std::cmp::Reverse(*length));
    queues.into_iter().map(|(.., queue)| queue).collect()
}

/// `three` of docs/part-three-failures.md: the first word of the name.
fn part(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("part-").unwrap_or(&name);
    name.split('-').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_part_follow_each_other_and_the_longest_part_is_first() {
        let page = |name: &str, blocks: usize| {
            Page::parse(Path::new(name), "```console a\n$ true\n```\n\n".repeat(blocks))
        };
        let pages = [
            page("README.md", 1),
            page("docs/layers.md", 0),
            page("docs/part-one.md", 2),
            page("docs/part-two.md", 5),
            page("docs/part-one-failures.md", 4),
        ];
        assert_eq!(queues(&pages), [Queue::from([2, 4]), Queue::from([3]), Queue::from([0])]);
    }
}
