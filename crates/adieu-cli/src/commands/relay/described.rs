//! One relay as the command line or a table of the file describes it: where it listens, whom it connects to, with which options.
//!
//! Its certificates are read here. Whether several relays agree is asked in [`together`](super::together).

use super::arguments::Args;
use super::config_file::Lines;
use super::{foreign, service_manager};
use crate::hints;
use crate::no_plan::NoPlan;
use crate::options::access::{Access, NOT_OF_A_NETWORK};
use crate::options::{connecting_endpoint, listening_or_passed_endpoint};
use adieu::tls::{Fingerprint, ServerConfig};
use adieu::{
    Address, ConnectOptions, Endpoint, EndpointError, IpVersion, Limits, ListenOptions, RelayOptions,
    SocketOptions,
};
use adieu_relay::{Admission, RelayConfig, Routes, Upstream};
use std::ffi::OsString;
use std::io;
use std::time::Duration;

/// One relay.
pub(super) struct Described {
    pub(super) config: RelayConfig,
    /// It is every address of this machine, which is said.
    pub(super) is_everywhere: bool,
    /// Whose connections are served.
    pub(super) access: Access,
    /// The certificate that was made for this run, which nobody can know yet.
    pub(super) made: Option<ServerConfig>,
    /// The one version of IP that its sockets are of.
    pub(super) version: Option<IpVersion>,
    /// Others may listen on its port (SO_REUSEPORT).
    pub(super) shares_port: bool,
    /// The one network interface that its sockets use.
    #[cfg_attr(not(linux_kernel), expect(dead_code, reason = "the option is refused there"))]
    pub(super) interface: Option<String>,
    /// Where it stands in the file.
    pub(super) lines: Option<Lines>,
}

impl Described {
    /// Whether its clients come from networks as far as it has to know, where it listens in truth.
    pub(super) fn is_suited_to(&self, endpoint: &Endpoint) -> bool {
        self.access.is_suited(endpoint, self.config.accept_proxy.is_some())
    }

    /// The fingerprint of a certificate that nobody can know yet.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        self.made.as_ref().and_then(ServerConfig::fingerprint)
    }

    pub(super) fn new(args: &Args) -> Result<Self, NoPlan> {
        Self::again(args, None)
    }

    /// The same, of a relay that may have made its certificate before: clients know that one by now.
    pub(super) fn again(args: &Args, made: Option<&ServerConfig>) -> Result<Self, NoPlan> {
        let Some((listen, to)) = args.endpoints.split_first() else {
            return Err(NoPlan::refused("a relay needs where to listen, and whom to connect to"));
        };
        let listen = understood(listen, listening_or_passed_endpoint)?;
        let to: Vec<Endpoint> =
            to.iter().map(|word| understood(word, connecting_endpoint)).collect::<Result<_, NoPlan>>()?;
        let routes = args.front.routes()?;
        for upstream in to.iter().chain(routes.iter().map(|(_, to)| to)) {
            ensure_connectable(upstream)?;
        }
        if to.is_empty() && routes.is_empty() {
            return Err(NoPlan::refused("the upstream is missing: write it after the endpoint to listen on"));
        }
        let by_name = routes.iter().map(|(_, to)| to);
        if std::iter::once(&listen)
            .chain(&to)
            .chain(by_name)
            .any(|endpoint| matches!(endpoint, Endpoint::Udp { .. }))
        {
            return Err(NoPlan::Refused {
                why: "a relay cannot forward UDP, which has no streams and no endings".to_owned(),
                hint: Some(foreign::STREAMS.to_owned()),
            });
        }
        let (listen, front) = args.tls.resolve_listen(listen, made)?;
        let access = args.access.access();
        let accept_proxy = args.front.accept_proxy();
        if !access.is_suited(&listen, accept_proxy.is_some()) {
            return Err(NoPlan::refused(NOT_OF_A_NETWORK));
        }
        let made = front.clone().filter(|_| args.tls.is_new());
        let is_everywhere = args.socket.is_everywhere(&listen);
        let listen_options = listen_options(args, &listen, front)?;
        let mut upstreams = Vec::new();
        let own = to.len();
        let (patterns, by_name): (Vec<_>, Vec<_>) = routes.into_iter().unzip();
        for (endpoint, tls) in args.tls.resolve_upstreams(to.into_iter().chain(by_name).collect())? {
            let mut options = ConnectOptions::new().limits(limits(args)).socket(asked(args, &endpoint));
            options.check(&endpoint)?;
            if let Some(tls) = tls {
                options = options.tls(tls);
            }
            upstreams.push(Upstream::new(endpoint).options(options));
        }
        let by_name = patterns.into_iter().zip(upstreams.split_off(own));
        let mut routes = by_name.fold(Routes::new(), |routes, (pattern, to)| routes.route(pattern, to));
        routes.timeout = args.front.route_timeout();
        let mut config = RelayConfig::new(listen, upstreams);
        config.routes = routes;
        config.accept_proxy = accept_proxy;
        config.send_proxy = args.front.send_proxy();
        config.listen_options = listen_options;
        config.admission = args.admission.bounds(admission(&access));
        args.upstreams.apply_to(&mut config);
        if let Some(name) = &args.name {
            config.name.clone_from(name);
        }
        config.relay = RelayOptions::new().idle_timeout(args.idle_timeout).flush_timeout(args.flush_timeout);
        if let Some(faults) = &args.fault {
            config.faults = faults.clone().with_seed(args.fault_seed.unwrap_or(0));
        }
        config.grace = args.grace.limit().unwrap_or(Duration::MAX);
        config.kept_as = service_manager::kept_as(&config.listen);
        let (version, shares_port) = (args.socket.version(), args.reuse_port);
        let interface = args.socket.interface().map(str::to_owned);
        Ok(Self { config, is_everywhere, access, made, version, shares_port, interface, lines: None })
    }
}

/// Refuses an upstream that nobody can ever connect to. The relay would start, and reset each of its clients.
fn ensure_connectable(upstream: &Endpoint) -> Result<(), NoPlan> {
    let refused = |why: &dyn std::fmt::Display, hint: Option<&str>| {
        let (why, hint) = (format!("cannot connect to {upstream}: {why}"), hint.map(str::to_owned));
        Err(NoPlan::Refused { why, hint })
    };
    match upstream {
        Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } => {
            refused(&EndpointError::PortZero, Some(hints::PORT_OF_SERVER))
        }
        _ => match unix_name_error(upstream) {
            Some(error) => {
                let is_path = matches!(upstream, Endpoint::Unix { .. });
                refused(&error, Some(hints::SHORTER_PATH).filter(|_| is_path))
            }
            None => Ok(()),
        },
    }
}

/// Why no socket can have the path or the abstract name of a Unix endpoint.
pub(super) fn unix_name_error(endpoint: &Endpoint) -> Option<io::Error> {
    match endpoint {
        Endpoint::Unix { path } => adieu_os::unix_address(path).err(),
        Endpoint::UnixAbstract { name } => adieu_os::abstract_address(name).err(),
        _ => None,
    }
}

/// The endpoint that a word is. If it is how another forwarder writes one, the refusal says how it is written here.
fn understood(
    word: &OsString,
    parse: fn(&[OsString]) -> anyhow::Result<Endpoint>,
) -> Result<Endpoint, NoPlan> {
    parse(std::slice::from_ref(word)).map_err(|error| match foreign::instead_of(word) {
        None => error.into(),
        hint => NoPlan::Refused { why: format!("'{}' is not an endpoint", word.display()), hint },
    })
}

/// What bounds each side of a pair.
fn limits(args: &Args) -> Limits {
    let limits = Limits::new().deadline(args.deadline).give_up_input_after(args.half_open_timeout);
    match args.connect_timeout {
        Some(timeout) => limits.connect_timeout(timeout),
        None => limits,
    }
}

/// What is asked of the sockets of an endpoint: of a Unix socket, what means something there.
fn asked(args: &Args, endpoint: &Endpoint) -> SocketOptions {
    if endpoint.is_unix() { args.socket.asked_of_unix() } else { args.socket.asked() }
}

fn listen_options(
    args: &Args,
    endpoint: &Endpoint,
    tls: Option<ServerConfig>,
) -> Result<ListenOptions, NoPlan> {
    let mut socket = asked(args, endpoint);
    if args.reuse_port {
        if !cfg!(linux_kernel) {
            return Err(NoPlan::refused("--reuse-port is not available on this system"));
        }
        if endpoint.is_unix() {
            return Err(NoPlan::refused("--reuse-port means nothing for a Unix socket: it has no port"));
        }
        if let Endpoint::Passed { .. } = endpoint {
            return Err(NoPlan::refused(
                "--reuse-port means nothing for a socket that was passed: it is bound already",
            ));
        }
        socket = socket.prepare(adieu_os::reuse_port);
    }
    // The idle timeout is the pair's once there is one. Before, it bounds a client's handshake.
    let limits =
        limits(args).first_byte_timeout(args.admission.first_byte_timeout()).idle_timeout(args.idle_timeout);
    let options = ListenOptions::new().limits(limits).socket(socket);
    options.check(endpoint)?;
    Ok(match tls {
        Some(tls) => options.tls(tls),
        None => options,
    })
}

/// Who may connect, as the library asks it.
fn admission(access: &Access) -> Admission {
    if access.is_open() {
        return Admission::new();
    }
    let access = access.clone();
    Admission::new().filter(move |client: &Address| access.lets_in(client))
}
