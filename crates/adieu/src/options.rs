//! What bounds a connection, who watches it and what may interrupt it.

use crate::{Event, Interrupt};
use std::{fmt, sync::Arc, time::Duration};

/// How an [exchange](crate::exchange()) moves bytes. It changes the speed and nothing else: counts, timers and endings
/// are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DataPath {
    /// The fastest way for the two ends, once there are more than a few bytes.
    #[default]
    Auto,
    /// Reading and writing through a buffer, everywhere.
    Portable,
    /// The fastest way for the two ends from the first byte on.
    Direct,
}

impl DataPath {
    /// From how many bytes on a direct way is taken. `None`: never.
    pub(crate) const fn direct_from(self) -> Option<u64> {
        match self {
            // Setting it up costs a few system calls, which a tiny exchange does not pay for.
            Self::Auto => Some(64 * 1024),
            Self::Portable => None,
            Self::Direct => Some(0),
        }
    }
}

type Observer = Arc<dyn Fn(Duration, &Event<'_>) + Send + Sync>;

/// How a connection is made and bounded. The same for the blocking and the async driver.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let options = adieu::Options::new().idle_timeout(Duration::from_secs(10)).deadline(Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) timers: adieu_proto::Config,
    pub(crate) observer: Option<Observer>,
    pub(crate) interrupt: Option<Interrupt>,
    pub(crate) data_path: DataPath,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
}

impl Options {
    /// The defaults: 30 s to connect, 2 s of input grace, a dead peer noticed within about two minutes, no idle
    /// timeout, no deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds connecting, name resolution included. `None`: as long as the system takes. Default: 30 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.connect_timeout = timeout.into();
        self
    }

    /// Ends the connection when the peer took nothing, sent nothing and acknowledged nothing for this long
    /// while we waited for it. Our own silent input or blocked output does not count. Default: none.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.idle_timeout = timeout.into();
        self
    }

    /// Ends the connection when so much time has passed since connecting began, whatever happens. Default: none.
    #[must_use]
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.timers.deadline = deadline.into();
        self
    }

    /// In an [exchange](crate::exchange()), how long a silent input may hold up the end once the peer has ended
    /// its side. `None`: for ever. Default: 2 s.
    #[must_use]
    pub fn input_grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.timers.input_grace = grace.into();
        self
    }

    /// The stream has an end mark of its own; an EOF before
    /// [`mark_end`](crate::HalfClosed::mark_end) is [`Truncated`](crate::Ending::Truncated).
    #[must_use]
    pub fn expect_end_mark(mut self) -> Self {
        self.timers.end_mark = true;
        self
    }

    /// Calls `observer` with each step and the time since the start, on the thread that makes the step.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(Duration, &Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// How an [exchange](crate::exchange()) moves bytes. Default: [`DataPath::Auto`].
    #[must_use]
    pub fn data_path(mut self, path: DataPath) -> Self {
        self.data_path = path;
        self
    }

    /// Speaks TLS on every connection, as the connecting or the listening side.
    ///
    /// [`connect`](crate::connect()) makes the handshake, within the connect timeout. A [`Listener`](crate::Listener)
    /// does not wait for it: the first call on the connection that it gives makes it, so a slow client holds up nobody
    /// else.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::tls::Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What the core is told.
    pub(crate) fn core_config(&self) -> adieu_proto::Config {
        let config = self.timers.clone();
        #[cfg(feature = "tls")]
        if self.tls.as_ref().is_some_and(|tls| tls.eof == crate::tls::Eof::Require) {
            return adieu_proto::Config { end_mark: true, ..config };
        }
        config
    }

    /// Lets `interrupt` stop the connection in whatever it waits for.
    #[must_use]
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(interrupt.clone());
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("timers", &self.timers).finish_non_exhaustive()
    }
}
