//! The async connection: the same steps as the blocking one.

use super::inner::Inner;
use super::stream::Stream;
use super::waiters::Half;
use crate::error::{AdoptError, ShutdownError};
use crate::handle::Handle as _;
use crate::link::Link;
use crate::link::adopt::{adopt, adopt_tls};
use crate::link::methods_of_a_connection;
use crate::os::set_reset_on_close;
use crate::tls::RustlsConnection;
use crate::{Finish, Report, SideOptions};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An open connection: it sends and receives. The async [`adieu::Connection`](crate::Connection).
///
/// Sending after the shutdown does not compile:
///
/// ```compile_fail,E0382
/// # use tokio::io::AsyncWriteExt;
/// # async fn f(mut connection: adieu::tokio::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let half_closed = connection.shutdown_send().await?;
/// connection.write_all(b"too late").await?; // the value has moved
/// # Ok(()) }
/// ```
///
/// Both directions at once: `tokio::io::split`, or [`exchange`](super::exchange()).
/// [`AsyncWrite::poll_shutdown`] shuts down the sending side too, for code that knows only the trait.
///
/// Dropped unfinished, it is closed abortively: the peer sees a reset. After `poll_shutdown`,
/// [`finish_when_dropped`](Self::finish_when_dropped) makes more of it.
#[must_use = "a connection that is dropped unfinished is reset; use shutdown_send, then close"]
#[derive(Debug)]
pub struct Connection {
    pub(super) inner: Inner,
}

/// A connection whose sending side is shut down. The async [`adieu::HalfClosed`](crate::HalfClosed).
///
/// Receiving after the close does not compile:
///
/// ```compile_fail,E0382
/// # use tokio::io::AsyncReadExt;
/// # async fn f(mut half_closed: adieu::tokio::HalfClosed) -> std::io::Result<()> {
/// let report = half_closed.close().await;
/// half_closed.read_u8().await?; // the value has moved
/// # Ok(()) }
/// ```
#[must_use = "drain and close it to learn how the connection ended"]
#[derive(Debug)]
pub struct HalfClosed {
    inner: Inner,
}

/// A stream that is to be taken over, and is reset if it is refused.
fn given(socket: impl TryInto<Stream, Error: Into<AdoptError>>) -> Result<Stream, AdoptError> {
    let stream = socket.try_into().map_err(Into::into)?;
    set_reset_on_close(&stream.socket(), true);
    Ok(stream)
}

impl Connection {
    pub(super) fn new(link: Box<Link<Stream>>) -> Self {
        Self { inner: Inner::new(link) }
    }

    /// Takes over a connected stream that this side has begun ([`ConnectOptions`](crate::ConnectOptions)) or accepted
    /// ([`ListenOptions`](crate::ListenOptions)), so that it ends well. It may be a [`TcpStream`](tokio::net::TcpStream), a
    /// `UnixStream`, the halves of either, or a [`Stream`]. The async
    /// [`adieu::Connection::from_socket`](crate::Connection::from_socket), which says what its report has.
    ///
    /// # Errors
    ///
    /// The socket is closed then. If it is a stream at all, that resets the connection: nobody has said whether its stream is whole.
    ///
    /// - It is not connected, or its receiving side was shut down. The halves are those of two different streams.
    /// - An option that was asked for cannot be set, means nothing for this socket, is for a socket that adieu opens, or is not
    ///   available on tokio ([`OptionError`](crate::OptionError)).
    ///
    /// # Examples
    ///
    /// ```
    /// # use adieu::ListenOptions;
    /// # use adieu::tokio::Connection;
    /// # async fn f(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
    /// let (stream, _) = listener.accept().await?;
    /// let connection = Connection::from_socket(stream, &ListenOptions::new())?;
    /// # Ok(()) }
    /// ```
    pub fn from_socket(
        socket: impl TryInto<Stream, Error: Into<AdoptError>>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        let stream = given(socket)?;
        adopt(stream, Some(role), options).map(Self::new)
    }

    /// Takes over a connection on which the program speaks TLS with rustls: the stream and the session, which `into_inner` of
    /// tokio-rustls's `TlsStream` gives. The async
    /// [`adieu::Connection::from_rustls`](crate::Connection::from_rustls), which says what its report has.
    ///
    /// # Errors
    ///
    /// As of [`from_socket`](Self::from_socket). The handshake is not over ([`AdoptError::Handshaking`]), or the options ask for
    /// TLS themselves.
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn from_rustls(
        socket: impl TryInto<Stream, Error: Into<AdoptError>>,
        connection: impl Into<RustlsConnection>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        let stream = given(socket)?;
        adopt_tls(stream, connection.into(), Some(role), options).map(Self::new)
    }

    /// Gives the stream back, and without a report: from here on nobody watches how it ends. [`finish`](super::finish()) takes
    /// it over again.
    ///
    /// The socket options that adieu has set stay, but for SO_LINGER, which is off again.
    ///
    /// # Errors
    ///
    /// The connection itself, if its socket alone is not all there is to it: it speaks TLS, or has ended.
    pub fn into_socket(mut self) -> Result<Stream, Box<Self>> {
        self.inner.peer.link.release().ok_or_else(|| Box::new(self))
    }

    /// Has the connection finished in the background if it is dropped once its sending side is shut down: a task receives until the
    /// peer has ended too, waits until everything is acknowledged, closes, and reports to the
    /// [`ending_handle`](Self::ending_handle).
    ///
    /// It is for code that takes any `AsyncRead` and `AsyncWrite`, such as hyper, which ends a connection by
    /// [`AsyncWrite::poll_shutdown`] and a drop. Without this, what the peer is still sending is then answered by a reset, which can
    /// cost it our last answer. If the sending side is still open, nobody knows whether our stream is whole, and the drop resets the
    /// connection as before.
    ///
    /// The bounds of `finish` count from the drop, beside those of the connection; its role is not used. If the runtime is shut down
    /// meanwhile, the socket is closed, and our system still delivers what was sent. An [`exchange`](super::exchange()) that is
    /// dropped is finished so only if its output had taken everything.
    ///
    /// The blocking face has no such thing: there nothing but [`shutdown_send`](crate::Connection::shutdown_send) shuts down the
    /// sending side, and who calls it has the [`HalfClosed`](crate::HalfClosed).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime: the task will run on the one in which this is called.
    ///
    /// # Examples
    ///
    /// ```
    /// # use adieu::tokio::Listener;
    /// # use adieu::Finish;
    /// # async fn f(listener: Listener) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut connection = listener.accept().await?;
    /// connection.finish_when_dropped(&Finish::new());
    /// let ending = connection.ending_handle();
    /// tokio::spawn(async move {
    ///     if let Some(report) = ending.await {
    ///         eprintln!("{report}");
    ///     }
    /// });
    /// // Now hyper, a pool or any other code may have it.
    /// # Ok(()) }
    /// ```
    pub fn finish_when_dropped(&mut self, finish: &Finish) {
        self.inner.finish_when_dropped(finish);
    }

    /// Makes the TLS handshake, if there is one to make and no call has made it yet.
    ///
    /// # Errors
    ///
    /// It failed: the report of the connection that never was.
    pub async fn handshake(mut self) -> Result<Self, Box<Report>> {
        if poll_fn(|cx| self.inner.poll_connected(cx, Half::Reading)).await {
            Ok(self)
        } else {
            Err(Box::new(self.inner.report()))
        }
    }

    /// Waits until the connection is cut, and receives nothing: its peer has reset it or is gone, one of its limits has passed, or its
    /// interrupt was raised. A peer that ends its stream (FIN) has not cut it, whether it goes on receiving or not: nobody can tell
    /// before something is sent to it.
    ///
    /// It is for whoever does something else for the peer first, such as connecting to a server: a peer that is gone need not be
    /// served. Reading afterwards gives what came before the cut, and then the cut.
    ///
    /// # Platforms
    ///
    /// A Unix socket has no reset: there the peer has cut the connection when it has closed its socket.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use adieu::tokio::{Connection, connect};
    /// # use adieu::{ConnectOptions, Endpoint};
    /// # async fn f(mut client: Connection, server: Endpoint) {
    /// let options = ConnectOptions::new();
    /// tokio::select! {
    ///     server = connect(&server, &options) => { /* go on with both */ }
    ///     () = client.wait_for_cut() => { /* nobody wants the server any more */ }
    /// }
    /// # }
    /// ```
    pub async fn wait_for_cut(&mut self) {
        self.inner.wait_for_cut().await;
    }

    /// Before a [relay](super::relay()) of this connection begins: receives what the peer has said by now, which the relay then passes
    /// on first. True: it has said something. What a relay does is not changed by it.
    #[doc(hidden)]
    pub fn has_spoken(&mut self) -> bool {
        self.inner.peer.link.receive_ahead_of_relay()
    }

    /// Shuts down the sending side: queues our FIN. Without TLS it does not wait; with it, close_notify comes before the
    /// FIN, and this waits until our kernel has taken it.
    ///
    /// # Errors
    ///
    /// If the call fails the socket is closed, nothing is leaked, and the error holds the report and what the peer
    /// had said by then.
    pub async fn shutdown_send(mut self) -> Result<HalfClosed, ShutdownError> {
        if poll_fn(|cx| self.inner.poll_shutdown_send(cx)).await {
            return Ok(HalfClosed { inner: self.inner });
        }
        Err(self.inner.peer.link.shutdown_failed())
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
    pub async fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.inner.read_within(buffer, limit).await
    }
}

impl HalfClosed {
    /// Closes and reports; waits until everything is acknowledged if the peer has ended its side.
    ///
    /// If it has not, the connection is closed early and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate).
    pub async fn close(mut self) -> Report {
        self.inner.peer.link.act();
        // An EOF that is there already counts, also if nobody has asked for it yet.
        self.inner.peer.link.receive_eof();
        self.inner.finish().await;
        self.inner.report()
    }

    /// Receives until EOF, throws away what comes, closes and reports, and takes no longer than `limit` in all.
    ///
    /// When the time is up, a peer that has not ended its side sees a reset, and the ending is
    /// [`TimedOut`](crate::Ending::TimedOut) with [`Timer::Linger`](crate::Timer::Linger); see
    /// [`Limits::linger`](crate::Limits::linger), which is the same bound for every connection. The earlier of both counts.
    pub async fn drain_within(mut self, limit: Duration) -> Report {
        self.inner.peer.link.limit_linger(limit);
        self.drain().await
    }

    /// Receives until EOF, throws away what comes, closes and reports.
    pub async fn drain(mut self) -> Report {
        // On the heap: a future is moved, and kept, with all it holds.
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match poll_fn(|cx| self.inner.poll_read(cx, &mut buffer)).await {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return self.close().await,
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
    pub async fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.inner.read_within(buffer, limit).await
    }
}

methods_of_a_connection!(Connection: inner.peer.link);
methods_of_a_connection!(HalfClosed: inner.peer.link);

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read(cx, buffer)
    }
}

impl AsyncRead for HalfClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, buffer)
    }

    /// Sends from several buffers by one system call (`sendmsg`, on Windows `WSASend`). With TLS it sends from the first that is
    /// not empty.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_write_vectored(cx, buffers)
    }

    /// Without TLS. With it, a program does better to join its buffers: each write makes a record.
    fn is_write_vectored(&self) -> bool {
        self.inner.peer.link.is_plain()
    }

    /// Waits until our kernel has taken what TLS has sealed; without TLS nothing is held back.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.inner.poll_sent(cx, Half::Writing)) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(self.inner.peer.link.ended()))
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.inner.poll_shutdown_send(cx)) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(self.inner.peer.link.ended()))
    }
}
