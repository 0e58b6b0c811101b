//! Where clients, a relay and upstream programs meet: a listener of the upstream programs, and the relay's place.
//!
//! Connections are made one after another, so that each client's program upstream is known without a word on the wire; what
//! they do then, they do at the same time.

use super::actor::{Actor, Role, Seen};
use super::carrier::{Carrier, Stream};
use super::judge;
use super::script::Script;
use super::shape::{Shape, Wire};
use adieu_peer::tls::peer::{Address, Setup};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection as Session, ServerConnection};
use socket2::{Domain, Type};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// No conversation takes so long, on however busy a machine.
const BOUND: Duration = Duration::from_secs(40);

/// A reset that is to come is there by then.
const RESET_BOUND: Duration = Duration::from_secs(15);

/// What a client of a proxied shape says of itself.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

enum Listener {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

/// Both ends of a relay.
pub struct Stage {
    shape: Shape,
    upstream: Listener,
    address: Address,
    front: Option<Address>,
    /// Held while one client comes through: how many did.
    door: Mutex<usize>,
    /// How many came to the door, whether they came through or not.
    came: watch::Sender<usize>,
}

impl Stage {
    /// Listens for the relay, in the directory if on a Unix socket. To be called on a runtime.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(shape: Shape, directory: &Path) -> io::Result<Self> {
        let place = shape.behind.place(directory, "upstream");
        let (upstream, address) = match place {
            Address::Tcp(address) => {
                let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
                socket.bind(&address.into())?;
                socket.listen(1024)?;
                socket.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(socket.into())?;
                let address = Address::Tcp(listener.local_addr()?);
                (Listener::Tcp(listener), address)
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                (Listener::Unix(tokio::net::UnixListener::bind(&path)?), Address::Unix(path))
            }
            #[cfg(windows)]
            Address::Unix(_) => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(Self { shape, upstream, address, front: None, door: Mutex::new(0), came: watch::Sender::new(0) })
    }

    /// What is on both sides.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where the relay is to go on to.
    pub fn upstream(&self) -> &Address {
        &self.address
    }

    /// Where the relay listens.
    pub fn set_front(&mut self, front: Address) {
        self.front = Some(front);
    }

    /// Waits until so many clients have come to the relay.
    pub async fn meetings(&self, count: usize) {
        // The sender lives as long as the stage.
        let _ = self.came.subscribe().wait_for(|came| *came >= count).await;
    }

    /// One conversation, from both connections to both ends.
    ///
    /// # Errors
    ///
    /// The two sides did not come together.
    pub async fn converse(&self, client: &Script, upstream: &Script) -> io::Result<Seen> {
        let met = self.meet(client, upstream).await;
        self.came.send_modify(|came| *came += 1);
        let (a, b, number) = met?;
        let (mut a, mut b) = (Actor::new(Role::Client, a), Actor::new(Role::Upstream, b));
        let performing = async {
            tokio::join!(a.perform(client), b.perform(upstream));
        };
        let hung = timeout(BOUND, performing).await.is_err();
        if !hung {
            // Some resets come after the end of a stream, to nobody who still reads.
            let due = [
                judge::is_reset_due(self.shape.front, b.log(), a.log()),
                judge::is_reset_due(self.shape.behind, a.log(), b.log()),
            ];
            let _ = timeout(RESET_BOUND, async {
                if due[0] {
                    a.await_reset().await;
                }
                if due[1] {
                    b.await_reset().await;
                }
            })
            .await;
        }
        Ok(Seen { client: a.finish(), upstream: b.finish(), number, hung })
    }

    /// Connects a client through the relay.
    async fn meet(&self, client: &Script, upstream: &Script) -> io::Result<(Carrier, Carrier, usize)> {
        let mut door = self.door.lock().await;
        let both = async { tokio::try_join!(self.enter(client), self.accept(upstream)) };
        let (a, b) = timeout(BOUND, both).await.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
        *door += 1;
        Ok((a, b, *door - 1))
    }

    async fn enter(&self, script: &Script) -> io::Result<Carrier> {
        let front = self.front.as_ref().ok_or_else(|| io::Error::other("the relay's place is not known"))?;
        let stream = connect(front, script.receive_buffer).await?;
        let Wire { tls, proxy, .. } = self.shape.front;
        let session = tls.then(|| {
            let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
            ClientConnection::new(Setup::PLAIN.client()?, name).map_err(io::Error::other)
        });
        let mut carrier = Carrier::new(stream, session.transpose()?.map(Session::Client))?;
        if proxy && carrier.send_raw(HEADER)? != HEADER.len() {
            return Err(io::Error::other("a new connection takes no header"));
        }
        carrier.shake_hands().await?;
        Ok(carrier)
    }

    async fn accept(&self, script: &Script) -> io::Result<Carrier> {
        let stream = match &self.upstream {
            Listener::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
            #[cfg(unix)]
            Listener::Unix(listener) => Stream::Unix(listener.accept().await?.0),
        };
        if let Some(size) = script.receive_buffer {
            stream.socket().set_recv_buffer_size(size)?;
        }
        let Wire { tls, proxy, .. } = self.shape.behind;
        let session = tls.then(|| ServerConnection::new(Setup::PLAIN.server()?).map_err(io::Error::other));
        let mut carrier = Carrier::new(stream, session.transpose()?.map(Session::Server))?;
        if proxy {
            carrier.take_header().await?;
        }
        carrier.shake_hands().await?;
        Ok(carrier)
    }
}

async fn connect(to: &Address, receive_buffer: Option<usize>) -> io::Result<Stream> {
    match to {
        Address::Tcp(address) => {
            let socket = if address.is_ipv4() {
                tokio::net::TcpSocket::new_v4()?
            } else {
                tokio::net::TcpSocket::new_v6()?
            };
            if let Some(size) = receive_buffer {
                socket2::SockRef::from(&socket).set_recv_buffer_size(size)?;
            }
            Ok(Stream::Tcp(socket.connect(*address).await?))
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
            if let Some(size) = receive_buffer {
                socket.set_recv_buffer_size(size)?;
            }
            socket.connect(&socket2::SockAddr::unix(path)?)?;
            socket.set_nonblocking(true)?;
            Ok(Stream::Unix(tokio::net::UnixStream::from_std(socket.into())?))
        }
        #[cfg(windows)]
        Address::Unix(_) => Err(ErrorKind::Unsupported.into()),
    }
}
