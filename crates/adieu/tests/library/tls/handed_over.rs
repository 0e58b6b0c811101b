//! Configurations of rustls that a program has built itself: what adieu does with them, and what it then says.

use super::address_of;
use crate::arms::{Arm, BOUND, Half, bounded, on_both, runtime};
use adieu::tls::{ClientConfig, ConfigError, Eof, Failure, ServerConfig};
use adieu::{ConnectCause, ConnectOptions, Endpoint, ListenOptions, Listener, Report};
use adieu_testkit::places;
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Peer, Script, Setup, Step};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_file(Authority::shared().file()).expect("a file of the test kit");
    roots.add(own).expect("an authority's");
    Arc::new(roots)
}

pub(super) fn of_client() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_root_certificates(roots())
        .with_no_client_auth()
}

/// One that presents a certificate.
fn of_client_as(identity: &Identity) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_root_certificates(roots())
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.private_key())
        .expect("a key of the test kit")
}

pub(super) fn of_server(asks_clients: bool) -> rustls::ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has both");
    let own = Authority::loopback();
    let builder = if asks_clients {
        let check = WebPkiClientVerifier::builder_with_provider(roots(), provider).build().expect("roots");
        builder.with_client_cert_verifier(check)
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(vec![own.certificate.clone()], own.private_key()).expect("a key of the test kit")
}

/// An echo of this arm for one client: where it is, and its report.
fn serve(arm: Arm, tls: ServerConfig) -> (Endpoint, std::thread::JoinHandle<Report>) {
    let options = ListenOptions::new().tls(tls);
    let at = Endpoint::tcp("127.0.0.1", 0);
    match arm {
        Arm::Blocking => {
            let listener = Listener::bind(&at, &options).expect("loopback");
            let endpoint = Endpoint::from(address_of(listener.local_endpoint()));
            (
                endpoint,
                std::thread::spawn(move || adieu::exchange::echo(listener.accept().expect("a client"))),
            )
        }
        Arm::Tokio => {
            let runtime = runtime();
            let bound = runtime.block_on(async { adieu::tokio::Listener::bind(&at, &options).await });
            let listener = bound.expect("loopback");
            let endpoint = Endpoint::from(address_of(listener.local_endpoint()));
            let serving = std::thread::spawn(move || {
                runtime
                    .block_on(async { adieu::tokio::echo(listener.accept().await.expect("a client")).await })
            });
            (endpoint, serving)
        }
    }
}

/// Sends 100 kB, and ends when they have come back.
fn exchanged(arm: Arm, endpoint: &Endpoint, tls: ClientConfig) -> Report {
    let mut open = arm.connect(endpoint, &ConnectOptions::new().tls(tls)).expect("it is believed");
    // In pieces that fit into the buffers of a connection: the other side sends them back at once.
    for _ in 0..10 {
        open.write_all(&[7; 10_000]).expect("taken");
        open.read_exact(&mut [0; 10_000]).expect("it is sent back");
    }
    open.shutdown_send().expect("connected").drain()
}

#[test]
fn both_sides_speak_as_the_configurations_of_a_program_say() {
    static OWN: OnceLock<Identity> = OnceLock::new();
    OWN.get_or_init(|| Authority::shared().issue(&["client.test"]).expect("a key"));
    on_both(|arm| {
        let own = OWN.get().expect("made above");
        let mut server = of_server(true);
        server.alpn_protocols = vec![b"other/1".to_vec(), b"echo/1".to_vec()];
        let server = ServerConfig::from_rustls(server);
        assert_eq!(server.fingerprint(), None, "what it presents is rustls's to choose");
        let (endpoint, serving) = serve(arm, server);
        let mut client = of_client_as(own);
        client.alpn_protocols = vec![b"echo/1".to_vec()];
        // Many records of each piece.
        client.max_fragment_size = Some(700);
        let client = ClientConfig::from_rustls(Arc::new(client));
        assert_eq!(client.fingerprint(), None);
        let report = exchanged(arm, &endpoint, client);
        let theirs = serving.join().expect("no panic");
        for (report, peer) in [(&report, Authority::loopback()), (&theirs, own)] {
            assert!(report.is_graceful(), "{report}");
            assert_eq!((report.bytes_received, report.bytes_accepted), (100_000, 100_000), "{report}");
            assert_eq!(report.bytes_acknowledged.unwrap_or(100_000), 100_000, "{report}");
            assert_eq!(report.tls_version.map(adieu::tls::Version::name), Some("TLSv1.3"));
            assert!(report.tls_cipher_suite.is_some());
            assert_eq!(report.tls_alpn.as_deref(), Some("echo/1"));
            assert_eq!(report.tls_trust, None, "a verifier does not say what it believes");
            assert_eq!(report.tls_peer_sha256, Some(peer.fingerprint()), "it was accepted, so it is known");
            assert_eq!(report.tls_peer_subject.as_deref(), Some("CN=peer.test"));
            assert_eq!(report.tls_close_notify_received, Some(true));
        }
    });
}

#[test]
fn a_session_that_is_resumed_goes_as_the_first_did() {
    on_both(|arm| {
        let mut server = of_server(false);
        // Data before the handshake is asked for by both, and neither sent nor taken.
        server.max_early_data_size = 10_000;
        let server = ServerConfig::from_rustls(server);
        let mut client = of_client();
        client.enable_early_data = true;
        let client = ClientConfig::from_rustls(client);
        for _ in 0..2 {
            let (endpoint, serving) = serve(arm, server.clone());
            let report = exchanged(arm, &endpoint, client.clone());
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.tls_peer_sha256, Some(Authority::loopback().fingerprint()), "also if resumed");
            let theirs = serving.join().expect("no panic");
            assert!(theirs.is_graceful() && theirs.bytes_received == 100_000, "{theirs}");
        }
    });
}

/// A client's stream, in which `early` is sent before the handshake if that may be.
/// True: it may be.
fn early(
    config: &Arc<rustls::ClientConfig>,
    place: SocketAddr,
    early: &[u8],
) -> (rustls::StreamOwned<rustls::ClientConnection, TcpStream>, bool) {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut session = rustls::ClientConnection::new(Arc::clone(config), name).expect("a configuration");
    let may_be = session.early_data().is_some();
    if let Some(mut room) = session.early_data() {
        room.write_all(early).expect("room");
    }
    let stream = TcpStream::connect(place).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    (rustls::StreamOwned::new(session, stream), may_be)
}

#[test]
fn early_data_of_a_client_is_refused_and_comes_again_after_the_handshake() {
    on_both(|arm| {
        let mut server = of_server(false);
        server.max_early_data_size = 10_000;
        let server = Arc::new(server);
        let mut client = of_client();
        client.enable_early_data = true;
        let client = Arc::new(client);
        // rustls's own server offers it, for the next time.
        let listener = places::listener();
        let (mut stream, may_be) = early(&client, listener.local_addr().expect("bound"), b"");
        assert!(!may_be, "it does not know the server yet");
        let config = Arc::clone(&server);
        let first = std::thread::spawn(move || {
            let session = rustls::ServerConnection::new(config).expect("a configuration");
            let stream = listener.accept().expect("a client").0;
            rustls::StreamOwned::new(session, stream).write_all(b"x").expect("taken");
        });
        stream.read_exact(&mut [0]).expect("it comes, and the ticket before it");
        first.join().expect("no panic");

        let (endpoint, serving) = serve(arm, ServerConfig::from_rustls(server));
        let (mut stream, may_be) = early(&client, address_of(&endpoint), b"early");
        assert!(may_be, "it was offered");
        stream.flush().expect("the handshake is made");
        assert!(!stream.conn.is_early_data_accepted());
        stream.write_all(b"early").expect("taken");
        stream.conn.send_close_notify();
        stream.flush().expect("taken");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).expect("close_notify comes");
        assert_eq!(back, b"early", "once");
        drop(stream);
        let theirs = serving.join().expect("no panic");
        assert!(theirs.is_graceful() && theirs.bytes_received == 5, "{theirs}");
    });
}

#[test]
fn who_is_refused_by_a_program_s_own_verifier_is_told_in_its_words() {
    static STRANGER: OnceLock<(Authority, Identity)> = OnceLock::new();
    STRANGER.get_or_init(|| {
        let authority = Authority::new().expect("a key");
        let identity = authority.issue(&["127.0.0.1"]).expect("a key");
        (authority, identity)
    });
    on_both(|arm| {
        let stranger = &STRANGER.get().expect("made above").1;
        let setup = Setup { identity: Some(stranger), ..Setup::PLAIN };
        let script: &Script = &[Step::Handshake, Step::ReceiveToEnd];
        let peer = Peer::listen(setup, script).expect("loopback");
        let options = ConnectOptions::new().tls(ClientConfig::from_rustls(of_client()));
        let error =
            arm.connect(&Endpoint::from(peer.address()), &options).err().expect("nobody vouches for it");
        let ConnectCause::Tls(failed) = error.cause() else { panic!("{error}") };
        assert_eq!(failed.failure(), Failure::UnknownIssuer);
        assert_eq!(failed.words().settings().next(), None, "none of ours would help: {failed}");
        let says =
            "the peer's certificate was refused by the verifier of this program's own rustls configuration: ";
        assert!(failed.to_string().contains(says), "{failed}");
        let report = error.report();
        assert_eq!(report.ending().name(), "no_connection");
        assert_eq!((report.tls_trust, &report.tls_peer_sha256), (None, &None), "it is not told");

        let (endpoint, serving) = serve(arm, ServerConfig::from_rustls(of_server(true)));
        let client = ConnectOptions::new().tls(ClientConfig::from_rustls(of_client_as(stranger)));
        // A client of TLS 1.3 learns it after its own handshake.
        let told = arm.connect(&endpoint, &client).map(|open| open.shutdown_send().map(Half::drain));
        drop(told);
        let theirs = serving.join().expect("no panic");
        assert_eq!(
            (theirs.ending().name(), theirs.tls_failure.map(Failure::name)),
            ("no_connection", Some("unknown_issuer")),
            "{theirs}"
        );
        let says = "the client's certificate was refused by the verifier of this program's own";
        assert!(theirs.to_string().contains(says), "{theirs}");
        assert_eq!(theirs.tls_peer_sha256, None);
    });
}

#[test]
fn an_end_without_close_notify_is_a_cut_unless_it_is_said_otherwise() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::Send(3_000), Step::ReceiveToEnd, Step::Fin];
        let config = Arc::new(of_client());
        for (eof, ending) in
            [(None, "truncated"), (Some(Eof::Framed), "graceful"), (Some(Eof::Ignore), "graceful")]
        {
            let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
            let mut tls = ClientConfig::from_rustls(Arc::clone(&config));
            if let Some(eof) = eof {
                tls = tls.eof(eof);
            }
            let options = ConnectOptions::new().tls(tls);
            let open = arm.connect(&Endpoint::from(peer.address()), &options).expect("it is believed");
            let report = open.shutdown_send().expect("connected").drain();
            assert_eq!((report.ending().name(), report.bytes_received), (ending, 3_000), "{eof:?}: {report}");
            assert_eq!(report.tls_close_notify_received, Some(false));
        }
        // The same where we listen.
        for (eof, ending) in [(Eof::Require, "truncated"), (Eof::Ignore, "graceful")] {
            let (endpoint, serving) = serve(arm, ServerConfig::from_rustls(of_server(false)).eof(eof));
            let place = adieu_testkit::tls::peer::Address::Tcp(address_of(&endpoint));
            let script: &Script =
                &[Step::Handshake, Step::Send(3_000), Step::Receive(3_000), Step::Fin, Step::ReceiveToEnd];
            let _client = Peer::connect(Setup::PLAIN, move || Some(place.clone()), script).expect("a thread");
            let theirs = serving.join().expect("no panic");
            assert_eq!((theirs.ending().name(), theirs.bytes_received), (ending, 3_000), "{eof:?}: {theirs}");
        }
    });
}

#[test]
fn the_name_is_the_endpoint_s_or_the_one_that_is_given() {
    static OTHER: OnceLock<Identity> = OnceLock::new();
    OTHER.get_or_init(|| Authority::shared().issue(&["other.test"]).expect("a key"));
    on_both(|arm| {
        let setup = Setup { identity: OTHER.get(), ..Setup::PLAIN };
        let script: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::CloseNotify, Step::Fin];
        let config = ClientConfig::from_rustls(of_client());
        let peer = Peer::listen(setup, script).expect("loopback");
        let error = arm.connect(&Endpoint::from(peer.address()), &ConnectOptions::new().tls(config.clone()));
        let error = error.err().expect("it is another's");
        assert_eq!(error.report().tls_failure.map(Failure::name), Some("wrong_name"), "{error}");
        let peer = Peer::listen(setup, script).expect("loopback");
        let named = config.clone().server_name("other.test").expect("a name");
        let open = arm.connect(&Endpoint::from(peer.address()), &ConnectOptions::new().tls(named));
        let report = open.expect("that is it").shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        let error = config.clone().server_name("no name").expect_err("it has a space");
        assert_eq!(error, ConfigError::BadName { name: "no name".to_owned() });
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_no_name_so_one_must_be_given() {
    bounded("a client", || {
        let endpoint = Endpoint::unix("/nowhere/socket");
        let options = ConnectOptions::new().tls(ClientConfig::from_rustls(of_client()));
        let error = options.check(&endpoint).expect_err("what would its verifier be asked?");
        assert!(error.to_string().contains("server name"), "{error}");
        let named = ClientConfig::from_rustls(of_client()).server_name("localhost").expect("a name");
        assert_eq!(ConnectOptions::new().tls(named).check(&endpoint), Ok(()));
    });
}
