//! Connecting on the blocking face: the wait with `poll`. [`Connecting`] does everything else.

use super::wait::write;
use crate::Options;
use crate::connecting::{Alarm, Connecting, Until};
use crate::handle::Readiness;
use crate::link::Link;
use crate::os::{self, AsPollable, Watch};
use crate::{ConnectError, ConnectOptions, Connection, Endpoint};
use socket2::Socket;
use std::io;
use std::sync::Arc;
use std::task::Waker;

/// Connects to `endpoint`: resolves its name and tries every address until one connects.
///
/// The next address is tried when the last has failed or has been silent for 250 ms. IPv6 and IPv4 addresses take turns.
///
/// # Errors
///
/// [`ConnectError`] lists what each address said.
///
/// # RFC
///
/// RFC 8305; RFC 9293, section 3.5.
///
/// # Examples
///
/// ```no_run
/// use adieu::{ConnectOptions, Endpoint};
/// use std::io::{Read, Write};
///
/// let mut connection = adieu::connect(&Endpoint::tcp("127.0.0.1", 27015), &ConnectOptions::new())?;
/// connection.write_all(b"this is a test")?;
/// let mut half_closed = connection.shutdown_send()?;
/// let mut answer = Vec::new();
/// half_closed.read_to_end(&mut answer)?;
/// let report = half_closed.close();
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    connect_with(endpoint, &options.0, None).map(Connection::new)
}

/// Connects as [`connect`](crate::connect()) does, by TCP Fast Open: `first` is sent, and as much of it as the peer's
/// cookie and the network allow goes with the SYN. That saves a round trip.
///
/// When this returns, the peer has answered and our kernel has accepted all of `first`, as after `write_all`. If sending the
/// rest of `first` failed, the next call on the connection returns that error. The first connection to a peer asks it for a
/// cookie, so Fast Open begins with the second. With TLS the ClientHello goes with the SYN, and `first` follows the handshake.
/// The report's `fastopen` says whether the peer took what went with the SYN.
///
/// # Twice
///
/// If the network duplicates the SYN, the peer's program may receive what went with it twice, on two connections. Use this
/// only where that does no harm. After an address that refused, the next address is sent the same bytes. After one that was
/// silent no other address is tried, because that peer's program may have the bytes.
///
/// # Errors
///
/// As of [`connect`](crate::connect()); and [`ConnectOptions::check_fast_open`].
///
/// # Platforms
///
/// Linux. Where `net.ipv4.tcp_fastopen` does not allow it to clients, this is an ordinary connect, and the report says so.
///
/// # RFC
///
/// RFC 7413, sections 2.1 and 4.2; tcp(7), `MSG_FASTOPEN` in `Documentation/networking/ip-sysctl.rst`.
pub fn fast_open(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    first: &[u8],
) -> Result<Connection, ConnectError> {
    let mut connection = connect_with(endpoint, &options.0, Some(first)).map(Connection::new)?;
    let link = &mut connection.link;
    let mut rest = link.unaccepted(first);
    while !rest.is_empty() {
        match write(link, rest) {
            Ok(n) => rest = &rest[n..],
            // The next call on the connection tells.
            Err(error) => {
                link.cannot_go_on(&error);
                break;
            }
        }
    }
    Ok(connection)
}

/// Connects, with these first bytes by TCP Fast Open, or without.
pub(crate) fn connect_with(
    endpoint: &Endpoint,
    options: &Options,
    first: Option<&[u8]>,
) -> Result<Box<Link<Socket>>, ConnectError> {
    let mut connecting = Connecting::<Socket>::new(endpoint, options, first);
    while connecting.advance().is_pending() {
        if let Err(error) = wait(&mut connecting) {
            connecting.cannot_wait(&error);
        }
    }
    connecting.finish()
}

/// Sleeps until something has come that is waited for, or there is something to do all the same.
fn wait(connecting: &mut Connecting<'_, Socket>) -> io::Result<()> {
    let alarm = match connecting.lookup() {
        None => None,
        Some(lookup) => {
            let alarm = Arc::new(Alarm(os::Waker::new()?));
            if lookup.wake(&Waker::from(Arc::clone(&alarm))) {
                return Ok(());
            }
            Some(alarm)
        }
    };
    let timeout = connecting.time_left();
    let mut watches: Vec<Watch<'_>> = connecting
        .sockets()
        .map(|(socket, until)| match until {
            Until::Connected => Watch::connecting(socket.as_pollable()),
            Until::Ready(Readiness::Receive) => Watch::new(socket.as_pollable(), true, false),
            Until::Ready(Readiness::Send) => Watch::new(socket.as_pollable(), false, true),
        })
        .collect();
    let sockets = watches.len();
    watches.push(Watch::readable(connecting.interrupt().map(AsPollable::as_pollable)));
    watches.push(Watch::readable(alarm.as_ref().map(|alarm| alarm.0.as_pollable())));
    os::wait(&mut watches, timeout)?;
    let ready = watches[..sockets].iter().enumerate().filter(|(_, watch)| watch.ready.any);
    let ready: Vec<usize> = ready.map(|(place, _)| place).collect();
    drop(watches);
    for place in ready {
        connecting.note_ready(place);
    }
    Ok(())
}
