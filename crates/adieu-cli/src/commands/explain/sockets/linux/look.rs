//! One look at the machine: the kernel's list of sockets, and who holds those that hang.

use crate::commands::explain::filter::Filter;
use adieu_explain::live::{Dump, DumpError, Family, Finding, Holder, Owner, State, Survey, request};
use adieu_os::{ProcessScan, SocketDiag};
use std::collections::BTreeMap;
use std::io;

/// What was seen.
pub(super) struct Look {
    pub(super) survey: Survey,
    pub(super) scan: ProcessScan,
    /// Sockets came and went while the kernel told them.
    pub(super) is_torn: bool,
}

/// Who holds sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// The process with this number; of several, the lowest.
    Process(u32),
    /// A program that listens and has not accepted.
    NotAccepted,
    /// No process that could be looked at, for a user.
    Unknown(u32),
    /// Nobody.
    Nobody,
}

/// A process that holds sockets that hang.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) open: u64,
    pub(super) limit: Option<u64>,
}

impl Look {
    pub(super) fn new() -> io::Result<Self> {
        // Both are slow where there are very many sockets, and neither waits for the other, unless no thread can be started.
        let (listed, scanned) = std::thread::scope(|scope| {
            match std::thread::Builder::new().spawn_scoped(scope, adieu_os::socket_holders) {
                Ok(scanning) => {
                    (list(), scanning.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                }
                Err(_) => (list(), adieu_os::socket_holders()),
            }
        });
        let (mut survey, is_torn) = listed?;
        let scan = scanned?;
        for held in &scan.held {
            survey.add_holder(held.inode, Holder { pid: held.pid, descriptor: held.descriptor });
        }
        Ok(Self { survey, scan, is_torn })
    }

    /// The sockets that hang and are wanted, by who holds them; the ones that have hung for longest first.
    pub(super) fn groups(&self, filter: &Filter) -> BTreeMap<Group, Vec<&Finding>> {
        let mut groups: BTreeMap<Group, Vec<&Finding>> = BTreeMap::new();
        let wanted = |finding: &&Finding| filter.wants_addresses(finding.local, finding.peer);
        for finding in self.survey.findings().iter().filter(wanted) {
            groups.entry(self.group(finding)).or_default().push(finding);
        }
        for findings in groups.values_mut() {
            findings
                .sort_by_key(|finding| std::cmp::Reverse(finding.at_least.or(finding.last_acknowledgement)));
        }
        groups
    }

    fn group(&self, finding: &Finding) -> Group {
        match self.survey.owner(finding) {
            Owner::NotAccepted => Group::NotAccepted,
            Owner::Nobody => Group::Nobody,
            Owner::Process | Owner::Unknown => match self.survey.holders(finding).first() {
                Some(holder) => Group::Process(holder.pid),
                None => Group::Unknown(finding.uid),
            },
        }
    }

    pub(super) fn program(&self, pid: u32) -> Program {
        Program {
            pid,
            name: adieu_os::process_name(pid).unwrap_or_else(|| "?".to_owned()).escape_debug().to_string(),
            open: self.scan.open_of(pid),
            limit: adieu_os::descriptor_limit_of(pid),
        }
    }
}

/// The kernel's list, and whether it changed meanwhile.
fn list() -> io::Result<(Survey, bool)> {
    let mut survey = Survey::new();
    let mut is_torn = false;
    let mut diag = SocketDiag::new()?;
    for family in [Family::V4, Family::V6] {
        diag.send(&request(family))?;
        let mut dump = Dump::default();
        while !dump.is_done() {
            let datagram = diag.receive()?;
            match dump.take(datagram, &mut |socket| survey.add(&socket)) {
                Ok(()) => {}
                // A kernel without IPv6.
                Err(DumpError::Refused(NO_SUCH_FAMILY)) if family == Family::V6 => {}
                Err(DumpError::Refused(code)) => return Err(io::Error::from_raw_os_error(code)),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        is_torn |= dump.was_interrupted() || dump.malformed() > 0;
    }
    Ok((survey, is_torn))
}

/// `ENOENT`: what sock_diag answers for a family that it does not have.
const NO_SUCH_FAMILY: i32 = 2;

/// How many sockets are in each state. What stalls is counted by that, and not by its state.
pub(super) fn counts(findings: &[&Finding]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(kind(finding)).or_default() += 1;
    }
    counts
}

/// What a socket is counted as.
pub(super) fn kind(finding: &Finding) -> &'static str {
    match finding.state {
        State::Established | State::FinWait1 => "stalled",
        state => state.name(),
    }
}
