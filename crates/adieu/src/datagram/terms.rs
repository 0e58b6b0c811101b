//! The terms of an exchange of datagrams: when it ends, and how our input is divided into datagrams.

use crate::Interrupt;
use crate::exchange::ExchangeOptions;
use std::time::Duration;

/// How an exchange of datagrams is done, and when it ends.
///
/// Our input is cut into datagrams: what one read gives is one datagram, as netcat has it. A pipe gives what stands in it, so what
/// was written in two pieces may become one datagram; a terminal gives a line. What comes goes to our output, one write for each
/// datagram, and an empty one leaves no trace there.
///
/// The [`Limits`](crate::Limits) of the options count too:
///
/// - the deadline ends the exchange ([`Timer::Deadline`](crate::Timer::Deadline));
/// - with an idle timeout an answer is expected: if nothing at all has come for so long after the end of our input, the exchange has
///   timed out ([`Timer::Idle`](crate::Timer::Idle)). Once something has come, silence is an end;
/// - the others mean nothing without a connection.
///
/// # Examples
///
/// ```
/// use adieu::datagram::Exchange;
/// use std::time::Duration;
///
/// let terms = Exchange::new().silence(Duration::from_secs(5)).datagram_size(512);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Exchange {
    pub(super) silence: Option<Duration>,
    pub(super) quiet: Option<Duration>,
    pub(super) size: usize,
    pub(super) end: Option<Interrupt>,
    pub(super) shape: ExchangeOptions,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            silence: Some(Self::SILENCE),
            quiet: None,
            size: Self::DATAGRAM_SIZE,
            end: None,
            shape: ExchangeOptions::new(),
        }
    }
}

impl Exchange {
    /// How long the silence after our input's end is by default.
    pub const SILENCE: Duration = Duration::from_secs(2);

    /// How many bytes of our input go into one datagram at most by default.
    pub const DATAGRAM_SIZE: usize = 16 * 1024;

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// After the end of our input: the exchange is over once nothing has passed for this long. `None`: it goes on until the
    /// interrupt or the deadline ends it. Default: 2 s.
    ///
    /// A refusal comes as late as an answer would, so a silence that is shorter than the way is long sees neither.
    pub fn silence(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.silence = silence.into();
        self
    }

    /// Also while our input is open: the exchange is over once nothing has passed in either direction for this long. Default: none.
    pub fn silence_of_both(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.quiet = silence.into();
        self
    }

    /// How many bytes of our input go into one datagram at most, 0 being taken for 1. One that is too big for its way is a local
    /// failure: UDP over IPv4 has room for 65,507 bytes, and many ways for less. Default: 16 KiB.
    pub fn datagram_size(mut self, bytes: usize) -> Self {
        self.size = bytes.max(1);
        self
    }

    /// The exchange is over once this many datagrams have been received, 0 being taken for 1. Default: none. It is the
    /// [limit](ExchangeOptions::receive_limit) of the options that it is [`shaped`](Self::shaped) by.
    pub fn receive_limit(mut self, datagrams: impl Into<Option<u64>>) -> Self {
        self.shape = self.shape.receive_limit(datagrams);
        self
    }

    /// The exchange is over once this is raised, as by a silence: for a service, which has no other end. If our output has not taken
    /// everything by then, the ending is [`Interrupted`](crate::Ending::Interrupted). The interrupt of the options breaks it off in any
    /// case.
    pub fn end_when(mut self, raised: &Interrupt) -> Self {
        self.end = Some(raised.clone());
        self
    }

    /// What is made of the datagrams on their way. Line ends are translated within what one read of our input gives, and a delay
    /// after each line makes a datagram of each. There is no FIN to be held back, so when that goes means nothing. With
    /// [`recv_only`](ExchangeOptions::recv_only) our input counts as ended from the beginning. Telnet is refused, in the report.
    pub fn shaped(mut self, options: ExchangeOptions) -> Self {
        let receive_limit = options.receive_limit.or(self.shape.receive_limit);
        self.shape = options.receive_limit(receive_limit);
        self
    }
}
