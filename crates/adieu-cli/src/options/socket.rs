//! What is asked of the socket: one definition for all commands.

use crate::parsing::rules::{CommandSide, Rules};
use adieu::{ConnectOptions, Endpoint, IpVersion};
use anyhow::{Context, anyhow, ensure};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// What is asked of the socket.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Socket options")]
pub(crate) struct SocketOptions {
    /// Use only IPv4
    #[arg(short = '4', long, env = "ADIEU_IPV4", hide_env_values = true, conflicts_with = "ipv6",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp().not_for_unix())]
    ipv4: bool,

    /// Use only IPv6
    #[arg(short = '6', long, env = "ADIEU_IPV6", hide_env_values = true,
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp().not_for_unix())]
    ipv6: bool,

    /// Use only this network interface (Linux)
    #[arg(long, value_name = "NAME", env = "ADIEU_INTERFACE", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().also_over_udp().not_for_unix())]
    interface: Option<String>,

    /// Send keep-alive probes after this much silence; "off" sends none [default: 30s, which "on" stands for]
    #[arg(long, value_name = "DURATION|on|off", env = "ADIEU_KEEPALIVE", hide_env_values = true, value_parser = keep_alive,
          add = Rules::new().not_for_unix())]
    keepalive: Option<KeepAlive>,

    /// Let the kernel end the connection if nothing is acknowledged for this long (TCP_USER_TIMEOUT, Linux) [default: the
    /// system's]
    ///
    /// A peer whose window is closed counts too. With more than 145s adieu leaves it to the kernel to notice a dead peer.
    #[arg(long, value_name = "DURATION", env = "ADIEU_USER_TIMEOUT", hide_env_values = true, value_parser = crate::options::durations::limit,
          add = Rules::new().not_for_unix())]
    user_timeout: Option<Duration>,

    /// Send small pieces at once (TCP_NODELAY) [default: on]
    #[arg(long, value_name = "on|off", env = "ADIEU_NODELAY", hide_env_values = true, value_parser = on_or_off,
          add = Rules::new().not_for_unix())]
    nodelay: Option<bool>,

    /// Size of the kernel's send buffer, such as 256KiB [default: the system's]
    #[arg(long, value_name = "SIZE", env = "ADIEU_SEND_BUFFER", hide_env_values = true, value_parser = size,
          add = Rules::new().also_over_udp())]
    send_buffer: Option<usize>,

    /// Size of the kernel's receive buffer, such as 256KiB [default: the system's]
    #[arg(long, value_name = "SIZE", env = "ADIEU_RECEIVE_BUFFER", hide_env_values = true, value_parser = size,
          add = Rules::new().also_over_udp())]
    receive_buffer: Option<usize>,

    /// Type-of-service byte of the packets that are sent, such as 0x10
    #[arg(long, value_name = "BYTE", env = "ADIEU_TOS", hide_env_values = true, conflicts_with = "dscp", value_parser = byte,
          add = Rules::new().also_over_udp().not_for_unix())]
    tos: Option<u8>,

    /// Class of the packets that are sent (DSCP), such as ef, af21, cs3 or 46
    #[arg(long, value_name = "CLASS", env = "ADIEU_DSCP", hide_env_values = true, value_parser = dscp,
          add = Rules::new().also_over_udp().not_for_unix())]
    dscp: Option<u8>,

    /// Hop limit of the packets that are sent (TTL)
    #[arg(long, value_name = "HOPS", env = "ADIEU_TTL", hide_env_values = true, value_parser = hops,
          add = Rules::new().also_over_udp().not_for_unix())]
    ttl: Option<u8>,

    /// Use Multipath TCP if the peer does too, and TCP otherwise; the report says which (Linux)
    #[arg(long, env = "ADIEU_MPTCP", hide_env_values = true,
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().not_for_unix())]
    pub(crate) mptcp: bool,
}

/// Where a connection of ours comes from.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Socket options")]
pub(crate) struct Source {
    /// Connect from this address of this machine, and from this port
    #[arg(long, value_name = "ADDR[:PORT]", env = "ADIEU_SOURCE", hide_env_values = true, value_parser = source,
          add = Rules::new().also_over_udp().not_for_unix().of_side(CommandSide::Connects))]
    source: Option<SocketAddr>,
}

impl Source {
    /// Adds it to the library's options.
    pub(crate) fn add_to(&self, options: ConnectOptions) -> ConnectOptions {
        match self.source {
            Some(source) => options.source(source),
            None => options,
        }
    }
}

impl SocketOptions {
    /// Whether this endpoint, which is listened on, is every address of whatever versions the system has.
    pub(crate) fn is_everywhere(&self, endpoint: &Endpoint) -> bool {
        let is_port_alone = matches!(
            endpoint,
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } | Endpoint::Udp { host, .. } if host.is_empty()
        );
        is_port_alone && !self.ipv4 && !self.ipv6
    }

    /// The one version of IP that is to be used. `None`: both are.
    pub(crate) fn version(&self) -> Option<IpVersion> {
        match (self.ipv4, self.ipv6) {
            (_, true) => Some(IpVersion::V6),
            (true, _) => Some(IpVersion::V4),
            _ => None,
        }
    }

    /// The one network interface that is to be used.
    pub(crate) fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// What the library is asked for. What was not asked for is left at its default.
    pub(crate) fn asked(&self) -> adieu::SocketOptions {
        let mut options = adieu::SocketOptions::new();
        if let Some(version) = self.version() {
            options = options.ip_version(version);
        }
        if let Some(name) = &self.interface {
            options = options.interface(name);
        }
        match self.keepalive {
            Some(KeepAlive::After(silence)) => options = options.keep_alive(silence),
            Some(KeepAlive::Off) => options = options.keep_alive(None),
            None => {}
        }
        if let Some(on) = self.nodelay {
            options = options.no_delay(on);
        }
        options
            .user_timeout(self.user_timeout)
            .send_buffer(self.send_buffer)
            .receive_buffer(self.receive_buffer)
            .tos(self.tos.or(self.dscp.map(|class| class << 2)))
            .ttl(self.ttl)
            .mptcp(self.mptcp)
    }

    /// The same for a Unix socket that stands beside endpoints of TCP: its buffers, and nothing that is meant for IP.
    pub(crate) fn asked_of_unix(&self) -> adieu::SocketOptions {
        let buffers =
            Self { send_buffer: self.send_buffer, receive_buffer: self.receive_buffer, ..Self::default() };
        buffers.asked()
    }

    /// The same for a UDP port that stands beside endpoints of TCP: without what is meant for TCP alone.
    pub(crate) fn asked_of_datagrams(&self) -> adieu::SocketOptions {
        let common =
            Self { keepalive: None, user_timeout: None, nodelay: None, mptcp: false, ..self.clone() };
        common.asked()
    }
}

/// Whether a silent peer's system is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeepAlive {
    /// After so much silence.
    After(Duration),
    Off,
}

/// What "on" stands for, as without the option; but written, it is asked for, and what has no use for it says so.
const KEEP_ALIVE_ON: Duration = Duration::from_secs(30);

/// It needs a value: without one it could take the endpoint for it, or `--keepalive 30s` could not be written.
fn keep_alive(text: &str) -> anyhow::Result<KeepAlive> {
    match text {
        "off" => return Ok(KeepAlive::Off),
        "on" => return Ok(KeepAlive::After(KEEP_ALIVE_ON)),
        _ => {}
    }
    let after = humantime::parse_duration(text)
        .context("write a duration such as 30s, or off; without the option it is on, after 30s")?;
    ensure!(!after.is_zero(), "it must be more than zero; write off, and the peer is never asked");
    Ok(KeepAlive::After(after))
}

fn on_or_off(text: &str) -> anyhow::Result<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(anyhow!("write on or off")),
    }
}

/// A size as people write it: bytes, or with a unit.
fn size(text: &str) -> anyhow::Result<usize> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(anyhow!("write a size such as 65536, 256KiB or 1MiB")),
    };
    let number: usize = number.parse().context("write a size such as 65536, 256KiB or 1MiB")?;
    let size = number.checked_mul(factor).context("it is too large")?;
    ensure!(size > 0, "it must be more than zero; leave the option out for the system's size");
    Ok(size)
}

/// Decimal, or hexadecimal after 0x.
fn byte(text: &str) -> anyhow::Result<u8> {
    let parsed = match text.strip_prefix("0x") {
        Some(hexadecimal) => u8::from_str_radix(hexadecimal, 16),
        None => text.parse(),
    };
    parsed.context("write a number from 0 to 252, or 0x00 to 0xfc")
}

fn hops(text: &str) -> anyhow::Result<u8> {
    let hops = text.parse().ok().filter(|hops| *hops > 0);
    hops.context("write a number from 1 to 255")
}

/// A class by its name or number.
///
/// RFC 2474 (CS), RFC 2597 (AF), RFC 3246 (EF), RFC 8622 (LE).
fn dscp(text: &str) -> anyhow::Result<u8> {
    let text = text.to_ascii_lowercase();
    let class = match text.as_bytes() {
        b"ef" => Some(46),
        b"le" => Some(1),
        [b'c', b's', n @ b'0'..=b'7'] => Some((n - b'0') << 3),
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            Some((class - b'0') << 3 | (drop - b'0') << 1)
        }
        _ => text.parse().ok().filter(|class| *class < 64),
    };
    class.context("write a class such as ef, af21 or cs3, or a number from 0 to 63")
}

/// An address of ours, with or without a zone and a port.
fn source(text: &str) -> anyhow::Result<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, 0));
    }
    let (host, port) = match text.parse() {
        Ok(Endpoint::Tcp { host, port }) => (host, port),
        _ => (bare.to_owned(), 0),
    };
    if let Some((address, zone)) = host.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        let found = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut found| found.next());
        return found.with_context(|| format!("'{zone}' is no interface of this machine"));
    }
    text.parse().context(
        "write an address of this machine, such as 192.0.2.1, 192.0.2.1:5000, [::1]:5000 or fe80::1%eth0",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_is_on_off_or_a_time() {
        let after = |seconds| KeepAlive::After(Duration::from_secs(seconds));
        for (text, asked) in
            [("on", after(30)), ("off", KeepAlive::Off), ("30s", after(30)), ("2m", after(120))]
        {
            assert_eq!(keep_alive(text).ok(), Some(asked), "{text}");
        }
        let taken = keep_alive("localhost:80").expect_err("the endpoint, which a bare --keepalive has taken");
        assert!(taken.to_string().contains("without the option it is on"), "{taken}");
        assert!(keep_alive("0s").is_err());
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("65536", 65_536), ("256KiB", 262_144), ("1 MiB", 1 << 20), ("5kB", 5000)] {
            assert_eq!(size(text).ok(), Some(bytes), "{text}");
        }
        for wrong in ["", "0", "KiB", "1K", "-1", "1.5MiB", "99999999999999999999", "18446744073709551615GiB"]
        {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn classes_have_names() {
        for (text, class) in
            [("ef", 46), ("EF", 46), ("cs3", 24), ("af21", 18), ("af43", 38), ("le", 1), ("63", 63)]
        {
            assert_eq!(dscp(text).ok(), Some(class), "{text}");
        }
        for wrong in ["", "64", "af51", "cs8", "best"] {
            assert!(dscp(wrong).is_err(), "{wrong}");
        }
        assert_eq!((byte("0x10").ok(), byte("16").ok(), byte("256").ok()), (Some(16), Some(16), None));
    }

    #[test]
    fn a_source_is_an_address_with_or_without_a_port() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1:0"),
            ("127.0.0.1:5", "127.0.0.1:5"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("[::1]:5", "[::1]:5"),
        ] {
            assert_eq!(source(text).ok().map(|s| s.to_string()).as_deref(), Some(address), "{text}");
        }
        assert!(source("localhost").is_err() && source("").is_err());
        // Loopback is the first interface.
        for text in ["fe80::5%1", "[fe80::5%1]", "[fe80::5%1]:0"] {
            assert_eq!(source(text).ok().map(|s| s.to_string()).as_deref(), Some("[fe80::5%1]:0"), "{text}");
        }
        if cfg!(linux_kernel) {
            assert_eq!(source("[fe80::5%lo]:7").ok(), source("[fe80::5%1]:7").ok());
            let unknown = format!("{:#}", source("fe80::5%nosuch0").expect_err("there is no such interface"));
            assert!(unknown.contains("'nosuch0'"), "{unknown}");
        }
    }
}
