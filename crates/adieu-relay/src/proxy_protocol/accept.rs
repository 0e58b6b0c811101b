//! Taking the header that a proxy sends first.

use super::Header;
use super::error::HeaderError;
use super::read;
use adieu::tokio::Connection;
use adieu::{Address, LookAhead, LookAheadError};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// From whom headers of the PROXY protocol are taken, and how long one is waited for.
///
/// Every connection from a trusted network has to begin with a header. A connection from anywhere else is refused: the
/// specification forbids to guess whether a header is there, because anybody could then give himself any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptProxy {
    /// The networks of the proxies. A peer over a Unix socket is always trusted: whoever may open its file is.
    pub trusted: Vec<IpNet>,
    /// How long the header may take. Default: 3 s, the least that the specification allows, because TCP may have to send it
    /// twice.
    pub timeout: Duration,
}

impl AcceptProxy {
    /// How long a header may take if nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(3);

    /// Takes headers from these networks.
    pub fn from_networks(trusted: impl IntoIterator<Item = IpNet>) -> Self {
        Self { trusted: trusted.into_iter().collect(), timeout: Self::TIMEOUT }
    }

    /// Whether a peer's headers are believed. An address of IPv4 that is written as one of IPv6 is one of IPv4.
    pub fn trusts(&self, peer: &Address) -> bool {
        let is_in = |ip: IpAddr| self.trusted.iter().any(|network| network.contains(&ip));
        peer.socket_addr().is_none_or(|at| is_in(at.ip().to_canonical()))
    }
}

/// Why a connection has no header of the PROXY protocol that can be believed. It is to be reset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It does not come from a trusted network.
    #[error("its address is not one of a trusted proxy")]
    NotTrusted,
    /// What it sent is not a header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The header was not whole in time.
    #[error("no header of the PROXY protocol within {limit:?}")]
    TimedOut {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The peer ended its stream before the header was whole.
    #[error("the connection ended before its header of the PROXY protocol was whole")]
    Eof,
    /// The connection has ended otherwise, as its report says: a reset, a deadline, an interrupt.
    #[error("the connection was cut before its header of the PROXY protocol was whole")]
    Ended,
}

/// Takes the header that a connection begins with, before a TLS handshake and before anything of its stream. Whatever follows the
/// header is still to be received.
///
/// # Errors
///
/// There is none that can be believed, and nothing else may be made of the connection than to reset it.
pub async fn accept(connection: &mut Connection, from: &AcceptProxy) -> Result<Header, ProxyError> {
    if !connection.peer_address().is_none_or(|peer| from.trusts(peer)) {
        return Err(ProxyError::NotTrusted);
    }
    found(connection.look_ahead(from.timeout, look).await, from.timeout)
}

/// The same as [`accept`], of a blocking connection.
///
/// # Errors
///
/// As of [`accept`].
pub fn accept_blocking(connection: &mut adieu::Connection, from: &AcceptProxy) -> Result<Header, ProxyError> {
    if !connection.peer_address().is_none_or(|peer| from.trusts(peer)) {
        return Err(ProxyError::NotTrusted);
    }
    found(connection.look_ahead(from.timeout, look), from.timeout)
}

/// A look at what a connection begins with.
fn look(octets: &[u8]) -> LookAhead<Result<Header, HeaderError>> {
    match read::read(octets) {
        Ok(None) => LookAhead::More,
        Ok(Some((header, length))) => LookAhead::Found { skip: length, value: Ok(header) },
        Err(error) => LookAhead::Found { skip: 0, value: Err(error) },
    }
}

fn found(
    looked: Result<Result<Header, HeaderError>, LookAheadError>,
    limit: Duration,
) -> Result<Header, ProxyError> {
    match looked {
        Ok(header) => Ok(header?),
        Err(LookAheadError::TimedOut) => Err(ProxyError::TimedOut { limit }),
        Err(LookAheadError::Eof) => Err(ProxyError::Eof),
        Err(_) => Err(ProxyError::Ended),
    }
}
