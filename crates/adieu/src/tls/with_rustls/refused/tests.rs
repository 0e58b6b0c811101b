use super::*;
use std::time::Duration;

#[test]
fn names_are_told_without_their_types() {
    let presented = ["DnsName(\"a.test\")", "IpAddress(127.0.0.1)", "IpAddress(0::1)", "DirectoryName"];
    assert_eq!(names(&presented.map(str::to_owned)), "a.test, 127.0.0.1, ::1");
    let others = ["Unsupported(0x01)", "DirectoryName", "UniformResourceIdentifier(\"a:b\")"];
    assert_eq!(names(&others.map(str::to_owned)), "", "none of these names a server");
}

const OWN: &str = "sha256:PIN";

/// What is said of an error, with the certificate's own fingerprint written as [`OWN`].
fn said(error: &CertificateError, of: impl Fn(&mut Presented<'_>)) -> String {
    explained(error, of).to_string().replace(&seen().sha256.to_string(), OWN)
}

/// The settings that are named for an error.
fn settings(error: &CertificateError, of: impl Fn(&mut Presented<'_>)) -> Vec<Setting> {
    explained(error, of).words().settings().collect()
}

fn seen() -> &'static Described {
    static MADE: std::sync::OnceLock<Described> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let issuer =
            rcgen::CertifiedIssuer::self_signed(rcgen::CertificateParams::default(), key).expect("an issuer");
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("no name");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "peer.test");
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        Described::new(parameters.signed_by(&key, &issuer).expect("a certificate").der())
    })
}

fn explained(error: &CertificateError, of: impl Fn(&mut Presented<'_>)) -> HandshakeError {
    let mut presented = Presented {
        certificate: Some(seen()),
        is_readable: true,
        is_accepted: false,
        party: Party::Server,
        trust: Some(Trust::Roots),
        judge: Judge::Us,
    };
    of(&mut presented);
    if presented.party == Party::Client {
        presented.trust = None;
    }
    explain(error, presented)
}

fn at(year: i32) -> UnixTime {
    let seconds = rcgen::date_time_ymd(year, 1, 1).unix_timestamp();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().expect("after 1970")))
}

/// Every error that rustls has, and what is said of it where the certificate was checked against roots.
#[expect(clippy::too_many_lines, reason = "a table")]
fn all() -> Vec<(CertificateError, &'static str)> {
    use CertificateError as E;
    let webpki = |error| E::Other(rustls::OtherError(std::sync::Arc::new(error)));
    let localhost = || rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let p521 = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 0x23];
    let sha512 = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
    #[expect(deprecated, reason = "all of them")]
    let all = vec![
        (
            E::BadEncoding,
            "X, or one that vouches for it, cannot be read, because its encoding (DER) is wrong: if it is the right one, use the pin P",
        ),
        (
            E::Expired,
            "X has expired, on 2021-01-01T00:00:00Z: it must be renewed there, or this clock is wrong",
        ),
        (
            E::ExpiredContext { time: at(2026), not_after: at(2022) },
            "a certificate that vouches for the peer's has expired, on 2022-01-01T00:00:00Z: it must be renewed there, or this clock is wrong",
        ),
        (E::NotValidYet, "X is not valid yet, but from 2020-01-01T00:00:00Z on: check this machine's clock"),
        (
            E::NotValidYetContext { time: at(2019), not_before: at(2090) },
            "a certificate that vouches for the peer's is not valid yet, but from 2090-01-01T00:00:00Z on: check this machine's clock",
        ),
        (E::Revoked, "X was revoked: it must be replaced there"),
        (
            E::UnhandledCriticalExtension,
            "X, or one that vouches for it, has a critical extension that is not known here: if it is the right one, use the pin P",
        ),
        (
            E::UnknownIssuer,
            "the issuer of X is not trusted here: name its certificate with your own roots, or use the pin P; or the peer may not send its whole chain",
        ),
        (
            E::UnknownRevocationStatus,
            "whether X was revoked is not known, because no revocation list tells: if it is the right one, use the pin P",
        ),
        (
            E::ExpiredRevocationList,
            "whether X was revoked is not known, because the revocation list has expired: renew the list",
        ),
        (
            E::ExpiredRevocationListContext { time: at(2026), next_update: at(2025) },
            "whether X was revoked is not known, because the revocation list has expired, on 2025-01-01T00:00:00Z: renew the list",
        ),
        (
            E::BadSignature,
            "X, or one that vouches for it, has a signature that the key of its issuer did not make: the issuer may have a new key (then give its new certificate with your own roots), or the certificate is forged; if it is the right one, use the pin P",
        ),
        (
            E::UnsupportedSignatureAlgorithm,
            "X, or one that vouches for it, is signed with an algorithm that is not known here: if it is the right one, use the pin P",
        ),
        (
            E::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: sha512.to_vec(),
                supported_algorithms: vec![],
            },
            "X, or one that vouches for it, is signed with an algorithm that is not known here (ECDSA with SHA-512): if it is the right one, use the pin P",
        ),
        (
            E::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: sha512.to_vec(),
                public_key_algorithm_id: p521.to_vec(),
            },
            "X, or one that vouches for it, is signed with an algorithm that is not known here (ECDSA with SHA-512, by a key of the kind P-521): if it is the right one, use the pin P",
        ),
        (
            E::NotValidForName,
            "X is for another name: connect to the name that it is for, or give it with the server name",
        ),
        (
            E::NotValidForNameContext {
                expected: localhost(),
                presented: vec!["DnsName(\"a.test\")".into()],
            },
            "X is for a.test, and not for localhost: connect to the name that it is for, or give it with the server name",
        ),
        (
            E::InvalidPurpose,
            "X, or one that vouches for it, is not for servers: if it is the right one, use the pin P",
        ),
        (
            E::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![ExtendedKeyPurpose::ClientAuth, ExtendedKeyPurpose::Other(vec![1, 3, 6])],
            },
            "X, or one that vouches for it, is not for servers, but for clients, the usage 1.3.6: if it is the right one, use the pin P",
        ),
        (
            E::InvalidOcspResponse,
            "the OCSP response that the peer sent with its certificate is not valid: it must be renewed there",
        ),
        (
            E::ApplicationVerificationFailure,
            "X is not the pinned one, but P: it was replaced, or this is another peer",
        ),
        (
            webpki(webpki::Error::CaUsedAsEndEntity),
            "X is an authority's, and not for a server: if it is the right one, use the pin P",
        ),
        (
            webpki(webpki::Error::NameConstraintViolation),
            "X, or one that vouches for it, cannot be used, because its issuer may not vouch for such a name: if it is the right one, use the pin P",
        ),
    ];
    all
}

#[test]
fn every_certificate_error_has_its_own_sentence() {
    let mut sentences = std::collections::BTreeSet::new();
    for (error, sentence) in all() {
        let what = said(&error, |_| {});
        let sentence =
            sentence.replace('X', "the peer's certificate").replace("the pin P", &format!("the pin {OWN}"));
        let sentence = sentence.replace("but P:", &format!("but {OWN}:"));
        assert_eq!(what, format!("the TLS handshake failed: {sentence}"), "{error:?}");
        assert!(sentences.insert(what), "{error:?}: another error has the same sentence");
    }
}

#[test]
fn a_verifier_of_the_program_s_own_is_quoted_and_no_setting_of_ours_is_named() {
    for (error, _) in all() {
        let by_program = |presented: &mut Presented<'_>| presented.judge = Judge::Program;
        let what = said(&error, by_program);
        assert!(
            what.contains("refused by the verifier of this program's own rustls configuration: "),
            "{what}"
        );
        assert_eq!(settings(&error, by_program), [], "{error:?}");
        let ours = explained(&error, |_| {}).failure();
        assert_eq!(explained(&error, by_program).failure(), ours, "{error:?}: what failed is the same");
    }
}

#[test]
fn no_certificate_error_gives_advice_that_cannot_help() {
    for (error, _) in all() {
        for trust in [Trust::Pinned, Trust::Insecure] {
            for is_accepted in [false, true] {
                if matches!(error, CertificateError::UnknownIssuer) {
                    // Neither asks who vouches for it.
                    continue;
                }
                let named = settings(&error, |presented| {
                    presented.trust = Some(trust);
                    presented.is_accepted = is_accepted;
                });
                assert!(!named.contains(&Setting::Pin), "{error:?}: {named:?}");
            }
        }
        let unreadable = settings(&error, |presented| presented.is_readable = false);
        if !matches!(error, CertificateError::UnknownIssuer) {
            assert!(!unreadable.contains(&Setting::Pin), "{error:?}: {unreadable:?}");
        }
        let clients = settings(&error, |presented| presented.party = Party::Client);
        assert!(!clients.contains(&Setting::Pin), "{error:?}: {clients:?}");
        let of_proxy = |presented: &mut Presented<'_>| presented.party = Party::Proxy;
        let proxys = settings(&error, of_proxy);
        for setting in [Setting::Pin, Setting::ServerName, Setting::Roots] {
            assert!(!proxys.contains(&setting), "{error:?}: {proxys:?}");
        }
        assert!(!said(&error, of_proxy).contains("peer"), "{error:?}");
    }
}

#[test]
fn a_key_that_was_not_proved_is_no_matter_of_trust() {
    for trust in [Trust::Roots, Trust::CaFile, Trust::Pinned, Trust::Insecure] {
        let of = |presented: &mut Presented<'_>| {
            (presented.trust, presented.is_accepted) = (Some(trust), true);
        };
        let what = said(&CertificateError::BadSignature, of);
        assert_eq!(
            what,
            "the TLS handshake failed: the peer did not prove that it has the key of its certificate: the signature of its \
             handshake does not match; its key is that of another certificate, or somebody between changes the handshake"
        );
    }
    let algorithm = CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: vec![0x06, 3, 0x2b, 0x65, 0x71],
        supported_algorithms: Vec::new(),
    };
    assert_eq!(
        said(&algorithm, |presented| presented.is_accepted = true),
        "the TLS handshake failed: the peer's certificate has a key whose signature cannot be checked here (Ed448): it needs \
         another key; it can be RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519"
    );
}

#[test]
fn nothing_that_is_said_has_the_form_of_a_program() {
    use webpki::Error as E;
    for error in
        [E::MaximumPathDepthExceeded, E::UnsupportedCertVersion, E::UnsupportedNameType, E::EmptyEkuExtension]
    {
        let name = format!("{error:?}");
        let other = CertificateError::Other(rustls::OtherError(std::sync::Arc::new(error)));
        let what = said(&other, |_| {});
        assert!(!what.contains(&name) && !what.contains(['{', '[']), "{what}");
    }
    assert_eq!(plain("NoKxGroupsInCommon"), "no kx groups in common");
    assert_eq!(plain("ServerRejectedEncryptedClientHello(None)"), "server rejected encrypted client hello");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_told_with_its_date() {
    for (party, whose) in
        [(Party::Server, "the peer's"), (Party::Client, "the client's"), (Party::Proxy, "the proxy's")]
    {
        let said = said(&CertificateError::NotValidYet, |presented| presented.party = party);
        assert!(said.contains(whose) && said.contains("from 2020-01-01T00:00:00Z on"), "{said}");
    }
}

#[test]
fn a_certificate_with_names_that_name_no_server_is_for_none() {
    for presented in [vec![], vec!["Unsupported(0x01)".to_owned(), "DirectoryName".to_owned()]] {
        let expected = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let said = said(&CertificateError::NotValidForNameContext { expected, presented }, |_| {});
        assert!(said.contains("is for no name at all"), "{said}");
    }
}

#[test]
fn an_address_that_stands_as_a_dns_name_is_told_apart_from_itself() {
    let expected = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("an address");
    let presented = vec!["DnsName(\"127.0.0.1\")".to_owned()];
    let said = said(&CertificateError::NotValidForNameContext { expected, presented }, |_| {});
    assert!(said.contains("127.0.0.1 as a DNS name, and not as an IP address"), "{said}");
    assert!(!said.contains("connect to the name"), "{said}");
}
