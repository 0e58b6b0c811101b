//! How connecting ends without a connection: what the core is told, and the error with its report.

use crate::error::{Attempt, AttemptError, ConnectCause, ConnectError, ResolveError, Tried, list};
use crate::handle::Handle;
use crate::link::Link;
use crate::{Address, Endpoint, Interrupt, ProxyError, system_error};
use adieu_proto::{Call, Fault, FaultKind, LocalEnd};
use std::net::SocketAddr;

/// Ends a link that has no connection.
pub(crate) fn end<H: Handle>(link: &mut Link<H>, endpoint: &Endpoint, cause: ConnectCause) -> ConnectError {
    // A handshake that has failed has told the core why.
    if link.report().is_none() {
        let failure = match &cause {
            ConnectCause::TimedOut(attempts) => match &attempts[..] {
                [] => None,
                // Of an address that was written as such, "nothing answered" says it all.
                [one] if is_written_as(endpoint, &one.tried) => None,
                some => Some(list(some).into()),
            },
            ConnectCause::Interrupted => None,
            cause => Some(cause.words()),
        };
        if failure.is_some() {
            link.facts.rare_mut().failure = failure;
        }
        match blame(&cause) {
            Blame::Us(code) => link.core.handle_local_failure(link.now(), LocalEnd::Socket, code),
            Blame::Way(fault) => link.core.handle_connect_failed(link.now(), fault),
        }
        link.act();
    }
    let report = link.report().expect("a connection that failed is closed by `act`").clone();
    ConnectError::new(endpoint.clone(), cause, report)
}

/// Whether the endpoint was written as this address, and not as a name.
fn is_written_as(endpoint: &Endpoint, tried: &Tried) -> bool {
    let Tried::Address(address) = tried else { return false };
    match endpoint {
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } | Endpoint::Udp { host, port } => {
            host.parse().is_ok_and(|ip| Address::from(SocketAddr::new(ip, *port)) == *address)
        }
        _ => endpoint.to_string() == address.to_string(),
    }
}

/// The core has decided while connecting: the interrupt, or a timer.
pub(crate) fn out_of_time<H: Handle>(link: &Link<H>, attempts: Vec<Attempt>) -> ConnectCause {
    match link.options.interrupt.as_ref().and_then(Interrupt::raised) {
        Some(_) => ConnectCause::Interrupted,
        None => ConnectCause::TimedOut(attempts),
    }
}

/// The handshake has failed, and the link is closed.
pub(super) fn not_secured<H: Handle>(link: &Link<H>) -> ConnectCause {
    if let Some(failed) = link.handshake_error().cloned() {
        return ConnectCause::Tls(failed);
    }
    out_of_time(link, Vec::new())
}

/// Whose fault it is.
enum Blame {
    /// Our own system's: it says nothing about the peer. With its number, if it has one.
    Us(Option<i32>),
    /// The endpoint's, or that of the way to it.
    Way(Fault),
}

fn blame(cause: &ConnectCause) -> Blame {
    let none = Fault { call: Call::Connect, kind: FaultKind::Other, code: None };
    match cause {
        ConnectCause::System(error) | ConnectCause::Resolve(ResolveError::Exhausted(error)) => {
            Blame::Us(error.code)
        }
        ConnectCause::Option(error) => Blame::Us(error.code()),
        ConnectCause::Resolve(error) => {
            let code = error.system().and_then(|error| error.code);
            Blame::Way(Fault { call: Call::Resolve, kind: FaultKind::Other, code })
        }
        ConnectCause::Attempts(attempts) => blame_attempts(attempts).unwrap_or(Blame::Way(none)),
        ConnectCause::ProxyUnreachable { cause, .. } => blame(cause),
        ConnectCause::Proxy { error: ProxyError::Io { call, error }, .. } => {
            Blame::Way(system_error::fault(*call, error))
        }
        _ => Blame::Way(none),
    }
}

/// The one that stands for all the attempts: a time-out only if every address timed out.
fn blame_attempts(attempts: &[Attempt]) -> Option<Blame> {
    let own = attempts.iter().find_map(|attempt| match &attempt.error {
        AttemptError::Forbidden(error) | AttemptError::Exhausted(error) => Some(Blame::Us(error.code)),
        _ => None,
    });
    let faults = || {
        let system = attempts.iter().filter_map(|attempt| attempt.error.system());
        system.map(|error| system_error::fault(Call::Connect, error))
    };
    let answered = || faults().find(|fault| fault.kind != FaultKind::TimedOut);
    own.or_else(|| answered().or_else(|| faults().next_back()).map(Blame::Way))
}
