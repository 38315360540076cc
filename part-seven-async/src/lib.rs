//! What the programs of part seven stand on; each of them is one file in `src/bin`.
//!
//! * [`runtime`]: a runtime of our own, a lesson in three files: [`task`](runtime::task), [`reactor`](runtime::reactor)
//!   and [`time`](runtime::time).
//! * [`socket`]: part one's calls as futures, on that runtime.
//! * [`accept`]: what an error of `accept` means.
//! * [`ring`]: `io_uring`, with the only `unsafe` of this part.

pub mod accept;
pub mod ring;
pub mod runtime;
pub mod socket;
pub mod submitted;
