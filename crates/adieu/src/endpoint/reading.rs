//! Texts as endpoints: what is taken, and what is said of the rest.
//!
//! Where a port may be the name of a service, this system's table of services is asked, and nothing else. Names of hosts are left
//! to whoever connects or listens.

use super::Endpoint;
use crate::os;
use socket2::Type;
use std::ffi::OsStr;

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// Nothing was given.
    #[error("the endpoint is empty: write host:port, [::1]:port or unix:path")]
    Empty,
    /// There is no port.
    #[error("'{given}' has no port: write {given}:PORT")]
    NoPort {
        /// What was given.
        given: String,
    },
    /// A port alone.
    #[error("'{given}' is only a port: write 127.0.0.1:{given}, or localhost:{given}")]
    OnlyPort {
        /// What was given.
        given: String,
    },
    /// There is no host.
    #[error("the endpoint has no host: write host:port, for example 127.0.0.1:27015")]
    NoHost,
    /// The first of two words is an endpoint by itself.
    #[error("'{given}' is a whole endpoint: leave out '{rest}', or write a host and its port")]
    AlreadyWhole {
        /// The first word.
        given: String,
        /// The second.
        rest: String,
    },
    /// A host with a colon that is no IPv6 address, or with a bracket that is not around one.
    #[error("'{given}' is not a host: write a name, or an address such as 127.0.0.1 or ::1")]
    BadHost {
        /// What was given.
        given: String,
    },
    /// The port is not a number.
    #[error("'{given}' is not a port: a port is a number from 0 to 65535")]
    BadPort {
        /// What was given.
        given: String,
    },
    /// A port that is neither a number nor a service of this system.
    #[error(
        "'{given}' is not a port: a port is a number from 0 to 65535, or a service that this system knows"
    )]
    UnknownService {
        /// What was given.
        given: String,
    },
    /// A name that is not ASCII and has no form in ASCII.
    #[error("'{given}' is not a name that DNS can have (RFC 5891): write its xn-- form, or an address")]
    NotAName {
        /// What was given.
        given: String,
    },
    /// A star in the place of the host.
    #[error("'*' is not a host: to listen on every address write 0.0.0.0:{port}, or [::]:{port}")]
    EveryAddress {
        /// The port.
        port: String,
    },
    /// A path without `unix:`.
    #[error("it looks like a path: for a Unix socket write unix:{given}")]
    LooksLikePath {
        /// What was given.
        given: String,
    },
    /// A socket that the service manager passed, `fd:NAME`, or another descriptor. No text is parsed as one: a program that takes
    /// the former from its users calls [`Endpoint::passed`] with what follows `fd:`.
    #[error(
        "a descriptor cannot be given: write host:port or unix:path, or tcp://{given} for a host of this name"
    )]
    Descriptor {
        /// What was given.
        given: String,
    },
    /// A scheme without its slashes, as in `tcp:host:port`.
    #[error("the scheme needs its slashes: write {instead}")]
    NeedsSlashes {
        /// As it should be.
        instead: String,
    },
    /// More than one colon, and no IPv6 address.
    #[error("it has more than one colon, and is not an IPv6 address: write host:port")]
    TooManyColons,
    /// An IPv6 address without brackets cannot be told from its port.
    #[error("'{given}' looks like an IPv6 address: put it in brackets, as in [::1]:27015")]
    NeedsBrackets {
        /// What was given.
        given: String,
    },
    /// A bracket is not closed, or what follows is not a port.
    #[error("'{given}' is not well formed: write [address]:port, as in [::1]:27015")]
    BadBrackets {
        /// What was given.
        given: String,
    },
    /// There is no path.
    #[error("'unix:' needs a path, as in unix:/run/app.sock")]
    NoPath,
    /// There is no abstract name.
    #[error("'unix:@' needs a name, as in unix:@app")]
    NoName,
    /// It is no text, and not the path of a Unix socket, which need not be.
    #[error("'{given}' is not UTF-8: only the path after unix: may be anything else")]
    NotUnicode {
        /// What was given, with signs in the place of what is no text.
        given: String,
    },
    /// A scheme that is not spoken.
    #[error(
        "the scheme '{scheme}' is not supported: write host:port, [::1]:port, tls://host:port, udp://host:port or unix:path"
    )]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
}

/// What follows a scheme, which is the same in any case: RFC 3986, section 3.1.
fn after<'a>(scheme: &str, text: &'a str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// With or without a zone, as in `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let is_zone = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    is_zone && address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// What a text may say besides a host and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing.
    Plain,
    /// The name of a service.
    ToConnect,
    /// The name of a service, and no host.
    ToListen,
}

impl Reading {
    const fn listens(self) -> bool {
        matches!(self, Self::ToListen)
    }

    /// The port that a text says, of streams (TCP) or datagrams (UDP).
    fn port(self, text: &str, kind: Type) -> Result<u16, ParseEndpointError> {
        let bad = || ParseEndpointError::BadPort { given: text.to_owned() };
        if is_number(text) {
            return text.parse().map_err(|_| bad());
        }
        if self == Self::Plain || !is_name_of_service(text) {
            return Err(bad());
        }
        os::port_of_service(text, kind)
            .ok_or_else(|| ParseEndpointError::UnknownService { given: text.to_owned() })
    }
}

/// Whether it is one by itself.
fn is_port(text: &str) -> bool {
    is_number(text) && text.parse::<u16>().is_ok()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// RFC 6335, section 5.1, and the punctuation that older names have. Without a letter it is no name, and resolvers differ about
/// what it is.
fn is_name_of_service(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
}

/// A name in the form that name servers know: `xn--bcher-kva.example` of `bücher.example`.
pub(crate) fn in_ascii(host: &str) -> Result<String, ParseEndpointError> {
    let is_multicast = || {
        let name = host.strip_suffix('.').unwrap_or(host);
        name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("local"))
    };
    if host.is_ascii() || is_multicast() {
        return Ok(host.to_owned());
    }
    match idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL) {
        Ok(name) if !name.is_empty() => Ok(name.into_owned()),
        _ => Err(ParseEndpointError::NotAName { given: host.to_owned() }),
    }
}

pub(super) fn read(text: &str, reading: Reading) -> Result<Endpoint, ParseEndpointError> {
    if text.is_empty() {
        return Err(ParseEndpointError::Empty);
    }
    if let Some(name) = text.strip_prefix("unix:@") {
        return if name.is_empty() {
            Err(ParseEndpointError::NoName)
        } else {
            Ok(Endpoint::unix_abstract(name))
        };
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() { Err(ParseEndpointError::NoPath) } else { Ok(Endpoint::unix(path)) };
    }
    for (scheme, kind) in [("tcp://", Type::STREAM), ("tls://", Type::STREAM), ("udp://", Type::DGRAM)] {
        let Some(rest) = after(scheme, text) else { continue };
        if rest.contains("://") || rest.strip_prefix("unix:").is_some_and(|port| !is_port(port)) {
            return Err(ParseEndpointError::BadHost { given: rest.to_owned() });
        }
        return Ok(match (scheme, host_and_port(rest, reading, kind)?) {
            ("tls://", Endpoint::Tcp { host, port }) => Endpoint::Tls { host, port },
            ("udp://", Endpoint::Tcp { host, port }) => Endpoint::Udp { host, port },
            (_, endpoint) => endpoint,
        });
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(ParseEndpointError::UnknownScheme { scheme: scheme.to_owned() });
    }
    if after("fd:", text).is_some() {
        return Err(ParseEndpointError::Descriptor { given: text.to_owned() });
    }
    for scheme in ["tcp", "udp", "tls"] {
        let rest = after(scheme, text).and_then(|rest| rest.strip_prefix(':'));
        // A host may have the name "tls".
        if let Some(rest) = rest.filter(|rest| scheme != "tls" || rest.contains(':')) {
            let instead = format!("{scheme}://{}", with_host(rest));
            return Err(ParseEndpointError::NeedsSlashes { instead });
        }
    }
    host_and_port(text, reading, Type::STREAM)
}

/// An example of a whole endpoint for what may be only its port.
fn with_host(rest: &str) -> String {
    if rest.contains(':') { rest.to_owned() } else { format!("127.0.0.1:{rest}") }
}

/// `host:port`; where it listens also `:port`, and a port alone.
fn host_and_port(text: &str, reading: Reading, kind: Type) -> Result<Endpoint, ParseEndpointError> {
    let given = || text.to_owned();
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, port)) if is_ipv6(host) => match port.strip_prefix(':') {
                Some(port) => Ok(Endpoint::tcp(host, reading.port(port, kind)?)),
                None if port.is_empty() => Err(ParseEndpointError::NoPort { given: given() }),
                None => Err(ParseEndpointError::BadBrackets { given: given() }),
            },
            _ => Err(ParseEndpointError::BadBrackets { given: given() }),
        };
    }
    match text.split_once(':') {
        None if reading.listens() && is_number(text) => Ok(Endpoint::tcp("", reading.port(text, kind)?)),
        None if is_port(text) => Err(ParseEndpointError::OnlyPort { given: given() }),
        None if text.contains('/') || text.starts_with('@') => {
            Err(ParseEndpointError::LooksLikePath { given: given() })
        }
        // Perhaps the port is missing, and perhaps it is the name of one.
        None => match reading.port(text, kind) {
            Ok(port) if reading.listens() => Ok(Endpoint::tcp("", port)),
            _ => Err(ParseEndpointError::NoPort { given: given() }),
        },
        Some((_, rest)) if rest.contains(':') => {
            let is_address =
                text.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)) || text.contains('%');
            Err(if is_address {
                ParseEndpointError::NeedsBrackets { given: given() }
            } else {
                ParseEndpointError::TooManyColons
            })
        }
        Some(("", port)) if reading.listens() => Ok(Endpoint::tcp("", reading.port(port, kind)?)),
        Some((host, port)) => read_two(host, port, reading, kind),
    }
}

/// A host and a port.
pub(super) fn read_two(
    host: &str,
    port: &str,
    reading: Reading,
    kind: Type,
) -> Result<Endpoint, ParseEndpointError> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() {
        return Err(ParseEndpointError::NoHost);
    }
    if bare == "*" {
        return Err(ParseEndpointError::EveryAddress { port: port.to_owned() });
    }
    if bare.contains(':') && !is_ipv6(bare) {
        let given = host.to_owned();
        return Err(match host.parse::<Endpoint>() {
            Ok(_) => ParseEndpointError::AlreadyWhole { given, rest: port.to_owned() },
            Err(
                ParseEndpointError::BadPort { .. }
                | ParseEndpointError::NeedsBrackets { .. }
                | ParseEndpointError::TooManyColons,
            ) => ParseEndpointError::BadHost { given },
            Err(error) => error,
        });
    }
    if bare.starts_with('/') {
        return Err(ParseEndpointError::LooksLikePath { given: host.to_owned() });
    }
    // None of these is in any name, nor in a way of writing an address.
    if bare.contains(|c: char| "[]/@*".contains(c) || c.is_whitespace() || c.is_control()) {
        return Err(ParseEndpointError::BadHost { given: host.to_owned() });
    }
    Ok(Endpoint::tcp(in_ascii(bare)?, reading.port(port, kind)?))
}

pub(super) fn read_os(text: &OsStr, reading: Reading) -> Result<Endpoint, ParseEndpointError> {
    if let Some(text) = text.to_str() {
        return read(text, reading);
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = text.as_bytes().strip_prefix(b"unix:").filter(|path| !path.starts_with(b"@"));
        if let Some(path) = path {
            return Ok(Endpoint::unix(OsStr::from_bytes(path)));
        }
    }
    Err(ParseEndpointError::NotUnicode { given: text.to_string_lossy().into_owned() })
}
