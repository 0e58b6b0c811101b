//! The sentence of an exchange of datagrams.
//!
//! Nothing is acknowledged and nobody says that he has ended, so there is much that it cannot say. What it claims is what calls and
//! ICMP have told.

use crate::sentence::bytes;
use crate::{Datagrams, Report, Transport};
use adieu_proto::{Ending, Timer};

impl Report {
    /// The sentence of an exchange of datagrams: how it ended, if there is something to say of that, and the numbers.
    pub(crate) fn sentence_of(&self, datagrams: &Datagrams) -> String {
        let (during, error) = (self.during(), self.error_text());
        let how = match self.ending {
            Ending::Connectionless => None,
            Ending::NoConnection => Some(format!("no peer at {}: {error}", self.endpoint)),
            Ending::Truncated if datagrams.refused > 0 => {
                Some(format!("truncated, the peer was there and is gone while {during}: {error}"))
            }
            Ending::Truncated => Some("truncated, what had arrived was not read in time".to_owned()),
            Ending::TimedOut { timer: Timer::Idle } => {
                Some(format!("timed out while {during}, the peer was silent for the whole idle timeout"))
            }
            _ => Some(self.what_ended()),
        };
        how.map_or_else(String::new, |how| format!("{how}: ")) + &self.numbers_of(datagrams)
    }

    fn numbers_of(&self, datagrams: &Datagrams) -> String {
        let mut text = match datagrams.sent {
            0 => "nothing sent".to_owned(),
            sent => format!("{} ({}) sent", counted(sent), bytes(self.bytes_accepted)),
        };
        text += &match (datagrams.refused, datagrams.sent) {
            (0, 0) => String::new(),
            (0, _) => ", none refused".to_owned(),
            (refused, _) => format!(", {refused} refused"),
        };
        if self.bytes_read > self.bytes_accepted {
            text += &format!(", {} more read and not sent", self.bytes_read - self.bytes_accepted);
        }
        if datagrams.received > 0 || datagrams.sent == 0 {
            text += &match datagrams.received {
                0 => ", nothing received".to_owned(),
                received => format!(", {} ({}) received", counted(received), bytes(self.bytes_received)),
            };
        }
        if self.bytes_discarded > 0 {
            text += &format!(" ({} of them discarded)", self.bytes_discarded);
        } else if self.bytes_written != self.bytes_received {
            text += &format!(" ({} of them written)", self.bytes_written);
        }
        if datagrams.ignored > 0 {
            text += &format!(", {} of others left aside", datagrams.ignored);
        }
        if let Some(dropped @ 1..) = datagrams.dropped {
            text += &format!(", {dropped} dropped by our system");
        }
        if self.ending == Ending::Connectionless && datagrams.sent > 0 {
            let which = if datagrams.received > 0 { "those sent" } else { "they" };
            text += &match self.transport {
                Some(Transport::UnixDatagram) => format!("; whether {which} were read is not told"),
                _ => format!("; UDP does not tell whether {which} arrived"),
            };
        }
        text
    }
}

fn counted(datagrams: u64) -> String {
    if datagrams == 1 { "1 datagram".to_owned() } else { format!("{datagrams} datagrams") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, SystemError};
    use adieu_proto::Phase;
    use std::time::{Duration, SystemTime};

    fn report(ending: Ending, datagrams: Datagrams) -> Report {
        let mut report = Report::of_datagrams(
            Role::Connect,
            Some(Transport::Udp),
            "udp://127.0.0.1:9".into(),
            SystemTime::UNIX_EPOCH,
            (ending, Phase::Draining),
            datagrams,
            Duration::from_millis(1),
        );
        report.bytes_read = 42;
        report.bytes_accepted = 42;
        report.error =
            Some(SystemError::new(Some(111), Some("ECONNREFUSED"), "connection refused (ECONNREFUSED 111)"));
        report
    }

    #[test]
    fn a_sentence_claims_what_was_told_and_no_more() {
        let sent = Datagrams { sent: 3, ..Datagrams::default() };
        let none = Datagrams { dropped: Some(0), ..Datagrams::default() };
        let both = Datagrams { sent: 1, received: 2, ignored: 1, ..Datagrams::default() };
        let refused = Datagrams { sent: 1, refused: 1, ..Datagrams::default() };
        let gone = Datagrams { received: 1, ..refused };
        let dropped = Datagrams { received: 1, dropped: Some(7), ..Datagrams::default() };
        for (ending, datagrams, received, code, says) in [
            (
                Ending::Connectionless,
                sent,
                0,
                0,
                "3 datagrams (42 bytes) sent, none refused; UDP does not tell whether they arrived",
            ),
            (Ending::Connectionless, none, 0, 0, "nothing sent, nothing received"),
            (
                Ending::Connectionless,
                both,
                5,
                0,
                "1 datagram (42 bytes) sent, none refused, 2 datagrams (5 bytes) received, 1 of others left aside; \
              UDP does not tell whether those sent arrived",
            ),
            (
                Ending::NoConnection,
                refused,
                0,
                3,
                "no peer at udp://127.0.0.1:9: connection refused (ECONNREFUSED 111): 1 datagram (42 bytes) sent, 1 refused",
            ),
            (
                Ending::Truncated,
                gone,
                1,
                6,
                "truncated, the peer was there and is gone while draining: connection refused (ECONNREFUSED 111): \
              1 datagram (42 bytes) sent, 1 refused, 1 datagram (1 byte) received",
            ),
            (
                Ending::Truncated,
                dropped,
                1,
                6,
                "truncated, what had arrived was not read in time: nothing sent, 1 datagram (1 byte) received, \
              7 dropped by our system",
            ),
            (
                Ending::TimedOut { timer: Timer::Deadline },
                sent,
                0,
                5,
                "the deadline passed while draining: 3 datagrams (42 bytes) sent, none refused",
            ),
        ] {
            let mut report = report(ending, datagrams);
            (report.bytes_received, report.bytes_written) = (received, received);
            if datagrams.sent == 0 {
                (report.bytes_read, report.bytes_accepted) = (0, 0);
            }
            assert_eq!((report.to_string().as_str(), report.exit_code()), (says, code));
            assert_eq!(report.is_good(), code == 0);
        }
    }

    #[test]
    fn of_a_unix_socket_it_is_not_said_that_something_was_lost_on_the_way() {
        let mut report = report(Ending::Connectionless, Datagrams { sent: 1, ..Datagrams::default() });
        report.transport = Some(Transport::UnixDatagram);
        assert_eq!(
            report.to_string(),
            "1 datagram (42 bytes) sent, none refused; whether they were read is not told"
        );
    }
}
