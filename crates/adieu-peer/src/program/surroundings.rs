//! What a scenario's target needs to exist while the program runs.

use super::{Endpoint, PeerHandle, in_process::Enter};
use crate::Bind;
use crate::places;
use crate::scenario::{Scenario, Target};
use std::any::Any;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

/// The target of a scenario, and what keeps it as it is while a program runs.
pub struct Surroundings {
    /// What the program connects to.
    pub endpoint: Endpoint,
    /// Who is there. `None`: nobody.
    pub peer: Option<PeerHandle>,
    /// What stands before the program's arguments, to run it where the target is.
    pub prefix: Vec<OsString>,
    /// The same for a thread of this process.
    pub enter: Option<Enter>,
    /// Held until the program has exited.
    pub held: Vec<Box<dyn Any>>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, peer, prefix, .. } = self;
        f.debug_struct("Surroundings")
            .field("endpoint", endpoint)
            .field("has_peer", &peer.is_some())
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}

impl Surroundings {
    /// Makes the target of a scenario, with its peer.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot be made. `Unsupported` for [`Target::Name`] and [`Target::Namespace`]: they take root,
    /// and are made by a test kit. `Unsupported` also for [`Target::Tcp6`] where IPv6 is off.
    pub fn of(scenario: &Scenario) -> io::Result<Self> {
        match scenario.target {
            Target::Tcp4 => Ok(Self::of_peer(PeerHandle::listen(Bind::TCP4, scenario.script)?)),
            Target::Tcp6 => {
                Ok(Self::of_peer(PeerHandle::listen(Bind::TCP6, scenario.script).map_err(without_ipv6)?))
            }
            Target::Unix => Ok(Self::of_peer(PeerHandle::listen(Bind::Unix, scenario.script)?)),
            Target::Refused => {
                let (address, socket) = places::refusing(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
                Ok(Self::without_peer(Endpoint::of(address), vec![Box::new(socket)]))
            }
            Target::NoSuchPath => {
                let directory = tempfile::Builder::new().prefix("adieu-peer-").tempdir()?;
                let path = directory.path().join("nobody");
                Ok(Self::without_peer(Endpoint::Unix(path), vec![Box::new(directory)]))
            }
            Target::NameNotFound => {
                let host = format!("{}.invalid", "x".repeat(64));
                Ok(Self::without_peer(Endpoint::Tcp { host, port: 27_015 }, Vec::new()))
            }
            Target::NeverAnswers => {
                let (address, held) = places::unanswering(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
                Ok(Self::without_peer(Endpoint::of(address), held))
            }
            Target::Name { .. } => Err(takes_root(
                "it takes names of its own, in a mount namespace that only the project's tests make",
            )),
            Target::Namespace => Err(takes_root(
                "it takes a wire that can be cut, in a network namespace that only the project's tests make",
            )),
        }
    }

    /// A peer that listens, and nothing around it.
    pub fn of_peer(peer: PeerHandle) -> Self {
        let endpoint = peer.endpoint().clone();
        Self { endpoint, peer: Some(peer), prefix: Vec::new(), enter: None, held: Vec::new() }
    }

    fn without_peer(endpoint: Endpoint, held: Vec<Box<dyn Any>>) -> Self {
        Self { endpoint, peer: None, prefix: Vec::new(), enter: None, held }
    }
}

/// What tells that there is no `::1` is no failure of a system's.
fn without_ipv6(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::AddrNotAvailable || crate::os::is_without_family(&error) {
        return io::Error::new(io::ErrorKind::Unsupported, format!("IPv6 is off on this system: {error}"));
    }
    error
}

fn takes_root(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}
