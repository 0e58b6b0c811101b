//! Moving bytes both ways at once, and ending the connection: the data path.
//!
//! One thread, one `poll`: our input to the peer and the peer to our output, with two buffers whose size does not
//! depend on the length of the streams. At the input's EOF the sending side is shut down; the connection is closed
//! when the peer has ended too and everything is acknowledged.
//!
//! Nothing here decides how a connection ends: it moves bytes and tells the core.

pub use crate::os::Closes;
pub use crate::os::ends::{Input, Output};

use crate::blocking::connection::{ensure_connected, report};
use crate::flow::download::Download;
use crate::flow::upload::{Pass, Upload};
use crate::link::{Link, Moved};
use crate::os::{self, AcknowledgementWatch, AsPollable, Watch};
use crate::{Connection, Event, Report};
use adieu_proto::{LocalEnd, Time, Waiting, Wants};
use socket2::Socket;
use std::io;
use std::time::Duration;

/// Sends `input` to the peer and the peer's bytes to `output` at the same time, half-closes at the input's EOF,
/// drains, waits until everything is acknowledged, closes, and reports.
///
/// What can go wrong is in the report; there is no other error.
///
/// # Platforms
///
/// The input and output may be files, pipes, terminals, memory, and on Unix sockets; no flag of them is changed. On Windows
/// a pipe or a console has a thread of its own, which is left behind with it if it blocks for ever.
///
/// # Examples
///
/// ```no_run
/// use adieu::exchange::{Input, Output};
/// use adieu::{Endpoint, Options};
///
/// let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &Options::new())?;
/// let request = Input::from_bytes("GET / HTTP/1.0\r\n\r\n");
/// let report = adieu::exchange(connection, request, Output::stdout()?);
/// eprintln!("{report}");
/// std::process::exit(report.exit_code.into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn exchange(mut connection: Connection, input: Input, output: Output) -> Report {
    ensure_connected(&mut connection.link);
    Exchange::new(connection.link, Ends::Local { input, output }).run()
}

/// Sends back what the peer sends, half-closes after the peer did, waits until everything is acknowledged, closes,
/// and reports.
pub fn echo(mut connection: Connection) -> Report {
    ensure_connected(&mut connection.link);
    Exchange::new(connection.link, Ends::Echo).run()
}

/// When somebody who watches is first told that we still wait for the peer.
const FIRST_NOTICE: Duration = Duration::from_secs(3);

enum Ends {
    Local { input: Input, output: Output },
    Echo,
}

struct Exchange {
    link: Link<Socket>,
    ends: Ends,
    /// From our input to the peer; in an echo, from the peer to the peer.
    up: Upload,
    /// From the peer to our output.
    down: Download,
    sends_since_receive: u32,
    /// `poll` reports a hang-up that has been looked into; it would do so for ever.
    hang_up_known: bool,
    acknowledgements: Option<AcknowledgementWatch>,
    next_notice: Duration,
}

impl Exchange {
    fn new(link: Link<Socket>, ends: Ends) -> Self {
        let mut down = Download::new();
        // With TLS, what came with the end of the handshake may be here already.
        down.may_receive = !link.is_plain();
        Self {
            ends,
            up: Upload::new(),
            down,
            link,
            sends_since_receive: 0,
            hang_up_known: false,
            acknowledgements: None,
            next_notice: FIRST_NOTICE,
        }
    }

    fn run(mut self) -> Report {
        let now = self.link.now();
        self.link.core.handle_close(now);
        if matches!(self.ends, Ends::Local { .. }) {
            self.link.core.await_output_end();
        }
        while self.link.outcome().is_none() {
            self.link.act();
            // Receive first: whatever a failing send would tell, the peer may have said before.
            let moved = self.receive() | self.hand_on() | self.upload();
            if self.link.interrupt().is_some_and(|i| i.raised().is_some()) {
                self.hand_on_what_is_there();
            }
            self.link.tick();
            self.link.act();
            if !moved
                && self.link.outcome().is_none()
                && let Err(error) = self.wait()
            {
                self.link.local_failure(LocalEnd::Socket, &error);
            }
        }
        report(&self.link)
    }

    fn receive(&mut self) -> bool {
        self.down.may_receive |=
            self.link.core.evidence().fault.is_some() || self.sends_since_receive >= os::RECEIVE_EVERY;
        if self.down.may_receive {
            self.sends_since_receive = 0;
        }
        match &mut self.ends {
            Ends::Local { output, .. } => self.down.receive(&mut self.link, output),
            Ends::Echo => self.receive_to_echo(),
        }
    }

    /// What comes is at once what is to be sent.
    fn receive_to_echo(&mut self) -> bool {
        if !(self.down.may_receive && self.up.buffer.has_room() && self.link.core.wants().receive) {
            return false;
        }
        match self.link.receive(self.up.buffer.room()) {
            Moved::Bytes(n) => {
                self.up.buffer.fill(n);
                let now = self.link.now();
                self.link.core.handle_output(now, n as u64);
                self.link.core.handle_input(n as u64);
                true
            }
            Moved::Blocked => {
                self.down.may_receive = false;
                false
            }
            Moved::Ended => {
                self.link.core.handle_input_eof();
                true
            }
        }
    }

    fn hand_on(&mut self) -> bool {
        match &mut self.ends {
            Ends::Local { output, .. } => self.down.write(&mut self.link, output),
            Ends::Echo => false,
        }
    }

    fn upload(&mut self) -> bool {
        let pass = match &mut self.ends {
            Ends::Local { input, .. } => self.up.pass(&mut self.link, input),
            Ends::Echo if self.up.send(&mut self.link) => Pass::Moved,
            Ends::Echo => Pass::Blocked,
        };
        match pass {
            Pass::Blocked => return false,
            Pass::Moved => self.sends_since_receive += 1,
            Pass::InputFailed => {
                self.hand_on_what_is_there();
                if let Ends::Local { input, .. } = &self.ends {
                    self.up.fail(&mut self.link, input.failing_end());
                }
            }
        }
        true
    }

    /// Before we stop for a reason of our own: what the peer has said and can be handed on without waiting, is.
    fn hand_on_what_is_there(&mut self) {
        if self.link.core.is_decided() {
            return;
        }
        // Bounded: an endless stream into /dev/null would never let us go.
        for _ in 0..64 {
            self.down.may_receive = true;
            if !(self.receive() | self.hand_on()) {
                break;
            }
        }
        while self.hand_on() {}
    }

    fn wait(&mut self) -> io::Result<()> {
        let wants = self.link.core.wants();
        let waiting = self.waiting(wants);
        let now = self.link.now();
        self.link.core.handle_waiting(now, waiting);
        if wants.acknowledgement && self.acknowledgements.is_none() {
            if let Some(socket) = &self.link.handle {
                self.acknowledgements = AcknowledgementWatch::new(socket.as_pollable()).ok();
            }
            if self.acknowledgements.is_none() {
                let interrupt = self.link.interrupt();
                let timeout = self.link.time_left().map_or(os::LOOK_AGAIN, |left| left.min(os::LOOK_AGAIN));
                os::wait(&mut [Watch::readable(interrupt.map(AsPollable::as_pollable))], Some(timeout))?;
            }
            // What came before the watch began is not news to it.
            self.link.core.handle_acknowledged();
            return Ok(());
        }
        let status = match &mut self.ends {
            Ends::Local { input, output } => {
                // Whoever reads it must see the end now, because this may last.
                let counts = self.link.core.counts();
                output.let_go(counts.received + counts.accepted > 0);
                input.end_check_left(self.link.core.peer_has_ended())
            }
            Ends::Echo => None,
        };
        let patience = self.down.before_wait(&self.link, waiting.receive);
        let timeout = [self.link.time_left(), self.until_notice(now, waiting), patience, status];
        let timeout = timeout.into_iter().flatten().min();

        let acknowledged = self.acknowledgements.as_ref().filter(|_| wants.acknowledgement);
        let (input, output) = match &self.ends {
            Ends::Local { input, output } => (
                if waiting.input { input.watch() } else { Watch::none() },
                if waiting.output { output.watch() } else { output.watch_reader() },
            ),
            Ends::Echo => (Watch::none(), Watch::none()),
        };
        let socket = match &self.link.handle {
            Some(socket) if waiting.receive || waiting.send => {
                Watch::new(socket.as_pollable(), waiting.receive, waiting.send)
            }
            // With nothing to move, a reset is still news.
            Some(socket) if !wants.acknowledgement && !self.hang_up_known => {
                Watch::new(socket.as_pollable(), false, false)
            }
            _ => Watch::none(),
        };
        let interrupt = self.link.interrupt();
        let mut watches = [
            socket,
            input,
            output,
            Watch::readable(acknowledged.map(AsPollable::as_pollable)),
            Watch::readable(interrupt.map(AsPollable::as_pollable)),
        ];
        os::wait(&mut watches, timeout)?;
        let [socket, input, output, acknowledged, _] = watches.map(|w| w.ready);

        self.down.after_wait(&self.link, socket.readable);
        if socket.any {
            if socket.writable {
                self.up.socket_is_ready();
            }
            if socket.alert && !(waiting.receive || waiting.send) {
                self.hang_up_known = true;
                self.link.core.request_sample();
            }
        }
        if let Ends::Local { input: i, output: o } = &mut self.ends {
            if input.any {
                i.set_ready();
            }
            if waiting.output && output.any {
                o.set_ready();
            } else if output.alert
                && let Some(error) = o.reader_has_gone()
            {
                self.link.local_failure(LocalEnd::Output, &error);
            }
        }
        if acknowledged.any {
            if let Some(watch) = &mut self.acknowledgements {
                watch.consume();
            }
            self.link.core.handle_acknowledged();
        }
        self.notice(waiting);
        Ok(())
    }

    /// What nothing could be done about just now.
    fn waiting(&self, wants: Wants) -> Waiting {
        let (room, input, output) = match &self.ends {
            Ends::Local { output, .. } => (
                self.down.has_room(output),
                self.up.waits_for_input(wants.input),
                self.down.waits_for_output(output),
            ),
            Ends::Echo => (self.up.buffer.has_room(), false, false),
        };
        Waiting {
            receive: wants.receive && room,
            send: self.up.waits_to_send(wants.send),
            input,
            output,
            acknowledgement: wants.acknowledgement,
        }
    }

    /// How long until an observer is told that we still wait. `None`: nobody watches, or we do not wait for the peer.
    fn until_notice(&self, now: Time, waiting: Waiting) -> Option<Duration> {
        let since = self.link.core.milestones().shutdown_send?;
        let for_peer = (waiting.receive && !waiting.output) || waiting.acknowledgement;
        let watched = self.link.options.observer.is_some();
        (watched && for_peer).then(|| (since + self.next_notice).saturating_sub(now))
    }

    fn notice(&mut self, waiting: Waiting) {
        let now = self.link.now();
        if self.until_notice(now, waiting) == Some(Duration::ZERO) {
            let since = self.link.core.milestones().shutdown_send.unwrap_or(now);
            let event = Event::StillWaiting {
                waited: now.saturating_sub(since),
                for_acknowledgement: waiting.acknowledgement,
            };
            self.link.observe(&event);
            self.next_notice *= 2;
        }
    }
}
