//! When a peer sent what it sent, for `-q`: is the silence at the end an end, or one more pause?
//!
//! The time of `-q` ends a connection whose peer has not ended. No fact says whether such a peer has more to send. Two facts say
//! that it may have: it has paused as long before and gone on, or the silence is shorter than one round trip, so that what it sends
//! in answer to our last acknowledgement cannot be here yet.

use adieu::Event;
use std::time::Duration;

/// The pauses of one peer since the end of our stdin. Before that, a pause may be ours: the peer waited for us.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    /// Since the connection began.
    last_received: Option<Duration>,
    longest_pause: Duration,
}

impl Rhythm {
    /// Takes a step of the connection, with its time since the connection began.
    pub(super) fn observe(&mut self, at: Duration, event: &Event<'_>) {
        match event {
            Event::ShutdownSend { .. } => *self = Self::default(),
            Event::Received { bytes: 1.. } => {
                if let Some(before) = self.last_received.replace(at) {
                    self.longest_pause = self.longest_pause.max(at.saturating_sub(before));
                }
            }
            _ => {}
        }
    }

    /// Why the silence at the end may be no end of the peer's answer. `None`: nothing says so.
    pub(super) fn doubt(&self, ended: Duration, round_trip: Option<Duration>) -> Option<Doubt> {
        let silence = ended.saturating_sub(self.last_received?);
        if silence <= self.longest_pause {
            Some(Doubt::Pauses { silence, longest: self.longest_pause })
        } else {
            round_trip.filter(|round_trip| silence < *round_trip).map(|_| Doubt::RoundTrip)
        }
    }
}

/// Why a silence may be no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The peer was silent for at least as long before, and went on.
    Pauses { silence: Duration, longest: Duration },
    /// It was shorter than a round trip: what answers our last acknowledgement cannot be here.
    RoundTrip,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rhythm(received: &[u64]) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for at in received {
            rhythm.observe(ms(*at), &Event::Received { bytes: 1 });
        }
        rhythm
    }

    #[test]
    fn a_silence_that_was_met_before_is_no_end() {
        let pauses = |silence, longest| Some(Doubt::Pauses { silence: ms(silence), longest: ms(longest) });
        for (received, ended, round_trip, doubt) in [
            (&[][..], 1000, None, None),
            // One answer, and then nothing.
            (&[10], 1000, None, None),
            (&[990], 1000, None, None),
            // It cannot have gone on yet.
            (&[990], 1000, Some(20), Some(Doubt::RoundTrip)),
            (&[10, 12, 15], 1000, Some(20), None),
            // Every 400 ms.
            (&[10, 410, 810], 1000, None, pauses(190, 400)),
            (&[10, 410, 420], 1000, None, None),
        ] {
            let found = rhythm(received).doubt(ms(ended), round_trip.map(ms));
            assert_eq!(found, doubt, "{received:?} {ended} {round_trip:?}");
        }
    }

    #[test]
    fn pauses_before_our_end_may_be_ours() {
        let mut rhythm = rhythm(&[10, 5000]);
        rhythm.observe(ms(5001), &Event::ShutdownSend { fault: None });
        assert_eq!(rhythm.doubt(ms(6000), Some(ms(1))), None);
        rhythm.observe(ms(5002), &Event::Received { bytes: 0 });
        rhythm.observe(ms(5003), &Event::Received { bytes: 9 });
        assert_eq!(rhythm.doubt(ms(6000), Some(ms(1))), None);
        assert_eq!(rhythm.doubt(ms(5004), Some(ms(2))), Some(Doubt::RoundTrip));
    }
}
