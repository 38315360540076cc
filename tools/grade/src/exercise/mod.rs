//! The exercises: a file for each, or a folder of a file for each level. One is a list of checks, and how to see that a
//! program is ready to be judged.

use lab::error::Result;

use crate::check::{Exercise, Ready};
use crate::kernel;
use crate::program::Place;

pub mod book;
mod clients;
mod datagrams;
pub mod frames_receiver;
pub mod many;
pub mod tcp_client;
pub mod tcp_echo;
pub mod tcp_once;
pub mod udp_client;
pub mod udp_echo;
mod unix;
pub mod unix_datagram;
pub mod unix_echo;

/// Every exercise, in the order of the book.
pub const ALL: [&Exercise; 37] = [
    &tcp_once::EXERCISE,
    &tcp_echo::EXERCISE,
    &tcp_client::EXERCISE,
    &udp_echo::EXERCISE,
    &udp_client::EXERCISE,
    &unix_echo::EXERCISE,
    &unix_datagram::EXERCISE,
    &frames_receiver::EXERCISE,
    &many::EXERCISE,
    &book::part_one::ANOTHER_PORT,
    &book::part_one::IPV6,
    &book::part_one::STAYS,
    &book::part_one::WHOLE_LINE,
    &book::part_one::THE_1024,
    &book::part_one::TIME_LIMIT,
    &book::part_two::LARGEST,
    &book::part_two::WORSE_NETWORK,
    &book::part_two::LATE,
    &book::part_two::NUMBERED,
    &book::part_two::MULTICAST,
    &book::part_three::FOR_SOME,
    &book::part_three::CLOCK,
    &book::part_three_descriptors::HAND_OVER,
    &book::part_three_descriptors::ONE_POSITION,
    &book::part_four::CR_LF,
    &book::part_four::GO_ON,
    &book::part_four_sender::RACE,
    &book::part_four::SHA_256,
    &book::part_four_sender::ONE_SEGMENT,
    &book::part_five::GIVES_UP,
    &book::part_six::BUSY,
    &book::part_six::HALF_SECOND,
    &book::part_six::WHICH_LORIS,
    &book::part_seven::TIMER,
    &book::part_seven::JOIN,
    &book::part_seven::SEMAPHORE,
    &book::part_seven::RECEIVER,
];

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
