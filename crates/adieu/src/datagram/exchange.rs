//! The compositions of an exchange of datagrams: with our input and output or an echo, with one peer or with all.

use super::bound::Bound;
use super::peer::Peer;
use super::run::{Ours, Run};
use super::terms::Exchange;
use crate::Report;
use crate::exchange::{Input, Output};

impl Exchange {
    /// Sends `input` to the peer and the peer's datagrams to `output` at the same time, and reports.
    ///
    /// Every failure is in the report; nothing else is returned.
    ///
    /// The output ends well only if nothing went wrong. Otherwise it is cut, as that of a [stream](crate::exchange()) is.
    pub fn run(self, peer: Peer, input: Input, output: Output) -> Report {
        Run::with_one(peer, self, Ours::ends(input, output)).run()
    }

    /// As [`run`](Self::run), with whoever sends something: everything goes to `output`, and `input` to whoever was the last to send
    /// something. It is not read before there is somebody. That one of them has gone is counted, and ends nothing.
    ///
    /// The report names a peer only if there was one alone.
    pub fn run_with_all(self, bound: Bound, input: Input, output: Output) -> Report {
        Run::with_all(bound, self, Ours::ends(input, output)).run()
    }

    /// Sends every datagram of the peer back to it. It is over as if our input had ended.
    pub fn echo(self, peer: Peer) -> Report {
        Run::with_one(peer, self, Ours::Echo).run()
    }

    /// Sends every datagram back to whoever sent it.
    pub fn echo_to_all(self, bound: Bound) -> Report {
        Run::with_all(bound, self, Ours::Echo).run()
    }
}

/// Sends `input` to the peer and the peer's datagrams to `output` at the same time, until our input has ended and nothing has passed
/// for 2 s, and reports: [`Exchange::run`] on its default terms.
///
/// # Examples
///
/// ```no_run
/// use adieu::exchange::{Input, Output};
/// use adieu::{ConnectOptions, Endpoint, datagram};
///
/// let peer = datagram::connect(&Endpoint::udp("localhost", 5140), &ConnectOptions::new())?;
/// let report = datagram::exchange(peer, Input::stdin()?, Output::stdout()?);
/// eprintln!("{report}");
/// std::process::exit(report.exit_code().into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn exchange(peer: Peer, input: Input, output: Output) -> Report {
    Exchange::new().run(peer, input, output)
}
