//! The options of a relay beside those of its two connections.

use super::RelayProgress;
use super::faults::Faults;
use crate::flow::HOLD;
use std::sync::Arc;
use std::time::Duration;

/// The smallest [`RelayOptions::buffer_limit`], in bytes: a page.
const LEAST_BUFFER: usize = 4096;

/// What a relay is asked for beside the options of its two connections, which go on counting: their deadlines, their
/// interrupts, their [`DataPath`](crate::DataPath).
///
/// # Examples
///
/// ```
/// use adieu::RelayOptions;
/// use std::time::Duration;
///
/// let options = RelayOptions::new().buffer_limit(64 * 1024).idle_timeout(Duration::from_secs(300));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RelayOptions {
    pub(super) buffer_limit: usize,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) flush_timeout: Duration,
    pub(super) progress: Option<Arc<RelayProgress>>,
    pub(super) faults: Option<Box<Faults>>,
}

impl RelayOptions {
    /// The defaults.
    pub fn new() -> Self {
        let flush_timeout = adieu_proto::Config::FLUSH_TIMEOUT;
        Self { buffer_limit: HOLD, idle_timeout: None, flush_timeout, progress: None, faults: None }
    }

    /// Bounds how many bytes of each direction are held between the two connections: in memory of this process, where at most
    /// 256 KiB are of use, or in a pipe of the kernel's (Linux, from 64 KiB that were passed on). At least 4096. Not counted are
    /// the buffers of the two sockets ([`SocketOptions`](crate::SocketOptions)), nor up to 256 KiB of each TLS session.
    /// Default: 1 MiB.
    ///
    /// Nothing is held for a direction that has not begun.
    ///
    /// # Platforms
    ///
    /// Linux has a limit for the pipes of a user (`/proc/sys/fs/pipe-user-pages-soft`, 64 MiB): a relay beyond it goes
    /// through memory.
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.buffer_limit = bytes.max(LEAST_BUFFER);
        self
    }

    /// Ends the relay when a peer sent nothing, took nothing and acknowledged nothing for this long while it was that peer's turn:
    /// when both are silent, and when one takes nothing of what the other sends. A peer that has half-closed its side is
    /// not waited for. It replaces [`Limits::idle_timeout`](crate::Limits::idle_timeout) of both connections. `None`: each keeps
    /// its own. Default: none.
    ///
    /// In a relay no silence is ours, so [`Limits::input_silence`](crate::Limits::input_silence) has no meaning here; nor is one
    /// an end, so [`Limits::input_grace`](crate::Limits::input_grace) of a connection means what
    /// [`Limits::give_up_input_after`](crate::Limits::give_up_input_after) does: a bound on being half-closed.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Bounds how long a cut is kept back while what came before it is delivered to the other side: if the peer there
    /// acknowledges nothing for this long, it is reset. Default: 10 s.
    ///
    /// A slow peer may take as long as it likes, as long as it takes something.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// Writes what is passed on into `progress`, for whoever asks while the relay runs. Each relay needs one of its own.
    pub fn progress(mut self, progress: impl Into<Option<Arc<RelayProgress>>>) -> Self {
        self.progress = progress.into();
        self
    }

    /// What is to go wrong on purpose, for the test of a program that talks through this relay. Then bytes go through memory, and
    /// the reports say what truly became of the two connections; [`Faults::observer`] is called for each fault that came. Default:
    /// nothing.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults).filter(|faults| !faults.is_empty()).map(Box::new);
        self
    }
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self::new()
    }
}
