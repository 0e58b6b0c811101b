//! The events of a running relay, for its observer.

use crate::admission::TurnedAway;
use crate::proxy_protocol::ProxyError;
use crate::routes::RouteError;
use crate::upstream::UpstreamError;
use adieu::faults::Injected;
use adieu::{
    Address, ConnectCause, Context, Direction, DirectionEnd, Ending, Endpoint, ListenError, RelayReport,
    Report, ResolveError, Setting, Side, Timer,
};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What an observer hears of, from any worker's thread.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RelayEvent<'a> {
    /// A relay listens.
    Listening {
        /// What the relay is called.
        relay: &'a str,
        /// Where, with the port that the system chose.
        endpoint: &'a Endpoint,
    },
    /// A client has connected.
    Accepted {
        /// What the relay is called.
        relay: &'a str,
        /// The number that the connection has in every event, counted from 1.
        id: u64,
        /// The client's address.
        client: &'a Address,
    },
    /// A client was turned away: it was reset before anything was received from it. It was never open, so of it nothing else is told.
    TurnedAway {
        /// What the relay is called.
        relay: &'a str,
        /// Why.
        why: TurnedAway,
        /// Its address, when it came, and its report.
        closed: &'a Closed,
    },
    /// No client can be accepted for now: descriptors or memory are short. Reported once, until a client was accepted again.
    AcceptFailed {
        /// What the relay is called.
        relay: &'a str,
        /// Why.
        error: &'a ListenError,
    },
    /// There are as many connections as there are descriptors for. Further clients wait in the backlog. Told once, until half of the
    /// connections have ended.
    NoRoom {
        /// How many connections there are descriptors for.
        most: usize,
    },
    /// A proxy has told whose connection it passes on.
    Introduced {
        /// What the relay is called.
        relay: &'a str,
        /// Of which connection.
        id: u64,
        /// The client's address.
        client: &'a Address,
        /// The proxy's.
        proxy: &'a Address,
    },
    /// An upstream could not be connected to. The client is tried with the next one.
    UpstreamFailed {
        /// What the relay is called.
        relay: &'a str,
        /// Of which connection.
        id: u64,
        /// Which upstream.
        upstream: &'a Endpoint,
        /// Why.
        error: &'a UpstreamError,
    },
    /// An upstream counts as down: clients are given to the others for a while.
    UpstreamDown {
        /// What the relay is called.
        relay: &'a str,
        /// Which upstream.
        upstream: &'a Endpoint,
        /// Why the last attempt to connect to it failed.
        error: &'a UpstreamError,
        /// How long it is left alone.
        left_alone: Duration,
    },
    /// An upstream that was down is back.
    UpstreamUp {
        /// What the relay is called.
        relay: &'a str,
        /// Which upstream.
        upstream: &'a Endpoint,
        /// How long it was down.
        was_down: Duration,
    },
    /// The name of an upstream cannot be resolved. Addresses that were known are kept. Told once, until it is resolved again.
    NameFailed {
        /// What the relay is called.
        relay: &'a str,
        /// The name.
        host: &'a str,
        /// Why.
        error: &'a ResolveError,
    },
    /// The name of an upstream is resolved again.
    NameResolved {
        /// What the relay is called.
        relay: &'a str,
        /// The name.
        host: &'a str,
    },
    /// A client is joined with an upstream.
    Joined {
        /// What the relay is called.
        relay: &'a str,
        /// Of which connection.
        id: u64,
        /// Which upstream.
        upstream: &'a Endpoint,
        /// How long it took to connect to it.
        connect_time: Duration,
    },
    /// A fault that was asked for has come.
    FaultInjected {
        /// What the relay is called.
        relay: &'a str,
        /// Of which connection.
        id: u64,
        /// Which, and where: `a_to_b` is what the client sends.
        injected: &'a Injected,
    },
    /// A connection is over.
    Closed(&'a Closed),
    /// Nobody is accepted any more, and so many connections are waited for.
    Draining {
        /// How many are open.
        open: usize,
        /// For how long at most.
        grace: Duration,
    },
}

/// The two sides of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelaySide {
    /// Who connected to it.
    Client,
    /// Whom it connected to.
    Upstream,
}

/// Who made a connection end as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// Who connected to the relay.
    Client,
    /// Whom the relay connected to, or could not connect to, in time or at all.
    Upstream,
    /// The relay itself: a time limit of an open connection, a limit in number, a rule of its own, a fault on purpose, a shutdown, a failure of its system.
    Relay,
}

impl EndedBy {
    /// The word for it: `client`, `upstream` or `relay`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => RelaySide::Client.name(),
            Self::Upstream => RelaySide::Upstream.name(),
            Self::Relay => "relay",
        }
    }
}

impl From<RelaySide> for EndedBy {
    fn from(side: RelaySide) -> Self {
        match side {
            RelaySide::Client => Self::Client,
            RelaySide::Upstream => Self::Upstream,
        }
    }
}

/// A connection that is over, with both of its sides.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Closed {
    /// Its number, counted from 1.
    pub id: u64,
    /// What the relay is called.
    pub relay: Arc<str>,
    /// When it was accepted.
    pub began: SystemTime,
    /// The client's address: that which a header of the PROXY protocol told, if there was one.
    pub client: Address,
    /// The address that it connected from: a proxy's, if `client` is what that told.
    pub peer: Address,
    /// Our address that the client connected to. `None`: it was gone before it could be asked for.
    pub local: Option<Address>,
    /// The server name (SNI) that the client asked for, where the relay ends TLS or chooses upstreams by names. `None`: it asked for
    /// none, or the relay did not look ([`RelayConfig::report_server_name`](crate::RelayConfig::report_server_name)).
    pub server_name: Option<String>,
    /// The upstream that it was joined with, or was to be last. `None`: none was tried.
    pub upstream: Option<Endpoint>,
    /// How long connecting to that upstream took. `None`: it was not connected to.
    pub connect_time: Option<Duration>,
    /// From accepting to closing both sides.
    pub duration: Duration,
    /// What became of it.
    pub outcome: Outcome,
    /// The faults on purpose that came, in their order. What the reports say of such a connection is what was made of it.
    pub faults: Vec<Injected>,
}

/// What became of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// It was joined with an upstream: `a` is the client side, `b` the upstream side.
    Relayed(RelayReport),
    /// It was not. Its own report says how its connection ended.
    NotJoined {
        /// Of the client side.
        client: Box<Report>,
        /// Why.
        why: NotJoined,
    },
}

/// Why a client was not joined with an upstream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NotJoined {
    /// The TLS handshake with the client failed.
    Handshake,
    /// It brought no header of the PROXY protocol that can be believed. It was reset.
    NoHeader(ProxyError),
    /// The address that its header tells is turned away. It was reset.
    TurnedAway(TurnedAway),
    /// It is not known where it is to go. It was reset.
    NoRoute(RouteError),
    /// The client's connection was cut while an upstream was being connected to, which was given up: the client reset it, or one
    /// of its limits passed. Each upstream that was tried before, and why not.
    ClientCut(Vec<(Endpoint, UpstreamError)>),
    /// No upstream could be connected to: each that was tried, and why not. The client was reset.
    NoUpstream(Vec<(Endpoint, UpstreamError)>),
}

impl RelaySide {
    /// The word for it: `client` or `upstream`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

impl Closed {
    /// The report of the client side.
    pub fn client_report(&self) -> &Report {
        match &self.outcome {
            Outcome::Relayed(report) => &report.a,
            Outcome::NotJoined { client, .. } => client,
        }
    }

    /// The report of the upstream side; of a client that no upstream took, that of the last that was tried. `None`: none was
    /// tried.
    pub fn upstream_report(&self) -> Option<&Report> {
        match &self.outcome {
            Outcome::Relayed(report) => Some(&report.b),
            Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } => {
                tried.last().and_then(|(_, error)| error.report())
            }
            Outcome::NotJoined { .. } => None,
        }
    }

    /// How the upstream side ended. `None`: none was tried.
    pub fn upstream_ending(&self) -> Option<Ending> {
        match &self.outcome {
            Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } if !tried.is_empty() => {
                Some(self.upstream_report().map_or(Ending::NoConnection, Report::ending))
            }
            _ => self.upstream_report().map(Report::ending),
        }
    }

    /// What the client sent. `None`: it was not joined with an upstream.
    pub fn upward(&self) -> Option<&Direction> {
        if let Outcome::Relayed(report) = &self.outcome { Some(&report.a_to_b) } else { None }
    }

    /// What the upstream sent. `None`: there was none.
    pub fn downward(&self) -> Option<&Direction> {
        if let Outcome::Relayed(report) = &self.outcome { Some(&report.b_to_a) } else { None }
    }

    /// Who made it end as it did.
    pub fn by(&self) -> EndedBy {
        let ending = self.ending();
        let is_ours = match ending {
            Ending::Graceful => return self.ended_first().map_or(EndedBy::Relay, EndedBy::from),
            Ending::Interrupted { .. } | Ending::LocalFailure { .. } => true,
            // The peer's machine is gone, or what is sent to it does not arrive.
            Ending::TimedOut { timer } => {
                !matches!(timer, Timer::DeadPeer | Timer::Unacknowledged | Timer::Kernel)
            }
            _ => self.is_falsified() || self.is_refused(),
        };
        let side = self.cut_at().filter(|_| !is_ours);
        side.map_or(EndedBy::Relay, EndedBy::from)
    }

    /// Why it was turned away. `None`: it was not.
    pub fn turned_away(&self) -> Option<TurnedAway> {
        match &self.outcome {
            Outcome::NotJoined { why: NotJoined::TurnedAway(why), .. } => Some(*why),
            _ => None,
        }
    }

    /// Whether a rule of ours ended the connection of a client that had not ended it itself.
    fn is_refused(&self) -> bool {
        let Outcome::NotJoined { client, why } = &self.outcome else { return false };
        let is_rule =
            matches!(why, NotJoined::NoHeader(_) | NotJoined::TurnedAway(_) | NotJoined::NoRoute(_));
        is_rule && client.ending() == Ending::Reset { by: Side::Us }
    }

    /// How the whole ended: that of the side where it began to. Graceful, if both sides were.
    pub fn ending(&self) -> Ending {
        match &self.outcome {
            // Both sides may have been given an end that was none.
            Outcome::Relayed(_) if self.cut_at().is_none() && self.is_falsified() => Ending::Truncated,
            Outcome::Relayed(report) => match self.cut_at() {
                Some(RelaySide::Upstream) => report.b.ending(),
                _ => report.a.ending(),
            },
            Outcome::NotJoined { client, why: NotJoined::NoUpstream(_) } if has_reset(client) => {
                client.ending()
            }
            Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } => match tried.last() {
                // We were stopped while we connected.
                Some((_, UpstreamError::Connect(error))) if *error.cause() == ConnectCause::Interrupted => {
                    error.report().ending()
                }
                _ => Ending::NoConnection,
            },
            Outcome::NotJoined { client, .. } => client.ending(),
        }
    }

    /// Whether a fault on purpose made a stream look otherwise than it was.
    fn is_falsified(&self) -> bool {
        self.faults.iter().any(|injected| injected.fault.falsifies())
    }

    /// On which side it ended otherwise than gracefully, first if on both. `None`: on neither.
    pub fn cut_at(&self) -> Option<RelaySide> {
        let report = match &self.outcome {
            Outcome::Relayed(report) => report,
            Outcome::NotJoined { client, why: NotJoined::NoUpstream(_) } if !has_reset(client) => {
                return Some(RelaySide::Upstream);
            }
            Outcome::NotJoined { .. } => return Some(RelaySide::Client),
        };
        let [client, upstream] = [&report.a, &report.b].map(|report| began_to_fail(report));
        first_of(client, upstream)
    }

    /// Which side ended its stream first, or was cut before either did. `None`: no side did, because we ended it.
    pub fn ended_first(&self) -> Option<RelaySide> {
        let ended = match &self.outcome {
            Outcome::Relayed(report) => {
                // Of TLS its close_notify, which the EOF of its transport may follow much later.
                let end = |report: &Report| {
                    let after = report.tls_close_notify_after.or(report.peer_eof_after)?;
                    Some(report.started_at + after)
                };
                first_of(end(&report.a), end(&report.b))
            }
            Outcome::NotJoined { .. } => None,
        };
        let cut = || match self.by() {
            EndedBy::Client => Some(RelaySide::Client),
            EndedBy::Upstream => Some(RelaySide::Upstream),
            EndedBy::Relay => None,
        };
        // Whoever ended gracefully is asked who ended first.
        ended.or_else(|| if self.ending() == Ending::Graceful { None } else { cut() })
    }
}

/// The side where something came first: the client side, if it was at the same time. `None`: it came on neither.
fn first_of(client: Option<SystemTime>, upstream: Option<SystemTime>) -> Option<RelaySide> {
    match (client, upstream) {
        (None, None) => None,
        (Some(client), Some(upstream)) if upstream < client => Some(RelaySide::Upstream),
        (Some(_), _) => Some(RelaySide::Client),
        (None, Some(_)) => Some(RelaySide::Upstream),
    }
}

/// Whether a client reset its connection itself, before we could.
fn has_reset(client: &Report) -> bool {
    client.ending() == (Ending::Reset { by: Side::Peer })
}

/// One sentence: how it ended and on which side, then what became of each direction.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(f, &Setting::name)
    }
}

/// What the reader calls a setting.
type Called<'a> = &'a dyn Fn(Setting) -> &'static str;

impl Closed {
    /// The sentence that it is displayed as, with the settings in it called as the reader knows them: a command line calls them by its
    /// options.
    pub fn sentence(&self, name: impl Fn(Setting) -> &'static str) -> String {
        let mut sentence = String::new();
        // A string takes everything.
        let _ = self.tell(&mut sentence, &name);
        sentence
    }

    fn tell(&self, f: &mut dyn fmt::Write, name: Called<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Relayed(report) => self.tell_relayed(f, report, name),
            Outcome::NotJoined { client, why } => tell_not_joined(f, client, why, name),
        }
    }

    fn tell_relayed(&self, f: &mut dyn fmt::Write, report: &RelayReport, name: Called<'_>) -> fmt::Result {
        match self.cut_at() {
            None if self.is_falsified() => f.write_str("cut on purpose")?,
            None => f.write_str("graceful")?,
            Some(RelaySide::Client) => write!(f, "client side: {}", called(&report.a, name))?,
            Some(RelaySide::Upstream) => write!(f, "upstream side: {}", called(&report.b, name))?,
        }
        let separator = if self.cut_at().is_none() { ':' } else { ';' };
        let up = Way { direction: &report.a_to_b, source: RelaySide::Client, sink: RelaySide::Upstream };
        let down = Way { direction: &report.b_to_a, source: RelaySide::Upstream, sink: RelaySide::Client };
        write!(f, "{separator} up {up}; down {down}")
    }
}

/// A report with the settings in its sentence called so.
fn called<'a>(report: &'a Report, name: Called<'_>) -> Cow<'a, Report> {
    if report.error.as_ref().is_none_or(|error| error.words.settings().next().is_none()) {
        return Cow::Borrowed(report);
    }
    let mut report = report.clone();
    report.call_settings(name);
    Cow::Owned(report)
}

fn tell_not_joined(
    f: &mut dyn fmt::Write,
    client: &Report,
    why: &NotJoined,
    name: Called<'_>,
) -> fmt::Result {
    let tried = match why {
        NotJoined::NoUpstream(tried) | NotJoined::ClientCut(tried) => {
            f.write_str(match why {
                _ if has_reset(client) => "reset by the client before an upstream was connected to",
                NotJoined::ClientCut(_) => "ended before an upstream was connected to",
                _ => "no connection to an upstream, so the client was reset",
            })?;
            if matches!(why, NotJoined::ClientCut(_)) && !has_reset(client) {
                write!(f, ": client side: {}", called(client, name))?;
            }
            tried
        }
        NotJoined::NoHeader(why) => return write!(f, "the client was reset: {why}"),
        NotJoined::NoRoute(why) => return write!(f, "the client was reset: {why}"),
        NotJoined::TurnedAway(why) => return write!(f, "the client was turned away: {why}"),
        NotJoined::Handshake => return write!(f, "client side: {}", called(client, name)),
    };
    tried.iter().try_for_each(|(_, error)| write!(f, "; {}", error.sentence(name)))
}

/// A direction, with the names of its two ends.
struct Way<'a> {
    direction: &'a Direction,
    source: RelaySide,
    sink: RelaySide,
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, sink) = (self.source.name(), self.sink.name());
        let Direction { bytes_received, bytes_accepted, end, .. } = self.direction;
        if bytes_accepted != bytes_received {
            write!(f, "{bytes_accepted} of ")?;
        }
        let bytes = if *bytes_received == 1 { "byte" } else { "bytes" };
        write!(f, "{bytes_received} {bytes}, ")?;
        match end {
            DirectionEnd::CutAtSource { ending } => {
                write!(f, "not whole: the {source}'s stream had no end ({})", how(*ending, source))
            }
            DirectionEnd::CutAtSink { ending } => {
                write!(f, "not whole: the {sink} took no more ({})", how(*ending, sink))
            }
            _ => f.write_str("passed on whole"),
        }
    }
}

/// How the connection with one side ended, in a few words.
fn how(ending: Ending, side: &str) -> String {
    match ending {
        Ending::Reset { by: Side::Peer } => format!("reset by the {side}"),
        Ending::Reset { by: Side::Us } => "reset by the relay".to_owned(),
        other => other.name().replace('_', " "),
    }
}

/// When a connection ended otherwise than gracefully. `None`: it was graceful, or cut because the other side was.
fn began_to_fail(report: &Report) -> Option<SystemTime> {
    let is_passed_on =
        report.context == Context::OtherSideCut && matches!(report.ending(), Ending::Reset { by: Side::Us });
    (!report.is_graceful() && !is_passed_on).then(|| report.started_at + report.ended_after)
}
