//! The other side of every tool that speaks TLS: rustls on the calls that cost least, so that it is not what is measured.

use super::{net, now};
use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What is received at once.
const INCOMING: usize = 1 << 20;
/// What is sealed at once: eight records.
const SEALED: usize = 128 * 1024;
/// Room for them, and for what a record adds.
const OUTGOING: usize = SEALED + 64 * 1024;

/// Accepts one connection, sends a file if there is one (`-`: none), receives everything, and says how much. If it is to
/// receive so many bytes, and not all until the end, it sends and receives at the same time.
pub(crate) fn peer(certificate: &str, key: &str, file: &str, end: &str) -> Result<()> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.send_tls13_tickets = 0;
    let session = UnbufferedServerConnection::new(Arc::new(config))?;
    let file = if file == "-" { None } else { Some(File::open(file).context("the file to send")?) };
    let (listener, port) = net::listen("0")?;
    eprintln!("port {port}");
    let socket = net::accept(&listener)?;
    let mut peer = Peer {
        session,
        socket,
        incoming: vec![0; INCOMING],
        start: 0,
        end: 0,
        outgoing: vec![0; OUTGOING],
        sent: 0,
        unsent: 0,
        received: 0,
        closed: false,
    };
    peer.advance(&[], true)?;
    let mut sent = 0;
    if let Some(mut file) = file {
        sent = file.metadata()?.len();
        // All its bytes are the same and only counted, so one piece stands for each: reading them would be measured.
        let mut piece = vec![0; SEALED];
        let held = file.read(&mut piece)?;
        piece.truncate(held);
        if end == "eof" {
            peer.send(&piece, sent)?;
        } else {
            peer.exchange(&piece, sent, end.parse().context("how much to receive")?)?;
        }
        peer.end()?;
    }
    peer.receive()?;
    if sent == 0 {
        // A tool that has closed already needs no end of ours.
        let _ = peer.end();
    }
    eprintln!("done 1 received {} sent {sent} end {}", peer.received, now());
    Ok(())
}

struct Peer {
    session: UnbufferedServerConnection,
    socket: OwnedFd,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// What is between `sent` and `unsent` is to be sent.
    outgoing: Vec<u8>,
    sent: usize,
    unsent: usize,
    received: u64,
    closed: bool,
}

impl Peer {
    /// Makes the handshake, or seals `bytes`, or opens what has come.
    fn advance(&mut self, bytes: &[u8], handshake: bool) -> Result<()> {
        loop {
            let incoming = &mut self.incoming[self.start..self.end];
            let UnbufferedStatus { mut discard, state } = self.session.process_tls_records(incoming);
            let mut done = false;
            let mut needs_input = false;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        self.received += record.payload.len() as u64;
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    self.unsent += data.encode(&mut self.outgoing[self.unsent..])?;
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    self.flush()?;
                }
                ConnectionState::BlockedHandshake => needs_input = true,
                ConnectionState::WriteTraffic(mut traffic) => {
                    if !bytes.is_empty() {
                        self.unsent = traffic.encrypt(bytes, &mut self.outgoing)?;
                    }
                    done = true;
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.closed = true;
                    done = bytes.is_empty();
                }
                _ => bail!("a state that this version does not know"),
            }
            self.start += discard;
            if done && handshake && self.session.is_handshaking() {
                (done, needs_input) = (false, true);
            }
            if done {
                return Ok(());
            }
            if needs_input && self.fill()? == 0 {
                bail!("an end in the handshake");
            }
        }
    }

    fn fill(&mut self) -> Result<usize> {
        Ok(self.fill_with(RecvFlags::empty())?)
    }

    fn fill_with(&mut self, flags: RecvFlags) -> Result<usize, Errno> {
        self.incoming.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let (n, _) = recv(&self.socket, &mut self.incoming[self.end..], flags)?;
        self.end += n;
        Ok(n)
    }

    fn flush(&mut self) -> Result<()> {
        send_all(&self.socket, &self.outgoing[self.sent..self.unsent])?;
        (self.sent, self.unsent) = (0, 0);
        Ok(())
    }

    /// Sends so much of the piece, again and again.
    fn send(&mut self, piece: &[u8], mut left: u64) -> Result<()> {
        while left > 0 {
            let next = next(piece, &mut left);
            self.advance(next, false)?;
            self.flush()?;
        }
        Ok(())
    }

    /// The same while it receives, until it has received so much.
    fn exchange(&mut self, piece: &[u8], mut left: u64, until: u64) -> Result<()> {
        while left > 0 || self.sent < self.unsent || self.received < until {
            let mut sealed: &[u8] = &[];
            if self.sent == self.unsent {
                (self.sent, self.unsent) = (0, 0);
                sealed = next(piece, &mut left);
            }
            // Opens what has come, and seals the piece.
            self.advance(sealed, false)?;
            let mut moved = false;
            if self.sent < self.unsent {
                let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                match send(&self.socket, &self.outgoing[self.sent..self.unsent], flags) {
                    Ok(n) => {
                        self.sent += n;
                        moved = true;
                    }
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match self.fill_with(RecvFlags::DONTWAIT) {
                Ok(0) if self.received < until => bail!("an end after {} bytes", self.received),
                Ok(n) => moved |= n > 0,
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            if !moved && (self.sent < self.unsent || self.received < until) {
                let mut flags = PollFlags::IN;
                flags.set(PollFlags::OUT, self.sent < self.unsent);
                poll(&mut [PollFd::new(&self.socket, flags)], None)?;
            }
        }
        Ok(())
    }

    /// To close_notify or the end, whichever the tool has.
    fn receive(&mut self) -> Result<()> {
        loop {
            self.advance(&[], false)?;
            if self.closed || self.fill()? == 0 {
                return Ok(());
            }
        }
    }

    /// close_notify and FIN, whether or not the tool's own close_notify has come.
    fn end(&mut self) -> Result<()> {
        loop {
            let incoming = &mut self.incoming[self.start..self.end];
            let UnbufferedStatus { discard, state } = self.session.process_tls_records(incoming);
            let sealed = match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    Some(traffic.queue_close_notify(&mut self.outgoing)?)
                }
                ConnectionState::PeerClosed => {
                    self.closed = true;
                    None
                }
                _ => bail!("more than the end"),
            };
            self.start += discard;
            if let Some(n) = sealed {
                self.unsent = n;
                break;
            }
        }
        self.flush()?;
        shutdown(&self.socket, Shutdown::Write)?;
        Ok(())
    }
}

/// As much of the piece as is left to send.
fn next<'a>(piece: &'a [u8], left: &mut u64) -> &'a [u8] {
    let n = piece.len().min(usize::try_from(*left).unwrap_or(piece.len()));
    *left -= n as u64;
    &piece[..n]
}

fn send_all(socket: &OwnedFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let n = send(socket, bytes, SendFlags::NOSIGNAL)?;
        bytes = &bytes[n..];
    }
    Ok(())
}
