//! What is going to be done with datagrams.

use crate::options::access::Access;
use crate::options::durations::Grace;
use crate::options::exchange as options;
use crate::options::reporting::Reports;
use crate::options::timers::Silence;
use adieu::datagram::Exchange;
use adieu::{ConnectOptions, Endpoint, ListenOptions};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) side: Side,
    /// When it ends.
    pub(crate) terms: Exchange,
    /// What is done with the bytes on their way.
    pub(crate) exchange: options::Exchange,
    pub(crate) reports: Reports,
}

/// What a command is going to do that takes both: with streams, or with datagrams.
pub(crate) enum Planned<S> {
    Streams(S),
    Datagrams(Box<Plan>),
}

/// Which side we are. Of the options, all but the interrupt and the observer, which exist only while it runs.
pub(crate) enum Side {
    Connect(ConnectOptions),
    Listen(Listening),
}

pub(crate) struct Listening {
    pub(crate) options: ListenOptions,
    pub(crate) work: Work,
    /// Whoever sends something is served, until a signal comes.
    pub(crate) keep_open: bool,
    /// How long the first peer is waited for.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) port_file: Option<PathBuf>,
    pub(crate) access: Access,
    /// The endpoint is every address of this machine.
    pub(crate) is_everywhere: bool,
}

/// What is done with what comes.
pub(crate) enum Work {
    /// It goes to standard output, and standard input back.
    Standard,
    /// It goes to a file, emptied by the first byte, and standard input back.
    File(PathBuf),
    /// It goes back.
    Echo,
}

/// When an exchange ends, by what was written or else by default.
pub(crate) fn terms(written: &Silence, default: Option<Duration>) -> Exchange {
    Exchange::new().silence(written.silence.map_or(default, Grace::limit))
}
