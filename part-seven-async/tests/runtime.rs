//! The runtime by itself: who is polled, who is woken, and what happens in an order that nobody has planned.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use part_seven_async::runtime::{First, Runtime, race, yield_now};
use part_seven_async::socket::Socket;

/// Far longer than anything here takes: a test that would hang fails.
const BOUND: Duration = Duration::from_secs(20);

/// Runs `main` on a runtime of its own, within [`BOUND`].
fn run<T>(main: impl AsyncFnOnce(&Runtime) -> T) -> T {
    let runtime = Runtime::new().unwrap();
    let bounded = async {
        match race(main(&runtime), runtime.sleep(Some(BOUND))).await {
            First::Left(value) => value,
            First::Right(()) => panic!("still waiting after {BOUND:?}"),
        }
    };
    runtime.block_on(bounded).unwrap()
}

/// Both ends of a connection.
fn pair(runtime: &Runtime) -> (Socket, Socket) {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (one, other) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags).unwrap();
    (Socket::new(runtime, one).unwrap(), Socket::new(runtime, other).unwrap())
}

/// Sends back what comes, until the end.
async fn echo(socket: &Socket) {
    loop {
        let message = socket.recv().await.unwrap();
        if message.is_empty() {
            return;
        }
        let mut rest = &message[..];
        while !rest.is_empty() {
            rest = &rest[socket.send(rest).await.unwrap()..];
        }
    }
}

/// A message that another thread brings, and the waker of the task that waits for it.
#[derive(Clone, Default)]
struct Letter(Arc<Mutex<(Option<u64>, Option<Waker>)>>);

impl Letter {
    fn bring(&self, message: u64) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = Some(message);
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    async fn read(&self) -> u64 {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            state.1 = Some(context.waker().clone());
            state.0.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[test]
fn tasks_take_turns() {
    let order = Rc::new(RefCell::new(Vec::new()));
    run(async |runtime: &Runtime| {
        for name in ["a", "b", "c"] {
            let order = Rc::clone(&order);
            runtime.spawn(async move {
                for turn in 0..2 {
                    order.borrow_mut().push((turn, name));
                    yield_now().await;
                }
            });
        }
        for _ in 0..4 {
            yield_now().await;
        }
    });
    assert_eq!(*order.borrow(), [(0, "a"), (0, "b"), (0, "c"), (1, "a"), (1, "b"), (1, "c")]);
}

#[test]
fn sleepers_wake_in_the_order_of_their_moments() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let begun = Instant::now();
    run(async |runtime: &Runtime| {
        for wait in [30, 10, 20] {
            let (order, sleep) = (Rc::clone(&order), runtime.sleep(Some(Duration::from_millis(wait))));
            runtime.spawn(async move {
                sleep.await;
                order.borrow_mut().push(wait);
            });
        }
        runtime.sleep(Some(Duration::from_millis(40))).await;
    });
    assert_eq!(*order.borrow(), [10, 20, 30]);
    assert!(begun.elapsed() >= Duration::from_millis(40));
}

/// The loser of a race is dropped, and what it had asked for with it: its timer does not fire.
#[test]
fn a_timeout_drops_what_took_too_long() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Rc::new(Cell::new(false));
    run(async |runtime: &Runtime| {
        let guard = Dropped(Rc::clone(&dropped));
        let forever = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        assert!(matches!(
            race(forever, runtime.sleep(Some(Duration::from_millis(5)))).await,
            First::Right(())
        ));
        assert!(dropped.get());
    });
}

/// A task owns a clone of the runtime that owns the task; both go when the main future is done.
#[test]
fn tasks_that_are_not_done_are_dropped_with_the_runtime() {
    let owner = Rc::new(());
    run(async |runtime: &Runtime| {
        let (kept, held) = (runtime.clone(), Rc::clone(&owner));
        runtime.spawn(async move {
            let _held = (kept, held);
            pending::<()>().await;
        });
        yield_now().await;
        assert_eq!(Rc::strong_count(&owner), 2);
    });
    assert_eq!(Rc::strong_count(&owner), 1);
}

/// A waker may live longer than its task, and the task's number may be another's by then.
#[test]
fn a_waker_outlives_its_task() {
    run(async |runtime: &Runtime| {
        let (kept, polls) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(0)));
        let keep = Rc::clone(&kept);
        runtime.spawn(poll_fn(move |context| {
            *keep.borrow_mut() = Some(context.waker().clone());
            Poll::Ready(())
        }));
        yield_now().await;
        let count = Rc::clone(&polls);
        runtime.spawn(poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }));
        yield_now().await;
        let before = polls.get();
        kept.take().into_iter().for_each(Waker::wake);
        yield_now().await;
        // Polled for nothing, which a future must bear, and still there.
        assert_eq!(polls.get(), before + 1);
    });
}

/// The end came in the same event as the data, and no event will tell of it any more.
#[test]
fn data_and_end_in_one_event() {
    for length in [1, 4095, 4096, 4097, 8192] {
        run(async |runtime: &Runtime| {
            let (one, other) = pair(runtime);
            assert_eq!(one.send(&vec![7; length]).await.unwrap(), length);
            shutdown(one.descriptor(), Shutdown::Write).unwrap();
            let mut received = 0;
            loop {
                match other.recv().await.unwrap().len() {
                    0 => break,
                    some => received += some,
                }
            }
            assert_eq!(received, length);
        });
    }
}

/// The wake-up comes from another thread at any moment: before we look, while we look, or when we sleep in the kernel.
/// Nothing else would end that sleep.
#[test]
fn no_wake_up_is_lost() {
    for round in 0..2000_u64 {
        let letter = Letter::default();
        let (theirs, go) = (letter.clone(), Arc::new(AtomicBool::new(false)));
        let gone = Arc::clone(&go);
        let thread = thread::spawn(move || {
            while !gone.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            for _ in 0..(round * 37) % 4000 {
                std::hint::spin_loop();
            }
            theirs.bring(round);
        });
        let read = run(async |_: &Runtime| {
            go.store(true, Ordering::Release);
            letter.read().await
        });
        assert_eq!(read, round);
        thread.join().unwrap();
    }
}

/// A thousand times: some clients, each with an echo at the other end, and everything that can happen to them in an
/// order that a number decides. Each must get back what it has sent, in order, and then the end.
#[test]
fn a_thousand_random_interleavings() {
    for seed in 0..1000 {
        run(async |runtime: &Runtime| play(runtime, &mut Rng::with_seed(seed)).await);
    }
}

async fn play(runtime: &Runtime, random: &mut Rng) {
    let done = Rc::new(Cell::new(0));
    let mut clients = Vec::new();
    for number in 0..random.usize(1..6) {
        let (client, server) = pair(runtime);
        let done = Rc::clone(&done);
        runtime.spawn(async move {
            echo(&server).await;
            done.set(done.get() + 1);
        });
        clients.push((number, client, Vec::new(), Vec::new()));
    }
    let letter = Letter::default();
    let theirs = letter.clone();
    let delay = random.u64(0..200);
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_micros(delay));
        theirs.bring(delay);
    });

    for _ in 0..random.usize(5..60) {
        let choice = random.usize(0..clients.len());
        let (number, client, sent, received) = &mut clients[choice];
        match random.u8(0..10) {
            0..4 => {
                // Not all of it may fit; what the kernel took is what was sent.
                let length = random.choice([1, 2, 100, 4095, 4096, 4097, 30_000]).unwrap();
                let message: Vec<u8> = (0..length).map(|at| (at + *number) as u8).collect();
                if let First::Left(count) = race(client.send(&message), yield_now()).await {
                    sent.extend_from_slice(&message[..count.unwrap()]);
                }
            }
            4..7 => {
                // Cancelled if nothing is there: it must lose nothing.
                if let First::Left(some) = race(client.recv(), yield_now()).await {
                    received.extend_from_slice(&some.unwrap());
                }
            }
            7 => yield_now().await,
            8 => runtime.sleep(Some(Duration::from_micros(random.u64(0..300)))).await,
            _ => runtime.wake_all(),
        }
    }

    let count = clients.len();
    for (_, client, sent, mut received) in clients {
        shutdown(client.descriptor(), Shutdown::Write).unwrap();
        loop {
            let some = client.recv().await.unwrap();
            if some.is_empty() {
                break;
            }
            received.extend_from_slice(&some);
        }
        assert!(received == sent, "{} bytes of {} came back", received.len(), sent.len());
    }
    while done.get() < count {
        yield_now().await;
    }
    assert_eq!(letter.read().await, delay);
    thread.join().unwrap();
}
