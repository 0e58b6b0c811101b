//! What a server of TLS has for its clients: a certificate for the name that each asks for, and an alert when it cannot serve one.

use super::address_of;
use crate::arms::bounded;
use adieu::tls::{Server, Version};
use adieu::{Ending, Endpoint, ListenOptions, Listener, Side};
use adieu_testkit::tls::authority::{Authority, Identity};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, RootCertStore, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

/// A client that would speak these suites, and trusts the tests' authority.
fn client(
    suites: &[SupportedCipherSuite],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let provider =
        rustls::crypto::CryptoProvider { cipher_suites: suites.to_vec(), ..ring::default_provider() };
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(Authority::shared().file()).expect("a certificate");
    roots.add(authority).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions);
    Arc::new(config.expect("suites").with_root_certificates(roots).with_no_client_auth())
}

fn any_client() -> Arc<ClientConfig> {
    client(ring::ALL_CIPHER_SUITES, rustls::ALL_VERSIONS)
}

fn listener(server: Server) -> Listener {
    let options = ListenOptions::new().tls(server.build().expect("files"));
    Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("loopback")
}

fn loopback() -> Server {
    let (certificate, key) = &Authority::loopback().files;
    Server::from_files(certificate, key)
}

#[test]
fn a_client_that_cannot_be_served_is_told_by_an_alert_and_then_reset() {
    bounded("alerts", || {
        let of_version = |version: &'static SupportedProtocolVersion| {
            let suites = ring::ALL_CIPHER_SUITES.iter().filter(move |suite| suite.version() == version);
            suites.map(move |suite| (*suite, version))
        };
        let all = of_version(&rustls::version::TLS13).chain(of_version(&rustls::version::TLS12));
        for (suite, version) in all {
            // The certificates of these tests are ECDSA's.
            if format!("{:?}", suite.suite()).contains("_RSA_") {
                continue;
            }
            // With bytes on their way in both directions, and with none.
            for has_spoken in [false, true] {
                let listener = listener(loopback());
                let at = address_of(listener.local_endpoint());
                let config = client(&[suite], &[version]);
                let client = thread::spawn(move || {
                    let mut socket = TcpStream::connect(at).expect("it listens");
                    let name = ServerName::try_from("localhost").expect("a name");
                    let mut session = ClientConnection::new(config, name).expect("a client");
                    // The alert may stand behind the last of it.
                    let _ = session.complete_io(&mut socket);
                    assert!(!session.is_handshaking());
                    if has_spoken {
                        session.writer().write_all(b"?").expect("it is taken");
                        session.write_tls(&mut socket).expect("it is taken");
                    }
                    let alert = loop {
                        // It was found before, if it came so early.
                        if let Err(error) = session.process_new_packets() {
                            break error;
                        }
                        session.read_tls(&mut socket).expect("the alert comes before the reset");
                    };
                    let mut said = Vec::new();
                    let _ = session.reader().read_to_end(&mut said);
                    (alert, said, socket.read(&mut [0]).map_err(|error| error.kind()))
                });
                let mut connection = listener.accept().expect("a client").handshake().expect("it is trusted");
                if has_spoken {
                    connection.read_exact(&mut [0]).expect("a question");
                    connection.write_all(b"!").expect("it is taken");
                }
                let negotiated = connection.tls().expect("TLS");
                let is_13 = version.version == rustls::ProtocolVersion::TLSv1_3;
                assert_eq!(negotiated.version, Some(if is_13 { Version::Tls13 } else { Version::Tls12 }));
                assert!(negotiated.cipher_suite.is_some() && negotiated.peer_sha256.is_none());
                let report = connection.refuse();
                assert_eq!(report.ending(), Ending::Reset { by: Side::Us }, "{report}");
                assert_eq!(report.tls_close_notify_sent, Some(false));
                let (alert, said, then) = client.join().expect("no panic");
                assert_eq!(said, if has_spoken { &b"!"[..] } else { b"" });
                assert_eq!(alert, Error::AlertReceived(AlertDescription::InternalError), "{suite:?}");
                if !adieu_testkit::scenario::is_wine() {
                    assert_eq!(then, Err(ErrorKind::ConnectionReset), "{suite:?}");
                }
            }
        }
    });
}

#[test]
fn before_the_handshake_the_alert_goes_in_the_clear_and_without_tls_there_is_none() {
    bounded("alerts", || {
        let secure = listener(loopback());
        let plain = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
        for (listener, expected) in [(secure, &[0x15, 3, 3, 0, 2, 2, 80][..]), (plain, &[][..])] {
            let mut client = TcpStream::connect(address_of(listener.local_endpoint())).expect("it listens");
            let connection = listener.accept().expect("a client");
            let report = connection.refuse();
            assert!(
                matches!(report.ending(), Ending::Reset { by: Side::Us } | Ending::NoConnection),
                "{report}"
            );
            let mut got = Vec::new();
            let end = client.read_to_end(&mut got).map_err(|error| error.kind());
            assert_eq!(got, expected);
            // Wine shows an EOF for a reset.
            if !adieu_testkit::scenario::is_wine() {
                assert_eq!(end, Err(ErrorKind::ConnectionReset));
            }
        }
    });
}

fn presented_to(listener: &Listener, name: &str) -> CertificateDer<'static> {
    let at = address_of(listener.local_endpoint());
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let client = thread::spawn(move || {
        let mut socket = TcpStream::connect(at).expect("it listens");
        let mut session = ClientConnection::new(any_client(), name).expect("a client");
        // One that is for another name is refused, and seen all the same: it is what the error is about.
        let _ = session.complete_io(&mut socket);
        session.peer_certificates().and_then(<[_]>::first).map(|own| own.clone().into_owned())
    });
    let _ = listener.accept().expect("a client").handshake();
    client.join().expect("no panic").expect("a certificate for the name")
}

#[test]
fn each_client_sees_the_certificate_for_the_name_it_asks_for() {
    bounded("names", || {
        let issue = |names: &[&str]| Authority::shared().issue(names).expect("a key");
        let (first, wild, exact) =
            (issue(&["localhost", "127.0.0.1"]), issue(&["*.example.org"]), issue(&["www.example.com"]));
        let pem = |identity: &Identity| {
            let read = |path| std::fs::read(path).expect("it was written");
            (read(&identity.files.0), read(&identity.files.1))
        };
        let (certificate, key) = pem(&exact);
        let server = Server::from_files(&first.files.0, &first.files.1)
            .and_files(&wild.files.0, &wild.files.1)
            .and_pem(certificate, key);
        let config = server.clone().build().expect("files");
        assert_eq!(config.fingerprint().expect("the first").to_string(), first.fingerprint());
        let listener = listener(server);
        for (name, identity) in [
            ("localhost", &first),
            ("a.example.org", &wild),
            ("b.example.org", &wild),
            ("www.example.com", &exact),
            // It asks for no name.
            ("127.0.0.1", &first),
        ] {
            assert!(presented_to(&listener, name) == identity.certificate, "{name}");
        }
        // A key that is another's is told before anybody is served.
        let mixed =
            Server::from_files(&first.files.0, &first.files.1).and_files(&wild.files.0, &first.files.1);
        let error = mixed.build().expect_err("a key of another certificate").to_string();
        assert!(error.contains("the key is that of another certificate"), "{error}");
    });
}
