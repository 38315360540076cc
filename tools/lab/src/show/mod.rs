//! Shows what was seen: as live lines, field by field, as a report, on a page.

pub mod drawing;
pub mod frame;
pub mod lanes;
pub(crate) mod observation;
pub mod observe;
pub mod play;
pub(crate) mod reader;
pub mod record;
pub mod report;
pub mod scene;
pub mod update;
pub mod view;
