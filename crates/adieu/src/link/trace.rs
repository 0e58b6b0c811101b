//! A connection's span in `tracing`, and its steps as events in it.
//!
//! What is told is what an observer is told, so the two cannot differ. Without the feature `tracing` there is an empty twin,
//! which costs nothing.

use crate::{Event, Role};
use adieu_proto::Time;

#[cfg(not(feature = "tracing"))]
pub(super) use none::Trace;
#[cfg(feature = "tracing")]
pub(super) use with_tracing::Trace;

#[cfg(not(feature = "tracing"))]
mod none {
    use super::{Event, Role, Time};

    /// Nobody is told.
    #[derive(Default)]
    pub(in crate::link) struct Trace;

    #[expect(clippy::unused_self, reason = "the twin of one that uses it")]
    impl Trace {
        #[inline]
        pub(in crate::link) fn begin(_: u64, _: Option<Role>, _: &str) -> Self {
            Self
        }

        #[inline]
        pub(in crate::link) fn is_watched(&self) -> bool {
            false
        }

        #[inline]
        pub(in crate::link) fn tell(&self, _: Time, _: &Event<'_>) {}
    }
}

#[cfg(feature = "tracing")]
mod with_tracing {
    use super::{Event, Role, Time};
    use crate::{Address, Report};
    use adieu_proto::Fault;
    use tracing::field::{Empty, display};
    use tracing::{Level, Span};

    /// One connection's span.
    pub(in crate::link) struct Trace(Span);

    /// An event in a connection's span, with the microseconds since the connection began.
    macro_rules! told {
        ($span:expr, $level:ident, $at:expr, $message:literal $(, $($field:tt)*)?) => {
            tracing::event!(
                target: "adieu", parent: $span, Level::$level,
                elapsed_us = micros($at), $($($field)*,)? $message
            )
        };
    }

    fn micros(time: Time) -> u64 {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }

    /// Nobody is told.
    impl Default for Trace {
        fn default() -> Self {
            Self(Span::none())
        }
    }

    impl Trace {
        /// The span begins within whatever span the caller is in. Its level is the highest, so that an ending is never told
        /// without it.
        pub(in crate::link) fn begin(id: u64, role: Option<Role>, endpoint: &str) -> Self {
            let role = role.map(Role::name);
            Self(tracing::error_span!(
                target: "adieu", "connection",
                id, role, endpoint, local = Empty, peer = Empty
            ))
        }

        pub(in crate::link) fn is_watched(&self) -> bool {
            !self.0.is_disabled()
        }

        pub(in crate::link) fn tell(&self, at: Time, event: &Event<'_>) {
            let span = &self.0;
            if span.is_disabled() {
                return;
            }
            match event {
                Event::Startup { call } => told!(span, DEBUG, at, "network started", call),
                Event::Resolved { addresses } => told!(span, DEBUG, at, "resolved", ?addresses),
                Event::Connecting { address } => told!(span, DEBUG, at, "connecting", %address),
                Event::AttemptFailed { address, error } => {
                    told!(span, DEBUG, at, "attempt failed", %address, %error);
                }
                Event::AskingProxy { proxy, target } => {
                    told!(span, DEBUG, at, "asking the proxy", proxy, target);
                }
                Event::Connected { local, peer } => self.connected(at, *local, *peer),
                Event::FastOpen { outcome } => {
                    told!(span, DEBUG, at, "TCP Fast Open", outcome = outcome.name());
                }
                Event::Secured { version, suite } => {
                    let version = version.map(crate::tls::Version::name);
                    told!(span, DEBUG, at, "TLS handshake done", version, suite);
                }
                Event::CloseNotify { by } => told!(span, DEBUG, at, "close_notify", by = by.name()),
                Event::TlsFailed { alert, error } => {
                    let alert = alert.map(display);
                    told!(span, DEBUG, at, "TLS failed", alert, error);
                }
                Event::Sent { bytes } => told!(span, TRACE, at, "sent", bytes),
                Event::Received { bytes } => told!(span, TRACE, at, "received", bytes),
                Event::ShutdownSend { fault: None } => told!(span, DEBUG, at, "sending side shut down"),
                Event::ShutdownSend { fault: Some(fault) } | Event::Fault { fault } => self.fault(at, *fault),
                Event::Eof => told!(span, DEBUG, at, "end of the peer's stream"),
                Event::LocalFailure { end } => told!(span, DEBUG, at, "our end failed", end = end.name()),
                Event::StillWaiting { waited, for_acknowledgement } => {
                    let waited_us = micros(*waited);
                    told!(span, DEBUG, at, "still waiting for the peer", waited_us, for_acknowledgement);
                }
                Event::Closed { aborted, report } => self.closed(at, *aborted, report),
                Event::Cleanup { call } => told!(span, DEBUG, at, "network given back", call),
            }
        }

        fn connected(&self, at: Time, local: Option<&Address>, peer: Option<&Address>) {
            if let Some(local) = local {
                self.0.record("local", display(local));
            }
            if let Some(peer) = peer {
                self.0.record("peer", display(peer));
            }
            told!(&self.0, DEBUG, at, "connected");
        }

        fn fault(&self, at: Time, fault: Fault) {
            let Fault { call, kind, code } = fault;
            told!(&self.0, DEBUG, at, "fault", call = call.name(), ?kind, code);
        }

        /// An ending that is not graceful is a warning.
        fn closed(&self, at: Time, aborted: bool, report: &Report) {
            macro_rules! ended {
                ($level:ident) => {
                    tracing::event!(
                        target: "adieu", parent: &self.0, Level::$level,
                        ending = report.ending().name(),
                        phase = report.phase.name(),
                        timer = report.timer().map(|timer| timer.name()),
                        reset_by = report.reset_by().map(|side| side.name()),
                        error = report.error_name(),
                        aborted,
                        bytes_accepted = report.bytes_accepted,
                        bytes_acknowledged = report.bytes_acknowledged,
                        bytes_received = report.bytes_received,
                        elapsed_us = micros(at),
                        "{report}"
                    )
                };
            }
            if report.is_graceful() {
                ended!(INFO);
            } else {
                ended!(WARN);
            }
        }
    }
}
