//! The filter: a small program that we hand to the kernel, which runs it on each frame and keeps what it says.
//!
//! The language is the classic BPF (Berkeley Packet Filter): an accumulator A, an index X, 16 words of memory (not used
//! here), and jumps that go forward only, so that every program ends. Linux checks each program before it takes it. See
//! `Documentation/networking/filter.rst` of the Linux source, and what `tcpdump -d` shows.

use std::fmt::{self, Display, Formatter};

/// How many bytes of a frame the filter keeps: more than any frame has. What is not to be kept, the reader cuts.
pub const ALL: u32 = 262_144;

/// One instruction, as the kernel takes it (`struct sock_filter`): what to do, where to go on if a condition holds or
/// not, counted from the next instruction, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do: one of the constants of [`code`].
    pub code: u16,
    /// How many instructions are left out if the condition holds.
    pub jt: u8,
    /// And if it does not.
    pub jf: u8,
    /// The number: a place in the frame, or what is compared, or how many bytes to keep.
    pub k: u32,
}

/// The instructions that are used here, under the names of BPF's assembler.
pub mod code {
    /// A = the 4 bytes at `[k]`.
    pub const LD: u16 = 0x20;
    /// A = the 2 bytes at `[k]`.
    pub const LDH: u16 = 0x28;
    /// A = the byte at `[k]`.
    pub const LDB: u16 = 0x30;
    /// A = the 2 bytes at `[X + k]`.
    pub const LDH_X: u16 = 0x48;
    /// X = four times the lower half of the byte at `[k]`: the length of an IPv4 header.
    pub const LDXB_MSH: u16 = 0xb1;
    /// Is A equal to k?
    pub const JEQ: u16 = 0x15;
    /// Has A a bit of k?
    pub const JSET: u16 = 0x45;
    /// The end: keep k bytes of the frame; 0 is: drop it.
    pub const RET: u16 = 0x06;
}

/// An instruction without a condition.
#[must_use]
pub const fn step(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// A question: left out are `jt` instructions for a yes, `jf` for a no.
#[must_use]
pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// Keeps the TCP segments over IPv4 from or to `port`.
///
/// What it leaves out: IPv6, UDP, and a look at the fragment offset: a later fragment has no ports, and its payload is
/// taken for them. Hardly any TCP is fragmented, since it sets *don't fragment*.
#[must_use]
pub const fn one_port(port: u16) -> [Instruction; 11] {
    let port = port as u32;
    [
        step(code::LDH, 12),           //  0  Ethernet: the type
        jump(code::JEQ, 0x0800, 0, 8), //  1  IPv4? else to 10
        step(code::LDB, 23),           //  2  IPv4: the protocol
        jump(code::JEQ, 6, 0, 6),      //  3  TCP? else to 10
        step(code::LDXB_MSH, 14),      //  4  IPv4: the length of its header
        step(code::LDH_X, 14),         //  5  TCP: the source port
        jump(code::JEQ, port, 2, 0),   //  6  ours? then to 9
        step(code::LDH_X, 16),         //  7  TCP: the destination port
        jump(code::JEQ, port, 0, 1),   //  8  ours? else to 10
        step(code::RET, ALL),          //  9  keep it
        step(code::RET, 0),            // 10  drop it
    ]
}

/// Drops everything.
pub const NOTHING: [Instruction; 1] = [step(code::RET, 0)];

/// A program as `tcpdump -d` writes it, an instruction a line.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a>(
    /// The instructions.
    pub &'a [Instruction],
);

impl Display for Listing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, instruction) in self.0.iter().enumerate() {
            let Instruction { code, jt, jf, k } = *instruction;
            let next = at + 1;
            let (name, operand) = match code {
                code::LD => ("ld", format!("[{k}]")),
                code::LDH => ("ldh", format!("[{k}]")),
                code::LDB => ("ldb", format!("[{k}]")),
                code::LDH_X => ("ldh", format!("[x + {k}]")),
                code::LDXB_MSH => ("ldxb", format!("4*([{k}]&0xf)")),
                code::JEQ => ("jeq", format!("#{k:#x}")),
                code::JSET => ("jset", format!("#{k:#x}")),
                code::RET => ("ret", format!("#{k}")),
                other => ("?", format!("{other:#06x} {k}")),
            };
            let line = format!("({at:03}) {name:<8} {operand:<16}");
            let newline = if at == 0 { "" } else { "\n" };
            if matches!(code, code::JEQ | code::JSET) {
                write!(f, "{newline}{line} jt {}  jf {}", next + usize::from(jt), next + usize::from(jf))?;
            } else {
                write!(f, "{newline}{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
pub use attach::attach;

#[cfg(target_os = "linux")]
mod attach {
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::socket::setsockopt;
    use nix::{setsockopt_impl, sockopt_impl};

    use super::Instruction;

    sockopt_impl!(
        /// The filter of a socket (`socket(7)`); nix has no option for it.
        AttachFilter,
        SetOnly,
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        libc::sock_fprog
    );

    /// Hands `program` to the kernel, which runs it from now on for each frame that comes to `socket`, in place of
    /// the one before. What is in the socket's queue already stays there.
    ///
    /// # Errors
    /// `EINVAL`: the program is empty, longer than 4096 instructions, or one of them jumps beyond its end.
    pub fn attach<Fd: AsFd>(socket: &Fd, program: &[Instruction]) -> Result<(), Errno> {
        let mut instructions: Vec<libc::sock_filter> = program
            .iter()
            .map(|&Instruction { code, jt, jf, k }| libc::sock_filter { code, jt, jf, k })
            .collect();
        let len = u16::try_from(instructions.len()).map_err(|_| Errno::EINVAL)?;
        // The kernel copies the instructions during the call.
        let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
        setsockopt(socket, AttachFilter, &program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_instructions_as_tcpdump_writes_them() {
        assert_eq!(
            Listing(&one_port(6797)).to_string(),
            "(000) ldh      [12]\n\
             (001) jeq      #0x800           jt 2  jf 10\n\
             (002) ldb      [23]\n\
             (003) jeq      #0x6             jt 4  jf 10\n\
             (004) ldxb     4*([14]&0xf)\n\
             (005) ldh      [x + 14]\n\
             (006) jeq      #0x1a8d          jt 9  jf 7\n\
             (007) ldh      [x + 16]\n\
             (008) jeq      #0x1a8d          jt 9  jf 10\n\
             (009) ret      #262144\n\
             (010) ret      #0"
        );
    }
}
