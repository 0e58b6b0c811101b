//! What `adieu relay` is going to do: where it listens, whom it connects to, with which options, and what is said of it.
//!
//! Certificates are read here. Nothing is created, nothing is resolved, and nobody listens.

use super::arguments::Args;
use super::config_file::{self, ConfigFile, Table, Wrong};
use super::{foreign, service_manager, together};
use crate::no_plan::NoPlan;
use crate::options::access::{Access, NOT_OF_A_NETWORK};
use crate::options::reporting::{Kind, Reports};
use crate::options::{connecting_endpoint, listening_or_passed_endpoint};
use adieu::tls::{Fingerprint, ServerConfig};
use adieu::{
    Address, ConnectOptions, Endpoint, IpVersion, Limits, ListenOptions, RelayOptions, SocketOptions,
};
use adieu_relay::{Admission, RelayConfig, Routes, Upstream};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) struct Plan {
    pub(super) relays: Vec<Described>,
    /// What describes them, to be read anew.
    pub(super) origin: Origin,
    pub(super) reports: Reports,
    /// Where a line for each connection is appended.
    pub(super) log: Option<PathBuf>,
    /// Where metrics are served.
    pub(super) metrics: Option<Endpoint>,
    pub(super) port_file: Option<PathBuf>,
    /// Nothing is to be done.
    pub(super) is_check: bool,
}

/// What describes the relays.
pub(super) enum Origin {
    File(File),
    /// The command line. The files that it names may change.
    CommandLine(Box<Args>),
}

/// A file that describes relays, and what it said of the process as a whole, which only a start can heed.
pub(super) struct File {
    pub(super) path: PathBuf,
    log: Option<PathBuf>,
    metrics: Option<String>,
}

/// One relay.
pub(super) struct Described {
    pub(super) config: RelayConfig,
    /// It is every address of this machine, which is said.
    pub(super) is_everywhere: bool,
    /// Whose connections are served.
    access: Access,
    /// Of a certificate that nobody can know yet.
    pub(super) fingerprint: Option<Fingerprint>,
    /// The one version of IP that its sockets are of.
    pub(super) version: Option<IpVersion>,
    /// Others may listen on its port (SO_REUSEPORT).
    pub(super) shares_port: bool,
    /// Where it stands in the file.
    pub(super) line: Option<usize>,
}

impl Plan {
    pub(crate) fn new(args: Args) -> Result<Self, NoPlan> {
        let (mut log, mut metrics) = (args.log.clone(), args.metrics.clone());
        let mut file = None;
        let relays = match &args.config {
            None => alone(Described::new(&args)?)?,
            Some(path) => {
                if let Some(option) = config_file::option_of_a_relay(std::env::args_os()) {
                    return Err(NoPlan::refused(format!(
                        "--{option} is for one relay: with --config, write it into the file"
                    )));
                }
                let read = DescribedInFile::read(path)?;
                log = log.or_else(|| read.log.clone());
                metrics = metrics.or_else(|| read.metrics.clone());
                file = Some(File { path: path.clone(), log: read.log, metrics: read.metrics });
                read.relays
            }
        };
        if let (Some(log), Some(file)) = (&log, &args.reporting.report_file)
            && log == file
        {
            return Err(NoPlan::refused("--log and --report-file are the same file"));
        }
        let metrics = metrics.as_deref().map(metrics_endpoint).transpose()?;
        if let Some(at) = &metrics
            && let Some(relay) = together::relay_at(at, &relays)
        {
            let whose = relays[relay].line.map_or_else(|| "the relay".to_owned(), relay_of_line);
            return Err(NoPlan::refused(format!("metrics cannot be served on {at}: {whose} listens there")));
        }
        if args.port_file.is_some() && relays.len() != 1 {
            return Err(NoPlan::refused("--port-file has room for one relay's port"));
        }
        Ok(Self {
            relays,
            reports: args.reporting.plan(Kind::Service),
            log,
            metrics,
            port_file: args.port_file.clone(),
            is_check: args.check,
            origin: file.map_or_else(|| Origin::CommandLine(Box::new(args)), Origin::File),
        })
    }
}

/// What a file describes.
pub(super) struct DescribedInFile {
    log: Option<PathBuf>,
    metrics: Option<String>,
    pub(super) relays: Vec<Described>,
}

impl DescribedInFile {
    /// Whether it says of the process as a whole what it said at the start.
    pub(super) fn is_of_this_process(&self, started_with: &File) -> bool {
        (&self.log, &self.metrics) == (&started_with.log, &started_with.metrics)
    }

    /// Reads it, and plans each relay of it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with the lines.
    pub(super) fn read(path: &Path) -> Result<Self, NoPlan> {
        let text = config_file::read(path)?;
        let all = |wrong: Vec<Wrong>| NoPlan::RefusedAll {
            whys: wrong.iter().map(|wrong| format!("{}: {wrong}", path.display())).collect(),
        };
        let ConfigFile { log, metrics, relays: tables } = ConfigFile::parse(&text).map_err(all)?;
        let mut relays: Vec<Described> = Vec::new();
        let mut wrong = Vec::new();
        for Table { line, args } in tables {
            match Described::new(&args) {
                Ok(described) => relays.push(Described { line: Some(line), ..described }),
                Err(NoPlan::Refused { why, hint }) => {
                    let what = hint.map_or_else(|| why.clone(), |hint| format!("{why}: {hint}"));
                    wrong.push(Wrong { line, what });
                }
                Err(NoPlan::Failed { why }) => wrong.push(Wrong { line, what: why }),
                Err(other) => return Err(other),
            }
        }
        let line_of = |relay: usize| relays[relay].line.unwrap_or_default();
        for found in together::wrong(&relays, &|relay| relay_of_line(line_of(relay))) {
            wrong.push(Wrong { line: line_of(found.relay), what: found.what });
        }
        wrong.sort();
        if wrong.is_empty() { Ok(Self { log, metrics, relays }) } else { Err(all(wrong)) }
    }
}

/// The relay of a command line as the files that it names have it now, and these files. `None`: there is nothing to be read anew.
pub(super) fn again(args: &Args) -> Option<Result<(Described, Vec<&Path>), NoPlan>> {
    let files: Vec<&Path> = args.tls.files().collect();
    if files.is_empty() {
        return None;
    }
    let described = Described::new(args);
    // A certificate that is made for the run stays that of the run.
    if described.as_ref().is_ok_and(|described| described.fingerprint.is_some()) {
        return None;
    }
    Some(described.map(|described| (described, files)))
}

fn relay_of_line(line: usize) -> String {
    format!("the relay of line {line}")
}

/// The one relay of a command line, unless it is at odds with itself.
fn alone(described: Described) -> Result<Vec<Described>, NoPlan> {
    let relays = vec![described];
    match together::wrong(&relays, &|_| "this relay".to_owned()).pop() {
        Some(found) => Err(NoPlan::refused(found.what)),
        None => Ok(relays),
    }
}

impl Described {
    /// Whether its clients come from networks as far as it has to know, where it listens in truth.
    pub(super) fn is_suited_to(&self, endpoint: &Endpoint) -> bool {
        self.access.is_suited(endpoint, self.config.accept_proxy.is_some())
    }

    fn new(args: &Args) -> Result<Self, NoPlan> {
        let Some((listen, to)) = args.endpoints.split_first() else {
            return Err(NoPlan::refused("a relay needs where to listen, and whom to connect to"));
        };
        let listen = understood(listen, listening_or_passed_endpoint)?;
        let to: Vec<Endpoint> =
            to.iter().map(|word| understood(word, connecting_endpoint)).collect::<Result<_, NoPlan>>()?;
        let routes = args.front.routes()?;
        if to.is_empty() && routes.is_empty() {
            return Err(NoPlan::refused(
                "a relay needs whom to connect to: give an upstream after where it listens",
            ));
        }
        let by_name = routes.iter().map(|(_, to)| to);
        if std::iter::once(&listen)
            .chain(&to)
            .chain(by_name)
            .any(|endpoint| matches!(endpoint, Endpoint::Udp { .. }))
        {
            return Err(NoPlan::Refused {
                why: "a relay carries streams and how they ended, and UDP has neither".to_owned(),
                hint: Some(foreign::STREAMS.to_owned()),
            });
        }
        let (listen, front) = args.tls.resolve_listen(listen)?;
        let access = args.access.access();
        let accept_proxy = args.front.accept_proxy();
        if !access.is_suited(&listen, accept_proxy.is_some()) {
            return Err(NoPlan::refused(NOT_OF_A_NETWORK));
        }
        let fingerprint = front.as_ref().filter(|_| args.tls.is_new()).and_then(ServerConfig::fingerprint);
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
        Ok(Self { config, is_everywhere, access, fingerprint, version, shares_port, line: None })
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

/// Where metrics are served.
fn metrics_endpoint(text: &str) -> Result<Endpoint, NoPlan> {
    let endpoint = listening_or_passed_endpoint(&[text.into()])?;
    match endpoint {
        Endpoint::Udp { .. } | Endpoint::Tls { .. } => {
            Err(NoPlan::refused("--metrics is served over HTTP: give host:port, :port, unix:path or fd:NAME"))
        }
        other => Ok(other),
    }
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
    if args.reuse_port && !endpoint.is_unix() {
        if !cfg!(target_os = "linux") {
            return Err(NoPlan::refused("--reuse-port is not available on this system"));
        }
        if let Endpoint::Passed { .. } = endpoint {
            return Err(NoPlan::refused(
                "--reuse-port means nothing for a socket that was passed: it is bound already",
            ));
        }
        socket = socket.prepare(adieu_os::reuse_port);
    }
    let limits = limits(args).first_byte_timeout(args.admission.first_byte_timeout());
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
