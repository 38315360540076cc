//! What the grader sends.

/// `length` bytes that carry their own offsets, eight bytes each: `0000000 0000008 0000016 `. A gap in them reads
/// itself.
#[must_use]
pub fn numbered(length: usize) -> Vec<u8> {
    let cells = (0..length).step_by(8).flat_map(|at| format!("{:07} ", at % 10_000_000).into_bytes());
    cells.take(length).collect()
}

/// The 256 values that a byte can have, from 0 on.
#[must_use]
pub fn every_byte() -> Vec<u8> {
    (0..=u8::MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stand_where_they_say() {
        let bytes = numbered(1004);
        assert_eq!(bytes.len(), 1004);
        assert_eq!(&bytes[16..24], b"0000016 ");
        assert_eq!(every_byte().len(), 256);
    }
}
