//! The book: its pages as the laboratory reads them, and the files that they quote.

pub mod block;
pub mod excerpt;
pub mod info;
pub mod label;
pub mod page;
pub mod section;
