//! The exercises: a file for each, or a folder of a file for each level. One is a list of checks, and how to see that a
//! program is ready to be judged.

use lab::error::Result;

use crate::check::{Exercise, Ready};
use crate::kernel;
use crate::program::Place;

pub mod tcp_echo;
pub mod tcp_once;

/// Every exercise, in the order of the book.
pub const ALL: [&Exercise; 2] = [&tcp_once::EXERCISE, &tcp_echo::EXERCISE];

/// Whether somebody listens with TCP at the place, or at every address with its port.
///
/// # Errors
/// There is no /proc.
pub fn listens(place: &Place) -> Result<Ready> {
    let listeners: Vec<_> =
        kernel::tcp()?.into_iter().filter(kernel::Row::listens).map(|row| row.local).collect();
    let fits = |local: &std::net::SocketAddr| {
        local.port() == place.address.port()
            && (local.ip() == place.address.ip() || local.ip().is_unspecified())
    };
    match listeners.first() {
        _ if listeners.iter().any(fits) => Ok(Ready::Yes),
        Some(other) => Ok(Ready::Elsewhere(other.to_string())),
        None => Ok(Ready::NotYet),
    }
}
