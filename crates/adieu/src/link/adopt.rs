//! Takes over a socket that somebody else has connected: finds out what it is, and sets the options that were asked for.

use super::Link;
use crate::error::AdoptError;
use crate::handle::{Handle, address_of};
use crate::os;
use crate::{Address, Endpoint, Role, SideOptions, Transport};
use socket2::{Domain, SockAddr, Type};

/// Takes over a connected, non-blocking socket: looks at what it is, and sets what was asked for.
pub(crate) fn adopt<H: Handle>(handle: H, options: &impl SideOptions) -> Result<Link<H>, AdoptError> {
    let (role, options) = options.side();
    options.check_face::<H>()?;
    options.check_connected()?;
    let socket = handle.socket();
    if socket.r#type()? != Type::STREAM {
        return Err(AdoptError::NotAStream);
    }
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
        Role::Connect => socket.peer_addr().ok(),
        Role::Listen => local,
    };
    let endpoint = address.as_ref().map_or(Address::Unnamed, address_of).to_string();
    let mut link = Link::new(options.clone(), role, endpoint);
    link.adopted(handle, transport);
    Ok(link)
}
