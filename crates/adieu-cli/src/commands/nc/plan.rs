//! What a netcat's command line asks for, resolved and checked: everything that a run needs, alike for all flavours.
//!
//! Nothing of getopt is in it, and nothing is opened or connected while it is made; names are resolved only for ncat's
//! `--allow` and `--deny`. Service names are numbers here. Where the flavours do the same thing in different ways, the plan says which way (`at_input_end`, `idle_timeout`);
//! only messages are left to be chosen by `flavour`.

use super::flavour::Flavour;
use crate::options::access::Access;
use crate::options::reporting::Reports;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What one run of `adieu nc` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whose messages and exit statuses are meant.
    pub(super) flavour: Flavour,
    /// What stands before messages: the file name that the program was started under, or `Ncat` for ncat.
    pub(super) program: String,
    /// How often `-v` was written.
    pub(super) verbosity: u8,
    /// ncat's `--test`: a line that its own test suite waits for says that it listens.
    pub(super) tells_tests: bool,
    pub(super) mode: Mode,
    pub(super) transport: Transport,
    pub(super) family: Family,
    /// `-n`: hosts must be addresses, and messages have no names.
    pub(super) numeric: bool,
    /// `-s`: the local address, as written; a name only without `numeric`.
    pub(super) source: Option<String>,
    /// `-p` of a side that connects.
    pub(super) source_port: Option<u16>,
    /// How long one attempt to connect may take: `-w`; ncat's default is 10 s. With ncat also bounds a TLS handshake.
    pub(super) connect_timeout: Option<Duration>,
    /// The run ends after this long without a byte in either direction: `-w` of OpenBSD's; ncat's `-i`. In the traditional
    /// netcat (`-w`) the silence counts only once stdin has ended.
    pub(super) idle_timeout: Option<Duration>,
    /// The pause between lines that are sent and between ports: `-i` of OpenBSD's and the traditional one; ncat's `-d`.
    pub(super) interval: Option<Duration>,
    pub(super) at_input_end: AtInputEnd,
    /// `-z`: connect and close; nothing is sent or received.
    pub(super) zero_io: bool,
    /// `-r`: ports stand in random order already; the traditional netcat also chooses a random local port.
    pub(super) randomize: bool,
    /// `-k` with `-l`: one client after another (ncat: at once).
    pub(super) keep_listening: bool,
    /// `-d` of OpenBSD's: stdin is not read.
    pub(super) detached: bool,
    /// ncat's `--send-only`: what is received is thrown away, and the end of stdin ends the run.
    pub(super) send_only: bool,
    /// ncat's `--recv-only`: stdin is not read; the sending side is shut down at once.
    pub(super) recv_only: bool,
    /// `-C`: each lone LF of our input becomes CR LF.
    pub(super) crlf: bool,
    /// `-t`: TELNET's DO and WILL are refused.
    pub(super) telnet: bool,
    /// `-W`: end after this many receives.
    pub(super) receive_limit: Option<u32>,
    /// `-F`: the connected socket is passed over stdout, and nothing else is done.
    pub(super) passes_socket: bool,
    /// `-e`, `-c`: the program that takes the place of stdin and stdout.
    pub(super) exec: Option<Exec>,
    pub(super) tls: Option<Tls>,
    pub(super) proxy: Option<Proxy>,
    pub(super) access: Access,
    /// ncat's `-m`: how many clients there may be at once.
    pub(super) max_connections: Option<u32>,
    pub(super) socket: SocketChoices,
    /// `-o`, `-x`: where what crossed is written, in this order.
    pub(super) dumps: Vec<Dump>,
    pub(super) exit: ExitRule,
    /// What `--report` and its variables ask for: no report unless one of them was given.
    pub(super) reports: Reports,
}

impl Plan {
    /// Whether all clients are served at the same time: by ncat, and wherever each has a command of its own.
    pub(super) fn serves_at_once(&self) -> bool {
        self.keep_listening && (self.flavour == Flavour::Ncat || self.exec.is_some())
    }
}

/// Which side we are, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each port of the host, one after another, in this order. There is at least one.
    Connect { host: String, ports: Vec<u16> },
    /// A Unix socket, stream or datagram. `local`: the name that our own end is bound to; a datagram client without one
    /// needs a name of its own for answers.
    ConnectUnix { path: OsString, local: Option<OsString> },
    /// `None` for the host: all addresses of the family. `None` for the port: any free one. `peer`: only a client from this
    /// address and these ports is served (the traditional netcat).
    Listen { host: Option<String>, port: Option<u16>, peer: Option<Peer> },
    /// A Unix socket that is made at this path.
    ListenUnix { path: OsString },
}

/// The only client that a listener of the traditional netcat takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
    UnixStream,
    UnixDatagram,
}

impl Transport {
    pub(super) const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::UnixStream)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

/// What the end of stdin means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtInputEnd {
    /// The sending side stays open until the peer has ended: OpenBSD's without `-N`, ncat's `--no-shutdown`.
    KeepOpen,
    /// The sending side is shut down: `-N`, ncat, the traditional netcat.
    HalfClose,
    /// The sending side is shut down, and the run ends this long afterwards, whatever the peer does: `-q`.
    Quit { after: Duration },
}

/// What is run for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exec {
    /// A program and its arguments, without a shell: `-e`. There is at least one word.
    Program(Vec<OsString>),
    /// A line for `/bin/sh -c`: `-c` of the traditional netcat and of ncat.
    Shell(OsString),
}

/// TLS, as it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    /// Whether the peer's certificate is looked at.
    pub(super) verify: Verify,
    /// The name that is asked for and, unless `verify` says otherwise, checked; the host otherwise.
    pub(super) server_name: Option<String>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    /// Roots to trust instead of the system's.
    pub(super) roots: Option<PathBuf>,
    /// OpenBSD's `-H`: the SHA-256 of the peer's certificate, as `sha256:` and 64 digits.
    pub(super) pin: Option<String>,
    pub(super) alpn: Vec<String>,
    /// A listener demands a certificate of its clients (`-T clientcert`).
    pub(super) wants_client_certificate: bool,
    /// Versions, `None` for the default.
    pub(super) only_version: Option<TlsVersion>,
}

/// How much of a certificate is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Verify {
    /// Its chain, its time and its name: OpenBSD's default; ncat's `--ssl-verify`.
    #[default]
    Full,
    /// All but its name: `-T noname`.
    NotName,
    /// Nothing: ncat's default, `-T noverify`. Whoever is in between can read and change everything.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsVersion {
    V12,
    V13,
}

/// The proxy on the way, `-x` and `-X`, or ncat's `--proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) kind: ProxyKind,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// The proxy resolves the destination's name; otherwise we do.
    pub(super) resolves: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Socks4,
    Socks5,
    HttpConnect,
}

/// Options of the socket. `None` and `false`: the system's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SocketChoices {
    /// `-D`: SO_DEBUG.
    pub(super) debug: bool,
    /// `-I`: SO_RCVBUF, in bytes.
    pub(super) receive_buffer: Option<u32>,
    /// `-O`: SO_SNDBUF, in bytes.
    pub(super) send_buffer: Option<u32>,
    /// `-T`: IP_TOS, or IPV6_TCLASS.
    pub(super) type_of_service: Option<u8>,
    /// `-M`: the TTL or hop limit of what we send.
    pub(super) ttl: Option<u8>,
    /// `-m`: the least TTL or hop limit of what we take.
    pub(super) min_ttl: Option<u8>,
    /// `-b`: SO_BROADCAST.
    pub(super) broadcast: bool,
    /// `-k` of the traditional netcat: SO_KEEPALIVE.
    pub(super) keep_alive: bool,
}

/// A file that gets what crossed the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dump {
    pub(super) path: PathBuf,
    pub(super) format: DumpFormat,
    /// ncat's `--append-output`; otherwise the file is emptied.
    pub(super) appends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DumpFormat {
    /// The bytes of both directions, as they crossed: ncat's `-o`.
    Raw,
    /// Hex and text: ncat's `-x`, the traditional netcat's `-o`.
    Hex,
}

/// Whose truth the exit status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitRule {
    /// 0 only where the flavour would exit 0 and all went well; 1 where the flavour would hide a failure.
    Truth,
    /// The flavour's own: `ADIEU_NC_EXIT=compat`.
    Compat,
}
