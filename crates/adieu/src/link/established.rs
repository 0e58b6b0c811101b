//! A connection as it was made, before a link takes it over.

use crate::{Address, Transport, os};
use adieu_proto::Fault;
use socket2::SockRef;
use std::net::SocketAddr;

/// A connection, and the fault that has already come over it.
pub(crate) struct Established<H> {
    pub(crate) socket: H,
    pub(crate) fault: Option<Fault>,
    /// Its own address, if that was asked for already.
    pub(crate) local: Option<Address>,
    /// The peer's address is what was dialled.
    pub(crate) peer_is_dialled: bool,
}

impl<H> Established<H> {
    /// Of which nothing is known yet.
    pub(crate) fn new(socket: H) -> Self {
        Self { socket, fault: None, local: None, peer_is_dialled: false }
    }
}

/// Whether the peer of a socket that has connected to this address has just this one. The kernel chooses one of the system's own in
/// the place of an unspecified address, and gives one of IPv6 a zone, or takes it away.
///
/// Source: `tcp_v4_connect` and `tcp_v6_connect` of Linux.
pub(crate) fn is_exact(dialled: SocketAddr) -> bool {
    match dialled {
        SocketAddr::V4(v4) => !v4.ip().is_unspecified(),
        SocketAddr::V6(v6) => {
            let ip = v6.ip();
            let has_no_zone = v6.scope_id() == 0 && !ip.is_unicast_link_local() && v6.flowinfo() == 0;
            has_no_zone && !ip.is_unspecified() && ip.to_ipv4_mapped().is_none()
        }
    }
}

/// What a connected TCP socket speaks. `may_be_multipath`: it was opened for Multipath TCP, which falls back to plain TCP without a word.
pub(crate) fn transport(socket: &SockRef<'_>, may_be_multipath: bool) -> Transport {
    if may_be_multipath && os::is_multipath(socket) { Transport::Mptcp } else { Transport::Tcp }
}
