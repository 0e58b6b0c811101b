//! Clients that a listener refuses, each with a sentence for whoever runs the listener.

use super::address_of;
use crate::arms::bounded;
use adieu::tls::Server;
use adieu::{Endpoint, ListenOptions, Listener, Report, Setting};
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Address, Peer, Setup, Step};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

/// What a listener that asks for certificates says of a client with this one.
fn refused(identity: &'static Identity, setup: Setup) -> Report {
    let (certificate, key) = &Authority::loopback().files;
    let tls = Server::from_files(certificate, key).client_ca_file(Authority::shared().file()).build();
    let options = ListenOptions::new().tls(tls.expect("files"));
    let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("loopback");
    let place = Address::Tcp(address_of(listener.local_endpoint()));
    let setup = Setup { identity: Some(identity), ..setup };
    let _client = Peer::connect(setup, move || Some(place.clone()), &[Step::Handshake, Step::ReceiveToEnd]);
    *listener.accept().expect("a client").handshake().expect_err("it is refused")
}

#[test]
fn a_client_s_certificate_that_is_refused_is_named_and_the_sentence_is_the_listener_s() {
    static OWN: OnceLock<Identity> = OnceLock::new();
    static OLD: OnceLock<Identity> = OnceLock::new();
    static STRANGER: OnceLock<(Authority, Identity)> = OnceLock::new();
    bounded("the listener", || {
        let ours = Authority::shared();
        let own = OWN.get_or_init(|| ours.self_signed_until(&["a.test"], 2100).expect("a key"));
        let old = OLD.get_or_init(|| ours.issue_until(&["a.test"], 2020).expect("a key"));
        let stranger = STRANGER.get_or_init(|| {
            let authority = Authority::new().expect("a key");
            let identity = authority.issue(&["a.test"]).expect("a key");
            (authority, identity)
        });
        for setup in [Setup::TLS12, Setup::TLS13] {
            for (identity, failure, says) in [
                (own, "unknown_issuer", "the client's certificate is self-signed, and not trusted here: "),
                (
                    old,
                    "certificate_expired",
                    "the client's certificate has expired, on 2020-01-01T00:00:00Z: ",
                ),
                (
                    &stranger.1,
                    "unknown_issuer",
                    "the issuer of the client's certificate is not trusted here: ",
                ),
            ] {
                let report = refused(identity, setup);
                assert_eq!(
                    (report.ending().name(), report.tls_failure.map(adieu::tls::Failure::name)),
                    ("no_connection", Some(failure)),
                    "{report}"
                );
                assert!(report.to_string().contains(says), "{report}");
                let mut named = report.error.iter().flat_map(|error| error.words.settings());
                assert!(!named.any(|setting| setting == Setting::Pin), "a listener has none: {report}");
                assert_eq!(report.tls_peer_subject.as_deref(), Some("CN=peer.test"), "{report}");
                assert!(report.tls_peer_not_after.is_some(), "{report}");
                assert_eq!(report.tls_peer_sha256, Some(identity.fingerprint()), "{report}");
            }
        }
    });
}

/// A ClientHello of TLS 1.1 without extensions (RFC 4346, 7.4.1.2), with one cipher suite.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    hello
}

#[test]
fn a_client_of_tls_1_1_has_no_version_in_common_and_is_told_so() {
    bounded("the listener", || {
        let options = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
        let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("loopback");
        let mut client = TcpStream::connect(address_of(listener.local_endpoint())).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        client.write_all(&hello_of_tls_1_1()).expect("taken");
        let report = listener.accept().expect("a client").handshake().expect_err("it is too old");
        assert_eq!(report.tls_failure.map(adieu::tls::Failure::name), Some("no_shared_version"), "{report}");
        assert!(report.to_string().contains("no TLS version in common"), "{report}");
        let mut named = report.error.iter().flat_map(|error| error.words.settings());
        assert_eq!(named.next(), None, "it is at its lowest: {report}");
        let mut told = Vec::new();
        client.read_to_end(&mut told).expect("an alert, and a FIN");
        // An alert, of two octets: fatal, protocol_version (RFC 5246, 7.2).
        assert_eq!((told.first(), told.len(), &told[told.len() - 2..]), (Some(&0x15), 7, &[2, 70][..]));
    });
}
