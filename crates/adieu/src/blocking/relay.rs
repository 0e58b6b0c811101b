//! Two connections joined: what each gives goes to the other, and so does how it ended.
//!
//! Two flows and one `poll` on one thread. An EOF becomes a FIN once everything before it was passed on. Whatever else ends a
//! side (a reset, a cut TLS stream, a time limit) becomes a reset of the other, after everything that came before it is
//! delivered there: a stream that was cut never looks whole one hop on.
//!
//! The command `relay` is to come; this is what it will run, and not yet an interface.

use super::driven::{Driven, Wait, waiting};
use super::wait::ensure_connected;
use crate::flow::ends::Source;
use crate::flow::{End, Flow, Pair, Turn};
use crate::os;
use crate::{Connection, Report};
use adieu_proto::LocalEnd;
use std::io;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Its source ended it, and everything was passed on with that end.
    Whole,
    /// Its sink was not told that it is whole, because it is not, or is not known to be.
    Cut,
}

/// How a relay ended.
#[derive(Debug)]
pub struct Relayed {
    /// The connection of the one who came to us.
    pub client: Report,
    /// The connection to the one whom we went to.
    pub upstream: Report,
    /// What the client sent.
    pub to_upstream: Passed,
    /// What the upstream side sent.
    pub to_client: Passed,
}

/// Passes on what each of the two sends to the other, until both have ended.
pub fn relay(mut client: Connection, mut upstream: Connection) -> Relayed {
    ensure_connected(&mut client.link);
    ensure_connected(&mut upstream.link);
    let sides = [Driven::new(client.link), Driven::new(upstream.link)];
    Relay { sides, to_upstream: Flow::new(), to_client: Flow::new() }.run()
}

struct Relay {
    /// The client side and the upstream side.
    sides: [Driven; 2],
    to_upstream: Flow,
    to_client: Flow,
}

impl Relay {
    fn run(mut self) -> Relayed {
        for side in &mut self.sides {
            side.begin(true);
        }
        while self.sides.iter().any(Driven::is_open) {
            for side in &mut self.sides {
                side.peer.link.act();
            }
            let moved = self.turn();
            for side in &mut self.sides {
                side.peer.link.tick();
                side.peer.link.act();
            }
            // Only now is it known which of the two is over.
            let told = self.pass_on_failures();
            if !(moved || told)
                && self.sides.iter().any(Driven::is_open)
                && let Err(error) = self.wait()
            {
                for side in &mut self.sides {
                    side.peer.link.local_failure(LocalEnd::Socket, &error);
                }
            }
        }
        let [client, upstream] = &self.sides;
        Relayed {
            client: client.peer.link.final_report(),
            upstream: upstream.peer.link.final_report(),
            to_upstream: passed(client, upstream),
            to_client: passed(upstream, client),
        }
    }

    fn turn(&mut self) -> bool {
        let Self { sides: [client, upstream], to_upstream, to_client } = self;
        let moved = [
            to_upstream.turn(&mut Pair(&mut client.peer, &mut upstream.peer)),
            to_client.turn(&mut Pair(&mut upstream.peer, &mut client.peer)),
        ];
        moved.contains(&Turn::Moved)
    }

    fn pass_on_failures(&mut self) -> bool {
        let [client, upstream] = &mut self.sides;
        pass_on_failure(client, upstream) | pass_on_failure(upstream, client)
    }

    fn wait(&mut self) -> io::Result<()> {
        let Self { sides: [client, upstream], to_upstream, to_client } = self;
        let up = to_upstream.waits(&Pair(&mut client.peer, &mut upstream.peer));
        let down = to_client.waits(&Pair(&mut upstream.peer, &mut client.peer));
        let of_client = waiting(up, down, client.wants_acknowledgement());
        let of_upstream = waiting(down, up, upstream.wants_acknowledgement());
        let waits = [
            client.before_wait(of_client, to_upstream.is_direct()),
            upstream.before_wait(of_upstream, to_client.is_direct()),
        ];
        let [Wait::AtMost(first), Wait::AtMost(second)] = waits else { return Ok(()) };

        let [socket, acknowledged, interrupt] = client.watches(of_client);
        let [its_socket, its_acknowledged, its_interrupt] = upstream.watches(of_upstream);
        let mut watches = [socket, acknowledged, interrupt, its_socket, its_acknowledged, its_interrupt];
        os::wait(&mut watches, [first, second].into_iter().flatten().min())?;
        let [socket, acknowledged, _, its_socket, its_acknowledged, _] = watches.map(|watch| watch.ready);
        client.after_wait(of_client, socket, acknowledged);
        upstream.after_wait(of_upstream, its_socket, its_acknowledged);
        Ok(())
    }
}

/// If the one side is over and what it sent is not whole, or what is sent to it is not taken any more, the other is reset
/// after it was given everything. True: it was told.
fn pass_on_failure(from: &Driven, to: &mut Driven) -> bool {
    let (source, sink) = (&from.peer.link.core, &to.peer.link.core);
    if !source.is_decided() || sink.is_decided() || sink.is_leaving() {
        return false;
    }
    let is_whole = Source::end(&from.peer) == Some(End::Whole);
    if is_whole && sink.peer_has_ended() {
        return false;
    }
    to.peer.link.local_failure(LocalEnd::Input, &io::ErrorKind::UnexpectedEof.into());
    true
}

/// Whether the one side's end was passed on to the other, as far as is known.
fn passed(from: &Driven, to: &Driven) -> Passed {
    let sink = &to.peer.link.core;
    let is_whole = Source::end(&from.peer) == Some(End::Whole);
    let evidence = sink.evidence();
    let was_told = sink.milestones().shutdown_send.is_some() && evidence.fin_acknowledged != Some(false);
    if is_whole && was_told { Passed::Whole } else { Passed::Cut }
}
