//! What the programs of part seven stand on; each of them is one file in `src/bin`.
//!
//! * [`runtime`]: a runtime of our own, a lesson in three files: [`task`](runtime::task), [`reactor`](runtime::reactor)
//!   and [`time`](runtime::time).
//! * [`socket`]: part one's calls as futures, on that runtime.
//! * [`accept`]: what an error of `accept` means.

pub mod accept;
pub mod runtime;
pub mod socket;
