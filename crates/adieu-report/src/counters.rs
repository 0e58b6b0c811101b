//! Reports added up: what a service's log, its metrics and a load generator need of many connections.

use crate::Report;
use adieu_proto::{Ending, LocalEnd, Missing, Side, Signal, Timer};
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// How many connections ended how, what they carried, and how long they took.
///
/// Adding is the same in any order, so every thread can count for itself and add its counters to the sum at the end.
///
/// # Examples
///
/// ```
/// use adieu_report::Counters;
///
/// fn sum(of_threads: &[Counters]) -> Counters {
///     let mut all = Counters::default();
///     for counters in of_threads {
///         all += *counters;
///     }
///     all
/// }
/// assert_eq!(sum(&[]).connections(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Those that ended gracefully.
    pub graceful: u64,
    /// Exchanges of datagrams of which nothing was refused.
    pub connectionless: u64,
    /// Those that an RST ended.
    pub reset: u64,
    /// Those that a timer ended.
    pub timed_out: u64,
    /// Those whose stream stopped before its end mark.
    pub truncated: u64,
    /// Those that our own input, output, command or system ended.
    pub local_failure: u64,
    /// Those that a signal ended.
    pub interrupted: u64,
    /// Those for which a fact is missing.
    pub indeterminate: u64,
    /// Those that there never were.
    pub no_connection: u64,
    /// Those that were connected, whatever became of them. The durations are theirs.
    pub connected: u64,
    /// Bytes our kernel accepted for sending.
    pub bytes_accepted: u64,
    /// Bytes the peers' TCP acknowledged, as far as that could be told.
    pub bytes_acknowledged: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Segments sent again, as far as that could be told.
    pub retransmitted_segments: u64,
    /// From the start to the connection, TLS's handshake included.
    pub connecting: Durations,
    /// From the connection to the first byte received, of those that received one.
    pub first_byte: Durations,
    /// From the start to the close.
    pub whole: Durations,
}

/// Durations added up: enough for an average, and for the extremes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Durations {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// The shortest. `None`: there is none.
    pub shortest: Option<Duration>,
    /// The longest. `None`: there is none.
    pub longest: Option<Duration>,
}

impl Durations {
    /// The average. `None`: there is none.
    pub fn average(&self) -> Option<Duration> {
        let nanos = self.sum.as_nanos().checked_div(u128::from(self.count))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }
}

impl AddAssign<Duration> for Durations {
    fn add_assign(&mut self, time: Duration) {
        *self += Self { count: 1, sum: time, shortest: Some(time), longest: Some(time) };
    }
}

impl AddAssign for Durations {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.shortest = [self.shortest, other.shortest].into_iter().flatten().min();
        self.longest = self.longest.max(other.longest);
    }
}

impl Counters {
    /// All of them, those too that there never were.
    pub fn connections(&self) -> u64 {
        self.by_ending().iter().map(|(_, count)| count).sum()
    }

    /// The endings' names with their counts, in the order of the exit statuses.
    pub fn by_ending(&self) -> [(&'static str, u64); 9] {
        // One of each, for its name.
        [
            (Ending::Graceful, self.graceful),
            (Ending::Connectionless, self.connectionless),
            (Ending::NoConnection, self.no_connection),
            (Ending::Reset { by: Side::Peer }, self.reset),
            (Ending::TimedOut { timer: Timer::Idle }, self.timed_out),
            (Ending::Truncated, self.truncated),
            (Ending::LocalFailure { end: LocalEnd::Input }, self.local_failure),
            (Ending::Indeterminate { missing: Missing::Cause }, self.indeterminate),
            (Ending::Interrupted { signal: Signal::Interrupt }, self.interrupted),
        ]
        .map(|(ending, count)| (ending.name(), count))
    }
}

impl AddAssign<&Report> for Counters {
    fn add_assign(&mut self, report: &Report) {
        *match report.ending() {
            Ending::Graceful => &mut self.graceful,
            Ending::Connectionless => &mut self.connectionless,
            Ending::Reset { .. } => &mut self.reset,
            Ending::TimedOut { .. } => &mut self.timed_out,
            Ending::Truncated => &mut self.truncated,
            Ending::LocalFailure { .. } => &mut self.local_failure,
            Ending::Interrupted { .. } => &mut self.interrupted,
            Ending::NoConnection => &mut self.no_connection,
            // As the exit status has it: an ending that is not known here lacks a fact.
            _ => &mut self.indeterminate,
        } += 1;
        self.bytes_accepted += report.bytes_accepted;
        self.bytes_acknowledged += report.bytes_acknowledged.unwrap_or(0);
        self.bytes_received += report.bytes_received;
        self.retransmitted_segments += report.retransmitted_segments.unwrap_or(0);
        let Some(connected) = report.connected_after else { return };
        self.connected += 1;
        self.connecting += connected;
        if let Some(first) = report.first_received_after {
            self.first_byte += first.saturating_sub(connected);
        }
        self.whole += report.closed_after.unwrap_or(report.ended_after);
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        // Taken apart, so that a counter that is added cannot be forgotten here.
        let Self {
            graceful,
            connectionless,
            reset,
            timed_out,
            truncated,
            local_failure,
            interrupted,
            indeterminate,
            no_connection,
            connected,
            bytes_accepted,
            bytes_acknowledged,
            bytes_received,
            retransmitted_segments,
            connecting,
            first_byte,
            whole,
        } = other;
        self.graceful += graceful;
        self.connectionless += connectionless;
        self.reset += reset;
        self.timed_out += timed_out;
        self.truncated += truncated;
        self.local_failure += local_failure;
        self.interrupted += interrupted;
        self.indeterminate += indeterminate;
        self.no_connection += no_connection;
        self.connected += connected;
        self.bytes_accepted += bytes_accepted;
        self.bytes_acknowledged += bytes_acknowledged;
        self.bytes_received += bytes_received;
        self.retransmitted_segments += retransmitted_segments;
        self.connecting += connecting;
        self.first_byte += first_byte;
        self.whole += whole;
    }
}

/// One line: how many, and how many of each ending that there was.
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connections {}", self.connections())?;
        for (name, count) in self.by_ending().into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {name} {count}")?;
        }
        write!(f, "; bytes accepted {}, received {}", self.bytes_accepted, self.bytes_received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use crate::report::tests::made;

    fn report(ending: Ending, connected: Option<u64>, closed: u64) -> Report {
        let mut report = made(Role::Connect);
        report.ending = ending;
        report.connected_after = connected.map(Duration::from_millis);
        report.first_received_after = connected.map(|at| Duration::from_millis(at + 2));
        report.closed_after = Some(Duration::from_millis(closed));
        (report.bytes_accepted, report.bytes_received) = (10, 20);
        report.bytes_acknowledged = Some(9);
        report
    }

    #[test]
    fn reports_add_up_in_any_order() {
        let reports = [
            report(Ending::Graceful, Some(1), 10),
            report(Ending::Reset { by: Side::Peer }, Some(3), 20),
            report(Ending::NoConnection, None, 5),
        ];
        let mut all = Counters::default();
        for report in &reports {
            all += report;
        }
        let mut of_halves = Counters::default();
        for report in reports.iter().rev() {
            let mut half = Counters::default();
            half += report;
            of_halves += half;
        }
        assert_eq!(all, of_halves);
        assert_eq!(
            (all.connections(), all.connected, all.graceful, all.reset, all.no_connection),
            (3, 2, 1, 1, 1)
        );
        assert_eq!((all.bytes_accepted, all.bytes_acknowledged, all.bytes_received), (30, 27, 60));
        // Of one that there never was, no duration counts.
        assert_eq!(all.whole.longest, Some(Duration::from_millis(20)));
        assert_eq!(all.whole.shortest, Some(Duration::from_millis(10)));
        assert_eq!(all.connecting.average(), Some(Duration::from_millis(2)));
        assert_eq!(all.first_byte.average(), Some(Duration::from_millis(2)));
        assert_eq!(Counters::default().whole.average(), None);
        let line = "connections 3, graceful 1, no_connection 1, reset 1; bytes accepted 30, received 60";
        assert_eq!(all.to_string(), line);
    }

    #[test]
    fn every_ending_has_its_counter() {
        for ending in [
            Ending::Graceful,
            Ending::Connectionless,
            Ending::NoConnection,
            Ending::Reset { by: Side::Us },
            Ending::TimedOut { timer: Timer::Deadline },
            Ending::Truncated,
            Ending::LocalFailure { end: LocalEnd::Socket },
            Ending::Indeterminate { missing: Missing::PeerEof },
            Ending::Interrupted { signal: Signal::Hangup },
        ] {
            let mut counters = Counters::default();
            counters += &report(ending, None, 0);
            assert!(counters.by_ending().contains(&(ending.name(), 1)), "{ending:?}");
            assert_eq!(counters.connections(), 1);
        }
    }
}
