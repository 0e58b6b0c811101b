//! PEM that a program has in memory: it does what files do, and its errors say as much.

use super::address_of;
use crate::arms::bounded;
use adieu::tls::{Client, ConfigError, PemOrigin, Server};
use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
use adieu_testkit::tls::authority::{Authority, Identity};
use std::path::Path;
use std::sync::OnceLock;

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file of the test kit")
}

/// A certificate's PEM, and its key's.
fn pem_of(identity: &Identity) -> (String, String) {
    (content(&identity.files.0), content(&identity.files.1))
}

#[test]
fn both_sides_know_each_other_by_pem_from_memory_alone() {
    static OWN: OnceLock<Identity> = OnceLock::new();
    bounded("both sides", || {
        let own = OWN.get_or_init(|| Authority::shared().issue(&["client.test"]).expect("a key"));
        let authority = content(&Authority::shared().file());
        let (certificate, key) = pem_of(Authority::loopback());
        let server = Server::from_pem(certificate, key).client_ca_pem(&*authority).build().expect("PEM");
        assert_eq!(
            server.fingerprint().map(|own| own.to_string()),
            Some(Authority::loopback().fingerprint())
        );
        let (certificate, key) = pem_of(own);
        // As bytes, which is what most programs have.
        let client = Client::new().ca_pem(authority.into_bytes()).identity_pem(certificate.as_bytes(), key);
        let client = client.build().expect("PEM");
        assert_eq!(client.fingerprint().map(|own| own.to_string()), Some(own.fingerprint()));

        let options = ListenOptions::new().tls(server);
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        let endpoint = Endpoint::from(address_of(listener.local_endpoint()));
        let serving = std::thread::spawn(move || adieu::exchange::echo(listener.accept().expect("a client")));
        let open = adieu::connect(&endpoint, &ConnectOptions::new().tls(client)).expect("each is known");
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.tls_trust.map(adieu::tls::Trust::name), Some("ca_file"));
        assert_eq!(report.tls_peer_sha256, Some(Authority::loopback().fingerprint()));
        let theirs = serving.join().expect("no panic");
        assert!(theirs.is_graceful(), "{theirs}");
        assert_eq!(theirs.tls_peer_sha256, Some(own.fingerprint()), "the client has presented its own");
    });
}

#[test]
fn authorities_of_a_file_and_of_memory_are_believed_together() {
    static STRANGER: OnceLock<(Authority, Identity)> = OnceLock::new();
    bounded("a client", || {
        let stranger = STRANGER.get_or_init(|| {
            let authority = Authority::new().expect("a key");
            let identity = authority.issue(&["127.0.0.1"]).expect("a key");
            (authority, identity)
        });
        let client = Client::new().ca_file(Authority::shared().file()).ca_pem(content(&stranger.0.file()));
        let client = ConnectOptions::new().tls(client.build().expect("PEM"));
        for identity in [Authority::loopback(), &stranger.1] {
            let (certificate, key) = pem_of(identity);
            let options = ListenOptions::new().tls(Server::from_pem(certificate, key).build().expect("PEM"));
            let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
            let endpoint = Endpoint::from(address_of(listener.local_endpoint()));
            let serving =
                std::thread::spawn(move || adieu::exchange::echo(listener.accept().expect("a client")));
            let open = adieu::connect(&endpoint, &client).expect("either is believed");
            assert!(open.shutdown_send().expect("connected").drain().is_graceful());
            serving.join().expect("no panic");
        }
    });
}

#[test]
fn pem_from_memory_that_cannot_be_used_is_an_error_that_says_what_it_holds() {
    let (certificate, key) = pem_of(Authority::loopback());
    let named = |words: &str| format!("-----BEGIN {words}-----\nAAAA\n-----END {words}-----\n");
    let damaged = certificate.replacen('M', "!", 5);
    let cut = certificate.split("-----END").next().expect("something stands before it").to_owned();
    let der = Authority::loopback().certificate.to_vec();
    let of_certificate = |given_to, why: &str| {
        format!(
            "what was given to {given_to} has no usable certificate in PEM (-----BEGIN CERTIFICATE-----): {why}"
        )
    };
    let of_key = |given_to, why: &str| {
        format!(
            "what was given to {given_to} has no usable private key in PEM (-----BEGIN PRIVATE KEY-----): {why}"
        )
    };
    for (content, why) in [
        (key.clone().into_bytes(), "there is none in it"),
        (Vec::new(), "there is none in it"),
        (der, "it is in DER; openssl with -inform DER -in FILE -out NEW makes PEM of it"),
        (damaged.into_bytes(), "what is between BEGIN and END in it is damaged"),
        (cut.into_bytes(), "a BEGIN line in it has no END line"),
        (
            named("CERTIFICATE REQUEST").into_bytes(),
            "it is a request for a certificate; name the certificate that was issued for it",
        ),
        (
            b"/etc/ssl/ca.pem".to_vec(),
            "it is a single line; if that is the path of a file, give it to the method for files",
        ),
    ] {
        let says = |error: ConfigError| error.to_string();
        let client = Client::new().ca_pem(&*content).build().expect_err("it is of no use");
        assert!(
            matches!(
                &client,
                ConfigError::NoCertificate { origin: PemOrigin::Memory { given_to: "ca_pem" }, .. }
            ),
            "{client:?}"
        );
        assert_eq!(says(client), of_certificate("ca_pem", why));
        let roots = Server::from_pem(&*certificate, &*key).client_ca_pem(&*content).build();
        assert_eq!(says(roots.expect_err("it is of no use")), of_certificate("client_ca_pem", why));
        let server = Server::from_pem(&*content, &*key).build().expect_err("it is of no use");
        assert_eq!(says(server), of_certificate("from_pem", why));
        let identity = Client::new().insecure().identity_pem(&*content, &*key).build();
        assert_eq!(says(identity.expect_err("it is of no use")), of_certificate("identity_pem", why));
    }
    for (content, why) in [
        (certificate.clone(), "there is none in it"),
        (
            named("ENCRYPTED PRIVATE KEY"),
            "it is encrypted; openssl pkey -in FILE -out NEW makes one that is not",
        ),
        (named("PUBLIC KEY"), "it is the public key; name the private one"),
    ] {
        let server = Server::from_pem(&*certificate, &*content).build().expect_err("it is of no use");
        assert_eq!(server.to_string(), of_key("from_pem", why));
    }
    let stranger = pem_of(&Authority::shared().issue(&["a.test"]).expect("a key")).1;
    let mixed = Server::from_pem(certificate, stranger).build().expect_err("another's key");
    let says = "the certificate and its key cannot be used: the key is that of another certificate";
    assert_eq!(mixed.to_string(), says);
}

#[test]
fn a_key_from_memory_does_not_show_when_a_configuration_is_printed() {
    let (certificate, key) = pem_of(Authority::loopback());
    let secret = key.lines().nth(1).expect("base64");
    let shown = [
        format!("{:?}", Server::from_pem(&*certificate, &*key)),
        format!("{:?}", Client::new().identity_pem(certificate, &*key)),
    ];
    for shown in shown {
        assert!(shown.contains("given_to") && !shown.contains(secret), "{shown}");
        let as_octets = format!("{:?}", &secret.as_bytes()[..8]);
        assert!(!shown.contains(as_octets.trim_matches(['[', ']'])), "{shown}");
    }
}
