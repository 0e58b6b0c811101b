//! The Community ID of a connection: the same for all tools that see it.
//!
//! <https://github.com/corelight/community-id-spec>, version 1 with seed 0.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use std::net::{IpAddr, SocketAddr};

/// TCP's number among the protocols of IP.
const TCP: u8 = 6;

/// The Community ID, version 1 with seed 0, of a TCP connection. The direction does not matter.
///
/// # Examples
///
/// ```
/// use adieu_explain::format::community_id;
///
/// let (a, b) = ("128.232.110.120:34855".parse().unwrap(), "66.35.250.204:80".parse().unwrap());
/// assert_eq!(community_id(a, b), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// assert_eq!(community_id(b, a), community_id(a, b));
/// ```
pub fn community_id(a: SocketAddr, b: SocketAddr) -> String {
    // Addresses are ordered by their octets, and ports only where the addresses are equal.
    let (low, high) = if (a.ip(), a.port()) <= (b.ip(), b.port()) { (a, b) } else { (b, a) };
    let mut hash = Sha1::new();
    // The seed.
    hash.update([0, 0]);
    for end in [low, high] {
        match end.ip() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
    }
    hash.update([TCP, 0]);
    hash.update(low.port().to_be_bytes());
    hash.update(high.port().to_be_bytes());
    format!("1:{}", STANDARD.encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the specification's own baselines.
    #[test]
    fn it_is_that_of_the_specification_in_both_directions() {
        for (a, b, id) in [
            ("128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (
                "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943",
                "[2607:f8b0:400c:c03::1a]:25",
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
        ] {
            let (a, b) = (a.parse().expect("an address"), b.parse().expect("an address"));
            assert_eq!((community_id(a, b), community_id(b, a)), (id.to_owned(), id.to_owned()));
        }
    }

    #[test]
    fn equal_addresses_are_ordered_by_their_ports() {
        let (a, b) = (([127, 0, 0, 1], 80).into(), ([127, 0, 0, 1], 9).into());
        assert_eq!(community_id(a, b), community_id(b, a));
    }
}
