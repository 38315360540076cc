//! A recording as a scene: who takes part, and row by row what happened, why, and what it changed. The still picture
//! and the player on the site both show it, so that they say the same words.
//!
//! A row is an event. A call that waited has two: where it began and where it returned; what lies between them happened
//! meanwhile. A typed line and its echo are one row, and so are lines that came with one `write`.

pub(crate) mod arguments;
mod descriptors;
mod ends;
mod links;
mod rows;
pub(crate) mod say;
mod shown;
mod sockets;

use serde::Serialize;

use self::descriptors::Descriptors;
use self::ends::Ends;
use self::sockets::Sockets;
use crate::error::{Error, Result};
use crate::record::recording::Recording;

/// A recording, ready to be shown.
#[derive(Debug, Serialize)]
pub struct Scene {
    /// The page that was played, as from the root of the workspace.
    pub page: String,
    /// The sections of it that were kept.
    pub sections: Vec<String>,
    /// The programs that made calls or whose packets passed, from left to right.
    pub ends: Vec<End>,
    /// The sockets, in the order in which they appeared.
    pub sockets: Vec<Socket>,
    /// What happened, in causal order.
    pub rows: Vec<Row>,
    /// How many events more there were than were kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

/// A program and the kernel beneath it: the same kernel, seen from this program's sockets.
#[derive(Debug, Serialize)]
pub struct End {
    /// The name of its terminal, or its address where no terminal is known.
    pub name: String,
    /// The program that ran there first.
    pub program: String,
    /// It is no program but what passes packets on between two links.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_router: bool,
}

/// A socket.
#[derive(Debug, Serialize)]
pub struct Socket {
    /// Whose it is, an index into [`Scene::ends`].
    pub end: usize,
    /// Its own address and that of its peer, as far as they are known in the end.
    pub name: String,
    /// Connections come out of it.
    #[serde(skip)]
    pub listens: bool,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody typed; its lines are what was typed.
    Typed,
    /// A program said something on its terminal.
    Line,
    /// A program has ended.
    Ended,
    /// A command looked at the kernel's side: the first of its lines is what was typed.
    Table,
    /// A call, whole; or where it began, if it waited.
    Call,
    /// Where a call that waited returned.
    Return,
    /// A packet passed.
    Packet,
    /// Something else was seen, or was not.
    Note,
}

/// One step of the scene. Indices of rows count from 0.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What it is about.
    pub kind: Kind,
    /// Whose it is; of a packet, who sent it. An index into [`Scene::ends`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
    /// Of a packet: who receives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<usize>,
    /// In a few words.
    pub label: String,
    /// What a call gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What happened, and why, in whole sentences.
    pub say: String,
    /// The row that made it happen: the call that sent a packet, the packet that ended a wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<usize>,
    /// Of a return: the row where the call began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<usize>,
    /// Of a call that waited: the row where it returned; the last row if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<usize>,
    /// The lines of a terminal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The process that made a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// The arguments of a call, each with what it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, String)>,
    /// The frame of a packet, as hexadecimal digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bytes: String,
    /// Its fields: where their bytes begin, how many they are (0: a heading), what they mean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(usize, usize, String)>,
    /// Where its payload begins, and how long that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<(usize, usize)>,
    /// The sockets that it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Change>,
    /// The descriptors that it changed: process, number, and what it stands for (empty: it is closed).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub descriptors: Vec<(u32, i32, String)>,
}

/// What a socket is like from this row on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which, an index into [`Scene::sockets`].
    pub socket: usize,
    /// Its state, as `ss` names it; empty where it has none.
    pub state: String,
    /// The state has just begun.
    pub fresh: bool,
    /// How many bytes wait until the program takes them; `None` where that cannot be told.
    pub receive: Option<u64>,
    /// How many bytes its program has sent that are not acknowledged.
    pub send: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "so serde calls it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Scene {
    /// The scene of a recording.
    #[must_use]
    pub fn of(recording: &Recording) -> Self {
        let mut ends = Ends::of(recording);
        let mut drafts = rows::drafts(recording, &mut ends);
        rows::link(&mut drafts, recording, &ends);
        let mut sockets = Sockets::of(recording, &ends, &drafts);
        let mut descriptors = Descriptors::default();
        let mut scene = Self {
            page: recording.page.clone(),
            sections: recording.sections.clone(),
            ends: Vec::new(),
            sockets: Vec::new(),
            rows: Vec::with_capacity(drafts.len()),
            left_out: recording.left_out,
        };
        for (at, draft) in drafts.iter().enumerate() {
            let mut row = shown::row(draft);
            row.sockets = sockets.step(at, draft);
            row.descriptors = descriptors.step(draft);
            row.say = say::say(at, &drafts, &row, &ends, &sockets.list);
            scene.rows.push(row);
        }
        scene.ends = ends.list;
        scene.sockets = sockets.list;
        scene
    }

    /// As JSON, for a script that is part of a page: `<` does not occur in it.
    ///
    /// # Errors
    /// It is not data: a fault of ours.
    pub fn to_json(&self) -> Result<String> {
        let json = serde_json::to_string(self).map_err(|error| Error::of("write a scene", error))?;
        Ok(json.replace('<', "\\u003c"))
    }
}

#[cfg(test)]
mod tests;
