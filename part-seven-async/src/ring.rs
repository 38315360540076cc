//! `io_uring`, as far as an echo server needs it. The only `unsafe` of this part is in this file.
//!
//! The kernel reads and writes our memory after the call that asked for it has returned, so the compiler cannot see for
//! how long a buffer is in use. Here it is seen to: whoever calls these functions can lose bytes, but not memory.

#![expect(unsafe_code, reason = "the kernel uses our memory after the call has returned")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths up to LENGTH, and the halves of our own numbers"
)]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::mem;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use nix::errno::Errno;
use nix::libc::{MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, POLLIN, SOCK_CLOEXEC};

/// How many provided buffers there are; a power of two. They are for all clients together.
pub const BUFFERS: u16 = 256;
/// How long each is, in bytes.
pub const LENGTH: u32 = 2048;
/// How many submissions may wait for the next [`enter`](Ring::enter), and how many completions for us.
const QUEUES: (u32, u32) = (1024, 16_384);
/// The group of our buffers; there is only one.
const GROUP: u16 = 0;

/// How long the ring's own table of files may be: the kernel's limit.
const FILES: u32 = 1 << 20;

/// As good as for ever.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Ring::accept`].
    Accept,
    /// [`Ring::recv`].
    Recv,
    /// [`Ring::send_now`]: it was not sent, or not all of it. If all is sent, there is no completion.
    SendNow,
    /// [`Ring::send`].
    Send,
    /// [`Ring::readable`].
    Readable,
    /// [`Ring::cancel`]; nobody waits for it.
    Cancel,
}

impl Operation {
    const ALL: [Self; 6] =
        [Self::Accept, Self::Recv, Self::SendNow, Self::Send, Self::Readable, Self::Cancel];

    /// The number that the kernel gives back with the completion: the operation, and the descriptor.
    fn data(self, descriptor: RawFd) -> u64 {
        (self as u64) << 32 | u64::from(descriptor.cast_unsigned())
    }
}

/// What became of a submission.
#[derive(Debug)]
pub struct Completion {
    /// What was asked for.
    pub operation: Operation,
    /// Of which descriptor.
    pub descriptor: RawFd,
    /// What the call would have given: a descriptor, or how many bytes.
    pub result: nix::Result<usize>,
    /// The submission stays, and will have further completions (multishot).
    pub more: bool,
    /// Where the bytes of a receive are. It must go back: [`Ring::give_back`].
    pub buffer: Option<Buffer>,
    /// The client that an accept gave.
    pub client: Option<OwnedFd>,
}

/// One of the provided buffers, taken by the kernel for what it received. Until it is given back it is ours.
#[derive(Debug)]
pub struct Buffer(u16);

/// The two rings that we share with the kernel, and the provided buffers.
pub struct Ring {
    rings: IoUring,
    /// The third ring: the provided buffers that the kernel may take. It and the buffers themselves are never freed,
    /// since a receive may be on its way when the ring is dropped.
    free: *mut BufRingEntry,
    buffers: *mut u8,
    tail: u16,
    /// By descriptor: what the kernel is sending.
    sending: Vec<Option<Vec<u8>>>,
}

impl Ring {
    /// Two empty rings, for `descriptors` of which each is less than that.
    ///
    /// # Errors
    /// What `io_uring_setup(2)` and `io_uring_register(2)` list: EPERM or ENOSYS where `io_uring` is denied, EINVAL
    /// where the kernel is older than 6.1.
    pub fn new(descriptors: u64) -> nix::Result<Self> {
        let rings = IoUring::builder()
            // One thread submits, and it wants completions made only when it asks for them, in `enter`.
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_submit_all()
            .setup_cqsize(QUEUES.1)
            .build(QUEUES.0)
            .map_err(|error| errno(&error))?;
        let free = zeroed(usize::from(BUFFERS) * size_of::<BufRingEntry>()).cast();
        // SAFETY: `free` is that many entries long, at a page's beginning, and is never freed.
        let registered =
            unsafe { rings.submitter().register_buf_ring_with_flags(free as u64, BUFFERS, GROUP, 0) };
        registered.map_err(|error| errno(&error))?;
        let most = u32::try_from(descriptors).unwrap_or(FILES).min(FILES);
        rings.submitter().register_files_sparse(most).map_err(|error| errno(&error))?;
        let buffers = zeroed(usize::from(BUFFERS) * LENGTH as usize);
        let mut ring = Self { rings, free, buffers, tail: 0, sending: Vec::new() };
        (0..BUFFERS).for_each(|number| ring.give_back(Buffer(number)));
        Ok(ring)
    }

    /// Puts `client` into the ring's own table of files: then the kernel need not look it up, and count who uses it, for
    /// every submission. The table holds the connection open, too: see [`unregister`](Self::unregister).
    ///
    /// # Errors
    /// What `io_uring_register(2)` lists for `IORING_REGISTER_FILES_UPDATE`.
    pub fn register(&mut self, client: RawFd) -> nix::Result<()> {
        self.update(client, client)
    }

    /// Takes `client` out of the table, before it is closed.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn unregister(&mut self, client: RawFd) -> nix::Result<()> {
        self.update(client, -1)
    }

    fn update(&mut self, place: RawFd, to: RawFd) -> nix::Result<()> {
        let update = self.rings.submitter().register_files_update(place.cast_unsigned(), &[to]);
        update.map(drop).map_err(|error| errno(&error))
    }

    /// Asks for the next client of `listener`; with `multishot`, for all that are to come.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn accept(&mut self, listener: RawFd, multishot: bool) -> nix::Result<()> {
        let entry = if multishot {
            opcode::AcceptMulti::new(Fd(listener)).flags(SOCK_CLOEXEC).build()
        } else {
            let nobody_asks = std::ptr::null_mut();
            opcode::Accept::new(Fd(listener), nobody_asks, nobody_asks.cast()).flags(SOCK_CLOEXEC).build()
        };
        self.push(&entry.user_data(Operation::Accept.data(listener)))
    }

    /// Asks for what comes next from `client`, in a buffer that the kernel takes when it comes; with `multishot`, for
    /// everything that is to come.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn recv(&mut self, client: RawFd, multishot: bool) -> nix::Result<()> {
        let entry = if multishot {
            opcode::RecvMulti::new(place(client), GROUP).build()
        } else {
            let any_of_the_group = std::ptr::null_mut();
            let recv = opcode::Recv::new(place(client), any_of_the_group, LENGTH).buf_group(GROUP).build();
            recv.flags(squeue::Flags::BUFFER_SELECT)
        };
        self.push(&entry.user_data(Operation::Recv.data(client)))
    }

    /// Sends the first `length` bytes of `buffer` during the next [`enter`](Self::enter), or fails. There is a
    /// completion only if not all of it was sent, and it is there when `enter` returns.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn send_now(&mut self, client: RawFd, buffer: &Buffer, length: usize) -> nix::Result<()> {
        let bytes = self.bytes(buffer, length);
        let send = opcode::Send::new(place(client), bytes.as_ptr(), bytes.len() as u32)
            .flags(MSG_WAITALL | MSG_DONTWAIT | MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        self.push(&send.user_data(Operation::SendNow.data(client)))
    }

    /// Sends `bytes`, or a part of them, as soon as there is room. They are kept until the completion is there; then
    /// [`sent`](Self::sent) gives them back. One at a time for each client.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn send(&mut self, client: RawFd, bytes: Vec<u8>) -> nix::Result<()> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let send = opcode::Send::new(place(client), bytes.as_ptr(), length).flags(MSG_NOSIGNAL).build();
        let place = usize::try_from(client).unwrap_or_default();
        if self.sending.len() <= place {
            self.sending.resize_with(place + 1, || None);
        }
        if let Some(still_in_use) = self.sending[place].replace(bytes) {
            mem::forget(still_in_use);
        }
        self.push(&send.user_data(Operation::Send.data(client)))
    }

    /// After the completion of [`send`](Self::send): the bytes that it was given.
    pub fn sent(&mut self, completion: &Completion) -> Vec<u8> {
        let place = usize::try_from(completion.descriptor).unwrap_or_default();
        match completion.operation {
            Operation::Send => self.sending.get_mut(place).and_then(Option::take).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Asks to be told when there is something to read.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn readable(&mut self, descriptor: RawFd) -> nix::Result<()> {
        let events = u32::from(POLLIN.cast_unsigned());
        let poll = opcode::PollAdd::new(Fd(descriptor), events).build();
        self.push(&poll.user_data(Operation::Readable.data(descriptor)))
    }

    /// Asks the kernel to forget what was asked for. If it was in time, that ends with ECANCELED.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn cancel(&mut self, operation: Operation, descriptor: RawFd) -> nix::Result<()> {
        let cancel = opcode::AsyncCancel::new(operation.data(descriptor)).build();
        let cancel = cancel.flags(squeue::Flags::SKIP_SUCCESS);
        self.push(&cancel.user_data(Operation::Cancel.data(descriptor)))
    }

    /// `io_uring_enter(2)`: hands over what was asked for, and sleeps until `want` completions are there, or `limit` is
    /// over; with `patience`, for so long until as many are there, and then until one is.
    ///
    /// # Errors
    /// What the call lists; EINTR, ETIME and EBUSY are none here.
    pub fn enter(&mut self, want: usize, patience: Duration, limit: Option<Duration>) -> nix::Result<()> {
        // Without a limit the kernel would take the patience for one, and return for nothing.
        let limit = limit.or_else(|| (!patience.is_zero()).then_some(LONG)).map(Timespec::from);
        let patience = u32::try_from(patience.as_micros()).unwrap_or(u32::MAX);
        let mut arguments = SubmitArgs::new().min_wait_usec(patience);
        if let Some(limit) = &limit {
            arguments = arguments.timespec(limit);
        }
        match self.rings.submitter().submit_with_args(want, &arguments).map_err(|error| errno(&error)) {
            Ok(_) | Err(Errno::EINTR | Errno::ETIME | Errno::EBUSY | Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Whether everything that was asked for has been handed over.
    pub fn is_submitted(&mut self) -> bool {
        self.rings.submission().is_empty()
    }

    /// Moves the completions that are there to the end of `list`.
    pub fn completions(&mut self, list: &mut Vec<Completion>) {
        list.extend(self.rings.completion().map(|entry| {
            let (result, data) = (entry.result(), entry.user_data());
            let operation = Operation::ALL[(data >> 32) as usize];
            let is_client = operation == Operation::Accept && result >= 0;
            Completion {
                operation,
                descriptor: (data as u32).cast_signed(),
                result: usize::try_from(result).map_err(|_| Errno::from_raw(-result)),
                more: cqueue::more(entry.flags()),
                buffer: cqueue::buffer_select(entry.flags()).map(Buffer),
                // SAFETY: the kernel made this descriptor for us, and this completion is the only one that tells.
                client: is_client.then(|| unsafe { OwnedFd::from_raw_fd(result) }),
            }
        }));
    }

    /// The first `length` bytes of `buffer`.
    #[must_use]
    pub fn bytes(&self, buffer: &Buffer, length: usize) -> &[u8] {
        // SAFETY: `buffer` is within the memory; the kernel writes to it only while it is free, and then there is no
        // `Buffer` of this number.
        unsafe { slice::from_raw_parts(self.start(buffer), length.min(LENGTH as usize)) }
    }

    /// Lets the kernel have `buffer` again. A [`send_now`](Self::send_now) from it must be over.
    #[expect(clippy::needless_pass_by_value, reason = "it is not ours any more")]
    pub fn give_back(&mut self, buffer: Buffer) {
        let address = self.start(&buffer) as u64;
        // SAFETY: within the ring of free buffers. The kernel does not look at a place behind the tail; the tail itself
        // lies in the padding of the first entry, which these three do not write to.
        unsafe {
            let entry = self.free.add(usize::from(self.tail % BUFFERS));
            (*entry).set_addr(address);
            (*entry).set_len(LENGTH);
            (*entry).set_bid(buffer.0);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is aligned, lives as long as the ring, and the kernel only reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.free).cast_mut()) };
        // What was written before it is seen before it.
        tail.store(self.tail, Ordering::Release);
    }

    fn start(&self, buffer: &Buffer) -> *mut u8 {
        // SAFETY: the kernel gives only the numbers that it was given, all less than BUFFERS.
        unsafe { self.buffers.add(usize::from(buffer.0) * LENGTH as usize) }
    }

    fn push(&mut self, entry: &squeue::Entry) -> nix::Result<()> {
        // SAFETY: what `entry` points to is a provided buffer, which is never freed, or in `sending` until its
        // completion; see the functions above, which made it.
        while unsafe { self.rings.submission().push(entry) }.is_err() {
            // Full: hand over what is there.
            self.rings.submit().map_err(|error| errno(&error))?;
        }
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel may still read them.
        mem::forget(mem::take(&mut self.sending));
    }
}

/// Memory for the kernel, at a page's beginning, that nobody ever frees.
fn zeroed(length: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(length, 4096) else { unreachable!("a constant") };
    // SAFETY: `length` is not 0.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// A client's place in the table: its number.
fn place(client: RawFd) -> Fixed {
    Fixed(client.cast_unsigned())
}
