//! Handshakes that fail, each with its own sentence.

use super::{address_of, client, options};
use crate::arms::{Arm, on_both};
use adieu::exchange::{Input, Output};
use adieu::tls::{Client, Failure, Fingerprint, Server, Version};
use adieu::{ConnectCause, ConnectError, ConnectOptions, Endpoint, Limits, ListenOptions, Listener};
use adieu_testkit::places;
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Peer, Script, Setup, Step};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

fn refused(arm: Arm, endpoint: &Endpoint, options: &ConnectOptions) -> (Failure, ConnectError) {
    let Err(error) = arm.connect(endpoint, options) else { panic!("there is no connection to be had") };
    let report = error.report();
    assert_eq!(
        (report.ending().name(), report.exit_code(), report.phase.name()),
        ("no_connection", 3, "connecting"),
        "{report}"
    );
    match error.cause() {
        ConnectCause::Tls(failed) => {
            assert_eq!(report.tls_failure.map(adieu::tls::Failure::name), Some(failed.failure().name()));
            assert!(report.to_string().contains(&failed.to_string()), "{report}");
            (failed.failure(), error)
        }
        other => panic!("{other:?}"),
    }
}

fn with_certificate(identity: &'static Identity) -> Peer {
    let setup = Setup { identity: Some(identity), ..Setup::PLAIN };
    Peer::listen(setup, &[Step::Handshake, Step::ReceiveToEnd]).expect("loopback")
}

#[test]
fn a_certificate_that_has_expired_is_refused_and_named() {
    static OLD: OnceLock<Identity> = OnceLock::new();
    let old = OLD.get_or_init(|| Authority::shared().issue_until(&["127.0.0.1"], 2020).expect("a key"));
    on_both(|arm| {
        let peer = with_certificate(OLD.get().expect("made above"));
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client()));
        assert_eq!(failure, Failure::CertificateExpired);
        assert!(error.report().to_string().contains("expired, on 2020-01-01T00:00:00Z"), "{error}");
        assert_eq!(error.report().tls_peer_subject.as_deref(), Some("CN=peer.test"));
        let log = peer.finish();
        assert!(log.failure.is_some_and(|(_, why)| why.contains("Expired")), "our alert says why");
    });
    assert!(old.fingerprint().starts_with("sha256:"));
}

#[test]
fn a_certificate_for_another_name_is_refused_and_both_names_told() {
    static OTHER: OnceLock<Identity> = OnceLock::new();
    OTHER.get_or_init(|| Authority::shared().issue(&["other.test"]).expect("a key"));
    on_both(|arm| {
        let other = OTHER.get().expect("made above");
        let peer = with_certificate(other);
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client()));
        assert_eq!(failure, Failure::WrongName);
        let message = error.report().to_string();
        assert!(message.contains("is for other.test, and not for 127.0.0.1"), "{message}");
        let peer = with_certificate(other);
        let named = options(client().server_name("other.test"));
        assert!(arm.connect(&Endpoint::from(peer.address()), &named).is_ok(), "another server name helps");
    });
}

#[test]
fn an_issuer_that_is_not_trusted_is_refused_and_the_pin_told() {
    static STRANGER: OnceLock<Authority> = OnceLock::new();
    STRANGER.get_or_init(|| Authority::new().expect("a key"));
    on_both(|arm| {
        let peer = with_certificate(Authority::loopback());
        let stranger = STRANGER.get().expect("made above").file();
        let (failure, error) =
            refused(arm, &Endpoint::from(peer.address()), &options(Client::new().ca_file(stranger)));
        assert_eq!(failure, Failure::UnknownIssuer);
        let pin = Authority::loopback().fingerprint();
        assert!(error.report().to_string().contains(&format!("use the pin {pin}")), "{error}");
        let peer = with_certificate(Authority::loopback());
        let pinned = options(Client::new().pin(pin.parse().expect("as it is told")));
        assert!(arm.connect(&Endpoint::from(peer.address()), &pinned).is_ok(), "the pin helps");
    });
}

/// As `openssl req -x509` makes it: self-signed, with the mark of an authority.
fn by_itself(names: &[&str], year: i32) -> &'static Identity {
    let made = Authority::shared().self_signed_until(names, year).expect("a key and files can be made");
    Box::leak(Box::new(made))
}

#[test]
fn a_self_signed_certificate_is_trusted_if_it_is_named_for_its_time_and_its_name() {
    on_both(|arm| {
        let named = |it: &Identity| Client::new().ca_file(&it.files.0);
        let own = by_itself(&["127.0.0.1"], 2100);
        let peer = with_certificate(own);
        assert!(arm.connect(&Endpoint::from(peer.address()), &options(named(own))).is_ok());
        let (old, other) = (by_itself(&["127.0.0.1"], 2020), by_itself(&["other.test"], 2100));
        let nameless = by_itself(&[], 2100);
        for (presented, client, expected, told) in [
            (own, named(other), Failure::UnknownIssuer, "is self-signed, and not trusted here"),
            (old, named(old), Failure::CertificateExpired, "expired, on 2020-01-01"),
            (other, named(other), Failure::WrongName, "is for other.test, and not for 127.0.0.1"),
            (nameless, named(nameless), Failure::WrongName, "must have a subjectAltName"),
        ] {
            let peer = with_certificate(presented);
            let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client));
            assert_eq!(failure, expected, "{error}");
            assert!(error.report().to_string().contains(told), "{error}");
        }
    });
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused_also_if_its_issuer_is_trusted() {
    on_both(|arm| {
        let peer = with_certificate(Authority::loopback());
        let other = Client::new().ca_file(Authority::shared().file()).pin(Fingerprint::of(b"another"));
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(other));
        assert_eq!(failure, Failure::WrongFingerprint);
        assert!(error.report().to_string().contains(&Authority::loopback().fingerprint()), "{error}");
    });
}

/// A certificate with the key of another: the peer is not whom its certificate names.
#[derive(Debug)]
struct WithAnothersKey(Arc<CertifiedKey>);

impl WithAnothersKey {
    fn new() -> Arc<Self> {
        let certificate = Authority::loopback().certificate.clone();
        let others = Authority::shared().issue(&["127.0.0.1"]).expect("a key").private_key();
        let key = rustls::crypto::ring::sign::any_supported_type(&others).expect("of a kind that is known");
        Arc::new(Self(Arc::new(CertifiedKey::new(vec![certificate], key))))
    }
}

impl ResolvesServerCert for WithAnothersKey {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for WithAnothersKey {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Makes a handshake that the other side breaks off.
fn break_off<T>(
    mut session: impl std::ops::DerefMut<Target = rustls::ConnectionCommon<T>>,
    mut socket: TcpStream,
) {
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound");
    while session.complete_io(&mut socket).is_ok_and(|(read, _)| read > 0) {}
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_told_as_that_however_it_is_trusted() {
    let pin = Authority::loopback().fingerprint().parse().expect("as it is told");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config =
            rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_protocol_versions(&[version])
                .expect("it is known")
                .with_no_client_auth()
                .with_cert_resolver(WithAnothersKey::new());
        let config = Arc::new(config);
        for arm in [Arm::Blocking, Arm::Tokio] {
            for client in [client(), Client::new().pin(pin), Client::new().insecure()] {
                let listener = places::listener();
                let address = listener.local_addr().expect("bound");
                let config = Arc::clone(&config);
                let serving = std::thread::spawn(move || {
                    let session = rustls::ServerConnection::new(config).expect("a session");
                    break_off(session, listener.accept().expect("a client").0);
                });
                let (failure, error) = refused(arm, &Endpoint::from(address), &options(client));
                assert_eq!(failure, Failure::BadSignature, "{error}");
                let message = error.report().to_string();
                assert!(
                    message.contains("the peer did not prove that it has the key of its certificate"),
                    "{message}"
                );
                let mut named = error.report().error.iter().flat_map(|error| error.words.settings());
                assert_eq!(named.next(), None, "{message}");
                serving.join().expect("no panic");
            }
        }
    }
}

#[test]
fn a_client_without_the_key_of_its_certificate_is_told_as_that() {
    let (certificate, key) = &Authority::loopback().files;
    let tls = Server::from_files(certificate, key).client_ca_file(Authority::shared().file()).build();
    let options = ListenOptions::new().tls(tls.expect("files"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        let address = address_of(listener.local_endpoint());
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(Authority::shared().file()).expect("PEM");
        roots.add(authority).expect("a certificate");
        let config =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_protocol_versions(&[version])
                .expect("it is known")
                .with_root_certificates(roots)
                .with_client_cert_resolver(WithAnothersKey::new());
        let connecting = std::thread::spawn(move || {
            let name = "127.0.0.1".try_into().expect("an address");
            let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
            break_off(session, TcpStream::connect(address).expect("it listens"));
        });
        let report = listener.accept().expect("a client").handshake().expect_err("it is refused");
        assert_eq!(report.tls_failure.map(adieu::tls::Failure::name), Some("bad_signature"), "{report}");
        assert!(report.to_string().contains("the client did not prove that it has the key"), "{report}");
        connecting.join().expect("no panic");
    }
}

#[test]
fn of_several_pins_each_will_do() {
    on_both(|arm| {
        let pin = Authority::loopback().fingerprint().parse().expect("as it is told");
        for client in [
            Client::new().pin(pin).pin(Fingerprint::of(b"its successor")),
            Client::new().pin(Fingerprint::of(b"its predecessor")).pin(pin),
        ] {
            let peer = with_certificate(Authority::loopback());
            assert!(arm.connect(&Endpoint::from(peer.address()), &options(client)).is_ok());
        }
    });
}

// Wine tells no reset, and not always whose FIN came first: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn anybody_is_trusted_if_asked_and_the_report_says_so() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::CloseNotify];
        let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
        let open = arm.connect(&Endpoint::from(peer.address()), &options(Client::new().insecure()));
        let report = open.expect("it is trusted").shutdown_send().expect("connected").drain();
        assert_eq!(
            (report.ending().name(), report.tls_trust.map(adieu::tls::Trust::name)),
            ("graceful", Some("insecure")),
            "{report}"
        );
        assert!(report.to_string().contains("INSECURE"), "{report}");
    });
}

#[test]
fn no_version_in_common_is_said() {
    on_both(|arm| {
        let peer = Peer::listen(Setup::TLS12, &[Step::Handshake]).expect("loopback");
        let options = options(client().least_version(Version::Tls13));
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options);
        assert_eq!(failure, Failure::NoSharedVersion);
        assert_eq!(error.report().tls_alert.and_then(adieu::tls::Alert::name), Some("protocol_version"));
        assert!(error.report().to_string().contains("lower the least TLS version"), "{error}");
    });
}

#[test]
fn no_protocol_in_common_is_said() {
    let tls = Server::self_signed().alpn("h2").build().expect("a key");
    let listener =
        Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().tls(tls)).expect("loopback");
    let endpoint = listener.local_endpoint().clone();
    let serving = std::thread::spawn(move || {
        let refused = listener.accept().expect("a client").handshake().expect_err("no protocol");
        let served = listener.accept().expect("a client").handshake().expect("h2");
        (refused, adieu::exchange(served, Input::empty(), Output::null()))
    });
    let offer = |name: &str| options(Client::new().insecure().alpn("http/1.1").alpn(name));
    let (failure, _) = refused(Arm::Blocking, &endpoint, &offer("http/1.0"));
    assert_eq!(failure, Failure::NoSharedProtocol);
    let open = adieu::connect(&endpoint, &offer("h2")).expect("h2 is spoken");
    let report = open.shutdown_send().expect("connected").drain();
    assert_eq!(report.tls_alpn.as_deref(), Some("h2"), "{report}");
    let (refused, served) = serving.join().expect("no panic");
    assert_eq!(
        (refused.ending().name(), refused.tls_failure.map(adieu::tls::Failure::name)),
        ("no_connection", Some("no_shared_protocol")),
        "{refused}"
    );
    assert!(refused.to_string().starts_with("no connection from 127.0.0.1:"), "{refused}");
    assert_eq!(served.tls_alpn.as_deref(), Some("h2"));
}

#[test]
fn a_server_that_speaks_no_tls_is_quoted() {
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, &[Step::Raw(b"220 mail.test ESMTP\r\n"), Step::Hold])
            .expect("loopback");
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client()));
        assert_eq!(failure, Failure::NotTls);
        assert!(error.report().to_string().contains("\"220 mail.test ESMTP\", which is not TLS"), "{error}");
    });
}

#[test]
fn a_client_that_speaks_no_tls_is_quoted() {
    let options = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let mut plain = std::net::TcpStream::connect(address_of(listener.local_endpoint())).expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("taken");
    let report = listener.accept().expect("a client").handshake().expect_err("it speaks no TLS");
    assert_eq!(
        (report.ending().name(), report.exit_code(), report.tls_failure.map(adieu::tls::Failure::name)),
        ("no_connection", 3, Some("not_tls"))
    );
    assert!(report.to_string().contains("\"GET / HTTP/1.1\", which is not TLS"), "{report}");
}

// Wine tells no reset, and not always whose FIN came first: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn a_peer_that_ends_or_resets_in_the_handshake_is_told_from_one_that_is_silent() {
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, &[Step::Fin, Step::Hold]).expect("loopback");
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client()));
        assert_eq!(failure, Failure::Eof);
        assert!(error.to_string().contains("is this port one for TLS?"), "{error}");

        let peer = Peer::listen(Setup::PLAIN, &[Step::Raw(b"\x16\x03"), Step::Reset]).expect("loopback");
        let (failure, error) = refused(arm, &Endpoint::from(peer.address()), &options(client()));
        assert_eq!(failure, Failure::Reset);
        assert_eq!(error.report().error_name(), Some("ECONNRESET"), "{error}");

        let peer = Peer::listen(Setup::PLAIN, &[Step::Hold]).expect("loopback");
        let began = Instant::now();
        let impatient = options(client()).limits(Limits::new().connect_timeout(Duration::from_millis(100)));
        let Err(error) = arm.connect(&Endpoint::from(peer.address()), &impatient) else { panic!("silent") };
        let report = error.report();
        assert_eq!(
            (
                report.ending().name(),
                report.timer().map(adieu::Timer::name),
                report.tls_failure.map(adieu::tls::Failure::name)
            ),
            ("timed_out", Some("connect"), Some("timed_out"))
        );
        assert!(report.to_string().contains("the TLS handshake was not finished in time"), "{report}");
        assert!(began.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_client_without_the_certificate_that_is_asked_for_is_refused() {
    let (certificate, key) = &Authority::loopback().files;
    let tls = Server::from_files(certificate, key).client_ca_file(Authority::shared().file()).build();
    let options = ListenOptions::new().tls(tls.expect("files"));
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let endpoint = listener.local_endpoint().clone();
    let serving = std::thread::spawn(move || {
        let refused = listener.accept().expect("a client").handshake().expect_err("it has none");
        let served = listener.accept().expect("a client").handshake().expect("it has one");
        (refused, adieu::exchange(served, Input::empty(), Output::null()))
    });
    // In TLS 1.3 the client has finished when the server refuses it, so it hears of it in mid-stream.
    let open = adieu::connect(&endpoint, &self::options(client())).expect("its own handshake is done");
    let report = adieu::exchange(open, Input::empty(), Output::null());
    assert_eq!(
        (report.ending().name(), report.tls_alert.and_then(adieu::tls::Alert::name)),
        ("truncated", Some("certificate_required")),
        "{report}"
    );
    let with_one = client().identity(certificate, key);
    let open = adieu::connect(&endpoint, &self::options(with_one)).expect("it is trusted");
    let report = open.shutdown_send().expect("connected").drain();
    assert!(report.is_graceful(), "{report}");
    let (refused, served) = serving.join().expect("no panic");
    assert_eq!(refused.tls_failure.map(adieu::tls::Failure::name), Some("certificate_required"), "{refused}");
    assert_eq!(served.tls_peer_subject.as_deref(), Some("CN=peer.test"), "the client's certificate is told");
}

#[test]
fn a_file_that_cannot_be_used_says_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = |text: &[u8]| {
        let path = directory.path().join("file.pem");
        std::fs::write(&path, text).expect("room");
        path
    };
    let (certificate, _) = &Authority::loopback().files;
    let key =
        |text: &[u8]| Server::from_files(certificate, file(text)).build().expect_err("no key").to_string();
    for text in [
        &b"-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n"[..],
        b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A\n\naGVsbG8=\n-----END EC PRIVATE KEY-----\n",
    ] {
        let said = key(text);
        assert!(said.contains("it is encrypted; openssl pkey -in "), "{said}");
    }
    let said = key(&Authority::loopback().key);
    assert!(said.contains("it is in DER"), "{said}");
    // The object identifier of the curve, which is all that is looked at.
    let said = key(b"-----BEGIN PRIVATE KEY-----\nBgUrgQQAIw==\n-----END PRIVATE KEY-----\n");
    assert!(said.contains("on the curve P-521; it can be RSA"), "{said}");
    let said = key(b"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n");
    assert!(said.contains("of no kind that can be used; it can be RSA"), "{said}");
    let said = key(b"-----BEGIN PRIVATE KEY-----\naGVs\n");
    assert!(said.contains("has no END line"), "{said}");
    let said = key(b"-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n");
    assert!(said.contains("is damaged"), "{said}");
    let ca = |text: &[u8]| Client::new().ca_file(file(text)).build().expect_err("no certificate").to_string();
    let said = ca(&Authority::loopback().certificate);
    assert!(said.contains("it is in DER"), "{said}");
    let junk = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let said = ca(junk);
    assert!(said.contains("one in it cannot be understood"), "{said}");
    let said = Server::from_files(file(junk), &Authority::loopback().files.1).build().expect_err("junk");
    assert!(said.to_string().ends_with("the certificate cannot be understood"), "{said}");
}

#[test]
fn a_file_of_another_form_says_how_to_make_pem_of_it() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("file");
    let says = |content: &[u8], is_key: bool| {
        std::fs::write(&path, content).expect("room");
        let (certificate, _) = &Authority::loopback().files;
        let error = if is_key {
            Server::from_files(certificate, &path).build().expect_err("no key")
        } else {
            Client::new().ca_file(&path).build().expect_err("no certificate")
        };
        let said = error.to_string().replace(&path.display().to_string(), "FILE");
        let (_, why) = said.split_once("-----): ").expect("it says why");
        why.to_owned()
    };
    // The beginning of what `openssl pkcs12 -export` writes.
    let pkcs12 =
        b"\x30\x82\x09\x71\x02\x01\x03\x30\x82\x09\x37\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0";
    let plain = std::fs::read_to_string(&Authority::loopback().files.0).expect("PEM");
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(plain.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let named = |name: &str| plain.replace("CERTIFICATE", name).into_bytes();
    for (content, is_key, sentence) in [
        (&pkcs12[..], false, "it is in PKCS#12; openssl pkcs12 -in FILE -nokeys -out NEW makes PEM of it"),
        (pkcs12, true, "it is in PKCS#12; openssl pkcs12 -in FILE -nocerts -nodes -out NEW makes PEM of it"),
        (
            &named("TRUSTED CERTIFICATE"),
            false,
            "it is in a form of OpenSSL's own; openssl x509 -in FILE -out NEW makes the usual one of it",
        ),
        (
            &named("CERTIFICATE REQUEST"),
            false,
            "it is a request for a certificate; name the certificate that was issued for it",
        ),
        (
            &named("PKCS7"),
            false,
            "it is in PKCS#7; openssl pkcs7 -print_certs -in FILE -out NEW takes the certificates out of it",
        ),
        (
            &named("OPENSSH PRIVATE KEY"),
            true,
            "it is in OpenSSH's own form; openssl genpkey makes keys for TLS",
        ),
        (&named("PUBLIC KEY"), true, "it is the public key; name the private one"),
        (&utf16, false, "it is in UTF-16; save it as UTF-8"),
        (plain.as_bytes(), true, "there is none in it"),
    ] {
        assert_eq!(says(content, is_key), sentence);
    }
}

#[test]
fn a_byte_order_mark_before_pem_is_passed_over() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let marked = |path: &std::path::Path, name: &str| {
        let mut content = b"\xef\xbb\xbf".to_vec();
        content.extend(std::fs::read(path).expect("PEM"));
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("room");
        path
    };
    let (certificate, key) = &Authority::loopback().files;
    let server = Server::from_files(marked(certificate, "certificate"), marked(key, "key")).build();
    assert_eq!(
        server.expect("both are taken").fingerprint().map(|own| own.to_string()),
        Some(Authority::loopback().fingerprint())
    );
    Client::new().ca_file(marked(&Authority::shared().file(), "ca")).build().expect("it is taken");
}

#[test]
fn a_configuration_that_cannot_be_used_says_which_file_is_wrong() {
    let none = Client::new().ca_file("/nowhere/ca.pem").build().expect_err("there is none");
    assert!(none.to_string().starts_with("cannot read /nowhere/ca.pem: "), "{none}");
    let (certificate, key) = &Authority::loopback().files;
    let swapped = Server::from_files(key, certificate).build().expect_err("they are the other way round");
    assert!(swapped.to_string().contains("has no usable certificate in PEM"), "{swapped}");
    let stranger = Authority::shared().issue(&["a.test"]).expect("a key").files.1;
    let mixed = Server::from_files(certificate, stranger).build().expect_err("another's key");
    let says = "the certificate and its key cannot be used: the key is that of another certificate";
    assert_eq!(mixed.to_string(), says);
    let any = Endpoint::tls("127.0.0.1", 0);
    let plain = Listener::bind(&any, &ListenOptions::new()).expect_err("tls:// never speaks plainly");
    assert!(plain.to_string().contains("TLS needs a certificate"), "{plain}");
}
