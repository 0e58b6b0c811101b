//! The blocking connection: its types are the procedure's steps.

use super::wait::{close, ensure_connected, look_ahead, read, read_within, shut_down, write, write_vectored};
use crate::error::{AdoptError, ShutdownError};
use crate::link::Link;
use crate::link::adopt::{adopt, adopt_tls};
use crate::link::methods_of_a_connection;
use crate::os::{OwnedSocket, set_reset_on_close};
use crate::tls::RustlsConnection;
use crate::{LookAhead, LookAheadError, Report, SideOptions};
use socket2::Socket;
use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

/// An open connection: it sends and receives.
///
/// [`shutdown_send`](Self::shutdown_send) consumes it and gives a [`HalfClosed`] that can only receive, and
/// [`HalfClosed::close`] consumes that and gives the [`Report`]. So sending after the shutdown does not compile:
///
/// ```compile_fail,E0382
/// # use std::io::Write;
/// # fn f(mut connection: adieu::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let half_closed = connection.shutdown_send()?;
/// connection.write_all(b"too late")?; // the value has moved
/// # Ok(()) }
/// ```
///
/// ```compile_fail,E0277
/// # use std::io::Write;
/// # fn f(mut half_closed: adieu::HalfClosed) -> Result<(), Box<dyn std::error::Error>> {
/// write!(&mut half_closed as &mut dyn Write, "too late")?; // HalfClosed is not Write
/// # Ok(()) }
/// ```
///
/// Reading and writing block, bounded by the [`Limits`](crate::Limits). A write waits for the peer to take the bytes
/// and receives nothing meanwhile: if the peer may send much before it reads, use
/// [`exchange`](crate::exchange()), which does both at once.
///
/// # Dropping
///
/// A connection that is dropped unfinished is closed abortively: the peer sees a reset. A FIN would tell the peer that it has
/// received everything.
#[must_use = "a connection that is dropped unfinished is reset; use shutdown_send, then close"]
#[derive(Debug)]
pub struct Connection {
    pub(crate) link: Box<Link<Socket>>,
}

/// A connection whose sending side is shut down: it receives until the peer has finished too.
///
/// Receiving after [`close`](Self::close) does not compile:
///
/// ```compile_fail,E0382
/// # use std::io::Read;
/// # fn f(mut half_closed: adieu::HalfClosed) -> std::io::Result<()> {
/// let report = half_closed.close();
/// let mut buffer = [0; 512];
/// half_closed.read(&mut buffer)?; // the value has moved
/// # Ok(()) }
/// ```
#[must_use = "drain and close it to learn how the connection ended"]
#[derive(Debug)]
pub struct HalfClosed {
    pub(crate) link: Box<Link<Socket>>,
}

impl Connection {
    pub(crate) fn new(mut link: Box<Link<Socket>>) -> Self {
        link.core.hold();
        Self { link }
    }

    /// Takes over a connected stream socket that this side has begun ([`ConnectOptions`](crate::ConnectOptions)) or accepted
    /// ([`ListenOptions`](crate::ListenOptions)), so that it ends well. It
    /// may be a [`TcpStream`](std::net::TcpStream), a Unix stream, a `socket2::Socket`, or a descriptor (Windows: a SOCKET) that
    /// the program owns.
    ///
    /// The counts and times of its report begin here. The report's role follows from the options, because no system remembers
    /// who began. Its endpoint is the peer's address, or our own if the connection was accepted. The socket is made non-blocking;
    /// clones of it share that.
    ///
    /// # Errors
    ///
    /// The socket is closed then, which resets the connection: nobody has said whether its stream is whole.
    ///
    /// - It is not a socket, has no stream, is not connected, or its receiving side was shut down.
    /// - It could not be made non-blocking.
    /// - An option that was asked for cannot be set, means nothing for this socket, or is for a socket that adieu opens, such as
    ///   a source address or a proxy ([`OptionError`](crate::OptionError)).
    pub fn from_socket(
        socket: impl Into<OwnedSocket>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        Self::adopted(socket.into().into(), |socket| adopt(socket, Some(role), options))
    }

    /// Takes over a connection on which the program speaks TLS with rustls, as [`from_socket`](Self::from_socket) takes over one
    /// without: the session goes on, and the connection ends by `close_notify`, then FIN.
    ///
    /// Bytes that rustls has decrypted and nobody has read are received first. An EOF of the peer without `close_notify` is
    /// [`Truncated`](crate::Ending::Truncated), unless `tls::RustlsConnection::eof` says otherwise. What the report cannot know, and
    /// the features that this needs, are said at [`finish_tls`](crate::finish_tls()).
    ///
    /// # Errors
    ///
    /// As of [`from_socket`](Self::from_socket). The handshake is not over ([`AdoptError::Handshaking`]), or the options ask for
    /// TLS themselves.
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn from_rustls(
        socket: impl Into<OwnedSocket>,
        connection: impl Into<RustlsConnection>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        Self::adopted(socket.into().into(), |socket| {
            adopt_tls(socket, connection.into(), Some(role), options)
        })
    }

    fn adopted(
        socket: Socket,
        adopt: impl FnOnce(Socket) -> Result<Box<Link<Socket>>, AdoptError>,
    ) -> Result<Self, AdoptError> {
        // In case it is refused.
        set_reset_on_close(&(&socket).into(), true);
        adopt(socket).map(Self::new)
    }

    /// Gives the socket back, in blocking mode, and without a report: from here on nobody watches how it ends.
    /// [`finish`](crate::finish()) takes it over again.
    ///
    /// The socket options that adieu has set stay, but for SO_LINGER, which is off again.
    ///
    /// # Errors
    ///
    /// The connection itself, if its socket alone is not all there is to it: it speaks TLS, or has ended.
    pub fn into_socket(mut self) -> Result<OwnedSocket, Box<Self>> {
        match self.link.release() {
            Some(socket) => {
                // It was possible before.
                let _ = socket.set_nonblocking(false);
                Ok(socket.into())
            }
            None => Err(Box::new(self)),
        }
    }

    /// Looks at what the peer sends first, before the connection's stream begins, and waits for it no longer than `limit`. `look` is
    /// given everything that has come so far, once per piece that comes, until it has [found](LookAhead::Found) what it looks for. It
    /// says how many octets are skipped, because they stand before the stream; all others are received as always, and the
    /// report counts none that are skipped.
    ///
    /// With TLS, these are the octets before the handshake is made: a header of the PROXY protocol to be skipped, or the ClientHello
    /// with the name that the client asks for. It can be called again, to look at what stands after something that was skipped.
    ///
    /// # Errors
    ///
    /// [`LookAheadError`]: nothing was found in time, or in what came before the peer's end or in the first 128 KiB; or the connection
    /// has ended. In the first three cases it goes on as if nobody had looked.
    ///
    /// # Examples
    ///
    /// A greeting in one line, after which the client speaks TLS:
    ///
    /// ```no_run
    /// use adieu::LookAhead;
    /// use std::time::Duration;
    ///
    /// # fn f(mut connection: adieu::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let line = connection.look_ahead(Duration::from_secs(3), |octets| match octets.iter().position(|o| *o == b'\n') {
    ///     Some(end) => LookAhead::Found { skip: end + 1, value: octets[..end].to_vec() },
    ///     None => LookAhead::More,
    /// })?;
    /// # Ok(()) }
    /// ```
    pub fn look_ahead<T>(
        &mut self,
        limit: Duration,
        look: impl FnMut(&[u8]) -> LookAhead<T>,
    ) -> Result<T, LookAheadError> {
        look_ahead(&mut self.link, limit, look)
    }

    /// Makes the TLS handshake, if there is one to make and no call has made it yet.
    ///
    /// # Errors
    ///
    /// It failed: the report of the connection that never was.
    pub fn handshake(mut self) -> Result<Self, Box<Report>> {
        if ensure_connected(&mut self.link) { Ok(self) } else { Err(Box::new(self.link.final_report())) }
    }

    /// Shuts down the sending side: queues our FIN, so that the peer reads EOF and can free what it holds for our
    /// requests, while we still receive. `shutdown(SHUT_WR)`; in Winsock `shutdown(SD_SEND)`. With TLS, close_notify
    /// comes before the FIN, and this waits until our kernel has taken it.
    ///
    /// # Errors
    ///
    /// If the call fails the socket is closed, nothing is leaked, and the error holds the report and what the peer
    /// had said by then.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.6 (CLOSE call); shutdown(2).
    pub fn shutdown_send(mut self) -> Result<HalfClosed, ShutdownError> {
        if shut_down(&mut self.link) {
            return Ok(HalfClosed { link: self.link });
        }
        Err(self.link.shutdown_failed())
    }

    /// Receives as reading does, but waits no longer than `limit`, for a TLS handshake that is still to be made too.
    /// `Ok(None)`: nothing came by then. With [`Duration::ZERO`] it does not wait at all. The connection's own timers run
    /// while it waits, as for any read.
    ///
    /// With an empty buffer it receives nothing and only asks whether the interrupt or the deadline has ended the connection.
    ///
    /// # Errors
    ///
    /// As of reading: the connection has ended otherwise than by EOF, which is `Ok(Some(0))`.
    pub fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        read_within(&mut self.link, buffer, limit)
    }
}

impl HalfClosed {
    /// Closes and reports.
    ///
    /// If the peer has ended its side, this waits until it has acknowledged everything, our FIN included,
    /// bounded by the timers. If it has not, the connection is closed early and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate).
    pub fn close(mut self) -> Report {
        close(&mut self.link)
    }

    /// Receives until EOF, throws away what comes, closes and reports, and takes no longer than `limit` in all.
    ///
    /// When the time is up, a peer that has not ended its side sees a reset, and the ending is
    /// [`TimedOut`](crate::Ending::TimedOut) with [`Timer::Linger`](crate::Timer::Linger); see
    /// [`Limits::linger`](crate::Limits::linger), which is the same bound for every connection. The earlier of both counts.
    pub fn drain_within(mut self, limit: Duration) -> Report {
        self.link.limit_linger(limit);
        self.drain()
    }

    /// Receives until EOF, throws away what comes, closes and reports.
    pub fn drain(mut self) -> Report {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) | Err(_) => return self.close(),
                Ok(_) => {}
            }
        }
    }

    /// Receives as reading does, but waits no longer than `limit`, for a TLS handshake that is still to be made too.
    /// `Ok(None)`: nothing came by then. With [`Duration::ZERO`] it does not wait at all. The connection's own timers run
    /// while it waits, as for any read.
    ///
    /// With an empty buffer it receives nothing and only asks whether the interrupt or the deadline has ended the connection.
    ///
    /// # Errors
    ///
    /// As of reading: the connection has ended otherwise than by EOF, which is `Ok(Some(0))`.
    pub fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        read_within(&mut self.link, buffer, limit)
    }
}

methods_of_a_connection!(Connection: link);
methods_of_a_connection!(HalfClosed: link);

impl Read for Connection {
    /// Receives. `Ok(0)` is the peer's EOF: it sends no more, but may still be reading.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read(&mut self.link, buffer)
    }
}

impl Read for HalfClosed {
    /// Receives. `Ok(0)` is the peer's EOF.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read(&mut self.link, buffer)
    }
}

impl Write for Connection {
    /// Sends. `Ok(n)` says that our kernel accepted n bytes, no more.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        write(&mut self.link, buffer)
    }

    /// Sends from several buffers by one system call (`sendmsg`, on Windows `WSASend`). With TLS it sends from the first that is
    /// not empty.
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        write_vectored(&mut self.link, buffers)
    }

    /// Does nothing: nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
