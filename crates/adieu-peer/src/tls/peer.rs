//! A TLS peer on loopback: its behaviour is a list of [`Step`]s.
//!
//! As a [peer without TLS](crate::PeerHandle), it runs on its own thread, writes down what fails, waits nowhere without a bound, and never
//! panics. What it sends is [`Pattern::of_peer`], what it expects is [`Pattern::of_program`].

use super::authority::{Authority, Identity};
use crate::os;
use crate::pattern::{Pattern, Verifier};
use crate::progress::Progress;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, SupportedProtocolVersion,
};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No call of the peer waits longer.
const BOUND: Duration = Duration::from_secs(20);

/// One thing a TLS peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the handshake.
    Handshake,
    /// Sends these octets as they are.
    Raw(&'static [u8]),
    /// Sends the next `n` bytes of its pattern, in records.
    Send(u64),
    /// Receives exactly `n` bytes.
    Receive(u64),
    /// Receives until close_notify, EOF or a reset, and writes down which.
    ReceiveToEnd,
    /// Does nothing for this long. It is the peer's behaviour, never used to wait for something.
    Silence(Duration),
    /// Sends close_notify.
    CloseNotify,
    /// Sends a record with the next `n` bytes of its pattern, but for its second half.
    CutRecord(u64),
    /// Takes something that was never sent for a record of the program's: its TLS breaks the session off with the fatal
    /// alert `bad_record_mac`.
    BreakOff,
    /// Shuts down its sending side: FIN.
    Fin,
    /// From now on its system acknowledges late, as it does in a dialogue. tcp(7), TCP_QUICKACK.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    AcknowledgeLate,
    /// Aborts: RST.
    Reset,
    /// Keeps the connection open until the test is over.
    Hold,
}

/// A record that nobody has sealed.
const FORGED: &[u8] = &[
    0x17, 3, 3, 0, 24, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
];

/// What a TLS peer does, step by step; then it closes.
pub type Script = [Step];

/// What a TLS peer saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Bytes received.
    pub received: u64,
    /// Offset of the first that was not the program's pattern.
    pub first_wrong: Option<u64>,
    /// The program's close_notify came.
    pub close_notify: bool,
    /// The program's FIN came.
    pub eof: bool,
    /// An RST came.
    pub reset: bool,
    /// The step that failed, and why.
    pub failure: Option<(usize, String)>,
}

/// How a TLS peer is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Its versions.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// Its certificate; of a client, one that it offers. `None`: that of [`Authority::loopback`] for a server.
    pub identity: Option<&'static Identity>,
}

impl Setup {
    /// Both versions, and the common certificate.
    pub const PLAIN: Self = Self { versions: rustls::ALL_VERSIONS, identity: None };
    /// TLS 1.2 alone.
    pub const TLS12: Self = Self { versions: &[&rustls::version::TLS12], identity: None };
    /// TLS 1.3 alone.
    pub const TLS13: Self = Self { versions: &[&rustls::version::TLS13], identity: None };

    /// As a server's configuration.
    ///
    /// # Errors
    ///
    /// Its certificate cannot be used.
    pub fn server(self) -> io::Result<Arc<ServerConfig>> {
        let identity = self.identity.unwrap_or_else(Authority::loopback);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], identity.private_key())
            .map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }

    /// As the configuration of a client that believes any server.
    ///
    /// # Errors
    ///
    /// Its certificate cannot be used.
    pub fn client(self) -> io::Result<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
        let config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate.clone()], identity.private_key())
                .map_err(io::Error::other)?,
        };
        Ok(Arc::new(config))
    }
}

/// Where a peer is: an endpoint, as a program writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket's file.
    Unix(PathBuf),
}

impl Address {
    /// A port of the system's choice on loopback.
    pub const LOOPBACK: Self = Self::Tcp(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

    fn socket(&self) -> io::Result<(Socket, SockAddr)> {
        let (domain, address) = match self {
            Self::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Self::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        Ok((Socket::new(domain, Type::STREAM, None)?, address))
    }

    fn listen(&self) -> io::Result<(Socket, Self)> {
        let (socket, address) = self.socket()?;
        socket.bind(&address)?;
        socket.listen(16)?;
        let place = socket.local_addr()?.as_socket().map_or_else(|| self.clone(), Self::Tcp);
        Ok((socket, place))
    }

    fn connect(&self) -> io::Result<Socket> {
        let (socket, address) = self.socket()?;
        socket.connect(&address)?;
        Ok(socket)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A running TLS peer. Dropped, it is released and waited for.
pub struct Peer {
    place: Option<Address>,
    released: Arc<Progress>,
    thread: Option<JoinHandle<Log>>,
}

impl Peer {
    /// Starts a TLS server on loopback that performs `script` on its first connection.
    ///
    /// # Errors
    ///
    /// It cannot listen, or its certificate cannot be used.
    pub fn listen(setup: Setup, script: &'static Script) -> io::Result<Self> {
        Self::listen_at(&Address::LOOPBACK, setup, script)
    }

    /// The same at a place.
    ///
    /// # Errors
    ///
    /// As [`Peer::listen`].
    pub fn listen_at(place: &Address, setup: Setup, script: &'static Script) -> io::Result<Self> {
        let config = setup.server()?;
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let (listener, place) = place.listen()?;
        let mut peer = Self::spawn(script, move || {
            let (stream, _) = listener.accept()?;
            Ok((stream, Connection::Server(session)))
        })?;
        peer.place = Some(place);
        Ok(peer)
    }

    /// Starts a TLS client that connects as soon as `find` gives a place, for at most 20 s, believes any server, and
    /// performs `script`.
    ///
    /// # Errors
    ///
    /// No thread can be had.
    pub fn connect(
        setup: Setup,
        mut find: impl FnMut() -> Option<Address> + Send + 'static,
        script: &'static Script,
    ) -> io::Result<Self> {
        let config = setup.client()?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Self::spawn(script, move || {
            let began = std::time::Instant::now();
            let place = loop {
                match find() {
                    Some(place) => break place,
                    None if began.elapsed() > BOUND => return Err(io::ErrorKind::TimedOut.into()),
                    None => thread::sleep(Duration::from_millis(2)),
                }
            };
            Ok((place.connect()?, Connection::Client(session)))
        })
    }

    fn spawn(
        script: &'static Script,
        start: impl FnOnce() -> io::Result<(Socket, Connection)> + Send + 'static,
    ) -> io::Result<Self> {
        let released = Arc::new(Progress::new());
        let release = Arc::clone(&released);
        let thread = thread::Builder::new().name("tls-peer".into()).spawn(move || {
            let started = start().and_then(|(stream, session)| {
                // Without meaning for a Unix socket.
                let _ = stream.set_tcp_nodelay(true);
                stream.set_read_timeout(Some(BOUND))?;
                stream.set_write_timeout(Some(BOUND))?;
                Ok((stream, session))
            });
            match started {
                Ok((stream, session)) => Performance::new(stream, session).perform(script, &release),
                Err(error) => Log { failure: Some((0, error.to_string())), ..Log::default() },
            }
        })?;
        Ok(Self { place: None, released, thread: Some(thread) })
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// If this peer connects, or listens on a Unix socket.
    pub fn address(&self) -> SocketAddr {
        match self.place {
            Some(Address::Tcp(address)) => address,
            _ => panic!("only a peer that listens on TCP has an address"),
        }
    }

    /// Where it listens; `None`: it connects.
    pub fn place(&self) -> Option<&Address> {
        self.place.as_ref()
    }

    /// Releases it, waits for it, and gives its log.
    ///
    /// # Panics
    ///
    /// If its thread did, which is a bug of this crate.
    pub fn finish(mut self) -> Log {
        self.released.reach(1);
        if let Some(place) = &self.place {
            // One that nobody has connected to would wait for ever.
            let _ = place.connect();
        }
        let thread = self.thread.take().expect("the thread is taken here only");
        thread.join().expect("the peer writes failures down and does not panic")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.released.reach(1);
        if let (Some(place), Some(_)) = (&self.place, &self.thread) {
            let _ = place.connect();
        }
    }
}

/// A script on one connection.
struct Performance {
    stream: Option<Socket>,
    session: Connection,
    received: Verifier,
    sent: u64,
    log: Log,
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Performance {
    fn new(stream: Socket, session: Connection) -> Self {
        let received = Verifier::new(Pattern::of_program());
        Self { stream: Some(stream), session, received, sent: 0, log: Log::default() }
    }

    fn perform(mut self, script: &Script, released: &Progress) -> Log {
        for (index, step) in script.iter().enumerate() {
            if let Err(error) = self.step(*step, released) {
                self.log.failure = Some((index, error.to_string()));
                break;
            }
        }
        self.log.received = self.received.count();
        self.log.first_wrong = self.received.first_wrong();
        self.log
    }

    fn step(&mut self, step: Step, released: &Progress) -> io::Result<()> {
        match step {
            Step::Handshake => {
                while self.session.is_handshaking() {
                    self.flush()?;
                    if self.session.is_handshaking() && self.fill()? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                self.flush()
            }
            Step::Raw(octets) => self.stream()?.write_all(octets),
            Step::Send(n) => {
                let mut left = n;
                while left > 0 {
                    left -= self.queue(left)?;
                    self.flush()?;
                }
                Ok(())
            }
            Step::CutRecord(n) => {
                self.queue(n)?;
                let mut record = Vec::new();
                self.session.write_tls(&mut record)?;
                let half = record.len() / 2;
                self.stream()?.write_all(&record[..half])
            }
            Step::Receive(n) => {
                let until = self.received.count() + n;
                while self.received.count() < until {
                    if !self.receive()? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok(())
            }
            Step::ReceiveToEnd => {
                while self.receive()? {}
                Ok(())
            }
            Step::Silence(time) => {
                thread::sleep(time);
                Ok(())
            }
            Step::CloseNotify => {
                self.session.send_close_notify();
                self.flush()
            }
            Step::BreakOff => {
                // A part of a true record may stand before it, and becomes a false one by this.
                for _ in 0..32 * 1024 / FORGED.len() {
                    self.session.read_tls(&mut &*FORGED)?;
                    match self.session.process_new_packets() {
                        Ok(_) => {}
                        Err(Error::DecryptError) => return self.flush(),
                        Err(other) => return Err(io::Error::other(other)),
                    }
                }
                Err(io::Error::other("it was believed"))
            }
            Step::Fin => self.stream()?.shutdown(Shutdown::Write),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Step::AcknowledgeLate => self.stream()?.set_tcp_quickack(false),
            Step::Reset => {
                let stream = self.stream.take().ok_or_else(gone)?;
                stream.set_linger(Some(Duration::ZERO))
            }
            Step::Hold => {
                let _released = released.wait_for(1, BOUND);
                Ok(())
            }
        }
    }

    fn stream(&mut self) -> io::Result<&mut Socket> {
        self.stream.as_mut().ok_or_else(gone)
    }

    /// Puts at most so many bytes of the pattern into the session, as far as it takes them.
    fn queue(&mut self, most: u64) -> io::Result<u64> {
        let mut bytes = vec![0; usize::try_from(most.min(32 * 1024)).unwrap_or(1)];
        Pattern::of_peer().fill(self.sent, &mut bytes);
        let n = self.session.writer().write(&bytes)? as u64;
        self.sent += n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            let stream = self.stream.as_mut().ok_or_else(gone)?;
            self.session.write_tls(stream)?;
        }
        Ok(())
    }

    /// Receives records. 0: an EOF.
    fn fill(&mut self) -> io::Result<usize> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        let read = self.session.read_tls(stream);
        let n = os::with_resets(stream, read)?;
        if let Err(error) = self.session.process_new_packets() {
            self.flush()?;
            return Err(io::Error::other(error));
        }
        Ok(n)
    }

    /// Receives something. False: the stream has ended, and the log says how.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.session.reader().read(&mut buffer) {
                Ok(0) => {
                    self.log.close_notify = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.received.write_all(&buffer[..n])?;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.log.eof = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
            match self.fill() {
                Ok(_) => self.flush()?,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.log.reset = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Believes any server: the peer's certificate is the program's matter.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
