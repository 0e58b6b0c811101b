//! What says, once an input has ended, whether it was whole: a command's exit status, as far as it is known in time.

use std::io;
use std::time::{Duration, Instant};

/// Once the peer has ended too, how long the status of a command may take after the end of its output.
const STATUS: Duration = Duration::from_secs(10);

/// As long as the peer has not ended: the command may only have closed its output, and wait for the peer, and the peer
/// for our end.
const STATUS_WHILE_OPEN: Duration = Duration::from_secs(1);

/// What says, once an input has ended, whether it was whole.
pub(super) struct EndCheck {
    /// Asks. `None`: it is not known yet.
    pub(super) ask: Box<dyn FnMut() -> Option<io::Result<()>> + Send>,
    /// Since when it is asked: the input has ended.
    pub(super) since: Option<Instant>,
    /// It has answered, or was asked for long enough, and then the input counts as whole.
    pub(super) is_over: bool,
}

impl EndCheck {
    /// How an input ends that has this check: like reading it, so that `WouldBlock` says that it is not known yet.
    pub(super) fn end(&mut self) -> io::Result<usize> {
        self.since.get_or_insert_with(Instant::now);
        match (self.ask)() {
            Some(result) => {
                self.is_over = true;
                result.map(|()| 0)
            }
            None if self.is_over => Ok(0),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// How long it may still be asked. `None`: it is not.
    pub(super) fn left(&mut self, peer_has_ended: bool) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let limit = if peer_has_ended { STATUS } else { STATUS_WHILE_OPEN };
        let left = limit.saturating_sub(self.since?.elapsed());
        self.is_over |= left.is_zero();
        Some(left)
    }
}
