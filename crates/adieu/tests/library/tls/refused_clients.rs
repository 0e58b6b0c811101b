//! Clients that a listener refuses, each with a sentence for whoever runs the listener.

use super::address_of;
use crate::arms::bounded;
use adieu::tls::Server;
use adieu::{Endpoint, Listener, Options, Report};
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Peer, Place, Setup, Step};
use std::sync::OnceLock;

/// What a listener that asks for certificates says of a client with this one.
fn refused(identity: &'static Identity, setup: Setup) -> Report {
    let (certificate, key) = &Authority::loopback().files;
    let tls = Server::from_files(certificate, key).client_ca_file(Authority::shared().file()).build();
    let options = Options::new().tls(tls.expect("files"));
    let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("loopback");
    let place = Place::Tcp(address_of(listener.local_endpoint()));
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
                assert_eq!((report.ending, report.tls_failure), ("no_connection", Some(failure)), "{report}");
                assert!(report.message.contains(says), "{report}");
                assert!(!report.message.contains("--pin"), "a listener has none: {report}");
                assert_eq!(report.tls_peer_subject.as_deref(), Some("CN=peer.test"), "{report}");
                assert!(report.tls_peer_not_after.is_some(), "{report}");
                assert_eq!(report.tls_peer_sha256, Some(identity.fingerprint()), "{report}");
            }
        }
    });
}
