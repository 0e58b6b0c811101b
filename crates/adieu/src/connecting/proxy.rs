//! Connecting through a proxy, for the blocking driver.

use crate::connecting::{Established, addresses_of, out_of_time, race};
use crate::error::{Attempt, ConnectCause, Tried};
use crate::link::Link;
use crate::os::{self, AsPollable, Watch};
use crate::proxy::{Handshake, Proxy, ProxyError, Target, Wants};
use crate::{Endpoint, Event, Transport, handle};
use adieu_proto::Call;
use socket2::{SockRef, Socket};
use std::io;
use std::time::{Duration, Instant};

/// How long the page of a refusal that is known is waited for: what is missing are only words.
pub(crate) const PAGE_PATIENCE: Duration = Duration::from_millis(500);

/// Connects to `host:port` through `proxy`: each address in turn, if they are known here.
pub(crate) fn establish(
    link: &mut Link<Socket>,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let targets = match Target::of(host, port) {
        Target::Name { .. } if proxy.resolves_here() => proxy.targets(addresses_of(link, host, port)?),
        target => vec![target],
    };
    let of_proxy = |cause| unreachable(proxy, cause);
    let addresses = addresses_of(link, proxy.host(), proxy.port()).map_err(of_proxy)?;
    let mut refusals = Refusals::default();
    for target in &targets {
        let (established, transport) = race(link, &addresses).map_err(of_proxy)?;
        link.observe(&Event::AskingProxy { proxy: &proxy.to_string(), target: &target.to_string() });
        match shake_hands(link, proxy, target, &established)? {
            Ok(way) => {
                link.goes_by(way);
                return Ok((established, transport));
            }
            Err(error) => {
                leave(&SockRef::from(&established.socket));
                refusals.note(target, error);
            }
        }
    }
    Err(refusals.into_cause(proxy))
}

/// Whether the endpoint is one that a proxy can be asked for.
pub(crate) fn check(proxy: &Proxy, endpoint: &Endpoint) -> Result<(), ConnectCause> {
    match endpoint {
        Endpoint::Tcp { .. } | Endpoint::Tls { .. } => Ok(()),
        Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } => {
            let what = "a Unix socket is not reached through a proxy";
            Err(told(proxy, ProxyError::Inexpressible { what }))
        }
    }
}

/// Wherever it failed before there was a connection to the proxy. Time and interrupts have nothing to do with it.
pub(crate) fn unreachable(proxy: &Proxy, cause: ConnectCause) -> ConnectCause {
    match cause {
        ConnectCause::TimedOut(_) | ConnectCause::Interrupted | ConnectCause::Option(_) => cause,
        other => told(proxy, ProxyError::Unreachable(Box::new(other))),
    }
}

pub(crate) fn told(proxy: &Proxy, error: ProxyError) -> ConnectCause {
    ConnectCause::Proxy { proxy: proxy.to_string(), error }
}

/// What stands in the list of attempts while a proxy that is connected to keeps silent.
pub(crate) fn silence(proxy: &Proxy) -> Attempt {
    let error = io::Error::new(io::ErrorKind::TimedOut, "connected to, and it did not answer our request");
    Attempt { tried: Tried::Proxy(proxy.to_string()), error }
}

/// Lets the close of a connection to a proxy that gave none end it, which until here would reset it: nothing of ours was cut,
/// and a proxy logs a reset as a fault.
///
/// What it has said by now is received first, as far as it is a page and not a stream: a close with bytes unread resets too.
pub(crate) fn leave(socket: &SockRef<'_>) {
    handle::set_reset_on_close(socket, false);
    let mut page = [0; 4096];
    for _ in 0..16 {
        if !io::Read::read(&mut &**socket, &mut page).is_ok_and(|n| n > 0) {
            return;
        }
    }
}

/// What a proxy said of each of several addresses.
#[derive(Default)]
pub(crate) struct Refusals {
    said: Vec<(String, ProxyError)>,
}

impl Refusals {
    pub(crate) fn note(&mut self, target: &Target, error: ProxyError) {
        self.said.push((target.to_string(), error));
    }

    pub(crate) fn into_cause(mut self, proxy: &Proxy) -> ConnectCause {
        if self.said.len() == 1
            && let Some((_, error)) = self.said.pop()
        {
            return told(proxy, error);
        }
        let one = |(target, error): &(String, ProxyError)| match error {
            ProxyError::Refused { answer } => format!("{target}: {answer}"),
            other => format!("{target}: {other}"),
        };
        let answer = self.said.iter().map(one).collect::<Vec<_>>().join("; ");
        told(proxy, ProxyError::Refused { answer })
    }
}

/// Drives a handshake. The outer error ends connecting; the inner one is the proxy's.
fn shake_hands(
    link: &mut Link<Socket>,
    proxy: &Proxy,
    target: &Target,
    established: &Established<Socket>,
) -> Result<Result<Way, ProxyError>, ConnectCause> {
    let begun = Handshake::new(proxy, target).and_then(|handshake| Ok((handshake, Way::new(proxy)?)));
    let (mut handshake, mut way) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(error)),
    };
    let socket = &established.socket;
    let mut refused_at = None;
    loop {
        link.tick();
        if link.core.is_decided() {
            return Err(out_of_time(link, vec![silence(proxy)]));
        }
        let sending = match way.step(&SockRef::from(socket), &mut handshake) {
            Ok(Step::Done) => return Ok(Ok(way)),
            Ok(Step::Blocked { sending }) => sending,
            Err(error) => return Ok(Err(error)),
        };
        let mut timeout = link.time_left();
        if handshake.is_refused() {
            let until = *refused_at.get_or_insert_with(|| Instant::now() + PAGE_PATIENCE);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Err(handshake.end()));
            }
            timeout = Some(timeout.map_or(left, |t| t.min(left)));
        }
        let interrupt = link.options.interrupt.as_ref().map(AsPollable::as_pollable);
        let mut watches = [Watch::new(socket.as_pollable(), !sending, sending), Watch::readable(interrupt)];
        os::wait(&mut watches, timeout).map_err(ConnectCause::Local)?;
    }
}

/// How a proxy is spoken to.
pub(crate) enum Way {
    Plain,
    Tls(super::secure_proxy::Session),
}

impl Way {
    /// The one to this proxy.
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, ProxyError> {
        if proxy.is_secure() {
            return super::secure_proxy::Session::new(proxy).map(Self::Tls);
        }
        Ok(Self::Plain)
    }

    /// Does all of a handshake that can be done without waiting. Shared by both drivers.
    pub(crate) fn step(
        &mut self,
        socket: &SockRef<'_>,
        handshake: &mut Handshake,
    ) -> Result<Step, ProxyError> {
        match self {
            Self::Plain => step(socket, handshake),
            Self::Tls(session) => session.step(socket, handshake),
        }
    }
}

/// What a handshake came to without waiting.
pub(crate) enum Step {
    Done,
    Blocked { sending: bool },
}

/// Does all of a handshake in the clear that can be done without waiting.
///
/// What has arrived is looked at first, and received only as far as it is the handshake's.
fn step(socket: &SockRef<'_>, handshake: &mut Handshake) -> Result<Step, ProxyError> {
    let mut buffer = [0; 2048];
    loop {
        let result = match handshake.wants() {
            Wants::Done => return Ok(Step::Done),
            Wants::Send(bytes) => match socket.send_with_flags(bytes, os::SEND_FLAGS) {
                Ok(n) => {
                    handshake.sent(n);
                    Ok(())
                }
                Err(error) => Err((true, error)),
            },
            Wants::Receive => match os::peek(socket, &mut buffer) {
                Ok(0) => return Err(handshake.end()),
                Ok(n) => {
                    let own = handshake.receive(&buffer[..n])?;
                    // It stands in our kernel, so it comes at once and whole.
                    io::Read::read_exact(&mut &**socket, &mut buffer[..own]).map_err(|error| (false, error))
                }
                Err(error) => Err((false, error)),
            },
        };
        match result {
            Ok(()) => {}
            Err((_, error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err((sending, error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Step::Blocked { sending });
            }
            // What it said before its reset is told.
            Err(_) if handshake.is_refused() => return Err(handshake.end()),
            Err((sending, error)) => {
                let call = if sending { Call::Send } else { Call::Receive };
                return Err(ProxyError::Io { call, error });
            }
        }
    }
}
