//! Sets the socket options before connecting or listening.
//!
//! An option that the user asked for is set, or the result is an [`OptionError`] that names it. A default that the system
//! refuses does no harm, so [`set_options`] ignores that.

use super::{IpVersion, KeepAlive, SocketOptions};
use crate::endpoint::host_of;
use crate::{Endpoint, Setting, SystemError, Words, os, system_error};
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Keep-alive finds a peer that died while nothing was outstanding: 30 s of silence, then 13 probes 10 s apart. So an outage of
/// two minutes is survived whenever it begins, and a dead peer noticed after two and a half, about as while something is
/// outstanding.
///
/// What comes from a peer that stalls behind a closed window, and probes ours, is no sign of life for Linux's keep-alive: it
/// counts from the last segment that was in order.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(30);
#[cfg(not(target_os = "openbsd"))]
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
#[cfg(not(target_os = "openbsd"))]
const KEEP_ALIVE_PROBES: u32 = 13;
/// Who asks after less silence than by default wants to know sooner.
#[cfg(not(target_os = "openbsd"))]
const KEEP_ALIVE_PROBES_IN_HASTE: u32 = 6;

/// An option that was asked for and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// This system does not have it.
    #[error("the socket option {option} is not available on {}", std::env::consts::OS)]
    Unavailable {
        /// Its name, such as `ttl`.
        option: &'static str,
    },
    /// It means nothing for this endpoint.
    #[error("the socket option {option} means nothing for a Unix socket")]
    Meaningless {
        /// Its name.
        option: &'static str,
    },
    /// It speaks to the peer itself.
    #[error("the socket option {option} cannot be had through a proxy")]
    ThroughProxy {
        /// Its name.
        option: &'static str,
    },
    /// It means nothing where there is no connection.
    #[error("the socket option {option} means nothing for datagrams")]
    NotForDatagrams {
        /// Its name.
        option: &'static str,
    },
    /// It means nothing where there is a connection.
    #[error("the socket option {option} means nothing for a stream")]
    OnlyForDatagrams {
        /// Its name.
        option: &'static str,
    },
    /// The async face does not have it.
    #[error("the option {option} is not available on tokio")]
    NotOnTokio {
        /// Its name, with the value that is not available.
        option: &'static str,
    },
    /// It is for a socket that adieu opens, and this one is open already.
    #[error("the option {option} is for a socket that is opened, and this one is connected already")]
    ConnectedAlready {
        /// Its name.
        option: &'static str,
    },
    /// It is for a socket that adieu opens, and this one was given to it listening.
    #[error("the option {option} is for a socket that is opened, and this one listens already")]
    ListensAlready {
        /// Its name.
        option: &'static str,
    },
    /// TLS is to check a certificate, and nothing says for which name.
    #[error("{}", no_server_name())]
    NoServerName,
    /// The value can mean nothing.
    #[error("the socket option {option} cannot be {value}: {why}")]
    Nonsense {
        /// Its name.
        option: &'static str,
        /// What was asked for.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refuses it.
    #[error("the socket option {option} cannot be set to {value}: {source}")]
    Refused {
        /// Its name.
        option: &'static str,
        /// What was asked for.
        value: String,
        /// What the system said.
        source: SystemError,
    },
    /// The system makes a buffer smaller than asked for.
    #[error("the socket option {option} cannot be set to {size} bytes: the system allows {usable} bytes{by}")]
    Limited {
        /// Its name.
        option: &'static str,
        /// The size that was asked for.
        size: usize,
        /// The size that the system allows.
        usable: usize,
        /// Which setting limits it, in brackets after a space; or nothing.
        by: &'static str,
    },
    /// The system connects from another address than asked for.
    #[error("the socket option source cannot be set to {source_address}: the system connects from {by}")]
    Replaced {
        /// The address that was asked for.
        source_address: IpAddr,
        /// The address in its place.
        by: IpAddr,
    },
}

fn no_server_name() -> Words {
    Words::from("a Unix socket has no name that a certificate could be for: give the name with ")
        + Setting::ServerName
        + ", or the certificate with "
        + Setting::Pin
}

impl OptionError {
    /// The sentence, with the settings that it names.
    pub fn words(&self) -> Words {
        match self {
            Self::NoServerName => no_server_name(),
            other => other.to_string().into(),
        }
    }

    /// The system's number, where the system refused.
    pub(crate) fn code(&self) -> Option<i32> {
        if let Self::Refused { source, .. } = self { source.code } else { None }
    }
}

/// Why there is no socket with what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// An option cannot be had.
    #[error("{0}")]
    Option(#[from] OptionError),
    /// The system gives no socket.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Why no address of a host may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} has no {} address{}", .version.name(), wanted_by(*.by_source))]
pub struct UnsuitedError {
    host: String,
    version: IpVersion,
    /// It is the source address that wants this version.
    by_source: bool,
}

fn wanted_by(source: bool) -> &'static str {
    if source { ", as our own source address is" } else { ", and no other may be used" }
}

/// Which side a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Connect,
    Listen,
}

impl SocketOptions {
    /// What can be known to be wrong before any socket is made, which leads to this host. `None`: to a Unix socket.
    pub(crate) fn check(&self, endpoint: &Endpoint, host: Option<&str>) -> Result<(), OptionError> {
        let linux = cfg!(any(target_os = "linux", target_os = "android"));
        let asked = [
            // Name, whether it was asked for, whether this system has it.
            ("source", self.source.is_some(), true),
            ("interface", self.interface.is_some(), linux),
            ("ipv4", self.ip_version == Some(IpVersion::V4), true),
            ("ipv6", self.ip_version == Some(IpVersion::V6), true),
            ("keepalive", self.keep_alive.is_some(), true),
            ("user-timeout", self.user_timeout.is_some(), linux),
            ("nodelay", self.no_delay.is_some(), true),
            ("tos", self.tos.is_some(), cfg!(unix)),
            ("ttl", self.ttl.is_some(), true),
            ("mptcp", self.mptcp, linux),
            ("fastopen", self.fast_open.is_some(), linux),
            ("broadcast", self.broadcast, true),
        ];
        for (option, _, available) in asked.into_iter().filter(|(_, asked, _)| *asked) {
            if endpoint.is_unix() {
                return Err(OptionError::Meaningless { option });
            }
            if !available {
                return Err(OptionError::Unavailable { option });
            }
        }
        self.check_values()?;
        self.check_literal(host.unwrap_or_default())
    }

    /// Whether all of them mean something for a stream.
    pub(crate) fn check_for_streams(&self) -> Result<(), OptionError> {
        if self.broadcast { Err(OptionError::OnlyForDatagrams { option: "broadcast" }) } else { Ok(()) }
    }

    /// A host that is an address has no other: of a name, only the resolver knows.
    fn check_literal(&self, host: &str) -> Result<(), OptionError> {
        // A zone is none of std's.
        let Ok(ip) = host.split('%').next().unwrap_or_default().parse() else { return Ok(()) };
        let version = IpVersion::of(&SocketAddr::new(ip, 0));
        let (option, value) = match (self.ip_version, self.source) {
            (Some(IpVersion::V4), _) if version == IpVersion::V6 => ("ipv4", "on".to_owned()),
            (Some(IpVersion::V6), _) if version == IpVersion::V4 => ("ipv6", "on".to_owned()),
            (_, Some(source)) if IpVersion::of(&source) != version => ("source", source.ip().to_string()),
            _ => return Ok(()),
        };
        let why = match version {
            IpVersion::V4 => "the address is one of IPv4",
            IpVersion::V6 => "the address is one of IPv6",
        };
        Err(OptionError::Nonsense { option, value, why })
    }

    fn check_values(&self) -> Result<(), OptionError> {
        let nonsense = |option, value: String, why| Err(OptionError::Nonsense { option, value, why });
        // For the kernel an empty name is no interface, so that every one would do.
        if let Some(name) = &self.interface
            && (name.is_empty() || name.contains('\0'))
        {
            return nonsense("interface", format!("{name:?}"), "it is the name of one, such as eth0");
        }
        if let Some(KeepAlive::After(time)) = self.keep_alive
            && !(1..=32_767).contains(&time.as_secs())
        {
            return nonsense("keepalive", format!("{time:?}"), "it is from 1 s to 32767 s");
        }
        if let Some(time) = self.user_timeout
            && (time < Duration::from_millis(1) || i32::try_from(time.as_millis()).is_err())
        {
            return nonsense("user-timeout", format!("{time:?}"), "it is from 1 ms to 24 days");
        }
        for (option, size) in [("send-buffer", self.send_buffer), ("receive-buffer", self.receive_buffer)] {
            if let Some(size) = size
                && (size == 0 || i32::try_from(size).is_err())
            {
                return nonsense(option, size.to_string(), "it is from 1 byte to 2 GiB");
            }
        }
        if let Some(tos) = self.tos
            && tos & 3 != 0
        {
            return nonsense(
                "tos",
                format!("{tos:#04x}"),
                "its lowest two bits are ECN's, which TCP sets itself",
            );
        }
        if self.ttl == Some(0) {
            return nonsense("ttl", "0".to_owned(), "it is from 1 to 255");
        }
        if let Some(ip) = self.source.map(|source| source.ip())
            && (ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST))
        {
            return nonsense("source", ip.to_string(), "it is the address of many, and none of ours");
        }
        if self.ip_version.is_some_and(|v| self.source.is_some_and(|source| IpVersion::of(&source) != v)) {
            let source = self.source.map(|s| s.ip().to_string()).unwrap_or_default();
            return nonsense("source", source, "it is of the other IP version");
        }
        Ok(())
    }

    /// Those of a host's addresses that may be used.
    pub(crate) fn suited(
        &self,
        host: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, UnsuitedError> {
        let Some(version) = self.ip_version.or(self.source.as_ref().map(IpVersion::of)) else {
            return Ok(addresses);
        };
        let suited: Vec<_> = addresses.into_iter().filter(|a| IpVersion::of(a) == version).collect();
        if suited.is_empty() {
            return Err(UnsuitedError {
                host: host.to_owned(),
                version,
                by_source: self.ip_version.is_none(),
            });
        }
        Ok(suited)
    }

    /// A non-blocking stream socket with all that was asked for.
    pub(crate) fn open(&self, domain: Domain, purpose: Purpose) -> Result<Socket, OpenError> {
        let socket = self.socket(domain)?;
        self.apply_to_new(&socket)?;
        match purpose {
            Purpose::Connect => {
                // What is given up after it has connected (an interrupt, a race that it lost) resets too.
                set_options(&SockRef::from(&socket), domain != Domain::UNIX, self);
                self.bind_source(&socket)?;
            }
            Purpose::Listen => {
                self.keep_to_version(&socket, domain)?;
                self.let_fast_open(&SockRef::from(&socket))?;
                if self.are_inherited(domain) {
                    set_options(&SockRef::from(&socket), true, self);
                }
            }
        }
        Ok(socket)
    }

    /// Whether what is accepted from a listening socket of ours has every option from it, those of [`set_options`] too: then nobody
    /// needs to set them on each. Even who waits in the backlog when this process is killed is then reset.
    ///
    /// Source: `sk_clone_lock` and `tcp_create_openreq_child` of Linux. What a Multipath TCP socket hands down is its own matter.
    pub(crate) fn are_inherited(&self, domain: Domain) -> bool {
        cfg!(any(target_os = "linux", target_os = "android")) && domain != Domain::UNIX && !self.mptcp
    }

    /// Sets what was asked for of any new socket.
    fn apply_to_new(&self, socket: &Socket) -> Result<(), OpenError> {
        self.apply(&SockRef::from(socket))?;
        if let Some(prepare) = &self.prepare {
            prepare.run(socket)?;
        }
        Ok(())
    }

    /// A socket of IPv6 that listens would take what comes over IPv4 too.
    fn keep_to_version(&self, socket: &Socket, domain: Domain) -> Result<(), OptionError> {
        if self.ip_version == Some(IpVersion::V6) && domain == Domain::IPV6 {
            refused("ipv6", &"on", socket.set_only_v6(true))?;
        }
        Ok(())
    }

    /// Sets what was asked for on a socket that somebody else has opened, and that listens.
    pub(crate) fn apply_to_listening(&self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        self.check_for_streams()?;
        let asked = [
            ("ip-version", self.ip_version.is_some()),
            ("mptcp", self.mptcp),
            ("prepare", self.prepare.is_some()),
        ];
        for (option, is_asked) in asked {
            if is_asked {
                return Err(OptionError::ListensAlready { option });
            }
        }
        self.apply(socket)?;
        self.let_fast_open(socket)
    }

    /// What can be known to be wrong before any socket of datagrams is made.
    pub(crate) fn check_for_datagrams(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        let of_streams = [
            ("keepalive", self.keep_alive.is_some()),
            ("user-timeout", self.user_timeout.is_some()),
            ("nodelay", self.no_delay.is_some()),
            ("mptcp", self.mptcp),
            ("fastopen", self.fast_open.is_some()),
        ];
        match of_streams.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((option, _)) => Err(OptionError::NotForDatagrams { option }),
            None => self.check(endpoint, endpoint.host()),
        }
    }

    /// A non-blocking socket of datagrams with all that was asked for.
    pub(crate) fn open_for_datagrams(&self, domain: Domain, purpose: Purpose) -> Result<Socket, OpenError> {
        let socket = Socket::new(domain, Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        self.apply_to_new(&socket)?;
        match purpose {
            Purpose::Connect => self.bind_source(&socket)?,
            Purpose::Listen => self.keep_to_version(&socket, domain)?,
        }
        Ok(socket)
    }

    fn let_fast_open(&self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        let Some(queue) = self.fast_open else { return Ok(()) };
        refused("fastopen", &queue, os::set_fast_open(socket, queue))
    }

    /// A non-blocking stream socket.
    fn socket(&self, domain: Domain) -> Result<Socket, OpenError> {
        // In one call, where there is one.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if !self.mptcp {
            return Ok(Socket::new(domain, Type::STREAM.nonblocking(), None)?);
        }
        let socket = if self.mptcp {
            refused("mptcp", &"on", os::multipath_socket(domain))?
        } else {
            Socket::new(domain, Type::STREAM, None)?
        };
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// Sets what can be set on any socket, connected or not.
    pub(crate) fn apply(&self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        if *self == Self::default() {
            return Ok(());
        }
        if let Some(name) = &self.interface {
            refused("interface", name, os::bind_to_interface(socket, name))?;
        }
        if let Some(keep_alive) = self.keep_alive {
            let value = match keep_alive {
                KeepAlive::Off => "off".to_owned(),
                KeepAlive::After(time) => format!("{time:?}"),
            };
            refused("keepalive", &value, set_keep_alive(socket, keep_alive))?;
        }
        if let Some(time) = self.user_timeout {
            refused("user-timeout", &format!("{time:?}"), os::set_user_timeout(socket, time))?;
        }
        if let Some(on) = self.no_delay {
            refused("nodelay", &if on { "on" } else { "off" }, socket.set_tcp_nodelay(on))?;
        }
        if self.broadcast {
            refused("broadcast", &"on", socket.set_broadcast(true))?;
        }
        if let Some(size) = self.send_buffer {
            let set = socket.set_send_buffer_size(size).and_then(|()| socket.send_buffer_size());
            at_least("send-buffer", size, set)?;
        }
        if let Some(size) = self.receive_buffer {
            let set = socket.set_recv_buffer_size(size).and_then(|()| socket.recv_buffer_size());
            at_least("receive-buffer", size, set)?;
        }
        if self.tos.is_none() && self.ttl.is_none() {
            return Ok(());
        }
        let is_v6 = os::is_ipv6(socket);
        // Its clients over IPv4 have IPv4's options. Other systems refuse those on such a socket.
        let takes_both = is_v6 && cfg!(any(target_os = "linux", target_os = "android"));
        if let Some(tos) = self.tos {
            let set = if is_v6 { os::set_traffic_class(socket, tos) } else { os::set_tos(socket, tos) };
            refused("tos", &format!("{tos:#04x}"), set)?;
            if takes_both {
                refused("tos", &format!("{tos:#04x}"), os::set_tos(socket, tos))?;
            }
        }
        if let Some(ttl) = self.ttl {
            let set =
                if is_v6 { socket.set_unicast_hops_v6(ttl.into()) } else { socket.set_ttl_v4(ttl.into()) };
            refused("ttl", &ttl, set)?;
            if takes_both {
                refused("ttl", &ttl, socket.set_ttl_v4(ttl.into()))?;
            }
        }
        Ok(())
    }

    fn bind_source(&self, socket: &Socket) -> Result<(), OptionError> {
        let Some(source) = self.source else { return Ok(()) };
        let value = if source.port() == 0 { host_of(source) } else { source.to_string() };
        let bound = match source.port() {
            0 => Ok(()),
            // A port that is asked for again may still be in TIME-WAIT.
            _ => socket.set_reuse_address(true),
        };
        refused("source", &value, bound.and_then(|()| socket.bind(&source.into())))
    }

    /// Whether a connected socket comes from where it was bound to: Linux binds to a network's broadcast address, and then
    /// connects from another one without a word. An unspecified address is any of ours.
    pub(crate) fn check_source(&self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        let asked = self.source.map(|source| source.ip()).filter(|ip| !ip.is_unspecified());
        if asked.is_none() {
            return Ok(());
        }
        let local = socket.local_addr().ok().and_then(|local| local.as_socket());
        match (asked, local.map(|local| local.ip())) {
            (Some(asked), Some(local)) if local != asked => {
                Err(OptionError::Replaced { source_address: asked, by: local })
            }
            _ => Ok(()),
        }
    }

    /// Sets the defaults of what was not asked for.
    ///
    /// - `TCP_NODELAY`: what was read is sent; a line protocol does not wait for Nagle's algorithm.
    /// - `SO_KEEPALIVE`: a dead peer is noticed.
    pub(crate) fn set_defaults(&self, socket: &SockRef<'_>) {
        if self.no_delay.is_none() {
            let _ = socket.set_tcp_nodelay(true);
        }
        if self.keep_alive.is_none() && !self.is_for_relay {
            let _ = set_keep_alive(socket, KeepAlive::After(KEEP_ALIVE_IDLE));
        }
    }

    /// Sets the defaults that a connection which does not last can do without.
    pub(crate) fn set_late(&self, socket: &SockRef<'_>) {
        if self.keep_alive.is_none() && self.is_for_relay {
            let _ = set_keep_alive(socket, KeepAlive::After(KEEP_ALIVE_IDLE));
        }
    }
}

#[cfg(not(target_os = "openbsd"))]
fn set_keep_alive(socket: &SockRef<'_>, asked: KeepAlive) -> io::Result<()> {
    let KeepAlive::After(after) = asked else { return socket.set_keepalive(false) };
    let keep_alive = socket2::TcpKeepalive::new()
        .with_time(after)
        // Probes are no further apart than the silence that they end.
        .with_interval(KEEP_ALIVE_INTERVAL.min(after))
        .with_retries(if after < KEEP_ALIVE_IDLE { KEEP_ALIVE_PROBES_IN_HASTE } else { KEEP_ALIVE_PROBES });
    socket.set_tcp_keepalive(&keep_alive)
}

/// OpenBSD has keep-alive and none of its times for a socket: it is set as the system has it, which is not what was asked for.
#[cfg(target_os = "openbsd")]
fn set_keep_alive(socket: &SockRef<'_>, asked: KeepAlive) -> io::Result<()> {
    socket.set_keepalive(asked != KeepAlive::Off)?;
    if asked == KeepAlive::Off { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn refused<T>(
    option: &'static str,
    value: &impl std::fmt::Display,
    result: io::Result<T>,
) -> Result<T, OptionError> {
    result.map_err(|source| OptionError::Refused {
        option,
        value: value.to_string(),
        source: system_error::of(&source),
    })
}

/// A buffer that the system made smaller than asked for, without a word, is a refusal.
///
/// Source: socket(7): Linux doubles the size for its own needs, and caps it at `net.core.wmem_max` and `rmem_max`.
fn at_least(option: &'static str, size: usize, got: io::Result<usize>) -> Result<(), OptionError> {
    let got = refused(option, &format!("{size} bytes"), got)?;
    let usable = if cfg!(any(target_os = "linux", target_os = "android")) { got / 2 } else { got };
    if usable >= size {
        return Ok(());
    }
    let by = match (cfg!(any(target_os = "linux", target_os = "android")), option) {
        (true, "send-buffer") => " (net.core.wmem_max)",
        (true, _) => " (net.core.rmem_max)",
        _ => "",
    };
    Err(OptionError::Limited { option, size, usable, by })
}

/// Sets what every connection of adieu has, before it connects or as soon as it is ours.
///
/// - `SO_LINGER`, zero: a close that is not ours resets; see [`os::set_reset_on_close`].
/// - `SO_OOBINLINE`: an urgent byte stays in the stream, where otherwise it is lost.
/// - What [`SocketOptions::set_defaults`] does.
///
/// A system that refuses one of these still has a working connection, so a refusal is not an error.
pub(crate) fn set_options(socket: &SockRef<'_>, is_tcp: bool, asked: &SocketOptions) {
    let _ = socket.set_out_of_band_inline(true);
    if !is_tcp {
        return;
    }
    os::set_reset_on_close(socket, true);
    asked.set_defaults(socket);
}

#[cfg(test)]
mod tests;
