//! What the two ends of an exchange have in common on every system; how they are read and written is each system's own.

use super::ends::{Input, Output, Sink};
use std::time::{Duration, Instant};
use std::{fs::File, io};

/// Once the peer has ended too, how long the status of a command may take after the end of its output.
const STATUS: Duration = Duration::from_secs(10);

/// As long as the peer has not ended: the command may only have closed its output, and wait for the peer, and the peer
/// for our end.
const STATUS_WHILE_OPEN: Duration = Duration::from_secs(1);

/// What says, once an input has ended, whether it was whole.
pub(crate) struct EndCheck {
    /// Asks. `None`: it is not known yet.
    pub(crate) ask: Box<dyn FnMut() -> Option<io::Result<()>> + Send>,
    /// Since when it is asked: the input has ended.
    pub(crate) since: Option<Instant>,
    /// It has answered, or was asked for long enough, and then the input counts as whole.
    pub(crate) is_over: bool,
}

impl EndCheck {
    /// How an input ends that has this check: like reading it, so that `WouldBlock` says that it is not known yet.
    pub(crate) fn end(&mut self) -> io::Result<usize> {
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
    pub(crate) fn left(&mut self, peer_has_ended: bool) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let limit = if peer_has_ended { STATUS } else { STATUS_WHILE_OPEN };
        let left = limit.saturating_sub(self.since?.elapsed());
        self.is_over |= left.is_zero();
        Some(left)
    }
}

impl Input {
    /// Nothing to send.
    pub fn empty() -> Self {
        Self::from_bytes(Vec::new())
    }
}

impl Output {
    pub(super) fn to(sink: Sink) -> Self {
        Self { sink, may_refuse: false, on_cut: None, settled: false, closes_standard: None, empties: false }
    }

    /// Throws everything away.
    pub fn null() -> Self {
        Self::to(Sink::Null)
    }

    /// The reader may close before the end: the rest is then thrown away, and counted as that, instead of being a
    /// failure. For a command that does not read all its input.
    #[must_use]
    pub fn may_refuse(mut self) -> Self {
        self.may_refuse = true;
        self
    }

    /// A regular file is emptied when the first byte has come, and not before: whoever connects and sends nothing leaves what
    /// it had.
    #[must_use]
    pub fn empties_at_first_byte(mut self) -> Self {
        self.empties = true;
        self
    }

    /// The first byte has come.
    pub fn begin(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.empties) { self.empty() } else { Ok(()) }
    }

    /// Calls `f` before the descriptor or handle is closed although the peer has not ended its side: its reader would
    /// take the EOF that follows for the end of a whole stream, so this is the moment to stop it.
    #[must_use]
    pub fn on_cut(mut self, f: impl FnOnce() + Send + 'static) -> Self {
        self.on_cut = Some(Box::new(f));
        self
    }
}

/// Whether standard output is closed after a peer's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closes {
    /// Always.
    Always,
    /// If a byte has passed in either direction; otherwise another peer may be served there.
    AfterAByte,
}

impl Output {
    /// If it is standard output: closes it after the peer's end, so that whoever reads it sees that end while our input is
    /// still open. /dev/null (`NUL`) is put in its place. For the program whose standard output this is, once it has nothing
    /// more to write there.
    #[must_use]
    pub fn closes_standard(mut self, when: Closes) -> Self {
        self.closes_standard = Some(when);
        self
    }

    pub(crate) fn is_to_be_let_go(&self, a_byte_has_passed: bool) -> bool {
        self.settled
            && match self.closes_standard {
                Some(Closes::Always) => true,
                Some(Closes::AfterAByte) => a_byte_has_passed,
                None => false,
            }
    }

    /// Whether it has ended, or was cut: nothing more is to be done with it.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The stream that it takes was cut. Its reader is stopped, and a socket is reset and not ended.
    pub fn cut(&mut self) {
        if self.settled {
            return;
        }
        self.settled = true;
        if let Some(on_cut) = self.on_cut.take() {
            on_cut();
        }
        self.reset_on_close();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.cut();
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl TryFrom<File> for Input {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}

impl TryFrom<File> for Output {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}
