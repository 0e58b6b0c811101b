//! A socket that somebody else has connected, before a connection takes it over: what it is, and whether it can be had.

use crate::error::AdoptError;
use crate::handle::{Handle, address_of};
use crate::os;
use crate::{Address, Endpoint, Options, Role, Transport};
use socket2::{Domain, SockAddr, SockRef, Type};

/// What a report says of a socket that somebody else has connected.
pub(crate) struct Adopted {
    pub(crate) endpoint: String,
    pub(crate) transport: Transport,
}

/// Looks at a socket that is to be taken over, and sets what was asked for. Shared by both faces.
pub(crate) fn adopt<H: Handle>(
    socket: &SockRef<'_>,
    role: Role,
    options: &Options,
) -> Result<Adopted, AdoptError> {
    options.check_face::<H>()?;
    if socket.r#type()? != Type::STREAM {
        return Err(AdoptError::NotAStream);
    }
    // Winsock knows no address of a socket that is not bound.
    let local = socket.local_addr().ok();
    let transport = match local.as_ref().map(SockAddr::domain) {
        Some(Domain::UNIX) => Transport::Unix,
        _ if os::is_multipath(socket) => Transport::Mptcp,
        _ => Transport::Tcp,
    };
    if transport == Transport::Unix {
        // Those of TCP and IP mean nothing for it, whatever its path is.
        options.socket.check(&Endpoint::unix("adopted"), None)?;
    }
    options.socket.apply(socket)?;
    let address = match role {
        Role::Connect => socket.peer_addr().ok(),
        Role::Listen => local,
    };
    let endpoint = address.as_ref().map_or(Address::Unnamed, address_of).to_string();
    Ok(Adopted { endpoint, transport })
}
