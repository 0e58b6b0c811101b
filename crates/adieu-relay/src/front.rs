//! The front of a session: what the relay learns about a client before it chooses an upstream, and what it passes on about the client.
//! These are the headers of the PROXY protocol on both sides, and the server name (SNI) that a TLS client asks for.

use crate::proxy_protocol::{AcceptProxy, Header, ProxyVersion, Subject, Tls, Tlv};
use crate::routes::{ClientHello, NamePattern, RouteError, best};
use crate::upstream::Upstreams;
use adieu::tls::{Negotiated, Version};
use adieu::tokio::Connection;
use adieu::{Address, Report};
use std::process;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is asked of each client, and told of it.
pub(crate) struct Front {
    pub(crate) accept_proxy: Option<AcceptProxy>,
    pub(crate) send_proxy: Option<ProxyVersion>,
    /// The patterns of the routes, in their order.
    patterns: Vec<NamePattern>,
    /// Whoever is told of a connection is told the name too.
    report_server_name: bool,
    /// How long a ClientHello may take that chooses a route.
    timeout: Duration,
}

/// What a client has said before its stream, or at the beginning of it.
#[derive(Debug, Default)]
pub(crate) struct Greeting {
    pub(crate) header: Option<Header>,
    pub(crate) hello: Option<ClientHello>,
}

/// A description of an alert of TLS. RFC 8446, section 6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Alert {
    InternalError = 80,
    UnrecognizedName = 112,
}

impl Front {
    pub(crate) fn new(
        accept_proxy: Option<AcceptProxy>,
        send_proxy: Option<ProxyVersion>,
        patterns: Vec<NamePattern>,
        report_server_name: bool,
        timeout: Duration,
    ) -> Self {
        Self { accept_proxy, send_proxy, patterns, report_server_name, timeout }
    }

    /// The place of the route with this pattern.
    pub(crate) fn place_of(&self, pattern: &NamePattern) -> Option<usize> {
        self.patterns.iter().position(|own| own == pattern)
    }

    /// The ClientHello of a client: where there are routes, and where its TLS ends here, for whoever is told the name, and for the
    /// upstream's header.
    pub(crate) async fn hello(&self, client: &mut Connection) -> Result<Option<ClientHello>, RouteError> {
        if !self.patterns.is_empty() {
            return crate::routes::look(client, self.timeout).await;
        }
        let is_told = self.report_server_name || self.send_proxy == Some(ProxyVersion::V2);
        if client.tls().is_none() || !is_told {
            return Ok(None);
        }
        // Its handshake is made next, has a bound of its own, and says what was wrong.
        let far = Duration::from_secs(3600);
        Ok(crate::routes::look(client, far).await.ok().flatten())
    }

    /// Which of the upstreams of the routes, or the relay's own, a client is for.
    pub(crate) fn choose<'a>(
        &self,
        greeting: &Greeting,
        of_routes: &'a [Upstreams],
        own: Option<&'a Upstreams>,
    ) -> Result<&'a Upstreams, RouteError> {
        let name = greeting.hello.as_ref().and_then(|hello| hello.server_name.as_deref());
        let routed = name.and_then(|name| best(&self.patterns, name)).and_then(|place| of_routes.get(place));
        routed.or(own).ok_or_else(|| match name {
            Some(name) => RouteError::NoRoute { name: name.to_owned() },
            None => RouteError::NoName,
        })
    }

    /// The header that an upstream is sent for a client, in octets. `None`: it is sent none.
    pub(crate) fn preface(
        &self,
        greeting: &Greeting,
        connection: &Connection,
        client: &Address,
        id: u64,
    ) -> Option<Vec<u8>> {
        let version = self.send_proxy?;
        let header = greeting.header.as_ref();
        let destination = header.and_then(Header::destination).or(connection.local_address());
        let subject = match destination {
            Some(destination) => Subject::Client { source: client.clone(), destination: destination.clone() },
            None => Subject::Unknown,
        };
        let tlvs =
            if version == ProxyVersion::V2 { told(greeting, connection.tls(), id) } else { Vec::new() };
        Some(Header { version, subject, tlvs }.encode(version))
    }
}

/// How much of what the proxy before us said is passed on, in octets: a header must fit into the buffer of a new socket.
const MOST: usize = 2048;

/// What is known of a client beside its address: first what we know ourselves, then what the proxy before us said of the rest.
fn told(greeting: &Greeting, tls: Option<Negotiated<'_>>, id: u64) -> Vec<Tlv> {
    let mut all = Vec::new();
    if let Some(protocol) = tls.and_then(|tls| tls.alpn) {
        all.push(Tlv::new(Tlv::ALPN, protocol));
    }
    if let Some(name) = greeting.hello.as_ref().and_then(|hello| hello.server_name.as_deref()) {
        all.push(Tlv::new(Tlv::AUTHORITY, name));
    }
    if let Some(tls) = tls {
        all.push(described(tls).to_tlv());
    }
    for tlv in greeting.header.iter().flat_map(|header| &header.tlvs) {
        let length: usize = all.iter().map(|tlv: &Tlv| tlv.value.len()).sum();
        if all.iter().all(|own| own.kind != tlv.kind) && length + tlv.value.len() <= MOST {
            all.push(tlv.clone());
        }
    }
    if all.iter().all(|tlv| tlv.kind != Tlv::UNIQUE_ID) {
        all.push(Tlv::new(Tlv::UNIQUE_ID, unique_id(id)));
    }
    all
}

fn described(tls: Negotiated<'_>) -> Tls {
    let version = tls.version.map(|version| match version {
        Version::Tls12 => "TLSv1.2",
        Version::Tls13 => "TLSv1.3",
    });
    Tls {
        version: version.map(str::to_owned),
        cipher: tls.cipher_suite.map(name_of_openssl),
        has_certificate: tls.peer_sha256.is_some(),
        common_name: tls.peer_subject.and_then(common_name),
    }
}

/// The name that OpenSSL has for a cipher suite, which is what receivers know: of TLS 1.3 it is IANA's.
fn name_of_openssl(suite: &str) -> String {
    let Some((exchange, rest)) = suite.strip_prefix("TLS_").and_then(|suite| suite.split_once("_WITH_"))
    else {
        return suite.to_owned();
    };
    // ChaCha20 has one hash, which is not named.
    let rest = rest.replace("AES_", "AES").replace("POLY1305_SHA256", "POLY1305");
    format!("{exchange}_{rest}").replace('_', "-")
}

/// The common name in a subject as RFC 4514 writes it.
fn common_name(subject: &str) -> Option<String> {
    let start = if subject.starts_with("CN=") { 3 } else { subject.find(",CN=")? + 4 };
    let mut name = String::new();
    let mut characters = subject[start..].chars();
    while let Some(c) = characters.next().filter(|c| *c != ',' && *c != '+') {
        name.push(if c == '\\' { characters.next()? } else { c });
    }
    Some(name)
}

/// A name that no connection of any relay of this machine has had: when this process began to name them, its number, and the
/// number of the connection.
fn unique_id(id: u64) -> String {
    static BEGAN: OnceLock<u128> = OnceLock::new();
    let began =
        BEGAN.get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros());
    format!("{began:x}-{:x}-{id:x}", process::id())
}

/// Ends the connection of a client that is not served by a reset, with an alert before it if the client speaks TLS: to us, or through
/// us, and then nothing was sent to it yet.
pub(crate) fn refuse(client: Connection, greeting: &Greeting, alert: Alert) -> Report {
    if client.tls().is_none() && greeting.hello.is_some() {
        return client.abort_with([0x15, 3, 3, 0, 2, 2, alert as u8]);
    }
    client.refuse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_the_names_that_openssl_has_for_them() {
        for (iana, openssl) in [
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(name_of_openssl(iana), openssl);
        }
    }

    #[test]
    fn the_common_name_stands_somewhere_in_a_subject() {
        for (subject, name) in [
            ("CN=someone", Some("someone")),
            ("C=DE,O=Some\\, one,CN=a\\,b\\+c,OU=x", Some("a,b+c")),
            ("CN=a+OU=b", Some("a")),
            ("O=CN=x", None),
            ("", None),
        ] {
            assert_eq!(common_name(subject).as_deref(), name, "{subject}");
        }
    }

    #[test]
    fn every_connection_has_a_name_of_its_own() {
        assert_ne!(unique_id(1), unique_id(2));
        assert!(unique_id(u64::MAX).len() <= 128);
    }
}
