//! TCP's checksum (RFC 9293, 3.1; RFC 1071).

use crate::segment::Checksum;
use std::net::IpAddr;

/// What the checksum of a whole segment says.
pub(super) fn of(source: IpAddr, destination: IpAddr, segment: &[u8]) -> Checksum {
    let length = segment.len() as u64;
    let addresses = sum_of_address(source) + sum_of_address(destination);
    let without_length = addresses + u64::from(super::ip::TCP);
    let pseudo_header = without_length + length;
    // Zero and 0xffff are the same number in ones' complement, so a sum of all ones is right with either in the field.
    if fold(pseudo_header + sum(segment)) == 0xffff {
        return Checksum::Good;
    }
    // A stack leaves to the network card what remains to be done, and gives it the sum of the pseudo-header: with the
    // length, or without it where the card shall make several segments of this one. Others leave zero.
    match super::u16_at(segment, 16) {
        0 => Checksum::NotFilled,
        field if field == fold(pseudo_header) || field == fold(without_length) => Checksum::NotFilled,
        _ => Checksum::Bad,
    }
}

fn sum_of_address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

/// Sum of the numbers of two bytes in network order: not the same number, but the same when it is folded.
///
/// Ones' complement does not care for byte order nor for width (RFC 1071, 2), so four lanes of four bytes each are added,
/// which compilers make vectors of, and turned at the end.
fn sum(bytes: &[u8]) -> u64 {
    let mut lanes = [0_u64; 8];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
    }
    let mut total: u64 = lanes.iter().sum();
    let mut words = blocks.remainder().chunks_exact(4);
    for word in &mut words {
        total += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total += u64::from(u32::from_ne_bytes(last));
    fold(total).to_be().into()
}

/// The sum in sixteen bits.
fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(folded) => return folded,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_its_numbers() {
        for length in 0..200_u16 {
            let bytes: Vec<u8> = (0..length).map(|number| (number * 37 % 251) as u8 | 1).collect();
            let simple: u64 = bytes
                .chunks(2)
                .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
                .sum();
            assert_eq!(u64::from(fold(simple)), sum(&bytes), "{length}");
        }
        assert_eq!(sum(&vec![0xff; 70_000]), 0xffff);
    }
}
