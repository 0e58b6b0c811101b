//! The state machine of one connection: its stages, its two halves, what was counted and seen, and the one outcome.
//!
//! Here stand the inputs, but for the time, which is in `time`. What comes out stands in `outputs`, what the inputs so far come
//! to in `situation`, and every decision in `judgement`. The wait for acknowledgements is a machine of its own, `ack_wait`.

mod ack_wait;
mod acks;
mod judgement;
mod outputs;
mod situation;
mod stage;
mod time;

use crate::bounds::Bounds;
use crate::nanos::Nanos;
use crate::peer_watch::PeerWatch;
use crate::timers::Timers;
use crate::vocabulary::Moments;
use crate::{
    Action, Call, Config, Counts, Ending, Evidence, Fault, FaultKind, LocalEnd, Missing, Phase, Sample, Side,
    Signal, SocketError, Time, Timer,
};
use acks::Acks;
use core::time::Duration;
use stage::{InputHalf, ReceiveHalf, SendHalf, Stage};

/// One connection, from the start of connecting to its one [`Outcome`](crate::Outcome).
///
/// The grammar of its use stands in the [crate's documentation](crate).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connection {
    bounds: Bounds,
    stage: Stage,
    send: SendHalf,
    receive: ReceiveHalf,
    input: InputHalf,
    /// Whether our output took everything is told after the peer's end, and our FIN waits for that.
    output_end_awaited: bool,
    /// It is one side of a relay: our input and our output are another connection.
    is_relayed: bool,
    /// Our sending side was kept open for a silent peer for long enough.
    peer_grace_over: bool,
    /// Our FIN is held back after our input's end, until the peer has ended or this time has come.
    fin_held_until: Option<Nanos>,
    /// Until then our end waits for the EOF of a peer that has ended its stream.
    end_held_until: Option<Nanos>,
    /// The transport itself still has octets to send: TLS records.
    owes: bool,
    /// The program says when to close; until then an ended connection stays open.
    held: bool,
    /// Nothing more of what the peer sends is taken.
    has_enough: bool,
    /// Octets that were sent before the connection was given to us and not acknowledged then.
    sent_before: u64,
    counts: Counts,
    moments: Moments,
    ended_first: Option<Side>,
    evidence: Evidence,
    /// The phase in which the first fault was told; it is there exactly if `evidence.fault` is.
    fault_phase: Phase,
    acks: Acks,
    timers: Timers,
    watch: PeerWatch,
    /// The next action is a look at the socket.
    sample_due: bool,
    /// The action that is asked for and not answered.
    in_flight: Option<Action>,
}

impl Connection {
    /// A connection whose connecting begins now, at time zero.
    pub fn new(config: Config) -> Self {
        Self {
            evidence: Evidence { end_mark: config.end_mark.then_some(false), ..Evidence::default() },
            bounds: config.into(),
            stage: Stage::Connecting { handshaking: false },
            send: SendHalf::Open,
            receive: ReceiveHalf::Open,
            input: InputHalf::Open,
            output_end_awaited: false,
            is_relayed: false,
            peer_grace_over: false,
            fin_held_until: None,
            end_held_until: None,
            owes: false,
            held: false,
            has_enough: false,
            sent_before: 0,
            counts: Counts::default(),
            moments: Moments::default(),
            ended_first: None,
            fault_phase: Phase::Connecting,
            acks: Acks::default(),
            timers: Timers::default(),
            watch: PeerWatch::default(),
            sample_due: false,
            in_flight: None,
        }
    }

    // ---- inputs: connecting ----

    /// There is a transport, and its own handshake (TLS) is to be done before the connection is there; to be called again
    /// for each part of it that the peer has sent. From now on [`Config::idle_timeout`] bounds the peer's silence.
    pub fn handle_handshake(&mut self, now: Time) {
        if let Stage::Connecting { handshaking } = &mut self.stage {
            *handshaking = true;
            self.timers.peer_acted(now.into());
        }
    }

    /// The connection is there.
    pub fn handle_connected(&mut self, now: Time) {
        if let Stage::Connecting { .. } = self.stage {
            self.stage = Stage::Open;
            self.moments.connected = Some(now.into());
            self.timers.start_over();
        }
    }

    /// The connection was given to us with so many octets unacknowledged that were sent before. They are none of what is counted as
    /// accepted, and they are waited for.
    pub fn handle_sent_before(&mut self, octets: u64) {
        self.sent_before = octets;
    }

    /// No address could be connected to.
    pub fn handle_connect_failed(&mut self, now: Time, fault: Fault) {
        if !self.is_closed() {
            self.evidence.fault.get_or_insert(fault);
        }
        let ending = match fault.kind {
            FaultKind::TimedOut => Ending::TimedOut { timer: Timer::Kernel },
            _ => Ending::NoConnection,
        };
        self.decide(now.into(), ending);
    }

    // ---- inputs: the peer ----

    /// `recv` gave `n` bytes.
    pub fn handle_received(&mut self, now: Time, n: u64) {
        let now = now.into();
        self.counts.received += n;
        self.moments.first_received.get_or_insert(now);
        self.timers.peer_acted(now);
    }

    /// `recv` returned 0. After a fault this proves nothing, and changes nothing but that no more will come.
    pub fn handle_eof(&mut self, now: Time) {
        if !self.is_receiving() || self.is_closed() {
            return;
        }
        let now = now.into();
        self.receive = ReceiveHalf::Eof;
        self.end_held_until = None;
        if self.evidence.fault.is_none() {
            self.evidence.eof = true;
            self.moments.peer_eof = Some(now);
            self.ended_first.get_or_insert(Side::Peer);
        }
        self.timers.peer_acted(now);
        self.conclude(now);
    }

    /// The peer has ended its stream inside the transport (TLS close_notify). No more bytes will come; go on receiving,
    /// for the transport's EOF, until [`Connection::wants`] says otherwise. How long that may take is bounded by
    /// [`Config::eof_grace`].
    pub fn handle_stream_end(&mut self, now: Time) {
        if self.receive != ReceiveHalf::Open || self.evidence.fault.is_some() {
            return;
        }
        let now = Nanos::from(now);
        self.receive = ReceiveHalf::StreamEnded;
        self.end_held_until = self.bounds.end_hold.map(|hold| now.saturating_add(hold));
        self.moments.stream_end = Some(now);
        self.ended_first.get_or_insert(Side::Peer);
        self.timers.peer_acted(now);
        self.update_timers(now);
    }

    /// The transport itself has something to send (TLS records), or has no more. Until it has none, our sending side is
    /// not shut down.
    pub fn handle_owed(&mut self, owes: bool) {
        // What turns up once the shutdown is under way comes too late to be sent.
        self.owes = owes && self.in_flight != Some(Action::ShutdownSend);
        self.look_if_sent();
    }

    /// Our kernel accepted `n` bytes for sending.
    pub fn handle_accepted(&mut self, now: Time, n: u64) {
        debug_assert!(self.counts.accepted + n <= self.counts.read, "more accepted than was read");
        self.counts.accepted += n;
        let now = now.into();
        self.moments.first_accepted.get_or_insert(now);
        // Our kernel's room says nothing of the peer where acknowledgements do: it is megabytes.
        if self.evidence.unacknowledged.is_none() {
            self.timers.peer_took(now);
        }
        self.acks.more_sent();
        self.look_if_sent();
    }

    /// A call told an error. Only the first that names a cause counts, by the order in which the peer has sent: a broken
    /// transport that is received after a reset was told is the cause. What was received before is still to be handed on.
    pub fn handle_fault(&mut self, now: Time, fault: Fault) {
        self.note_fault(now.into(), fault);
    }

    fn note_fault(&mut self, now: Nanos, fault: Fault) {
        if self.is_closed() {
            return;
        }
        match self.evidence.fault {
            None => {
                self.fault_phase = self.phase();
                self.evidence.fault = Some(fault);
            }
            // The true cause of a bare ENOTCONN, whichever call tells it; but not another call's bare ENOTCONN.
            Some(known) if known.kind == FaultKind::NotConnected => {
                if fault.kind != FaultKind::NotConnected || known.code.is_none() {
                    self.evidence.fault = Some(fault);
                }
            }
            // What stands in the stream was there before the reset, which a send was told of first.
            Some(_) if fault.kind == FaultKind::Protocol && self.receive == ReceiveHalf::Open => {
                self.evidence.fault = Some(fault);
            }
            Some(_) => {}
        }
        self.note_late_fault(fault);
        if fault.call == Call::Receive && self.is_receiving() {
            self.receive = ReceiveHalf::Failed;
        }
        self.conclude(now);
    }

    /// The program takes nothing more of what the peer sends. So a fault, known already or told later, ends the connection without
    /// what came before it.
    pub fn handle_enough(&mut self, now: Time) {
        self.has_enough = true;
        self.conclude(now.into());
    }

    /// After a fault, `recv` has nothing more to give.
    pub fn handle_exhausted(&mut self, now: Time) {
        if self.evidence.fault.is_some() && self.is_receiving() {
            self.receive = ReceiveHalf::Failed;
            self.conclude(now.into());
        }
    }

    /// The stream's own end mark was seen.
    pub fn handle_end_mark(&mut self) {
        if let Some(seen) =
            self.evidence.end_mark.as_mut().filter(|_| !matches!(self.stage, Stage::Closed(_)))
        {
            *seen = true;
        }
    }

    /// The stream was cut where no end is possible: from now on it is one that has an end mark, and it was not seen.
    pub fn handle_missing_end_mark(&mut self) {
        if !self.is_closed() {
            self.evidence.end_mark.get_or_insert(false);
        }
    }

    /// The answer to [`Action::ShutdownSend`].
    pub fn handle_shutdown(&mut self, now: Time, result: Result<(), Fault>) {
        let now = now.into();
        self.answered(Action::ShutdownSend);
        match result {
            Ok(()) => {
                self.send = SendHalf::Shut;
                self.moments.shutdown_send = Some(now);
                let idle = [self.bounds.idle_timeout, self.bounds.idle_timeout_after_fin];
                self.bounds.idle_timeout = idle.into_iter().flatten().min();
                self.ended_first.get_or_insert(Side::Us);
                self.timers.peer_took(now);
                self.conclude(now);
            }
            Err(fault) => {
                // A reset is told once: SO_ERROR may still have the true cause of a bare ENOTCONN.
                if fault.kind == FaultKind::NotConnected && self.evidence.fault.is_none() {
                    self.sample_due = true;
                }
                self.note_fault(now, fault);
            }
        }
    }

    /// The answer to [`Action::Sample`].
    pub fn handle_sample(&mut self, now: Time, sample: Sample) {
        let now = now.into();
        self.answered(Action::Sample);
        self.sample_due = false;
        if let Stage::Decided { looked, .. } = &mut self.stage {
            *looked = true;
        }
        self.timers.checked(sample.path.answer_within.map(Nanos::from));
        if !self.evidence.end_refused {
            self.note_acknowledgements(now, &sample);
        }
        match sample.socket_error {
            SocketError::Clear => {
                self.evidence.socket_error_clear = Some(self.evidence.socket_error_clear != Some(false));
            }
            SocketError::Unknown => {}
            SocketError::Fault(fault) if self.is_refusal_of_our_end(now, fault, &sample) => {
                self.evidence.socket_error_clear = Some(false);
                self.evidence.end_refused = true;
            }
            SocketError::Fault(fault) => {
                self.evidence.socket_error_clear = Some(false);
                self.note_fault(now, fault);
            }
        }
        self.judge_sample(now, sample);
        self.update_timers(now);
    }

    fn note_acknowledgements(&mut self, now: Nanos, sample: &Sample) {
        let known = self.acks.acknowledged();
        if self.acks.look(sample.unacknowledged, self.taken(), &mut self.evidence) {
            // It came when the peer was last heard, and not when we looked.
            let heard = now.saturating_sub(sample.path.last_heard.map(Nanos::from).unwrap_or_default());
            self.timers.peer_took(heard);
        }
        if self.evidence.fin_acknowledged == Some(true) {
            self.moments.acknowledged.get_or_insert(now);
        }
        if self.bounds.dead_peer.is_some() {
            let has_acknowledged = self.acks.acknowledged() > known;
            self.watch.look(now, &sample.path, self.situation().outstanding, has_acknowledged);
        }
    }

    /// The peer's TCP may have acknowledged our FIN: look.
    pub fn handle_acknowledged(&mut self) {
        self.sample_due |= self.wants().acknowledgement;
    }

    // ---- inputs: our own ends ----

    /// Our input gave `n` bytes.
    pub fn handle_input(&mut self, n: u64) {
        self.counts.read += n;
        if n > 0 {
            self.bounds.unused_input_grace = None;
        }
        self.timers.input_acted();
    }

    /// Our input has ended: everything read is to be sent, then our sending side shut down.
    pub fn handle_input_eof(&mut self) {
        if self.input == InputHalf::Open {
            self.input = InputHalf::Ended;
            self.look_if_sent();
        }
    }

    /// After our input's end our FIN is held back until the peer has ended its side; or until `until`, if that is sooner. The
    /// peer reads no end meanwhile, and may go on talking.
    ///
    /// If the connection ends meanwhile for another reason than a failure of our own, it is closed and not aborted: everything
    /// that our input gave is sent, and it is the whole.
    pub fn hold_fin(&mut self, until: Option<Time>) {
        self.fin_held_until = Some(until.map_or(Nanos::MAX, Nanos::from));
    }

    /// Our FIN is not held back any more, for whatever reason it was. If our input has ended, it is sent now.
    pub fn release_fin(&mut self, now: Time) {
        self.let_fin_go(now.into());
    }

    fn let_fin_go(&mut self, now: Nanos) {
        self.fin_held_until = None;
        self.peer_grace_over = true;
        self.update_timers(now);
    }

    /// Our end does not wait for the EOF of the peer's transport: whoever asked for it waits until it is sent. See
    /// [`Config::end_hold`].
    pub fn release_end(&mut self) {
        self.bounds.end_hold = None;
        self.end_held_until = None;
    }

    /// Whether our output took everything will be told with [`Connection::handle_output_ended`]. Until then our sending
    /// side is not shut down once the peer has ended its own: our FIN says that it was taken.
    pub fn await_output_end(&mut self) {
        self.output_end_awaited = true;
    }

    /// After the peer's end, our output has taken everything, and has ended well.
    pub fn handle_output_ended(&mut self) {
        self.output_end_awaited = false;
    }

    /// Our input failed: what was sent is not the whole.
    pub fn handle_input_failed(&mut self, now: Time, code: Option<i32>) {
        self.handle_local_failure(now, LocalEnd::Input, code);
    }

    /// Our output took `n` bytes.
    pub fn handle_output(&mut self, now: Time, n: u64) {
        self.counts.written += n;
        self.handed_on(now.into());
    }

    /// `n` received bytes were thrown away: our output's reader wanted no more, which is no failure.
    pub fn handle_discarded(&mut self, now: Time, n: u64) {
        self.counts.discarded += n;
        self.handed_on(now.into());
    }

    fn handed_on(&mut self, now: Nanos) {
        let Counts { received, written, discarded, .. } = self.counts;
        debug_assert!(written + discarded <= received, "more handed on than was received");
        if self.flushed() {
            self.conclude(now);
        }
    }

    /// One of our own ends failed. What a failed input, or a command, gave before is still delivered; then the connection
    /// is aborted.
    pub fn handle_local_failure(&mut self, now: Time, end: LocalEnd, code: Option<i32>) {
        if self.is_undecided() && self.evidence.fault.is_none() {
            self.evidence.local_code = code;
        }
        let (now, ending) = (now.into(), Ending::LocalFailure { end });
        if matches!(end, LocalEnd::Input | LocalEnd::Command) {
            self.abort_after_delivery(now, ending);
            // After a cut on the other side of a relay, it gives no more than it has given.
            self.handle_input_eof();
        } else {
            self.decide(now, ending);
        }
    }

    /// The connection that this one is relayed to is cut: what comes from there is not the whole, or what goes there is not
    /// taken any more.
    ///
    /// What comes from there is still delivered, until [`Connection::handle_input_eof`] says that nothing more will; then
    /// this connection is aborted, and its ending is [`Ending::Reset`] by us with [`Evidence::other_side_cut`]. If the peer
    /// acknowledges nothing for [`Config::flush_timeout`] from now on, it is aborted at once. What the peer sends meanwhile
    /// is wanted, although nobody takes it: a peer that cannot send may not read either.
    pub fn handle_other_side_cut(&mut self, now: Time) {
        if self.is_undecided() {
            self.evidence.other_side_cut = self.evidence.fault.is_none();
            self.abort_after_delivery(now.into(), Ending::Reset { by: Side::Us });
        }
    }

    /// From now on this connection is one side of a relay: its input and its output are another connection, and it closes
    /// as soon as both directions have ended.
    ///
    /// So a silence is the peer's, and never that of an input of ours. It is no end either: once the peer has ended its stream, an
    /// input that is silent for [`Config::input_grace`] times out ([`Timer::HalfOpen`]).
    /// [`Config::idle_timeout`], unless it is `None`, and [`Config::flush_timeout`] are
    /// set anew. Whether the output took everything is told with [`Connection::handle_output_ended`]. If it is stopped before the
    /// peer has ended, by a time limit or an interrupt, it is aborted, also after our FIN: what the peer still sends goes nowhere.
    pub fn join_relay(&mut self, now: Time, idle_timeout: Option<Duration>, flush_timeout: Duration) {
        self.bounds.relayed(idle_timeout, flush_timeout);
        self.is_relayed = true;
        self.await_output_end();
        self.handle_close(now);
    }

    /// A signal asked us to stop.
    pub fn handle_interrupt(&mut self, now: Time, signal: Signal) {
        self.decide(now.into(), Ending::Interrupted { signal });
    }

    /// The program will say when to close, with [`Connection::handle_close`]: an API that hands the connection to
    /// its user. Without this, a connection whose directions have both ended is closed at once.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// The program wants to close as soon as both directions have ended.
    pub fn handle_close(&mut self, now: Time) {
        self.held = false;
        self.conclude(now.into());
    }

    /// The program waits for the end of the connection no longer than `limit` from now on: the earlier of this and
    /// [`Config::linger`] counts.
    pub fn limit_linger(&mut self, now: Time, limit: Duration) {
        let now = now.into();
        let since = self.moments.shutdown_send.unwrap_or(now);
        let linger = now.saturating_sub(since).saturating_add(limit.into());
        self.bounds.linger = Some(self.bounds.linger.map_or(linger, |old| old.min(linger)));
    }

    /// Once the peer has acknowledged our FIN, its own end is waited for no longer than this: see [`Config::drain_limit`]. A shorter
    /// limit that there is stays.
    pub fn limit_drain(&mut self, limit: Duration) {
        let limit = limit.into();
        self.bounds.drain_limit = Some(self.bounds.drain_limit.map_or(limit, |old| old.min(limit)));
    }

    /// From now on what is left of the connection has these bounds too: the earlier deadline counts, this one from now on, and the
    /// shorter idle timeout. What is done at a bound is as these say. The other limits stay as they are.
    pub fn tighten(&mut self, now: Time, limits: &Config) {
        self.bounds.tighten(now.into(), limits);
    }

    /// The program wants to abort: the peer shall see a reset. If the last look finds that the peer has reset the connection before,
    /// or our kernel has given it up, that is the ending.
    pub fn handle_abort(&mut self, now: Time) {
        self.decide(now.into(), Ending::Reset { by: Side::Us });
    }

    /// The program waits no longer: close, whatever the peer still has to say or to acknowledge.
    pub fn handle_give_up(&mut self, now: Time) {
        self.give_up(now.into());
    }

    fn give_up(&mut self, now: Nanos) {
        let ending = if self.both_ended() {
            Ending::Indeterminate { missing: Missing::Acknowledgement }
        } else if self.peer_has_ended() && self.send == SendHalf::Open {
            // Nothing of the peer's is missing: it is our own end that there will not be.
            Ending::Reset { by: Side::Us }
        } else {
            Ending::Indeterminate { missing: Missing::PeerEof }
        };
        self.decide(now, ending);
    }

    /// Asks for an [`Action::Sample`]: the driver saw an error or a hang-up on the socket that no call has told, or needs
    /// fresh acknowledgements for itself.
    pub fn request_sample(&mut self) {
        self.sample_due |= matches!(self.stage, Stage::Open | Stage::AwaitingAcks(_));
    }

    /// The handle has been given back.
    pub fn handle_closed(&mut self, now: Time) {
        self.in_flight = None;
        // The evidence stays as it is now: whatever still comes in after the close is none.
        if let Stage::Decided { decision, .. } = self.stage {
            self.stage = Stage::Closed(decision);
            self.moments.closed = Some(now.into());
        }
    }

    fn answered(&mut self, action: Action) {
        debug_assert_eq!(self.in_flight, Some(action), "an answer without its action");
        self.in_flight = None;
    }
}

#[cfg(test)]
mod tests;
