//! Takes over a socket that somebody else has connected, with the session of TLS on it if there is one: finds out what it is,
//! and sets the options that were asked for.

use super::Link;
use crate::error::AdoptError;
use crate::handle::{Handle, address_of};
use crate::options::{OptionError, Options};
use crate::os::{self, Found};
use crate::tls::{self, RustlsConnection, Session};
use crate::{Address, Endpoint, Role, Transport};
use socket2::{Domain, SockAddr, SockRef};

/// Makes it non-blocking. Fails if this is not a connected stream socket.
pub(crate) fn make_ready(socket: &SockRef<'_>) -> Result<(), AdoptError> {
    match os::look_at(socket)? {
        Found::NotASocket => Err(AdoptError::NotASocket),
        Found::NotAStream => Err(AdoptError::NotAStream),
        Found::NotConnected => Err(AdoptError::NotConnected),
        Found::ReceivingShut => Err(AdoptError::ReceivingShut),
        Found::Connected => Ok(socket.set_nonblocking(true)?),
    }
}

/// Takes over a connected socket: looks at what it is, and sets what was asked for. `role`: which side it is, if that is known.
pub(crate) fn adopt<H: Handle>(
    handle: H,
    role: Option<Role>,
    options: &Options,
) -> Result<Box<Link<H>>, AdoptError> {
    make_ready(&handle.socket())?;
    adopt_as(handle, role, options.clone(), None)
}

/// The same, but of a socket that carries a session of TLS which the program has made itself.
pub(crate) fn adopt_tls<H: Handle>(
    handle: H,
    connection: RustlsConnection,
    role: Option<Role>,
    options: &Options,
) -> Result<Box<Link<H>>, AdoptError> {
    make_ready(&handle.socket())?;
    if options.tls.is_some() {
        return Err(OptionError::ConnectedAlready { option: "tls" }.into());
    }
    let mut options = options.clone();
    options.tls = Some(tls::Config::OfProgram(connection.meaning_of_eof()));
    adopt_as(handle, role, options, Some(connection.into_session()?))
}

fn adopt_as<H: Handle>(
    handle: H,
    role: Option<Role>,
    options: Options,
    session: Option<Session>,
) -> Result<Box<Link<H>>, AdoptError> {
    options.check_face::<H>()?;
    options.check_connected()?;
    let socket = handle.socket();
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
    let mut link = Link::new(options, role, endpoint);
    link.is_given = true;
    let unsent = session.map_or(0, |session| link.carried_by(session));
    if let Some(octets) = os::unacknowledged(&handle.socket()) {
        link.core.handle_sent_before(octets + unsent);
    }
    link.adopted(handle, transport);
    if link.has_unsent() {
        link.core.handle_owed(true);
    }
    Ok(link)
}

impl<H: Handle> Link<H> {
    /// Whether somebody else has connected it.
    pub(crate) fn is_given(&self) -> bool {
        self.is_given
    }

    /// Gives the socket back with an orderly close, as it was before. It is still non-blocking. `None`: there is more to the
    /// connection than its socket, or it has ended.
    pub(crate) fn release(&mut self) -> Option<H> {
        if !self.is_straight() || self.core.is_decided() || self.core.is_leaving() {
            return None;
        }
        let handle = self.handle.take()?;
        self.pace.restore(&handle.socket());
        os::set_reset_on_close(&handle.socket(), false);
        Some(handle)
    }
}
