//! The door to the laboratory.

fn main() {}
