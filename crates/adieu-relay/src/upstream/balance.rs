//! Which upstream the next client is given to.

use crate::split_mix::mix;
use std::net::IpAddr;

/// How clients are spread over the upstreams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The upstream with the fewest open connections of this relay; of several, one after the other.
    Least,
    /// By the client's address, as long as the upstreams stay the same. If one is down, only its clients go to others, and come
    /// back with it: rendezvous hashing. Clients without an address, those of a Unix socket, are spread one after the other.
    ///
    /// The result depends on nothing but the address and the endpoints as they were written, so two relays with the same
    /// upstreams choose the same, in whatever order they are given.
    Hash,
}

/// The hash of some bytes: FNV-1a, mixed so that all of its bits can be used.
///
/// It is written down here so that it is the same in every version and process, which no hasher of the standard library
/// promises. It does not have to withstand an enemy: somebody who has many addresses can reach every upstream anyway.
pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    mix(bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME)))
}

/// How much a client's address and an upstream, or one of its addresses, belong together: of several the greatest wins.
pub(super) fn affinity(client: IpAddr, other: u64) -> u64 {
    mix(of_address(client) ^ other.rotate_left(32))
}

/// The hash of an address. One of IPv4 that is written as one of IPv6 is one of IPv4.
pub(super) fn of_address(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => hash_of(&ip.octets()),
        IpAddr::V6(ip) => hash_of(&ip.octets()),
    }
}
