//! What is made of the bytes of an exchange on their way, and when: ends of a flow that stand before the true ones.
//!
//! Each end here is a source or a sink that asks the one behind it, so that the pump stays one and knows nothing of options.
//! Where nothing is asked of an end, a direct way goes on behind it. An exchange without options has none of these.
//!
//! | option | stands before |
//! | --- | --- |
//! | line ends, a delay after each line | our input |
//! | a limited rate | our input, and the connection's receiving side |
//! | telnet | the connection's receiving side; the answers come out of our input |
//! | a tap | both sides of the connection |
//! | nothing is received | our output |
//! | so many receives | the connection's receiving side, and our input, which ends then |
//! | a FIN that is held back | the connection's sending side, which tells the core |

mod input;
mod lines;
mod output;
mod pace;
mod peer;
mod telnet;

use super::ends::{Pair, Sink, Source};
use super::{Loop, Peer};
use crate::handle::Handle;
use crate::options::{AtInputEnd, ExchangeOptions};
use crate::os::RateLimit;
use input::{InputEnd, InputShape};
pub(crate) use lines::Crlf;
use output::OutputEnd;
pub(crate) use pace::{Pace, rate_limit};
use peer::{PeerEnd, Receives, Tapped};
use std::io;
use std::time::Duration;
use telnet::Telnet;

/// How long the peer of a connection that only sends may take to end its side after everything is acknowledged.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// The options of one exchange, at work.
pub(crate) struct Shaping {
    input: InputShape,
    receive_rate: Option<RateLimit>,
    telnet: Option<Telnet>,
    tap: Tapped,
    send_only: bool,
    held_fin: Option<AtInputEnd>,
    receives: Option<Receives>,
}

impl Shaping {
    pub(crate) fn new(options: ExchangeOptions) -> Self {
        Self {
            input: InputShape::of(&options),
            receive_rate: rate_limit(&options),
            telnet: options.telnet.then(Telnet::default),
            held_fin: options.held_fin(),
            send_only: options.send_only,
            receives: options.receive_limit.map(Receives::of),
            tap: Tapped::by(options.tap),
        }
    }

    pub(crate) fn begin<H: Handle>(&self, peer: &mut Peer<H>) {
        if self.send_only {
            peer.link.core.limit_drain(DRAIN_LIMIT);
        }
    }

    /// Whether somebody reads what the peer sends.
    pub(crate) const fn takes_output(&self) -> bool {
        !self.send_only
    }

    /// Whether as much was received as was asked for.
    pub(crate) fn has_received_enough(&self) -> bool {
        self.receives.as_ref().is_some_and(|receives| receives.left == 0)
    }

    /// Why the tap failed, once.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.tap.failed.take()
    }

    /// From the peer to our output. `at_once`: what is there is handed on whatever the rate.
    pub(crate) fn down<H: Handle, K: Sink, R>(
        &mut self,
        peer: &mut Peer<H>,
        output: &mut K,
        at_once: bool,
        f: impl FnOnce(&mut Pair<'_, PeerEnd<'_, H>, OutputEnd<'_, K>>) -> R,
    ) -> R {
        let mut peer = PeerEnd {
            rate: self.receive_rate.as_mut().filter(|_| !at_once),
            telnet: self.telnet.as_mut(),
            receives: self.receives.as_mut(),
            ..PeerEnd::tapped(peer, &mut self.tap)
        };
        f(&mut Pair(&mut peer, &mut OutputEnd { output, discards: self.send_only }))
    }

    /// From our input to the peer.
    pub(crate) fn up<S: Source, H: Handle, R>(
        &mut self,
        input: &mut S,
        peer: &mut Peer<H>,
        f: impl FnOnce(&mut Pair<'_, InputEnd<'_, S>, PeerEnd<'_, H>>) -> R,
    ) -> R {
        if let Some(telnet) = &mut self.telnet
            && !(peer.link.core.wants().input || peer.link.core.holds_fin())
        {
            // After our FIN nothing can be answered.
            telnet.drop_answers();
        }
        let answers = self.telnet.as_ref().is_some_and(Telnet::has_answers);
        let is_enough = self.receives.as_mut().is_some_and(|receives| receives.are_over(peer));
        let (shape, telnet) = (&mut self.input, self.telnet.as_mut());
        let mut input = InputEnd { input, shape, telnet, is_counted: self.receives.is_some(), is_enough };
        let held_fin = self.held_fin.filter(|_| !is_enough);
        let mut peer = PeerEnd { answers, held_fin, ..PeerEnd::tapped(peer, &mut self.tap) };
        f(&mut Pair(&mut input, &mut peer))
    }

    /// From the peer to itself.
    pub(crate) fn echo<H: Handle, R>(
        &mut self,
        peer: &mut Peer<H>,
        f: impl FnOnce(&mut Loop<'_, PeerEnd<'_, H>>) -> R,
    ) -> R {
        let rate = self.receive_rate.as_mut();
        let mut peer = PeerEnd { rate, ..PeerEnd::tapped(peer, &mut self.tap) };
        f(&mut Loop(&mut peer))
    }
}

/// Bytes in pieces that end at these places, for the tests of what is made of a stream whatever pieces it comes in.
#[cfg(all(test, unix))]
fn cut_at(bytes: &[u8], cuts: Vec<usize>) -> Vec<&[u8]> {
    let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
    cuts.sort_unstable();
    let begins = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([bytes.len()]);
    begins.zip(ends).map(|(begin, end)| &bytes[begin..end]).collect()
}
