//! `cargo bench -p common`: `Dump` beside the article's way and beside the least that any way must do.
//!
//! * `dump`: this crate's, written into one reused `String`.
//! * `article`: `format!` into a `Vec<String>`, and `from_utf8` for the string line.
//! * `copy`: as many bytes as the three lines have, copied. Nothing that writes them can be faster.
//!
//! At the end stands how many copies one dump costs: the median of rounds in which both take turns.

use std::fmt::Write;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use common::Dump;
use divan::{AllocProfiler, Bencher, counter::BytesCount};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const LENGTHS: [usize; 3] = [22, 1024, 65536];

/// How long each of the two is measured before the other takes its turn, and how often.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS: usize = 41;

fn main() {
    divan::main();
    for length in LENGTHS {
        let (bytes, mut shown) = (message(length), String::new());
        let (finished, mut target) = (Dump(&bytes).to_string(), String::new());
        let mut ratios: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let dump = time(|| {
                    shown.clear();
                    let _ = write!(shown, "{}", Dump(black_box(&bytes)));
                    black_box(&shown);
                });
                let copy = time(|| {
                    target.clear();
                    target.push_str(black_box(&finished));
                    black_box(&target);
                });
                dump / copy
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let _ = writeln!(io::stdout(), "{length} bytes: a dump costs {:.1} copies", ratios[ROUNDS / 2]);
    }
}

/// Seconds for each call, over a round.
fn time(mut work: impl FnMut()) -> f64 {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < ROUND {
        for _ in 0..16 {
            work();
        }
        calls += 16;
    }
    began.elapsed().as_secs_f64() / f64::from(calls)
}

fn message(length: usize) -> Vec<u8> {
    b"Hello from KungfuDev\r\n".iter().copied().cycle().take(length).collect()
}

#[divan::bench(args = LENGTHS)]
fn dump(bencher: Bencher, length: usize) {
    let (bytes, mut shown) = (message(length), String::new());
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        shown.clear();
        let _ = write!(shown, "{}", Dump(black_box(&bytes)));
        black_box(&shown);
    });
}

#[divan::bench(args = LENGTHS)]
fn article(bencher: Bencher, length: usize) {
    let (bytes, mut shown) = (message(length), String::new());
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        shown.clear();
        let bytes = black_box(&bytes);
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
        let text = str::from_utf8(bytes).unwrap_or_default();
        let _ = write!(shown, "bytes: {bytes:?}\nhex repr: {hex:?}\nstr repr: {text:?}");
        black_box(&shown);
    });
}

#[divan::bench(args = LENGTHS)]
fn copy(bencher: Bencher, length: usize) {
    let (shown, mut target) = (Dump(&message(length)).to_string(), String::new());
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        target.clear();
        target.push_str(black_box(&shown));
        black_box(&target);
    });
}
