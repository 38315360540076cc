//! What the programs of part seven stand on; each of them is one file in `src/bin`.
//!
//! * [`runtime`]: a runtime of our own, a lesson in three files: [`task`](runtime::task), [`reactor`](runtime::reactor)
//!   and [`time`](runtime::time).
//! * [`socket`]: part one's calls as futures, on that runtime.
//! * [`executor_clients`], [`tokio_clients`]: who is being served, on our own runtime and on tokio.
//! * [`ring`]: `io_uring`, with the only `unsafe` of this part; [`uring_client`]: one client on it.
//! * [`words`]: what the examples take from the command line.
//! * [`accept`]: what an error of `accept` means.

pub mod accept;
pub mod executor_clients;
pub mod ring;
pub mod runtime;
pub mod socket;
pub mod tokio_clients;
pub mod uring_client;
pub mod words;
