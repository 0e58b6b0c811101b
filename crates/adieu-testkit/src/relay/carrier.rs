//! A connection of one side: TCP or Unix, with TLS or without, on tokio, and driven by hand, so that it can stop anywhere.

use rustls::Connection as Session;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// How much of a TLS session's output is held before it says that it takes nothing.
const TLS_HELD: usize = 64 * 1024;

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.ready(interest).await,
        }
    }

    pub(super) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream),
        }
    }

    fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}

/// Both calls are made at once or not at all.
impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a receive came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(usize),
    /// The stream's end: an EOF, or close_notify.
    End,
    /// An EOF without close_notify.
    Cut,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Carrier {
    stream: Stream,
    session: Option<Box<Session>>,
    /// How many bytes it took, whatever became of them.
    sent: u64,
}

impl Carrier {
    pub(super) fn new(stream: Stream, session: Option<Session>) -> io::Result<Self> {
        match &stream {
            Stream::Tcp(stream) => stream.set_nodelay(true)?,
            #[cfg(unix)]
            Stream::Unix(_) => {}
        }
        let session = session.map(|mut session| {
            session.set_buffer_limit(Some(TLS_HELD));
            Box::new(session)
        });
        Ok(Self { stream, session, sent: 0 })
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.stream.is_tcp()
    }

    pub(super) fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    /// Makes the handshake, if there is one.
    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        while self.session.as_ref().is_some_and(|session| session.is_handshaking()) {
            if self.flush().await.is_err() {
                return Err(ErrorKind::ConnectionReset.into());
            }
            let Some(session) = &mut self.session else { return Ok(()) };
            if !session.is_handshaking() {
                break;
            }
            match session.read_tls(&mut &self.stream) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    session.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.ready(Interest::READABLE).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.flush().await
    }

    /// Waits until something may be received, or sent.
    pub(super) async fn ready(&self, receive: bool, send: bool) -> io::Result<()> {
        let interest = match (receive, send) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (_, true) => Interest::WRITABLE,
            _ => Interest::READABLE,
        };
        self.stream.ready(interest).await.map(|_| ())
    }

    /// Sends some of the bytes; with TLS, its session takes them.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match &mut self.session {
            None => (&self.stream).write(bytes)?,
            Some(session) => session.writer().write(bytes)?,
        };
        self.sent += n as u64;
        match self.try_flush() {
            Err(error) if n == 0 || error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(n),
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends what the TLS session holds.
    pub(super) fn try_flush(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else { return Ok(()) };
        while session.wants_write() {
            session.write_tls(&mut &self.stream)?;
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready(false, true).await?,
                other => return other,
            }
        }
    }

    pub(super) fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let received = |n| if n == 0 { Received::End } else { Received::Bytes(n) };
        let Some(session) = &mut self.session else { return (&self.stream).read(buffer).map(received) };
        loop {
            match session.reader().read(buffer) {
                Ok(n) => return Ok(received(n)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Received::Cut),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            session.read_tls(&mut &self.stream)?;
            // A fatal alert says that the stream is not whole.
            if session.process_new_packets().is_err() {
                return Ok(Received::Cut);
            }
        }
    }

    /// Sends octets beside the TLS session.
    pub(super) fn send_raw(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.stream).write(bytes)
    }

    /// Takes a line of the PROXY protocol off what comes.
    pub(super) async fn take_header(&self) -> io::Result<()> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut octet = [0];
            match (&self.stream).read(&mut octet) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => line.push(octet[0]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready(true, false).await?,
                Err(error) => return Err(error),
            }
        }
        if line.starts_with(b"PROXY TCP") { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    }

    pub(super) fn send_close_notify(&mut self) {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
        }
    }

    pub(super) fn fin(&self) -> io::Result<()> {
        self.stream.socket().shutdown(Shutdown::Write)
    }

    /// What is closed next is reset.
    pub(super) fn set_reset(&self) -> io::Result<()> {
        if self.is_tcp() { self.stream.socket().set_linger(Some(Duration::ZERO)) } else { Ok(()) }
    }

    /// Of so many bytes that were sent, how many the other end's system has acknowledged, at least. A Unix socket's are in the
    /// other's queue at once.
    pub(super) fn acknowledged(&self, sent: u64) -> u64 {
        let left = if self.is_tcp() {
            adieu_peer::os::unacknowledged(&self.stream.socket()).unwrap_or(u64::MAX)
        } else {
            0
        };
        match &self.session {
            None => sent.saturating_sub(left),
            Some(session) if left == 0 && !session.wants_write() => sent,
            // The records that are not through, and the one that is cut.
            Some(_) => sent.saturating_sub(left).saturating_sub(TLS_HELD as u64 + 32 * 1024),
        }
    }

    /// The kernel's view of the connection now.
    pub(super) fn look(&self) -> Look {
        look(&self.stream)
    }

    /// Whether its TLS session holds bytes that were not received yet.
    pub(super) fn holds_some(&mut self) -> bool {
        let Some(session) = &mut self.session else { return false };
        session.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// The error that is pending, which is taken by this.
    pub(super) fn error(&self) -> Option<io::Error> {
        self.stream.socket().take_error().ok().flatten()
    }
}

/// What stands in the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Octets that were not received yet.
    pub(super) unread: u64,
    /// The other side has ended its stream, or the connection is over.
    pub(super) has_ended: bool,
    /// The connection failed.
    pub(super) has_failed: bool,
}

#[cfg(unix)]
fn look(stream: &Stream) -> Look {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    #[cfg(target_os = "linux")]
    const ENDED: PollFlags = PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    const ENDED: PollFlags = PollFlags::HUP;
    let socket = stream.socket();
    let mut watched = [PollFd::new(&*socket, ENDED)];
    let _ = poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    let seen = watched[0].revents();
    Look {
        unread: rustix::io::ioctl_fionread(&*socket).unwrap_or(0),
        has_ended: seen.intersects(ENDED | PollFlags::HUP | PollFlags::ERR),
        has_failed: seen.contains(PollFlags::ERR),
    }
}

#[cfg(windows)]
fn look(stream: &Stream) -> Look {
    let mut room = [std::mem::MaybeUninit::uninit(); 4096];
    match stream.socket().peek(&mut room) {
        Ok(0) => Look { has_ended: true, ..Look::default() },
        Ok(n) => Look { unread: n as u64, ..Look::default() },
        Err(error) if error.kind() == ErrorKind::WouldBlock => Look::default(),
        Err(_) => Look { has_ended: true, has_failed: true, unread: 0 },
    }
}
