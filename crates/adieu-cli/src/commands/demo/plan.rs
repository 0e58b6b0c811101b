//! What the server of the demo does wrong, and what bounds its client.

use super::arguments::{Args, Fault};
use adieu::{ConnectOptions, Limits};
use std::time::Duration;

/// A server that stalls is given up after this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Plan {
    pub(super) fault: Option<Fault>,
    /// The client's.
    pub(super) options: ConnectOptions,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Self {
        let limits = Limits::new().idle_timeout(IDLE_TIMEOUT);
        Self { fault: args.fault, options: ConnectOptions::new().limits(limits).expect_end_mark() }
    }
}
