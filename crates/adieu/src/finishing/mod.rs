//! Finishing: ends a connection whose socket somebody else has opened and used. It shuts down our sending side, drains what
//! the peer still sends, waits until everything is acknowledged, closes the socket, and makes a report.
//!
//! Nothing here waits. [`Finishing`] goes as far as it can at each turn, and says what it waits for: the blocking face sleeps in
//! `poll` for that, the async one in its reactor, and [`Finisher`] lets the program's own event loop wait.

mod finisher;
mod late;
mod options;

pub use finisher::{Finisher, FinisherWaits, Progress};
pub use options::{AtBound, Finish};

use crate::flow::{Flow, Pair, Peer, Turn};
use crate::handle::Handle;
use crate::link::Link;
use crate::link::adopt::{adopt, adopt_tls};
use crate::tls::RustlsConnection;
use crate::{AdoptError, Report, os};
use adieu_proto::{LocalEnd, Waiting};
use late::Late;
use std::time::Instant;

/// How often bytes are moved in one turn at most: an event loop has others to serve.
const MOVES: usize = 16;

/// One connection that is being finished.
pub(crate) struct Finishing<H: Handle> {
    peer: Peer<H>,
    flow: Flow,
    late: Late,
    at_bound: AtBound,
    /// The peer's FIN is here already, or its close_notify: it is received before ours is sent, so that the report says who
    /// ended first.
    peer_was_first: bool,
    /// There may be more to do at once.
    is_cut_short: bool,
    /// Should this process end now, our system still delivers what was sent.
    is_left_to_the_system: bool,
}

impl<H: Handle> Finishing<H> {
    /// Takes over a connected socket. Nothing is sent or received yet.
    pub(crate) fn begin(handle: H, finish: &Finish) -> Result<Self, AdoptError> {
        adopt(handle, finish.role, &finish.options()).map(|link| Self::of(link, finish))
    }

    /// The same, but of a socket with a session of TLS on it.
    pub(crate) fn begin_tls(handle: H, tls: RustlsConnection, finish: &Finish) -> Result<Self, AdoptError> {
        adopt_tls(handle, tls, finish.role, &finish.options()).map(|link| Self::of(link, finish))
    }

    /// Finishes a connection of our own, within the bounds that it has and those of `finish`, which count from now on.
    #[cfg(feature = "tokio")]
    pub(crate) fn go_on(mut link: Box<Link<H>>, finish: &Finish) -> Self {
        let now = link.now();
        link.core.tighten(now, &finish.options().timers);
        Self::of(link, finish)
    }

    /// Finishes a connection that is there already.
    fn of(mut link: Box<Link<H>>, finish: &Finish) -> Self {
        let fin_was_first =
            link.handle.as_ref().and_then(|handle| os::peer_has_ended_first(&handle.socket()));
        let peer_was_first = link.has_end_of_peer() || fin_was_first == Some(true);
        // Where the system does not say, an EOF that is received soon may have been there before.
        let is_known = peer_was_first || fin_was_first.is_some() || link.core.ended_first().is_some();
        link.facts.order_is_unknown |= !is_known;
        link.facts.is_given_to_finish = link.is_given() && link.core.counts().read == 0;
        let now = link.now();
        link.core.handle_close(now);
        Self {
            peer_was_first,
            peer: Peer::new(link),
            flow: Flow::new(),
            late: Late::new(finish),
            at_bound: finish.at_bound,
            is_cut_short: false,
            is_left_to_the_system: false,
        }
    }

    pub(crate) fn link(&self) -> &Link<H> {
        &self.peer.link
    }

    pub(crate) fn link_mut(&mut self) -> &mut Link<H> {
        &mut self.peer.link
    }

    /// Goes as far as it can without waiting, and tells the core what is waited for then. True: it is closed.
    pub(crate) fn turn(&mut self) -> bool {
        self.is_cut_short = true;
        for _ in 0..MOVES {
            if self.at_bound == AtBound::Close && self.peer.link.is_stopped() {
                self.say_all();
            }
            self.peer.link.check_stop();
            let core = &self.peer.link.core;
            // The FIN of a peer that has sent close_notify may come after ours alone.
            if !self.peer_was_first || core.peer_has_ended() || !core.wants().receive {
                self.peer.link.core.handle_input_eof();
            }
            self.peer.link.act();
            self.leave_to_the_system();
            if self.is_closed() {
                return true;
            }
            if !self.advance() {
                // What a slow sink took of the time is no silence of the peer's, so that begins only with another turn.
                self.is_cut_short = self.late.was_called();
                break;
            }
        }
        let waiting = if self.is_cut_short { Waiting::default() } else { self.waiting() };
        self.peer.link.wait_for(waiting);
        // A silence is believed only after everything was tried.
        self.peer.link.tick();
        self.peer.link.act();
        self.is_closed()
    }

    /// Queues our FIN, whoever ends first: what the program has said is the whole, and a close alone is to leave it so.
    fn say_all(&mut self) {
        self.peer.link.core.handle_input_eof();
        self.peer.link.act();
    }

    /// After our FIN: what was sent is the whole, so the system may go on with it whatever becomes of this process. A connection at
    /// work is reset then.
    fn leave_to_the_system(&mut self) {
        if self.is_left_to_the_system || self.peer.link.core.milestones().shutdown_send.is_none() {
            return;
        }
        self.is_left_to_the_system = true;
        if let Some(handle) = &self.peer.link.handle {
            os::set_reset_on_close(&handle.socket(), false);
        }
    }

    fn is_closed(&self) -> bool {
        self.peer.link.outcome().is_some()
    }

    /// One move. False: nothing can be moved now.
    fn advance(&mut self) -> bool {
        let link = &mut self.peer.link;
        let mut moved = false;
        if link.has_unsent() && link.core.wants().send {
            moved = matches!(link.send(&[]), crate::link::Moved::Bytes(_));
        }
        self.peer.may_receive();
        moved |= self.flow.turn(&mut Pair(&mut self.peer, &mut self.late)) == Turn::Moved;
        if self.late.is_over_limit() && !self.peer.link.core.is_decided() {
            let now = self.peer.link.now();
            match self.at_bound {
                AtBound::Reset => self.peer.link.core.handle_abort(now),
                AtBound::Close => {
                    self.say_all();
                    self.peer.link.core.handle_give_up(now);
                }
            }
        }
        self.peer.link.act();
        moved
    }

    /// What it waits for.
    pub(crate) fn waiting(&self) -> Waiting {
        let wants = self.peer.link.core.wants();
        Waiting {
            receive: wants.receive,
            send: wants.send,
            acknowledgement: wants.acknowledgement,
            ..Waiting::default()
        }
    }

    /// Whether there may be more to do at once: others were to have a turn.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Until when to wait at the latest. `None`: for ever.
    pub(crate) fn until(&self) -> Option<Instant> {
        if self.is_cut_short { Some(Instant::now()) } else { self.peer.link.next_moment() }
    }

    /// The peer's TCP may have acknowledged our FIN.
    pub(crate) fn may_be_acknowledged(&mut self) {
        self.peer.link.core.handle_acknowledged();
        self.peer.link.act();
    }

    /// Our own system failed at waiting.
    pub(crate) fn cannot_wait(&mut self, error: &std::io::Error) {
        self.peer.link.local_failure(LocalEnd::Socket, error);
        self.peer.link.act();
    }

    pub(crate) fn report(&self) -> Report {
        self.peer.link.final_report()
    }
}
