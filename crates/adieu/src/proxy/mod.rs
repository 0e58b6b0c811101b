//! Proxies: what a user writes, and the handshakes as codecs without I/O.
//!
//! A [`Handshake`] says what to send and takes what has arrived, one piece at a time and never more than belongs to it: a
//! driver looks at what its kernel holds, lets the handshake say how much of that is its own, and receives just so much.
//! Whatever the proxy sends after its reply is the stream's.
//!
//! The driver of a handshake is connecting's, for both faces.

mod environment;
mod error;
mod http;
mod socks4;
mod socks5;
#[cfg(test)]
mod tests;

pub use error::ProxyError;

use crate::{Endpoint, ProxyAddress, ProxyKind};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The kind of a scheme, as curl reads it.
fn kind_of(scheme: &str) -> Option<ProxyKind> {
    if scheme.eq_ignore_ascii_case("socks") {
        return Some(ProxyKind::Socks4);
    }
    ProxyKind::ALL.iter().copied().find(|kind| kind.scheme().eq_ignore_ascii_case(scheme))
}

/// A proxy to connect through, as a user writes it: `socks5://[user[:password]@]host[:port]`, `socks5h`, `socks4`, `socks4a`,
/// `http`, `https` (TLS to the proxy). `socks` is SOCKS4, as for curl. Without a scheme it is an HTTP proxy, as in ALL_PROXY.
///
/// A user and a password are percent-encoded there (`%40` for `@`). A proxy that takes a token as the user may want an empty
/// password, `http://token:@host:port`; without the colon it is missing. The password is never shown: not by `Display`, which
/// leaves the user out too, nor by `Debug`, nor in an error.
///
/// # Examples
///
/// ```
/// use adieu::Proxy;
///
/// let proxy: Proxy = "socks5://me:secret@[::1]:1080".parse()?;
/// assert_eq!(proxy.to_string(), "socks5://[::1]:1080");
/// assert!(!format!("{proxy:?}").contains("secret"));
/// # Ok::<(), adieu::ParseProxyError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    kind: ProxyKind,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    /// How TLS is spoken to it. `None`: with the platform's roots, if it is spoken.
    pub(crate) tls: Option<crate::tls::ClientConfig>,
}

/// Two proxies are the same if they are written so; how their certificates are checked is not written.
impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.host, self.port, &self.credentials)
            == (other.kind, &other.host, other.port, &other.credentials)
    }
}

impl Eq for Proxy {}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: String,
    /// `None`: none is written. An empty one is, with a colon and nothing after it.
    password: Option<String>,
}

impl Credentials {
    pub(crate) fn password(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }
}

/// Why a text is not a proxy. It never holds the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseProxyError {
    /// A scheme that is not spoken.
    #[error("unknown kind of proxy: write socks5://, socks5h://, socks4://, socks4a://, http:// or https://")]
    UnknownScheme,
    /// TLS to the proxy, and this build speaks none.
    #[error("this build speaks no TLS: write http:// for a proxy without it")]
    NoTls,
    /// The host or the port is wrong.
    #[error("a proxy's address is host:port or [::1]:port")]
    BadAddress,
    /// An HTTP proxy without a port.
    #[error("an HTTP proxy needs its port, as in http://host:3128")]
    NoPort,
    /// Something stands after the address.
    #[error("nothing stands after a proxy's address")]
    TrailingPath,
    /// The user or the password is not percent-encoded.
    #[error("the user and the password of a proxy are percent-encoded: %40 for @, %25 for %")]
    BadCredentials,
    /// What the percent-encoding of the user or the password means is no text.
    #[error("the user or the password of a proxy, once its percent-encoding is undone, is not UTF-8")]
    CredentialsNotUnicode,
    /// A user of an HTTP proxy with a colon, where RFC 7617 has the user end.
    #[error("the user of an HTTP proxy has no colon: what follows it would be taken for the password")]
    ColonInUser,
    /// A password was given for nobody.
    #[error("a proxy's password needs a user, as in socks5://user@host:port")]
    PasswordWithoutUser,
    /// SOCKS4 has users, but no passwords.
    #[error("SOCKS4 knows no password: leave it out, or use socks5")]
    PasswordForSocks4,
    /// A variable of the environment is not UTF-8.
    #[error("ALL_PROXY or NO_PROXY is not UTF-8")]
    NotUnicode,
    /// A user without a password.
    #[error("the proxy's user has no password: write user:password@host, or give it separately")]
    NoPassword,
    /// An empty password for SOCKS5, which has none (RFC 1929).
    #[error("a password for SOCKS5 has 1 to 255 bytes, and this one is empty")]
    EmptyPassword,
}

impl Proxy {
    /// How it is spoken to.
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its kind and its place, as a report names it.
    pub(crate) fn address(&self) -> ProxyAddress {
        ProxyAddress { kind: self.kind, place: Endpoint::tcp(self.host.clone(), self.port).to_string() }
    }

    /// The same proxy with this password, instead of one in its text.
    ///
    /// # Errors
    ///
    /// It has no user, or no use for a password.
    pub fn with_password(mut self, password: impl Into<String>) -> Result<Self, ParseProxyError> {
        if self.kind.is_socks4() {
            return Err(ParseProxyError::PasswordForSocks4);
        }
        let credentials = self.credentials.as_mut().ok_or(ParseProxyError::PasswordWithoutUser)?;
        credentials.password = Some(password.into());
        Ok(self)
    }

    /// Speaks TLS to an `https` proxy in this way, instead of checking its certificate against the platform's roots.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn with_tls(mut self, tls: crate::tls::ClientConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether TLS is spoken to the proxy itself.
    pub fn is_secure(&self) -> bool {
        self.kind == ProxyKind::Https
    }

    /// Whether all that it needs is there: a user needs a password, but for SOCKS4. For HTTP it may be empty (RFC 7617),
    /// and for SOCKS5 it may not (RFC 1929).
    ///
    /// # Errors
    ///
    /// [`ParseProxyError::NoPassword`], [`ParseProxyError::EmptyPassword`].
    pub fn check(&self) -> Result<(), ParseProxyError> {
        let Some(Credentials { password, .. }) = &self.credentials else { return Ok(()) };
        match (self.kind, password.as_deref()) {
            (ProxyKind::Socks4 | ProxyKind::Socks4a, _) => Ok(()),
            (_, None) => Err(ParseProxyError::NoPassword),
            (ProxyKind::Socks5 | ProxyKind::Socks5h, Some("")) => Err(ParseProxyError::EmptyPassword),
            _ => Ok(()),
        }
    }

    /// The proxy that the environment names for this endpoint: `all_proxy` or `ALL_PROXY`, unless `no_proxy` or
    /// `NO_PROXY` excepts it. In lower case it counts first, as for curl.
    ///
    /// The exceptions stand apart by commas or spaces. `*` is every host; `example.org`, `.example.org` and
    /// `*.example.org` are that name and all below it; an address is itself; `10.0.0.0/8` or `fd00::/8` is a range of addresses; with `:port` at the end
    /// it is that port alone. A name is not resolved to see whether its address is excepted. A Unix socket has no proxy.
    ///
    /// # Errors
    ///
    /// The variable is not a proxy.
    pub fn from_environment(endpoint: &Endpoint) -> Result<Option<Self>, ParseProxyError> {
        environment::choose(endpoint, |name| std::env::var_os(name))
    }

    /// Whether the proxy is told an address, and never a name.
    pub(crate) fn resolves_here(&self) -> bool {
        matches!(self.kind, ProxyKind::Socks5 | ProxyKind::Socks4)
    }

    /// What to ask for of a host that was resolved here: each address, as far as the protocol knows such.
    pub(crate) fn targets(&self, addresses: Vec<SocketAddr>) -> Vec<Target> {
        // Where all are IPv6 it is said that they cannot be asked for.
        let only_v4 = self.kind.is_socks4() && addresses.iter().any(SocketAddr::is_ipv4);
        addresses.into_iter().filter(|ip| ip.is_ipv4() || !only_v4).map(Target::Address).collect()
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Proxy {
    type Err = ParseProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ParseProxyError as E;
        let (scheme, rest) = text.split_once("://").unwrap_or((ProxyKind::Http.scheme(), text));
        let kind = kind_of(scheme).ok_or(E::UnknownScheme)?;
        let (credentials, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((credentials, address)) => (Some(parse_credentials(kind, credentials)?), address),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(E::TrailingPath);
        }
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let endpoint = if has_port {
            address.parse()
        } else {
            // Any port will do to parse the rest; it is not used.
            format!("{address}:1").parse()
        };
        let Ok(Endpoint::Tcp { host, port }) = endpoint else { return Err(E::BadAddress) };
        let port = if has_port { port } else { kind.default_port().ok_or(E::NoPort)? };
        if port == 0 {
            return Err(E::BadAddress);
        }
        if kind == ProxyKind::Https && !crate::tls::IS_BUILT {
            return Err(E::NoTls);
        }
        Ok(Self { kind, host, port, credentials, tls: None })
    }
}

fn parse_credentials(kind: ProxyKind, text: &str) -> Result<Credentials, ParseProxyError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let decode = |text| {
        let bytes = percent_decode(text).ok_or(ParseProxyError::BadCredentials)?;
        String::from_utf8(bytes).map_err(|_| ParseProxyError::CredentialsNotUnicode)
    };
    let credentials = Credentials { user: decode(user)?, password: password.map(decode).transpose()? };
    if credentials.user.is_empty() {
        return Err(ParseProxyError::PasswordWithoutUser);
    }
    if kind.is_http() && credentials.user.contains(':') {
        return Err(ParseProxyError::ColonInUser);
    }
    if kind.is_socks4() && !credentials.password().is_empty() {
        return Err(ParseProxyError::PasswordForSocks4);
    }
    Ok(credentials)
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
        rest = tail;
    }
    Some(bytes)
}

/// Its kind and its address; never its user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}{})", if self.credentials.is_some() { ", with credentials" } else { "" })
    }
}

/// What the proxy is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    Name { host: String, port: u16 },
}

impl Target {
    /// What was written: an address is one also where names go to the proxy.
    pub(crate) fn of(host: &str, port: u16) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => Self::Address(SocketAddr::new(ip, port)),
            Err(_) => Self::Name { host: host.to_owned(), port },
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port, .. } => *port,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// What comes of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is not whole.
    More,
    /// This is to be sent, and answered.
    Send(Vec<u8>),
    /// What comes next is the stream.
    Done,
}

enum Codec {
    Socks5(socks5::Socks5),
    Socks4,
    Http(http::Response),
}

/// The client's side of a proxy's handshake, without I/O.
pub(crate) struct Handshake {
    codec: Codec,
    /// What is to be sent, and how much of it was.
    to_send: Vec<u8>,
    sent: usize,
    /// Of the answer that is being received. HTTP keeps its own.
    answer: Vec<u8>,
    done: bool,
}

/// What a handshake waits for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wants<'a> {
    Send(&'a [u8]),
    Receive,
    Done,
}

impl Handshake {
    pub(crate) fn new(proxy: &Proxy, target: &Target) -> Result<Self, ProxyError> {
        if let Target::Name { host, .. } = target
            && host.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
        {
            let what = "an address with a zone means something on this machine alone";
            return Err(ProxyError::Inexpressible { what });
        }
        let credentials = proxy.credentials.clone();
        let (codec, to_send) = match proxy.kind {
            ProxyKind::Socks5 | ProxyKind::Socks5h => {
                let (codec, greeting) = socks5::Socks5::new(credentials, target)?;
                (Codec::Socks5(codec), greeting)
            }
            ProxyKind::Socks4 | ProxyKind::Socks4a => (Codec::Socks4, socks4::request(credentials, target)?),
            ProxyKind::Http | ProxyKind::Https => {
                let response = http::Response::new(credentials.as_ref());
                (Codec::Http(response), http::request(credentials.as_ref(), target)?)
            }
        };
        Ok(Self { codec, to_send, sent: 0, answer: Vec::new(), done: false })
    }

    /// What is to be done next.
    pub(crate) fn wants(&self) -> Wants<'_> {
        match self.to_send.get(self.sent..) {
            _ if self.done => Wants::Done,
            Some(rest) if !rest.is_empty() => Wants::Send(rest),
            _ => Wants::Receive,
        }
    }

    /// So much of what it wants to send was accepted.
    pub(crate) fn sent(&mut self, n: usize) {
        self.sent += n;
    }

    /// Takes what has arrived, as far as it belongs to the handshake, and says how much that is. The rest has to stay where
    /// it is.
    ///
    /// # Errors
    ///
    /// The proxy refuses, or speaks something else. Nothing is to be asked of it after that.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<usize, ProxyError> {
        let mut taken = 0;
        while taken < bytes.len() && matches!(self.wants(), Wants::Receive) {
            let rest = &bytes[taken..];
            let (n, progress) = match &mut self.codec {
                Codec::Http(response) => response.receive(rest),
                Codec::Socks5(codec) => {
                    let (n, is_whole) = fill(&mut self.answer, rest, |answer| codec.needs(answer));
                    (n, if is_whole { codec.take(&self.answer) } else { Ok(Progress::More) })
                }
                Codec::Socks4 => {
                    let (n, is_whole) = fill(&mut self.answer, rest, socks4::needs);
                    (n, if is_whole { socks4::take(&self.answer) } else { Ok(Progress::More) })
                }
            };
            taken += n;
            match progress? {
                Progress::More => {}
                Progress::Send(bytes) => {
                    (self.to_send, self.sent) = (bytes, 0);
                    self.answer.clear();
                }
                Progress::Done => self.done = true,
            }
        }
        Ok(taken)
    }

    /// The connection has ended before the handshake has; or a refusal is known, and its page is not waited for any more.
    pub(crate) fn end(&self) -> ProxyError {
        if let Codec::Http(response) = &self.codec { response.end() } else { ProxyError::CutShort }
    }

    /// The proxy has refused, and only words are missing.
    pub(crate) fn is_refused(&self) -> bool {
        if let Codec::Http(response) = &self.codec { response.is_refused() } else { false }
    }
}

/// Moves bytes into an answer until it has as many as it needs, which grows as it becomes known.
fn fill(answer: &mut Vec<u8>, bytes: &[u8], needs: impl Fn(&[u8]) -> usize) -> (usize, bool) {
    let mut taken = 0;
    loop {
        let missing = needs(answer).saturating_sub(answer.len());
        if missing == 0 {
            return (taken, true);
        }
        let n = missing.min(bytes.len() - taken);
        if n == 0 {
            return (taken, false);
        }
        answer.extend(&bytes[taken..taken + n]);
        taken += n;
    }
}

/// The beginning of an answer that is none, for a sentence.
fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let beginning = &bytes[..bytes.len().min(SHOWN)];
    let dots = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\"{}{dots}\"", crate::shown(beginning))
}

/// An answer that is of another protocol, with its beginning, unless it may hold our password.
fn instead_of_protocol(
    protocol: &'static str,
    why: &str,
    answer: &[u8],
    may_hold_password: bool,
) -> ProxyError {
    let what = if may_hold_password { why.to_owned() } else { format!("{why}: {}", shown(answer)) };
    ProxyError::Protocol { protocol, what }
}

/// What somebody else wrote, on one line, without what would move a terminal, at most so many characters.
fn one_line(text: &str, limit: usize) -> String {
    let printable = text
        .chars()
        .map(|c| if c.is_control() || adieu_report::steers(c) { ' ' } else { c })
        .collect::<String>();
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// For the fuzzer and the property test: a handshake that gets `data` in pieces says the same as one that gets it whole,
/// takes no more than it is given, and holds no more than its protocol allows.
///
/// The first byte says which protocol, the second how large the pieces are.
#[doc(hidden)]
pub fn check_proxy_reply(data: &[u8]) {
    let [kind, piece, data @ ..] = data else { return };
    let kind = ProxyKind::ALL[usize::from(*kind) % ProxyKind::ALL.len()];
    let user = if kind.is_socks4() { "user@" } else { "user:password@" };
    let proxy: Proxy = format!("{}://{user}127.0.0.1:1", kind.scheme()).parse().expect("a proxy");
    let target = Target::Name { host: "example.org".to_owned(), port: 80 };
    let run = |piece: usize| {
        let mut handshake = Handshake::new(&proxy, &target).expect("it can be asked for");
        let mut taken = 0;
        loop {
            match handshake.wants() {
                Wants::Send(bytes) => {
                    let n = bytes.len();
                    handshake.sent(n);
                }
                Wants::Done => return (taken, Ok(())),
                Wants::Receive if taken == data.len() => return (taken, Err(handshake.end().to_string())),
                Wants::Receive => {
                    let given = &data[taken..data.len().min(taken + piece)];
                    match handshake.receive(given) {
                        Ok(n) => {
                            assert!(0 < n && n <= given.len(), "{n} of {} bytes", given.len());
                            taken += n;
                        }
                        Err(error) => return (0, Err(error.to_string())),
                    }
                }
            }
        }
    };
    let whole = run(data.len().max(1));
    assert_eq!(whole, run(usize::from(*piece).max(1)));
    assert_eq!(whole, run(1));
    if let Err(said) = &whole.1 {
        assert!(said.len() < 4096 && !said.contains(char::is_control), "{said}");
        assert!(!said.contains("password@"));
    }
    assert!(whole.0 <= 10 * http::MAX_HEAD);
}
