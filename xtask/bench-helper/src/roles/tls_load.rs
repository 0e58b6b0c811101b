//! The clients of a relay that terminates TLS: threads that block, each with one connection at a time.
//!
//! Every handshake is a full one. Nobody's certificate is verified, because it is not the client that is measured.

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

/// How many clients connect at the same time.
const CLIENTS: usize = 16;

/// What a connection sends, and gets back.
const SHORT: usize = 200;

/// No read takes longer.
const BOUND: Duration = Duration::from_secs(60);

/// What is received at once.
const PIECE: usize = 256 * 1024;

type Client = StreamOwned<ClientConnection, TcpStream>;

/// Makes `connections` connections, over each of which a few bytes go there and back.
pub(crate) fn short(port: &str, connections: &str) -> Result<()> {
    let (port, left): (u16, i64) = (port.parse()?, connections.parse()?);
    let config = config()?;
    let left = AtomicI64::new(left);
    thread::scope(|scope| {
        let client = || -> Result<()> {
            let mut bytes = [7; SHORT];
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                let mut stream = connect(port, &config)?;
                stream.write_all(&bytes)?;
                stream.read_exact(&mut bytes)?;
                end(stream)?;
            }
            Ok(())
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })
}

/// Orders `size` bytes of the server, and receives them.
pub(crate) fn bulk(port: &str, size: &str) -> Result<()> {
    let (port, size): (u16, u64) = (port.parse()?, size.parse()?);
    let mut stream = connect(port, &config()?)?;
    stream.write_all(&size.to_be_bytes())?;
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    while received < size {
        let n = stream.read(&mut piece)?;
        ensure!(n > 0, "{received} of {size} bytes came");
        received += n as u64;
    }
    end(stream)
}

fn connect(port: u16, config: &Arc<ClientConfig>) -> Result<Client> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("the forwarder does not listen")?;
    socket.set_read_timeout(Some(BOUND))?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::clone(config), name)?, socket))
}

/// Ends as a client of HTTP does: it says so, and does not wait.
fn end(mut stream: Client) -> Result<()> {
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}

fn config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Takes every certificate, of whoever has its key.
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
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
