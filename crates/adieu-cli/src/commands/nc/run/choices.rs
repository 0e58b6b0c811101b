//! The library's options of a plan: limits, the socket, TLS, the proxy.

use super::super::flavour::Flavour;
use super::super::plan::{
    AtInputEnd, DumpFormat, Family, Mode, Plan, Proxy, ProxyKind, SocketChoices, Tls, TlsVersion, Verify,
};
use crate::dump::{Dump, Existing, Holds, Style};
use adieu::exchange::ExchangeOptions;
use adieu::tls::{Client, ClientConfig, Server, ServerConfig};
use adieu::{DataPath, InputSilence, IpVersion, Limits, Role, SocketOptions};
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Which side of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Connects,
    Listens,
}

impl Side {
    pub(super) const fn of(mode: &Mode) -> Self {
        match mode {
            Mode::Connect { .. } | Mode::ConnectUnix { .. } => Self::Connects,
            Mode::Listen { .. } | Mode::ListenUnix { .. } => Self::Listens,
        }
    }
}

/// How long an input may be silent that has given something, where the flavour ends with its peer: then it is given up.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// How long a peer may take to acknowledge something where the run is to end by itself.
const FOR_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(10);

/// What bounds each connection.
pub(super) fn limits(plan: &Plan, side: Side) -> Limits {
    let mut limits = Limits::new().connect_timeout(plan.connect_timeout);
    if let Some(idle) = plan.idle_timeout {
        limits = if plan.flavour == Flavour::Traditional {
            // It looks twice, and our own silence does not count.
            limits.idle_timeout(idle * 2)
        } else {
            limits.idle_timeout(idle).input_silence(InputSilence::Peers)
        };
        // To ncat that is a failure: whatever stdin would still have given, the peer shall not believe that it has everything.
        limits = limits.idle_ends(plan.flavour != Flavour::Ncat);
    }
    if let AtInputEnd::Quit { after } = plan.at_input_end {
        limits = limits.drain_limit(after).idle_timeout_after_fin(after + FOR_ACKNOWLEDGEMENTS);
    }
    if plan.send_only {
        limits = limits.drain_limit(Duration::ZERO).idle_timeout_after_fin(FOR_ACKNOWLEDGEMENTS);
    }
    if plan.exec.is_some() {
        // It answers what its peer sends, and may take its time.
        return limits.input_silence(InputSilence::Peers);
    }
    if !ends_with_peer(plan, side) {
        return limits;
    }
    if crate::stdio::stdin_is_terminal() {
        limits.input_grace(Duration::ZERO)
    } else {
        limits.give_up_input_after(GIVEN_UP).unused_input_grace(Duration::ZERO)
    }
}

/// How the bytes go. Where the run ends by itself, through a buffer of ours: what stands in it then, because stdout has not taken it, is
/// known to be lost. What a direct way leaves in the kernel is not.
pub(super) fn data_path(plan: &Plan) -> DataPath {
    match plan.at_input_end {
        AtInputEnd::Quit { .. } => DataPath::Portable,
        _ => DataPath::Auto,
    }
}

/// Whether the flavour ends once its peer has ended, although stdin is open.
fn ends_with_peer(plan: &Plan, side: Side) -> bool {
    side == Side::Listens || plan.flavour == Flavour::Traditional
}

/// What an exchange does beside moving bytes, but for what has to be opened.
pub(super) fn exchange(plan: &Plan) -> ExchangeOptions {
    let at_input_end = match plan.at_input_end {
        AtInputEnd::KeepOpen => adieu::exchange::AtInputEnd::AfterPeer,
        AtInputEnd::HalfClose | AtInputEnd::Quit { .. } => adieu::exchange::AtInputEnd::HalfClose,
    };
    let mut options = ExchangeOptions::new()
        .at_input_end(at_input_end)
        .crlf(plan.crlf)
        .telnet(plan.telnet)
        .line_delay(plan.interval)
        .receive_limit(plan.receive_limit.map(u64::from));
    if plan.send_only {
        options = options.send_only();
    }
    if plan.recv_only || plan.detached {
        options = options.recv_only();
    }
    if plan.recv_only {
        // ncat half-closes at the end of a stdin that it reads: a peer that ends with its client is not to end before it has sent.
        options = options.at_input_end(adieu::exchange::AtInputEnd::AfterPeer);
    }
    options
}

/// Opens the files that get what crosses.
///
/// # Errors
///
/// A sentence that names the file.
pub(super) fn dumps(plan: &Plan) -> Result<Vec<Arc<Dump>>, String> {
    let role = match Side::of(&plan.mode) {
        Side::Connects => Role::Connect,
        Side::Listens => Role::Listen,
    };
    let opened = plan.dumps.iter().map(|dump| {
        let style = match (dump.format, plan.flavour) {
            (DumpFormat::Raw, _) => Style::Raw,
            (DumpFormat::Hex, Flavour::Traditional) => Style::Traditional,
            (DumpFormat::Hex, _) => Style::Ncat,
        };
        let existing = if dump.appends { Existing::Kept } else { Existing::Emptied };
        Dump::open(&dump.path, style, existing, role, Holds::Connection)
    });
    opened.collect()
}

/// Why this plan cannot be run by this transport. `None`: it can.
pub(super) fn refusal(plan: &Plan) -> Option<&'static str> {
    if plan.transport.is_stream() {
        return None;
    }
    if plan.exec.is_some() {
        return Some("a command is not supported with -u: datagrams have no end that it could read");
    }
    if plan.telnet {
        return Some("-t is not supported with -u: TELNET is spoken over streams");
    }
    if plan.passes_socket {
        return Some("-F is not supported with -u: only a connected socket is passed");
    }
    None
}

/// What is asked of each socket.
pub(super) fn socket(plan: &Plan) -> SocketOptions {
    let mut asked = SocketOptions::new();
    if plan.socket != SocketChoices::default() {
        let choices = plan.socket.clone();
        asked = asked.prepare(move |socket| set(&choices, &SockRef::from(&socket)));
    }
    asked
}

/// The options of a socket that listens. ncat's of IPv6 never takes peers of IPv4, whatever `net.ipv6.bindv6only` says.
pub(super) fn listening_socket(plan: &Plan) -> SocketOptions {
    let asked = socket(plan);
    match (plan.flavour, plan.family) {
        (Flavour::Ncat, Family::V6) => asked.ip_version(IpVersion::V6),
        _ => asked,
    }
}

/// Sets the options of a plan on a socket of any kind.
pub(super) fn set(choices: &SocketChoices, socket: &SockRef<'_>) -> io::Result<()> {
    let SocketChoices {
        debug,
        receive_buffer,
        send_buffer,
        type_of_service,
        ttl,
        min_ttl,
        broadcast,
        keep_alive,
    } = *choices;
    if debug {
        adieu_os::set_debug(socket)?;
    }
    if keep_alive {
        socket.set_keepalive(true)?;
    }
    if broadcast {
        socket.set_broadcast(true)?;
    }
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size as usize)?;
    }
    if let Some(size) = send_buffer {
        socket.set_send_buffer_size(size as usize)?;
    }
    let is_v6 = adieu_os::is_ipv6(socket);
    if let Some(tos) = type_of_service {
        if is_v6 { adieu_os::set_traffic_class(socket, tos) } else { adieu_os::set_tos(socket, tos) }?;
    }
    if let Some(ttl) = ttl {
        if is_v6 { socket.set_unicast_hops_v6(ttl.into()) } else { socket.set_ttl_v4(ttl.into()) }?;
    }
    if let Some(hops) = min_ttl {
        adieu_os::set_min_ttl(socket, hops)?;
    }
    Ok(())
}

/// The client's side of TLS, for this host.
///
/// # Errors
///
/// A sentence: a file cannot be read, or something is asked for that is not there.
pub(super) fn tls_client(tls: &Tls) -> Result<ClientConfig, String> {
    let Tls { verify, server_name, certificate, key, roots, pin, alpn, only_version, .. } = tls;
    refuse_version(*only_version)?;
    let mut client = Client::new();
    if let Some(name) = server_name {
        client = client.server_name(name.clone());
    }
    if let Some(roots) = roots {
        client = client.ca_file(roots);
    }
    match (verify, pin) {
        (Verify::Nothing, None) => client = client.insecure(),
        (Verify::NotName, None) => {
            return Err(
                "a certificate is checked with its name, or by its fingerprint: noname is not supported"
                    .into(),
            );
        }
        (_, Some(pin)) => {
            let pin = pin.parse().map_err(|error| format!("{pin}: {error}"))?;
            client = client.pin(pin);
        }
        (Verify::Full, None) => {}
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) => client = client.identity(certificate, key),
        (Some(both), None) => client = client.identity(both, both),
        (None, Some(_)) => return Err("a key needs its certificate".into()),
        (None, None) => {}
    }
    for protocol in alpn {
        client = client.alpn(protocol.clone());
    }
    client.build().map_err(|error| error.to_string())
}

/// The listener's side of TLS.
///
/// # Errors
///
/// As [`tls_client`].
pub(super) fn tls_server(tls: &Tls) -> Result<ServerConfig, String> {
    let Tls { certificate, key, roots, alpn, wants_client_certificate, only_version, .. } = tls;
    refuse_version(*only_version)?;
    let mut server = match (certificate, key) {
        (Some(certificate), Some(key)) => Server::from_files(certificate, key),
        (Some(both), None) => Server::from_files(both, both),
        (None, Some(_)) => return Err("a key needs its certificate".into()),
        // As ncat does.
        (None, None) => Server::self_signed(),
    };
    if let Some(roots) = roots {
        server = server.client_ca_file(roots);
    } else if *wants_client_certificate {
        return Err("a certificate is wanted of clients, and nothing says which: give the roots too".into());
    }
    for protocol in alpn {
        server = server.alpn(protocol.clone());
    }
    server.build().map_err(|error| error.to_string())
}

fn refuse_version(version: Option<TlsVersion>) -> Result<(), String> {
    match version {
        None => Ok(()),
        Some(_) => Err("one version of TLS alone cannot be asked for: 1.2 and 1.3 are spoken".into()),
    }
}

/// The proxy on the way.
///
/// # Errors
///
/// A sentence.
pub(super) fn proxy(proxy: &Proxy) -> Result<adieu::Proxy, String> {
    let scheme = match (proxy.kind, proxy.resolves) {
        (ProxyKind::Socks4, _) => "socks4",
        (ProxyKind::Socks5, false) => "socks5",
        (ProxyKind::Socks5, true) => "socks5h",
        (ProxyKind::HttpConnect, _) => "http",
    };
    let host = if proxy.host.contains(':') { format!("[{}]", proxy.host) } else { proxy.host.clone() };
    let user = match (&proxy.user, &proxy.password) {
        (None, _) => String::new(),
        (Some(user), None) => format!("{}@", encoded(user)),
        (Some(user), Some(password)) => format!("{}:{}@", encoded(user), encoded(password)),
    };
    let text = format!("{scheme}://{user}{host}:{}", proxy.port);
    let proxy: adieu::Proxy = text.parse().map_err(|error: adieu::ParseProxyError| error.to_string())?;
    proxy.check().map_err(|error| error.to_string())?;
    Ok(proxy)
}

/// Percent-encoded: all but letters and digits.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}
