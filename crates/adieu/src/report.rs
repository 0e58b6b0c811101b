//! Makes reports: of a link that is closed, and of a connection that never was because of us.
//!
//! The report itself, with its sentence and its JSON, is `adieu-report`'s, which knows no system. Here what the system said
//! is put into its types.

use crate::os::{self, describe_code, describe_error, error_name};
use crate::{
    Address, AdoptError, Context, Endpoint, FastOpen, ListenError, ProxyAddress, Report, Role, SystemError,
    Transport, Words,
};
use adieu_proto::{Call, Ending, Fault, FaultKind, LocalEnd, Outcome, Signal, Time};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Why there never was a connection, where the reason is ours.
#[derive(Debug, Clone, Copy)]
pub enum NeverConnected<'a> {
    /// One of our own ends cannot be used.
    LocalFailure {
        /// Which.
        end: LocalEnd,
        /// What the system said.
        error: &'a std::io::Error,
    },
    /// The file that was to have what is received cannot be written.
    CannotWrite {
        /// Its path.
        path: &'a Path,
        /// What the system said.
        error: &'a std::io::Error,
    },
    /// A signal came first.
    Interrupted {
        /// Which.
        signal: Signal,
    },
    /// Nobody connected in time.
    TimedOut,
    /// Nobody had connected when the user's total time was up.
    DeadlinePassed,
    /// The listener could not be made: the name was not found, or no address could be bound. Where our own system is out of
    /// descriptors or memory, the ending is a local failure.
    CannotListen {
        /// Why.
        error: &'a ListenError,
    },
    /// Nobody can be accepted.
    CannotAccept {
        /// Why.
        error: &'a ListenError,
    },
    /// Somebody connected and could not be served.
    CannotServe {
        /// Who. `None`: it is not known.
        peer: Option<&'a Address>,
        /// What the system said.
        error: &'a std::io::Error,
    },
}

/// What a report is made from, besides the core.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) began: SystemTime,
    pub(crate) role: Option<Role>,
    pub(crate) transport: Option<Transport>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) local_address: Option<Address>,
    pub(crate) peer_address: Option<Address>,
    pub(crate) resolved: Option<Time>,
    /// Both directions had ended before we came, or may have.
    pub(crate) order_is_unknown: bool,
    /// The socket was given to us when everything was sent.
    pub(crate) is_given_to_finish: bool,
    pub(crate) tcp: os::TcpFacts,
    /// Without TLS of ours, what was received begins as the other side of TLS does.
    pub(crate) received_tls: bool,
    /// Without TLS of ours, what was sent begins as our side of TLS would.
    pub(crate) sent_tls: bool,
    pub(crate) tls: Option<Box<crate::tls::TlsFacts>>,
    rare: Option<Box<RareFacts>>,
}

/// What most connections never have. It takes memory from when there is something.
#[derive(Debug, Clone)]
pub(crate) struct RareFacts {
    pub(crate) proxy: Option<ProxyAddress>,
    pub(crate) fast_open: Option<FastOpen>,
    /// Of a connection that never was: what every address said.
    pub(crate) failure: Option<Words>,
    /// What the program's own input or output said as it failed, where no system call did.
    pub(crate) local_words: Option<Words>,
    /// Who was connected to, where that is for TLS to know.
    pub(crate) host: Option<Box<str>>,
    pub(crate) handshake: Option<crate::tls::HandshakeError>,
}

impl RareFacts {
    const NONE: Self =
        Self { proxy: None, fast_open: None, failure: None, local_words: None, host: None, handshake: None };
}

impl Facts {
    /// What is known of what is rare.
    pub(crate) fn rare(&self) -> &RareFacts {
        static NONE: RareFacts = RareFacts::NONE;
        self.rare.as_deref().unwrap_or(&NONE)
    }

    pub(crate) fn rare_mut(&mut self) -> &mut RareFacts {
        self.rare.get_or_insert_with(|| Box::new(RareFacts::NONE))
    }

    /// What is known at the start.
    pub(crate) fn new(role: Option<Role>, endpoint: impl Into<Arc<str>>) -> Self {
        Self {
            began: SystemTime::now(),
            role,
            transport: None,
            endpoint: endpoint.into(),
            local_address: None,
            peer_address: None,
            resolved: None,
            order_is_unknown: false,
            is_given_to_finish: false,
            tcp: os::TcpFacts::default(),
            received_tls: false,
            sent_tls: false,
            tls: None,
            rare: None,
        }
    }
}

/// The report of a connection that was closed with this outcome.
pub(crate) fn of(core: &adieu_proto::Connection, outcome: &Outcome, facts: &Facts) -> Report {
    let mut report = Report::new(facts.role, String::from(&*facts.endpoint), facts.began, core, outcome);
    let evidence = outcome.evidence;
    let number = evidence.fault.and_then(|fault| fault.code).or(evidence.local_code);
    let rare = facts.rare();
    report.error = match (&rare.failure, number) {
        (Some(words), _) => Some(SystemError::new(number, number.and_then(error_name), words.clone())),
        (None, Some(number)) => {
            Some(SystemError::new(Some(number), error_name(number), describe_code(number)))
        }
        (None, None) => {
            let local = matches!(outcome.ending, Ending::LocalFailure { .. }).then_some(&rare.local_words);
            local.cloned().flatten().map(|words| SystemError::new(None, None, words))
        }
    };
    report.transport = facts.transport;
    report.proxy.clone_from(&rare.proxy);
    report.fast_open = rare.fast_open;
    report.local_address.clone_from(&facts.local_address);
    report.peer_address.clone_from(&facts.peer_address);
    if facts.is_given_to_finish && report.context == Context::Usual {
        report.context = Context::Given;
    }
    if facts.order_is_unknown {
        (report.ended_first, report.peer_ended_after_us) = (None, None);
    }
    report.looks_like_tls = facts.received_tls && !facts.sent_tls;
    report.resolved_after = facts.resolved.map(adieu_report::whole_micros);
    report.rtt = facts.tcp.rtt.map(adieu_report::whole_micros);
    report.retransmitted_segments = facts.tcp.retransmitted_segments.map(u64::from);
    if let Some(tls) = &facts.tls {
        tls.tell(&mut report);
    }
    report
}

/// The report of a socket that was given to us and cannot be taken over.
pub(crate) fn of_refused(error: &AdoptError, role: Option<Role>) -> Report {
    let start = Time::ZERO;
    let mut facts = Facts::new(role, Address::Unnamed.to_string());
    facts.rare_mut().failure = Some(error.to_string().into());
    let mut core = adieu_proto::Connection::new(adieu_proto::Config::default());
    match error {
        AdoptError::NotConnected | AdoptError::Handshaking => {
            core.handle_connect_failed(
                start,
                Fault { call: Call::Connect, kind: FaultKind::Other, code: None },
            );
        }
        AdoptError::System(error) => core.handle_local_failure(start, LocalEnd::Socket, error.code),
        _ => core.handle_local_failure(start, LocalEnd::Socket, None),
    }
    core.poll_action();
    core.handle_closed(start);
    let outcome = core.outcome().expect("a decided core that is closed has its outcome");
    let mut report = of(&core, &outcome, &facts);
    report.error_call = None;
    report.context = Context::Told(format!("the socket cannot be finished: {error}"));
    report
}

impl NeverConnected<'_> {
    /// The report of a connection that never was, because of us: our input cannot be read, a signal came, we cannot
    /// listen, or nobody connected in time.
    #[expect(clippy::missing_panics_doc, reason = "each of the causes decides, so it cannot")]
    pub fn report(self, endpoint: &Endpoint, role: Role) -> Report {
        let start = Time::ZERO;
        let mut facts = Facts::new(Some(role), endpoint.to_string());
        let mut context = Context::Usual;
        if let Endpoint::Udp { .. } = endpoint {
            facts.transport = Some(Transport::Udp);
        }
        let deadline = matches!(self, Self::DeadlinePassed).then_some(start);
        let mut core = adieu_proto::Connection::new(adieu_proto::Config {
            connect_timeout: Some(start),
            deadline,
            ..adieu_proto::Config::default()
        });
        match self {
            Self::LocalFailure { end, error } => {
                core.handle_local_failure(start, end, error.raw_os_error());
            }
            Self::CannotWrite { path, error } => {
                core.handle_local_failure(start, LocalEnd::Output, error.raw_os_error());
                context =
                    Context::Told(format!("cannot write to {}: {}", path.display(), describe_error(error)));
            }
            Self::Interrupted { signal } => core.handle_interrupt(start, signal),
            Self::TimedOut | Self::DeadlinePassed => core.handle_timeout(start),
            Self::CannotListen { error } => {
                let number = error.system().and_then(|error| error.code);
                if error.is_ours() {
                    core.handle_local_failure(start, LocalEnd::Socket, number);
                } else {
                    // Whatever it is, there is no connection.
                    let fault = Fault { call: Call::Connect, kind: FaultKind::Other, code: number };
                    core.handle_connect_failed(start, fault);
                }
                facts.rare_mut().failure = Some(error.cause().to_string().into());
                context = Context::Binding;
            }
            Self::CannotAccept { error } => {
                let number = error.system().and_then(|error| error.code);
                core.handle_local_failure(start, LocalEnd::Socket, number);
                facts.rare_mut().failure = Some(error.cause().to_string().into());
            }
            Self::CannotServe { peer, error } => {
                core.handle_local_failure(start, LocalEnd::Socket, error.raw_os_error());
                facts.rare_mut().failure = Some(describe_error(error).into());
                facts.peer_address = peer.filter(|peer| peer.is_named()).cloned();
            }
        }
        core.poll_action();
        core.handle_closed(start);
        let outcome = core.outcome().expect("a decided core that is closed has its outcome");
        let mut report = of(&core, &outcome, &facts);
        if context == Context::Binding {
            // The core knows one call that makes a connection, and it was another.
            report.error_call = None;
        }
        report.context = context;
        report
    }
}
