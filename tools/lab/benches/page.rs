//! How long it takes to read a page: twice the page takes twice the time.

use std::path::Path;

use divan::{Bencher, counter::BytesCount};
use lab::book::page::Page;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2, 4, 8])]
fn read(bencher: Bencher, times: usize) {
    let text = include_str!("../../../docs/part-three.md").repeat(times);
    bencher
        .counter(BytesCount::of_str(&text))
        .with_inputs(|| text.clone())
        .bench_values(|text| Page::parse(Path::new("page.md"), text));
}
