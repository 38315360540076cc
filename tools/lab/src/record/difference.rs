//! How a new run differs from a kept recording.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::recording::{Recorded, Recording};
use crate::replay::compare::{self, Row};
use crate::replay::renaming::Renaming;

impl Recording {
    /// How a new run differs from this kept one: times are free, and so are pure ACKs and the order of what has nothing
    /// to do with each other; numbers that the kernel chose may differ, consistently.
    #[must_use]
    pub fn differences(&self, new: &Self, renaming: &mut Renaming) -> Vec<String> {
        let mut differences = Vec::new();
        let (mut kept, mut came) = (self.lanes(), new.lanes());
        let lanes: Vec<String> =
            kept.keys().chain(came.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        for lane in lanes {
            let kept = kept.remove(&lane).unwrap_or_default();
            let came = came.remove(&lane).unwrap_or_default();
            let rows = compare::rows(&kept, &came, renaming);
            for row in rows {
                match row {
                    Row::Same(_) => {}
                    Row::Gone(at) => {
                        differences.extend(kept.get(at).map(|text| format!("{lane}: no longer: {text}")));
                    }
                    Row::New(at) => {
                        differences.extend(came.get(at).map(|text| format!("{lane}: new: {text}")));
                    }
                }
            }
        }
        differences
    }
}

impl Recording {
    /// What is compared, lane by lane. A thread is known by its place among those of its terminal.
    fn lanes(&self) -> BTreeMap<String, Vec<String>> {
        let mut lanes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut threads: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for entry in &self.events {
            let lane = match &entry.what {
                Recorded::Call { terminal, call, .. } => {
                    let threads = threads.entry(terminal).or_default();
                    let known = threads.iter().position(|known| *known == call.thread);
                    let nth = known.unwrap_or_else(|| {
                        threads.push(call.thread);
                        threads.len() - 1
                    });
                    format!("calls of {terminal}, thread {}", nth + 1)
                }
                what => what.lane(),
            };
            lanes.entry(lane).or_default().extend(entry.what.sentence());
        }
        lanes
    }
}
