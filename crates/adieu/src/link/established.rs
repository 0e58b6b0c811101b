//! A connection as it was made, before a link takes it over.

use crate::options::SocketOptions;
use crate::{Transport, os};
use adieu_proto::Fault;
use socket2::SockRef;

/// A connection, and the fault that has already come over it.
pub(crate) struct Established<H> {
    pub(crate) socket: H,
    pub(crate) fault: Option<Fault>,
}

/// What a connected TCP socket speaks. Multipath TCP falls back to plain TCP without a word.
pub(crate) fn transport(socket: &SockRef<'_>, options: &SocketOptions) -> Transport {
    if options.mptcp && os::is_multipath(socket) { Transport::Mptcp } else { Transport::Tcp }
}
