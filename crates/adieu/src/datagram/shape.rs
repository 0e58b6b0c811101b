//! What is made of datagrams on their way, and when: the options of an exchange that mean something without a stream.

use crate::exchange::{ExchangeOptions, Way};
use crate::flow::shaping::{Crlf, Pace, rate_limit};
use crate::options::Tap;
use crate::os::RateLimit;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// The options of one exchange, at work.
#[derive(Default)]
pub(super) struct Shape {
    crlf: Option<Crlf>,
    sending: Pace,
    receiving: Option<RateLimit>,
    tap: Option<Tap>,
    discards: bool,
    reads_nothing: bool,
    telnet: bool,
    receive_limit: Option<u64>,
    /// What was read and has not been sent, each a datagram.
    prepared: VecDeque<Vec<u8>>,
}

impl Shape {
    pub(super) fn new(options: ExchangeOptions) -> Self {
        let (sending, receiving) = (Pace::of_input(&options), rate_limit(&options));
        let ExchangeOptions {
            at_input_end: _,
            crlf,
            limit_rate: _,
            line_delay: _,
            telnet,
            tap,
            send_only,
            recv_only,
            receive_limit,
        } = options;
        Self {
            crlf: crlf.then(Crlf::default),
            sending,
            receiving,
            tap,
            discards: send_only,
            reads_nothing: recv_only,
            telnet,
            receive_limit,
            prepared: VecDeque::new(),
        }
    }

    /// Why it cannot be had.
    pub(super) fn refusal(&self) -> Option<io::Error> {
        let text = "telnet is spoken over streams, and not in datagrams";
        self.telnet.then(|| io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    pub(super) const fn reads_nothing(&self) -> bool {
        self.reads_nothing
    }

    pub(super) const fn receive_limit(&self) -> Option<u64> {
        self.receive_limit
    }

    pub(super) const fn discards(&self) -> bool {
        self.discards
    }

    pub(super) fn sending_left(&self) -> Duration {
        self.sending.left()
    }

    pub(super) fn receiving_left(&self) -> Duration {
        self.receiving.as_ref().map_or(Duration::ZERO, RateLimit::left)
    }

    pub(super) fn may_send(&self) -> bool {
        self.sending_left().is_zero()
    }

    pub(super) fn may_receive(&self) -> bool {
        self.receiving_left().is_zero()
    }

    /// How long to wait before more may be done. `None`: it may be done now.
    pub(super) fn pause(&self) -> Option<Duration> {
        [self.sending_left(), self.receiving_left()].into_iter().filter(|left| !left.is_zero()).min()
    }

    pub(super) fn has_prepared(&self) -> bool {
        !self.prepared.is_empty()
    }

    /// Makes datagrams of what was read: one, or one of each line where there is a pause after each.
    pub(super) fn prepare(&mut self, read: &[u8]) {
        let mut translated = Vec::new();
        let mut rest = match &mut self.crlf {
            Some(crlf) => {
                crlf.translate(read, &mut translated);
                &translated[..]
            }
            None => read,
        };
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(self.sending.piece(rest));
            self.prepared.push_back(piece.to_vec());
            rest = others;
        }
    }

    pub(super) fn next_prepared(&mut self) -> Option<Vec<u8>> {
        self.prepared.pop_front()
    }

    /// A datagram has crossed.
    ///
    /// # Errors
    ///
    /// Whoever is shown what crosses has failed.
    pub(super) fn passed(&mut self, way: Way, bytes: &[u8]) -> io::Result<()> {
        if way == Way::ToPeer {
            self.sending.after(bytes);
        } else if let Some(rate) = &mut self.receiving {
            rate.after(bytes.len() as u64);
        }
        self.tap.as_mut().map_or(Ok(()), |tap| tap(way, bytes))
    }
}
