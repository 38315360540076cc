//! A lesson with three steps.

fn main() {
    // 1. socket: a descriptor.
    let fd = socket();

    // 2. bind: an address.
    bind(fd);

    // 3. listen: a queue.
    listen(fd);
}
