//! The filter, run by the kernel. It takes a filter for any socket, so no privilege is needed to see what it keeps.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![cfg(target_os = "linux")]

mod support;

use std::os::unix::net::UnixDatagram;

use nix::errno::Errno;
use part_eight_wire::filter::{ALL, Instruction, NOTHING, attach, code, jump, one_port, step};
use support::frames;

/// How many bytes of `frame` the kernel keeps with this filter; none if it drops the frame.
fn kept(program: &[Instruction], frame: &[u8]) -> Option<usize> {
    let (sender, receiver) = UnixDatagram::pair().unwrap();
    receiver.set_nonblocking(true).unwrap();
    attach(&receiver, program).unwrap();
    sender.send(frame).unwrap();
    receiver.recv(&mut [0; 4096]).ok()
}

#[test]
fn eleven_instructions_keep_tcp_over_ipv4_of_one_port() {
    for (name, frame) in frames::all() {
        let is_ours = matches!(
            name,
            "SYN"
                | "SYN ACK"
                | "data"
                | "selective acknowledgment"
                | "ACK, padded to 60 bytes"
                | "every flag"
        );
        // They go from port 40000 to port 6797.
        for port in [6797, 40_000] {
            assert_eq!(kept(&one_port(port), &frame), is_ours.then_some(frame.len()), "{name}, {port}");
        }
        assert_eq!(kept(&one_port(6798), &frame), None, "{name}");
        assert_eq!(kept(&NOTHING, &frame), None, "{name}");
    }
}

#[test]
fn ports_behind_options_of_ip_are_found() {
    let segment = frames::tcp(frames::v4, 2, &[], b"");
    for words in 0..=10 {
        let frame = frames::ipv4(6, 0, &vec![1; 4 * words], &segment);
        assert_eq!(kept(&one_port(6797), &frame), Some(frame.len()), "{words}");
    }
}

#[test]
fn a_frame_that_ends_before_its_ports_is_dropped() {
    let (_, frame) = frames::all().into_iter().find(|(name, _)| *name == "SYN").unwrap();
    for cut in 0..38 {
        // What reads beyond the end is answered with 0. (The source port, at 34, is another.)
        assert_eq!(kept(&one_port(6797), &frame[..cut]), None, "{cut}");
    }
    assert_eq!(kept(&one_port(6797), &frame[..38]), Some(38));
}

#[test]
fn the_kernel_takes_no_program_that_may_not_end() {
    let (_, receiver) = UnixDatagram::pair().unwrap();
    assert_eq!(attach(&receiver, &[]), Err(Errno::EINVAL));
    assert_eq!(attach(&receiver, &[jump(code::JEQ, 0, 7, 0), step(code::RET, ALL)]), Err(Errno::EINVAL));
    assert_eq!(attach(&receiver, &[step(code::LDH, 12)]), Err(Errno::EINVAL), "no end");
}
