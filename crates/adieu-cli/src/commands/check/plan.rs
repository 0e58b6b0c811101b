//! What `adieu check` is going to do: what is checked and how, and what is run then.
//!
//! Certificates and the proxy's password are read here. Names are not resolved, nothing is created, nothing is connected.

use super::arguments::Args;
use super::dialogue::Dialogue;
use super::targets::{self, Word};
use crate::no_plan::NoPlan;
use crate::options::durations::Grace;
use crate::options::proxy::FilesRead;
use crate::options::reporting::{Kind, Reports};
use adieu::{ConnectOptions, Endpoint};
use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

/// How long one attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer of UDP is waited for.
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(1);

/// How many attempts are made at the same time.
const PARALLEL: u32 = 64;

pub(crate) struct Plan {
    pub(super) targets: Targets,
    pub(super) dialogue: Dialogue,
    pub(super) min_days: Option<u32>,
    pub(super) connect_timeout: Duration,
    pub(super) datagram_timeout: Duration,
    pub(super) parallel: usize,
    /// Until all are open. `None`: each is tried once.
    pub(super) wait: Option<Grace>,
    /// Empty: there is none.
    pub(super) command: Vec<OsString>,
    pub(super) only_open: bool,
    pub(super) reports: Reports,
}

/// What one word of the command line stands for, and how it is connected to.
pub(super) struct Group {
    word: Word,
    /// All but the limits, the interrupt and the observer.
    pub(super) options: ConnectOptions,
    /// The host's name, if our system is to resolve it.
    pub(super) name: Option<String>,
    pub(super) is_proxied: bool,
    pub(super) is_tls: bool,
}

/// What kind of sockets lead to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sockets {
    Tcp,
    Udp,
    Unix,
}

impl Sockets {
    fn of(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Udp { .. } => Self::Udp,
            Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } => Self::Unix,
            _ => Self::Tcp,
        }
    }
}

/// Everything that is checked. Nothing is kept per port.
pub(super) struct Targets {
    groups: Vec<Group>,
    len: usize,
}

impl Targets {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One of them, by its place.
    pub(super) fn get(&self, place: usize) -> (&Group, Endpoint) {
        let mut left = place;
        for group in &self.groups {
            let len = group.word.len();
            if left < len {
                return (group, group.word.endpoint_at(left));
            }
            left -= len;
        }
        unreachable!("a place is below the number of targets")
    }

    /// Whether a name has to be resolved.
    pub(super) fn has_names(&self) -> bool {
        self.groups.iter().any(|group| group.name.is_some() || group.is_proxied)
    }
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let words = targets::parse(&args.endpoint).map_err(|error| NoPlan::Refused {
            why: format!("{error:#}"),
            hint: (args.command.is_empty() && targets::end_with_a_command(&args.endpoint)).then(|| {
                "a command comes after `--`, as in: adieu check --wait 60s db:5432 -- ./serve".to_owned()
            }),
        })?;
        let resolved = args.tls.resolve_all(words.iter().map(|word| word.endpoint.clone()))?;
        let sockets = words.iter().map(|word| Sockets::of(&word.endpoint));
        let has_tcp = sockets.clone().any(|sockets| sockets == Sockets::Tcp);
        let has_ports = sockets.clone().any(|sockets| sockets != Sockets::Unix);
        let mut groups = Vec::with_capacity(words.len());
        let mut proxy_files = FilesRead::default();
        for (word, (endpoint, tls)) in words.iter().zip(resolved) {
            let word = word.of(endpoint);
            let mut options = ConnectOptions::new();
            let (mut is_proxied, sockets) = (false, Sockets::of(&word.endpoint));
            // An option that means nothing for this endpoint is meant for those beside it. If there are none, it is refused.
            if sockets != Sockets::Unix || !has_ports {
                let is_beside_tcp = sockets == Sockets::Udp && has_tcp;
                let asked =
                    if is_beside_tcp { args.socket.asked_of_datagrams() } else { args.socket.asked() };
                options = args.source.add_to(options.socket(asked));
                let proxy = args.proxy.resolve_with(&word.endpoint, &mut proxy_files);
                let proxy = proxy.map_err(NoPlan::refused)?;
                is_proxied = proxy.is_some();
                options = options.proxy(proxy);
            }
            let is_tls = tls.is_some();
            if let Some(tls) = tls {
                options = options.tls(tls);
            }
            options.check(&word.endpoint)?;
            let name = match &word.endpoint {
                Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } | Endpoint::Udp { host, .. } => {
                    Some(host)
                }
                _ => None,
            };
            let name = name.filter(|host| !is_proxied && host.parse::<IpAddr>().is_err()).cloned();
            groups.push(Group { word, options, name, is_proxied, is_tls });
        }
        let len = groups.iter().map(|group| group.word.len()).sum();
        let dialogue = Dialogue {
            send: args.send.clone().map(|text| text.0).unwrap_or_default(),
            expect: args.expect.clone(),
        };
        Ok(Self {
            targets: Targets { groups, len },
            dialogue,
            min_days: args.min_days,
            connect_timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            datagram_timeout: args.connect_timeout.unwrap_or(DATAGRAM_TIMEOUT),
            parallel: args.parallel.unwrap_or(PARALLEL).try_into().unwrap_or(usize::MAX),
            wait: args.wait,
            command: args.command.clone(),
            only_open: args.only_open,
            reports: args.reporting.plan(Kind::Once),
        })
    }
}
