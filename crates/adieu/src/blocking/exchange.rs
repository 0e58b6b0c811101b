//! Moving bytes both ways at once, and ending the connection: two flows, or one for an echo, and one `poll` on one thread.
//!
//! At the input's EOF the sending side is shut down; the connection is closed when the peer has ended too and everything is
//! acknowledged.
//!
//! Nothing here moves a byte, which is `flow`'s part, or decides how a connection ends, which is the core's.

pub use crate::options::{AtInputEnd, ExchangeOptions, Way};
pub use crate::os::ends::{Input, Output};
pub use crate::os::{Closes, Collected};

use super::driven::{Driven, Wait};
use super::wait::ensure_connected;
use crate::flow::shaping::Shaping;
use crate::flow::{Flow, Loop, Pair, Turn, Waits, waiting};
use crate::os::{self, Watch};
use crate::{Connection, Report};
use adieu_proto::{LocalEnd, Waiting};
use std::io;
use std::time::Duration;

/// Sends `input` to the peer and the peer's bytes to `output` at the same time, half-closes at the input's EOF,
/// drains, waits until everything is acknowledged, closes, and reports.
///
/// Every failure is in the report; nothing else is returned.
///
/// # Platforms
///
/// The input and output may be files, pipes, terminals, memory, any reader or writer, and on Unix sockets; no flag of them is
/// changed. A reader or writer has a thread of its own, on Windows a pipe or a console too. The thread is left behind with it
/// if it blocks for ever.
///
/// # Examples
///
/// ```no_run
/// use adieu::exchange::{Input, Output};
/// use adieu::{Endpoint, ConnectOptions};
///
/// let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &ConnectOptions::new())?;
/// let request = Input::from_bytes("GET / HTTP/1.0\r\n\r\n");
/// let report = adieu::exchange(connection, request, Output::stdout()?);
/// eprintln!("{report}");
/// std::process::exit(report.exit_code().into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The reply in memory, a mebibyte at most:
///
/// ```no_run
/// # use adieu::exchange::{Input, Output};
/// # use adieu::{Endpoint, ConnectOptions};
/// # let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &ConnectOptions::new())?;
/// let (output, reply) = Output::to_vec(1 << 20);
/// let report = adieu::exchange(connection, Input::from_bytes("GET / HTTP/1.0\r\n\r\n"), output);
/// let reply = reply.into_vec();
/// assert!(report.is_graceful(), "{report} after {} bytes", reply.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn exchange(connection: Connection, input: Input, output: Output) -> Report {
    begin(connection, Ends::local(input, output), None)
}

/// An [`exchange`](crate::exchange()) that does more with the bytes on their way, or holds our FIN back, as the options say.
///
/// Every failure is in the report; nothing else is returned.
///
/// # Platforms
///
/// As those of [`exchange`](crate::exchange()). On Linux, bytes that an option looks at or holds back go through a buffer, and not
/// from descriptor to descriptor inside the kernel.
///
/// # Examples
///
/// What a netcat without `-N` does: the peer reads no end before it has ended itself.
///
/// ```no_run
/// use adieu::exchange::{AtInputEnd, ExchangeOptions, Input, Output};
/// use adieu::{ConnectOptions, Endpoint};
///
/// let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &ConnectOptions::new())?;
/// let options = ExchangeOptions::new().at_input_end(AtInputEnd::AfterPeer);
/// let report = adieu::exchange_with(connection, Input::stdin()?, Output::stdout()?, options);
/// eprintln!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn exchange_with(
    connection: Connection,
    input: Input,
    output: Output,
    options: ExchangeOptions,
) -> Report {
    let input = if options.recv_only { Input::empty() } else { input };
    begin(connection, Ends::local(input, output), Some(options))
}

/// Sends `bytes`, half-closes, receives the reply to its end, closes, and gives the reply and the report: the commonest client in
/// one call.
///
/// It receives while it sends, so a peer that replies before it has read everything holds nothing up. Whatever the ending is, the
/// reply has what was received before: the early reply of a server that refuses the request and resets, for example. It is the
/// whole reply if the report is [graceful](Report::is_graceful); otherwise only its own protocol can say.
///
/// The reply is held in memory, however long it is. For one that may be too long, use [`exchange`](crate::exchange()) with
/// [`Output::to_vec`] and a limit. [`Limits`](crate::Limits) bound the time.
///
/// # Examples
///
/// ```no_run
/// use adieu::{ConnectOptions, Endpoint};
///
/// let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &ConnectOptions::new())?;
/// let (reply, report) = adieu::request(connection, "GET / HTTP/1.0\r\n\r\n");
/// println!("{} bytes, {report}", reply.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn request(connection: Connection, bytes: impl Into<Vec<u8>>) -> (Vec<u8>, Report) {
    let (output, reply) = Output::to_vec(None);
    let report = exchange(connection, Input::from_bytes(bytes), output);
    (reply.into_vec(), report)
}

/// Sends back what the peer sends, half-closes after the peer did, waits until everything is acknowledged, closes,
/// and reports.
pub fn echo(connection: Connection) -> Report {
    begin(connection, Ends::Echo(Flow::new()), None)
}

/// An [`echo`] with [`ExchangeOptions::tap`] and [`ExchangeOptions::limit_rate`]. The other options are for an input and an output
/// of our own, and do nothing here.
pub fn echo_with(connection: Connection, options: ExchangeOptions) -> Report {
    begin(connection, Ends::Echo(Flow::new()), Some(options))
}

fn begin(mut connection: Connection, ends: Ends, options: Option<ExchangeOptions>) -> Report {
    ensure_connected(&mut connection.link);
    let shaping =
        options.filter(|options| !options.is_plain()).map(|options| Box::new(Shaping::new(options)));
    let mut driven = Driven::new(connection.link);
    if let Some(shaping) = shaping.as_ref().filter(|_| matches!(ends, Ends::Local { .. })) {
        shaping.begin(&mut driven.peer);
    }
    Exchange { driven, ends, shaping }.run()
}

#[expect(clippy::large_enum_variant, reason = "there is one for each connection")]
enum Ends {
    Local {
        input: Input,
        output: Output,
        /// From our input to the peer.
        up: Flow,
        /// From the peer to our output.
        down: Flow,
    },
    Echo(Flow),
}

impl Ends {
    fn local(input: Input, output: Output) -> Self {
        Self::Local { input, output, up: Flow::new(), down: Flow::new() }
    }
}

struct Exchange {
    driven: Driven,
    ends: Ends,
    /// What is asked for beside moving the bytes.
    shaping: Option<Box<Shaping>>,
}

/// What is waited for.
struct Wanted {
    waiting: Waiting,
    /// Our output is to take something.
    output: bool,
    /// Then a source is asked again that is held back now.
    pause: Option<Duration>,
    /// What is received goes on a direct way.
    direct: bool,
}

impl Exchange {
    fn run(mut self) -> Report {
        let mut output_is_open = matches!(self.ends, Ends::Local { .. });
        if output_is_open {
            self.driven.peer.link.core.await_output_end();
        } else {
            self.driven.begin(false);
        }
        while self.driven.peer.link.outcome().is_none() {
            self.driven.peer.link.act();
            let moved = self.turn();
            // Not before: a writer may still fail to write out what the core has counted as handed on.
            if output_is_open && self.output_is_settled() {
                output_is_open = false;
                self.driven.begin(false);
            }
            if self.driven.peer.link.interrupt().is_some_and(|i| i.raised().is_some()) {
                self.hand_on_what_is_there();
            }
            let link = &mut self.driven.peer.link;
            link.tick();
            link.act();
            if !moved
                && link.outcome().is_none()
                && let Err(error) = self.wait()
            {
                self.driven.peer.link.local_failure(LocalEnd::Socket, &error);
            }
        }
        self.driven.peer.link.final_report()
    }

    fn output_is_settled(&self) -> bool {
        matches!(&self.ends, Ends::Local { output, .. } if output.is_settled())
    }

    fn turn(&mut self) -> bool {
        let peer = &mut self.driven.peer;
        let (first, second) = match (&mut self.ends, &mut self.shaping) {
            (Ends::Echo(flow), None) => (flow.turn(&mut Loop(peer)), Turn::Blocked),
            // Receive first: whatever a failing send would tell, the peer may have said before.
            (Ends::Local { input, output, up, down }, None) => {
                (down.turn(&mut Pair(peer, output)), up.turn(&mut Pair(input, peer)))
            }
            (Ends::Echo(flow), Some(shaping)) => (shaping.echo(peer, |ends| flow.turn(ends)), Turn::Blocked),
            (Ends::Local { input, output, up, down }, Some(shaping)) => {
                let received = shaping.down(peer, output, false, |ends| down.turn(ends));
                (received, shaping.up(input, peer, |ends| up.turn(ends)))
            }
        };
        let failed = self.shaping.as_mut().and_then(|shaping| shaping.take_failure());
        if let Some(error) = &failed {
            self.driven.peer.link.local_failure(LocalEnd::Output, error);
        }
        if second == Turn::SourceFailed {
            self.hand_on_what_is_there();
            self.tell_failure();
        }
        first == Turn::Moved || second != Turn::Blocked || failed.is_some()
    }

    fn tell_failure(&mut self) {
        if let Ends::Local { input, up, .. } = &mut self.ends {
            up.tell_failure(&mut Pair(input, &mut self.driven.peer));
        }
    }

    fn hand_on_what_is_there(&mut self) {
        let peer = &mut self.driven.peer;
        let Ends::Local { output, down, .. } = &mut self.ends else { return };
        if peer.link.core.is_decided() {
            return;
        }
        // Whether a pipe has room, only `poll` knows. If it fails, nothing is known.
        let mut watches = [output.watch()];
        if os::wait(&mut watches, Some(Duration::ZERO)).is_ok() && watches[0].ready.any {
            output.set_ready();
        }
        match &mut self.shaping {
            None => down.hand_on(&mut Pair(peer, output)),
            Some(shaping) => shaping.down(peer, output, true, |ends| down.hand_on(ends)),
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let Wanted { waiting, output: wants_output, pause, direct } = self.wanted();
        let Wait::AtMost(timeout) = self.driven.before_wait(waiting, direct) else { return Ok(()) };
        let status = self.end_check_left();
        let is_read = self.shaping.as_ref().is_none_or(|shaping| shaping.takes_output());
        let (input, output) = match &self.ends {
            Ends::Local { input, output, .. } => (
                if waiting.input { input.watch() } else { Watch::none() },
                match () {
                    () if wants_output => output.watch(),
                    () if is_read => output.watch_reader(),
                    () => Watch::none(),
                },
            ),
            Ends::Echo(_) => (Watch::none(), Watch::none()),
        };
        let [socket, acknowledged, interrupt] = self.driven.watches(waiting);
        let mut watches = [socket, input, output, acknowledged, interrupt];
        os::wait(&mut watches, [timeout, status, pause].into_iter().flatten().min())?;
        let [socket, input, output, acknowledged, _] = watches.map(|w| w.ready);

        self.driven.after_wait(waiting, socket, acknowledged);
        if let Ends::Local { input: i, output: o, .. } = &mut self.ends {
            if input.any {
                i.set_ready();
            }
            if wants_output && output.any {
                o.set_ready();
            } else if output.alert
                && let Some(error) = o.reader_has_gone()
            {
                self.driven.peer.link.local_failure(LocalEnd::Output, &error);
            }
        }
        Ok(())
    }

    /// How long a wait may last before the input counts as whole.
    fn end_check_left(&mut self) -> Option<Duration> {
        let Ends::Local { input, output, .. } = &mut self.ends else { return None };
        let core = &self.driven.peer.link.core;
        // Whoever reads it must see the end now, because this may last.
        let counts = core.counts();
        output.let_go(counts.received + counts.accepted > 0);
        input.end_check_left(core.peer_has_ended())
    }

    /// What nothing could be done about just now.
    fn wanted(&mut self) -> Wanted {
        let peer = &mut self.driven.peer;
        // Where nothing more is received, only that is left to wait for.
        let is_enough = self.shaping.as_ref().is_some_and(|shaping| shaping.has_received_enough());
        let acknowledgement = is_enough || peer.link.core.wants().acknowledgement;
        let (out, into, direct) = match (&mut self.ends, &mut self.shaping) {
            (Ends::Local { input, output, up, down }, None) => {
                (down.waits(&Pair(peer, output)), up.waits(&Pair(input, peer)), down.is_direct())
            }
            (Ends::Local { input, output, up, down }, Some(shaping)) => {
                let out = shaping.down(peer, output, false, |ends| down.waits(ends));
                (out, shaping.up(input, peer, |ends| up.waits(ends)), down.is_direct())
            }
            (Ends::Echo(flow), shaping) => {
                let Waits { source, sink, pause } = match shaping {
                    None => flow.waits(&Loop(peer)),
                    Some(shaping) => shaping.echo(peer, |ends| flow.waits(ends)),
                };
                // What comes out of the flow goes into it.
                let out = Waits { source, pause, ..Waits::default() };
                (out, Waits { sink, ..Waits::default() }, flow.is_direct())
            }
        };
        Wanted {
            waiting: waiting(out, into, acknowledgement),
            output: out.sink,
            pause: [out.pause, into.pause].into_iter().flatten().min(),
            direct,
        }
    }
}
