//! The content of holes: zeros, in pieces that can be hashed or written.

const ZEROS: &[u8] = &[0; 256 * 1024];

/// So many zeros, in pieces.
pub(crate) fn pieces(length: u64) -> impl Iterator<Item = &'static [u8]> {
    let mut left = length;
    std::iter::from_fn(move || {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        left -= n as u64;
        (n > 0).then_some(&ZEROS[..n])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_as_long_as_the_hole() {
        for length in [0, 1, 256 * 1024, 256 * 1024 + 1, 1 << 20] {
            assert_eq!(pieces(length).map(|piece| piece.len() as u64).sum::<u64>(), length);
        }
    }
}
