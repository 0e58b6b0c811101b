//! Performs a script on a connection, and writes down what it saw and did.

use super::carrier::{Carrier, Received};
use super::script::{Script, Step};
use adieu_peer::pattern::{Pattern, Verifier};
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Bytes moved by one call.
const CHUNK: usize = 64 * 1024;

/// How often the kernel is asked about a state that wakes nobody.
const TICK: Duration = Duration::from_millis(1);

/// How one side saw the other's stream end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw {
    /// By its own end: an EOF, with TLS close_notify.
    End,
    /// TLS: an EOF, or a fatal alert, without close_notify.
    Cut,
    /// By a reset.
    Reset,
}

/// How one side ended its own stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// It did not.
    #[default]
    Not,
    /// Whole.
    Whole,
    /// TLS: without close_notify, or by what is no record.
    Cut,
}

/// What one side saw and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Bytes that its kernel, or its TLS session, took.
    pub sent: u64,
    /// Of these, how many the relay's system had acknowledged at the end, at least.
    pub acknowledged: u64,
    /// Bytes received.
    pub received: u64,
    /// Offset of the first that was not the other side's.
    pub first_wrong: Option<u64>,
    /// How it saw the other's stream end, first. `None`: it did not look so far.
    pub saw: Option<Saw>,
    /// A reset came, then or later.
    pub was_reset: bool,
    /// How it ended its stream.
    pub ended: Ended,
    /// It aborted the connection: a reset, or a close with bytes unread.
    pub aborted: bool,
    /// It closed before it had seen the other's end, so whatever comes then is answered by a reset.
    pub left_early: bool,
    /// When it aborted or left, the other's end stood in its kernel already.
    pub had_end: bool,
    /// It came to the end of its script.
    pub completed: bool,
    /// Why it did not, which may be right.
    pub stopped: Option<String>,
}

impl Log {
    /// Whether it ended the connection by anything but an end of its stream.
    pub fn is_abortive(&self) -> bool {
        self.aborted || self.left_early || self.ended == Ended::Cut
    }
}

/// What was seen on both sides of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The client's side.
    pub client: Log,
    /// The upstream program's.
    pub upstream: Log,
    /// Which connection of the stage it was, from 0 on.
    pub number: usize,
    /// It took longer than it may.
    pub hung: bool,
}

/// Which of the two sides it is: what it sends, and what it expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Connects to the relay.
    Client,
    /// The relay connects to it.
    Upstream,
}

impl Role {
    fn sends(self) -> Pattern {
        match self {
            Self::Client => Pattern::of_program(),
            Self::Upstream => Pattern::of_peer(),
        }
    }

    fn expects(self) -> Pattern {
        match self {
            Self::Client => Self::Upstream.sends(),
            Self::Upstream => Self::Client.sends(),
        }
    }
}

/// One side at work.
pub(super) struct Actor {
    carrier: Option<Carrier>,
    sends: Pattern,
    verifier: Verifier,
    log: Log,
    buffer: Vec<u8>,
    /// The other's stream ended before it gave what was to be received.
    is_short: bool,
}

type Done = Result<(), String>;

impl Actor {
    pub(super) fn new(role: Role, carrier: Carrier) -> Self {
        let verifier = Verifier::new(role.expects());
        Self {
            carrier: Some(carrier),
            sends: role.sends(),
            verifier,
            log: Log::default(),
            buffer: vec![0; CHUNK],
            is_short: false,
        }
    }

    /// Performs every step that can be done.
    pub(super) async fn perform(&mut self, script: &Script) {
        for (index, step) in script.steps.iter().enumerate() {
            let done = self.step(*step).await;
            if done.is_ok() && self.is_short {
                // There is nothing more to be had: it ends its stream too.
                if self.log.ended == Ended::Not {
                    let _ = self.step(Step::End).await;
                }
                break;
            }
            if let Err(why) = done {
                self.log.stopped = Some(format!("step {index}, {step:?}: {why}"));
                // What the other side said before is still to be had.
                let _ = self.exchange(None).await;
                return;
            }
        }
        self.log.completed = true;
    }

    /// Whether a reset would still be seen.
    pub(super) fn is_open(&self) -> bool {
        self.carrier.is_some()
    }

    /// After both scripts: waits until the connection is known to have failed.
    pub(super) async fn await_reset(&mut self) {
        while !self.log.was_reset && self.is_open() {
            self.note_failure();
            if !self.log.was_reset {
                tokio::time::sleep(TICK).await;
            }
        }
    }

    /// Closes what is open, and says what was seen and done.
    pub(super) fn finish(mut self) -> Log {
        self.note_failure();
        self.note_acknowledged();
        self.log.received = self.verifier.count();
        self.log.first_wrong = self.verifier.first_wrong();
        self.log
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    fn note_failure(&mut self) {
        let Some(carrier) = &self.carrier else { return };
        if carrier.look().has_failed {
            // Taken, so that it is this one's and no later call's.
            let _ = carrier.error();
            self.log.was_reset = true;
        }
    }

    fn note_acknowledged(&mut self) {
        let Some(carrier) = &self.carrier else { return };
        let acknowledged = carrier.acknowledged(self.log.sent);
        // A reset empties the queue too: that is no acknowledgement.
        if !(self.log.was_reset || carrier.look().has_failed) {
            self.log.acknowledged = acknowledged;
        }
    }

    fn carrier(&mut self) -> Result<&mut Carrier, String> {
        self.carrier.as_mut().ok_or_else(|| "the script goes on after its close".to_owned())
    }

    async fn step(&mut self, step: Step) -> Done {
        match step {
            Step::Send(n) => self.send(n).await,
            Step::Receive(n) => self.receive(n).await,
            Step::ReceiveToEnd => self.exchange(None).await,
            Step::ReceiveSlowly { chunk, pause } => self.receive_slowly(chunk, pause).await,
            Step::Exchange(n) => self.exchange(Some(n)).await,
            Step::End => {
                self.carrier()?.send_close_notify();
                self.flush().await?;
                self.fin(Ended::Whole)
            }
            Step::Fin => {
                let how = if self.carrier()?.is_tls() { Ended::Cut } else { Ended::Whole };
                self.flush().await?;
                self.fin(how)
            }
            Step::AwaitAcknowledged => self.await_acknowledged().await,
            Step::AwaitUnread(n) => {
                let carrier = self.carrier()?;
                loop {
                    let look = carrier.look();
                    if look.unread >= n || look.has_ended || carrier.holds_some() {
                        return Ok(());
                    }
                    tokio::time::sleep(TICK).await;
                }
            }
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Reset => {
                self.carrier()?.set_reset().map_err(|error| error.to_string())?;
                let is_tcp = self.carrier()?.is_tcp();
                self.leave(is_tcp);
                Ok(())
            }
            Step::Close => {
                self.leave(false);
                Ok(())
            }
            Step::Garbage => {
                self.flush().await?;
                self.carrier()?.send_raw(&[0x55; 64]).map_err(|error| error.to_string())?;
                self.log.ended = Ended::Cut;
                Ok(())
            }
        }
    }

    /// Closes.
    fn leave(&mut self, resets: bool) {
        self.note_failure();
        self.note_acknowledged();
        let Some(carrier) = self.carrier.take() else { return };
        let look = carrier.look();
        self.log.had_end = self.log.saw.is_some() || (look.has_ended && !look.has_failed && look.unread == 0);
        self.log.aborted = resets || look.unread > 0;
        self.log.left_early = !self.log.aborted && self.log.saw.is_none();
        if self.log.left_early && self.log.ended == Ended::Not {
            // A close is an end, too: the kernel sends a FIN. With TLS it is none.
            self.log.ended = if carrier.is_tls() { Ended::Cut } else { Ended::Whole };
        }
    }

    fn fin(&mut self, how: Ended) -> Done {
        self.carrier()?.fin().map_err(|error| error.to_string())?;
        self.log.ended = how;
        Ok(())
    }

    /// Sends the next piece of what goes up to `end`. True: something was taken.
    fn send_some(&mut self, end: u64) -> Result<bool, String> {
        let n = usize::try_from(end - self.log.sent).map_or(CHUNK, |left| left.min(CHUNK));
        let carrier = self.carrier.as_mut().ok_or("closed")?;
        self.sends.fill(self.log.sent, &mut self.buffer[..n]);
        let taken = carrier.try_send(&self.buffer[..n]);
        self.log.sent = carrier.sent();
        match taken {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(self.send_failed(&error)),
        }
    }

    /// One receive. True: something came.
    fn receive_some(&mut self, most: usize) -> bool {
        let Some(carrier) = &mut self.carrier else { return false };
        match carrier.try_receive(&mut self.buffer[..most.min(CHUNK)]) {
            Ok(Received::Bytes(n)) => {
                self.verifier.take(&self.buffer[..n]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            ended => {
                self.log.was_reset |= ended.is_err();
                // A reset is told once: if a send was told, a receive looks like an end.
                self.log.saw = Some(match ended {
                    _ if self.log.was_reset => Saw::Reset,
                    Ok(Received::End) => Saw::End,
                    _ => Saw::Cut,
                });
                true
            }
        }
    }

    /// A send failed: with its peer gone.
    fn send_failed(&mut self, error: &io::Error) -> String {
        self.log.was_reset = true;
        error.to_string()
    }

    async fn send(&mut self, n: u64) -> Done {
        let end = self.log.sent + n;
        while self.log.sent < end {
            if !self.send_some(end)? {
                self.carrier()?.ready(false, true).await.map_err(|error| error.to_string())?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Done {
        match self.carrier()?.flush().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.send_failed(&error)),
        }
    }

    async fn receive(&mut self, n: u64) -> Done {
        let end = self.verifier.count() + n;
        while self.verifier.count() < end {
            let left = end - self.verifier.count();
            if !self.receive_some(usize::try_from(left).unwrap_or(CHUNK)) {
                self.carrier()?.ready(true, false).await.map_err(|error| error.to_string())?;
            } else if self.log.saw == Some(Saw::End) {
                self.is_short = true;
                return Ok(());
            } else if let Some(saw) = self.log.saw {
                return Err(format!("{saw:?} with {left} bytes to come"));
            }
        }
        Ok(())
    }

    async fn receive_slowly(&mut self, chunk: usize, pause: Duration) -> Done {
        while self.log.saw.is_none() {
            if self.receive_some(chunk) {
                tokio::time::sleep(pause).await;
            } else {
                self.carrier()?.ready(true, false).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Receives to the end, and meanwhile, if it is asked to, sends so many bytes and ends its stream.
    async fn exchange(&mut self, send: Option<u64>) -> Done {
        let end = self.log.sent + send.unwrap_or(0);
        let mut is_sending = send.is_some();
        let mut failed = None;
        while is_sending || self.log.saw.is_none() {
            let mut moved = false;
            if is_sending {
                match self.send_or_end(end) {
                    Ok(Sending::Moved) => moved = true,
                    Ok(Sending::Blocked) => {}
                    Ok(Sending::Over) => is_sending = false,
                    // What was said before comes first.
                    Err(why) => (is_sending, failed) = (false, Some(why)),
                }
            }
            if self.log.saw.is_none() {
                moved |= self.receive_some(CHUNK);
            }
            let receives = self.log.saw.is_none();
            if !moved && (receives || is_sending) {
                self.carrier()?.ready(receives, is_sending).await.map_err(|error| error.to_string())?;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn send_or_end(&mut self, end: u64) -> Result<Sending, String> {
        if self.log.sent < end {
            return self.send_some(end).map(|moved| if moved { Sending::Moved } else { Sending::Blocked });
        }
        let carrier = self.carrier()?;
        carrier.send_close_notify();
        match carrier.try_flush() {
            Ok(()) => self.fin(Ended::Whole).map(|()| Sending::Over),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Sending::Blocked),
            Err(error) => Err(self.send_failed(&error)),
        }
    }

    async fn await_acknowledged(&mut self) -> Done {
        loop {
            let sent = self.log.sent;
            let carrier = self.carrier()?;
            // A reset empties the queue too: that is no acknowledgement.
            if carrier.look().has_failed {
                return Err("the connection failed first".into());
            }
            if carrier.acknowledged(sent) == sent {
                return Ok(());
            }
            tokio::time::sleep(TICK).await;
        }
    }
}

/// What a piece of sending came to.
enum Sending {
    Moved,
    Blocked,
    Over,
}
