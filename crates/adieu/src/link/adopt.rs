//! Takes over a socket that somebody else has connected: finds out what it is, and sets the options that were asked for.

use super::Link;
use crate::error::AdoptError;
use crate::handle::{Handle, address_of};
use crate::options::Options;
use crate::os::{self, Found};
use crate::{Address, Endpoint, Role, Transport};
use socket2::{Domain, SockAddr, SockRef};

/// Fails if this is not a connected stream socket.
pub(crate) fn check_socket(socket: &SockRef<'_>) -> Result<(), AdoptError> {
    match os::look_at(socket)? {
        Found::NotASocket => Err(AdoptError::NotASocket),
        Found::NotAStream => Err(AdoptError::NotAStream),
        Found::NotConnected => Err(AdoptError::NotConnected),
        Found::ReceivingShut => Err(AdoptError::ReceivingShut),
        Found::Connected => Ok(()),
    }
}

/// Takes over a connected, non-blocking socket: looks at what it is, and sets what was asked for. `role`: which side it is, if
/// that is known.
pub(crate) fn adopt<H: Handle>(
    handle: H,
    role: Option<Role>,
    options: &Options,
) -> Result<Link<H>, AdoptError> {
    options.check_face::<H>()?;
    options.check_connected()?;
    let socket = handle.socket();
    check_socket(&socket)?;
    // Winsock knows no address of a socket that is not bound.
    let local = socket.local_addr().ok();
    let transport = match local.as_ref().map(SockAddr::domain) {
        Some(Domain::UNIX) => Transport::Unix,
        _ if os::is_multipath(&socket) => Transport::Mptcp,
        _ => Transport::Tcp,
    };
    if transport == Transport::Unix {
        // Those of TCP and IP mean nothing for it, whatever its path is.
        options.socket.check(&Endpoint::unix("adopted"), None)?;
    }
    options.socket.apply(&socket)?;
    let address = match role {
        Some(Role::Connect) | None => socket.peer_addr().ok(),
        Some(Role::Listen) => local,
    };
    let endpoint = address.as_ref().map_or(Address::Unnamed, address_of).to_string();
    let mut link = Link::new(options.clone(), role, endpoint);
    link.is_given = true;
    if let Some(octets) = os::unacknowledged(&handle.socket()) {
        link.core.handle_sent_before(octets);
    }
    link.adopted(handle, transport);
    Ok(link)
}

impl Link<socket2::Socket> {
    /// Gives the socket back as it was before: blocking, and with an orderly close. `None`: there is more to the connection than
    /// its socket, or it has ended.
    pub(crate) fn release(&mut self) -> Option<socket2::Socket> {
        if !self.is_plain() || self.core.is_decided() || self.core.is_leaving() {
            return None;
        }
        let socket = self.handle.take()?;
        self.pace.restore(&SockRef::from(&socket));
        os::set_reset_on_close(&SockRef::from(&socket), false);
        // It was possible before.
        let _ = socket.set_nonblocking(false);
        Some(socket)
    }
}
