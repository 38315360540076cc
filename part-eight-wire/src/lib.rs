//! What the programs of part eight share: how bytes on a wire are read, chosen and kept.
//!
//! * [`decode`]: the decoder. A frame in, its headers out, field by field.
//! * [`checksum`]: the checksum of IP, ICMP, UDP and TCP.
//! * [`brief`]: a packet in one line.
//! * [`filter`]: the small program that the kernel runs on each frame.
//! * [`pcap`]: the file that every tool for packets reads.
//! * [`echo`]: the message of ICMP that asks for itself back.
//! * [`privilege`]: what a program needs that makes or watches packets, and how to get it.

pub mod brief;
pub mod checksum;
pub mod decode;
pub mod echo;
pub mod filter;
pub mod pcap;
pub mod privilege;
