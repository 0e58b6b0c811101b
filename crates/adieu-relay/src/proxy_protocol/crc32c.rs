//! CRC32c (Castagnoli), which a header of version 2 may carry. RFC 4960, appendix B.

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
};

/// The checksum of these octets.
pub(super) fn crc32c(octets: impl IntoIterator<Item = u8>) -> u32 {
    let step = |crc: u32, octet: u8| crc >> 8 ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ octet)];
    !octets.into_iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the check value of every catalogue of checksums.
    #[test]
    fn it_is_that_of_the_rfcs() {
        assert_eq!(crc32c([0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c([0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(0..32), 0x46dd_794e);
        assert_eq!(crc32c(*b"123456789"), 0xe306_9283);
    }
}
