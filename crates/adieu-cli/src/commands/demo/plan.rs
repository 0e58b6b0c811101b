//! What the server of the demo does wrong, and what bounds its client.

use super::arguments::{Args, Fault};
use adieu::Options;
use std::time::Duration;

/// A server that stalls is given up after this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Plan {
    pub(super) fault: Option<Fault>,
    /// The client's.
    pub(super) options: Options,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Self {
        Self { fault: args.fault, options: Options::new().idle_timeout(IDLE_TIMEOUT).expect_end_mark() }
    }
}
