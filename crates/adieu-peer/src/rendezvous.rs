//! How a peer comes to its one connection: it listens and accepts, or it connects.

use crate::control::Control;
use crate::endpoint::{Bind, Endpoint};
use crate::log::FailureKind;
use crate::os;
use crate::script::{STEP_BOUND, Script, Step};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How often a wait looks whether it has been released.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// A connected socket, with what must live as long.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) _directory: Option<TempDir>,
}

#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    endpoint: Endpoint,
    directory: Option<TempDir>,
}

impl Listener {
    pub(crate) fn open(bind: Bind, script: &Script) -> io::Result<Self> {
        let mut directory = None;
        let (socket, address) = match bind {
            Bind::Tcp(address) => {
                (Socket::new(Domain::for_address(address), Type::STREAM, None)?, address.into())
            }
            Bind::Unix => {
                let own = tempfile::Builder::new().prefix("adieu-peer-").tempdir()?;
                let address = SockAddr::unix(own.path().join("socket"))?;
                directory = Some(own);
                (Socket::new(Domain::UNIX, Type::STREAM, None)?, address)
            }
        };
        if let Some(Step::ReceiveBuffer(size)) = script.first() {
            socket.set_recv_buffer_size(*size)?;
        }
        socket.bind(&address)?;
        socket.listen(1)?;
        // What `poll` has seen may be gone when it is to be accepted.
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let tcp = bound.as_socket().map(Endpoint::of);
        let unix = || directory.as_ref().map(|own| Endpoint::Unix(own.path().join("socket")));
        let endpoint = tcp.or_else(unix).ok_or_else(|| io::Error::other("a socket without an address"))?;
        Ok(Self { socket, endpoint, directory })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Accepts one connection and stops listening, so that a second is refused and cannot hang.
    pub(crate) fn accept(self, control: &Control) -> Result<Connection, (FailureKind, String)> {
        let end = Instant::now() + STEP_BOUND;
        loop {
            let readable = os::is_readable_within(&self.socket, TICK);
            if readable.map_err(|error| (FailureKind::Os, format!("poll: {error}")))? {
                match self.socket.accept() {
                    Ok((socket, _)) => return Ok(Connection { socket, _directory: self.directory }),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err((FailureKind::Os, format!("accept: {error}"))),
                }
            }
            // A program that exited after it connected still stands in the backlog: released is looked at
            // only when nobody is there.
            if control.released.now() > 0 || Instant::now() > end {
                return Err((FailureKind::NoProgress, "nobody connected".into()));
            }
        }
    }
}

/// Connects to the endpoint that `find` gives.
pub(crate) fn connect(
    control: &Control,
    mut find: impl FnMut() -> Option<Endpoint>,
) -> Result<Connection, (FailureKind, String)> {
    let end = Instant::now() + STEP_BOUND;
    let endpoint = loop {
        if let Some(endpoint) = find() {
            break endpoint;
        }
        // What is waited for is another process's doing (a line in its port file): nothing here can wake us.
        if control.released.wait_for(1, TICK / 4) || Instant::now() > end {
            return Err((FailureKind::NoProgress, "no endpoint to connect to".into()));
        }
    };
    let connected = match &endpoint {
        Endpoint::Tcp { .. } => {
            let address =
                endpoint.address().ok_or((FailureKind::Os, format!("{endpoint} is not an address")))?;
            Socket::new(Domain::for_address(address), Type::STREAM, None).and_then(|socket| {
                socket.connect_timeout(&address.into(), STEP_BOUND)?;
                Ok(socket)
            })
        }
        Endpoint::Unix(path) => Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|socket| {
            socket.connect(&SockAddr::unix(path)?)?;
            Ok(socket)
        }),
    };
    match connected {
        Ok(socket) => Ok(Connection { socket, _directory: None }),
        Err(error) => Err((FailureKind::Os, format!("connect to {endpoint}: {error}"))),
    }
}
