//! The run as a person can watch it: the words of the page, the terminals, and between them program, kernel, wire, kernel,
//! program, in the whole window.
//!
//! The run is a model: rows that only become more. What is drawn is a position in it. One thread plays or observes and
//! tells the view; another reads the keys; the view itself does nothing but hear both and draw.

mod areas;
mod detail;
mod draw;
mod keyboard;
mod keys;
mod label;
mod lanes;
mod model;
pub mod observe;
mod pace;
mod panes;
mod places;
pub mod play;
mod row;
mod run;
mod say;
mod screen;
mod sockets;
mod state;
mod strokes;
mod terminals;
mod theme;
mod timeline;
mod words;
