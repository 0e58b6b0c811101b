//! All sockets of a machine: counted, and those that hang kept with the processes that hold them.

use super::finding::{Finding, Owner};
use super::message::{Socket, State};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

/// A descriptor of a process that leads to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its descriptor.
    pub descriptor: u32,
}

/// The sockets of a machine at one time.
#[derive(Debug, Default)]
pub struct Survey {
    states: BTreeMap<State, u64>,
    listeners: HashSet<SocketAddr>,
    findings: Vec<Finding>,
    holders: HashMap<u32, Vec<Holder>>,
    /// Sockets whose inode says nothing of their owner.
    without_inode: HashSet<(SocketAddr, SocketAddr)>,
}

impl Survey {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a socket of the kernel's list.
    pub fn add(&mut self, socket: &Socket) {
        *self.states.entry(socket.state).or_default() += 1;
        if socket.state == State::Listen {
            self.listeners.insert(socket.local);
        }
        let Some(finding) = Finding::of(socket) else { return };
        if finding.inode != 0 {
            self.holders.insert(finding.inode, Vec::new());
        } else if socket.has_upper_protocol {
            self.without_inode.insert((finding.local, finding.peer));
        }
        self.findings.push(finding);
    }

    /// Whether it is of interest who holds this inode.
    pub fn wants(&self, inode: u32) -> bool {
        self.holders.contains_key(&inode)
    }

    /// Says that a process holds a socket. A socket that was not asked for is ignored.
    pub fn add_holder(&mut self, inode: u32, holder: Holder) {
        if let Some(holders) = self.holders.get_mut(&inode)
            && let Err(place) = holders.binary_search(&holder)
        {
            holders.insert(place, holder);
        }
    }

    /// How many sockets are in each state.
    pub const fn states(&self) -> &BTreeMap<State, u64> {
        &self.states
    }

    /// How many sockets there are.
    pub fn total(&self) -> u64 {
        self.states.values().sum()
    }

    /// The sockets that hang, in the kernel's order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Who holds a socket, in order. Several: a fork has inherited it.
    pub fn holders(&self, finding: &Finding) -> &[Holder] {
        self.holders.get(&finding.inode).map_or(&[], Vec::as_slice)
    }

    /// Who can close a socket.
    pub fn owner(&self, finding: &Finding) -> Owner {
        if !self.holders(finding).is_empty() {
            return Owner::Process;
        }
        if finding.inode != 0 || self.without_inode.contains(&(finding.local, finding.peer)) {
            return Owner::Unknown;
        }
        // What a program has not accepted has no inode yet. Once a socket has sent its own FIN, it was accepted and closed.
        let is_ours_open = matches!(finding.state, State::Established | State::CloseWait);
        if is_ours_open && self.has_listener(finding.local) { Owner::NotAccepted } else { Owner::Nobody }
    }

    fn has_listener(&self, address: SocketAddr) -> bool {
        let port = address.port();
        let any = [
            address,
            SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), port),
            SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), port),
        ];
        any.iter().any(|one| self.listeners.contains(one))
    }
}
