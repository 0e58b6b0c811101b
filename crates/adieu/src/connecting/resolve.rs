//! Names to addresses, bounded by the connection's timers.

use crate::link::Link;
use crate::os::{self, AsPollable, Waker, Watch};
use adieu_proto::interleave;
use socket2::Socket;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, mpsc};

/// The addresses of a name in the order in which to try them. `None`: a timer or the interrupt was faster.
///
/// `getaddrinfo` cannot be bounded, so a name is resolved on a thread of its own, which is left behind when its
/// time is up.
pub(crate) fn addresses(
    link: &mut Link<Socket>,
    host: &str,
    port: u16,
) -> Option<io::Result<Vec<SocketAddr>>> {
    let woken = match Waker::new() {
        Ok(waker) => Arc::new(waker),
        Err(error) => return Some(Err(error)),
    };
    let done = WakeOnDrop(Arc::clone(&woken));
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    let spawned = std::thread::Builder::new().name("adieu-resolve".into()).spawn(move || {
        // Nobody listens any more when the connection's time is up.
        let _ = sender.send(look_up(&name, port));
        drop(done);
    });
    if let Err(error) = spawned {
        return Some(Err(error));
    }
    loop {
        link.tick();
        if link.core.is_decided() {
            return None;
        }
        match receiver.try_recv() {
            Ok(result) => return Some(result.map(|found| interleave(&found))),
            Err(mpsc::TryRecvError::Disconnected) => {
                return Some(Err(io::Error::other("the resolver's thread has died")));
            }
            Err(mpsc::TryRecvError::Empty) => {}
        }
        let interrupt = link.options.interrupt.as_ref();
        let mut watches = [
            Watch::readable(Some(woken.as_pollable())),
            Watch::readable(interrupt.map(AsPollable::as_pollable)),
        ];
        if let Err(error) = os::wait(&mut watches, link.time_left()) {
            return Some(Err(error));
        }
    }
}

/// Wakes also if the thread that has it panics.
struct WakeOnDrop(Arc<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// An address that could be used, if this machine had the interface that its zone names.
#[derive(Debug, thiserror::Error)]
#[error("the zone '{0}' is not a network interface of this machine{hint}", hint = in_a_url(.0))]
pub(crate) struct UnknownZone(String);

impl UnknownZone {
    /// `None`: the host is no address with a zone.
    fn of(host: &str) -> Option<Self> {
        let (address, zone) = host.split_once('%')?;
        address.parse::<Ipv6Addr>().ok().map(|_| Self(zone.to_owned()))
    }
}

/// RFC 6874, section 2: in a URL the sign before the zone is itself written as %25.
fn in_a_url(zone: &str) -> String {
    match zone.strip_prefix("25") {
        Some(zone) if !zone.is_empty() => format!(": %25 is how a URL has it, write %{zone}"),
        _ => String::new(),
    }
}

/// `getaddrinfo`.
pub(crate) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // On a thread of its own, a name may outlive the connection that asked for it.
    let _network = os::Network::start()?;
    let mut found: Vec<SocketAddr> =
        os::look_up(host, port).map_err(|error| match UnknownZone::of(host) {
            Some(zone) if os::is_unknown_name(&error) => io::Error::new(io::ErrorKind::NotFound, zone),
            _ => error,
        })?;
    found.dedup();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}
