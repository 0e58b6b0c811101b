//! Datagrams: UDP, and Unix sockets of datagrams, with a report that claims what was told and no more.
//!
//! Where there is no connection there is little to finish properly. A datagram goes as a whole or not at all, nobody
//! acknowledges it, and nobody says that he has ended. What can be told is told:
//!
//! - what our system took, in datagrams and bytes ([`Datagrams`](crate::Datagrams));
//! - a refusal: where nobody receives, the peer's system says so by ICMP. Before anything came back the ending is
//!   [`NoConnection`](crate::Ending::NoConnection); after that [`Truncated`](crate::Ending::Truncated), because the peer was there and
//!   some of what was sent is lost;
//! - what had arrived and our own system dropped, because it was not read in time: `Truncated` too;
//! - else [`Connectionless`](crate::Ending::Connectionless), and never `Graceful`.
//!
//! | wanted | call |
//! | --- | --- |
//! | to send to one peer, and receive its answers | [`connect`], then [`Exchange`] |
//! | the first who sends something as the one peer | [`Bound::bind`], [`Bound::accept`], then [`Exchange`] |
//! | whoever sends something | [`Exchange::run_with_all`], [`Exchange::echo_to_all`] |
//! | whether somebody receives there | [`Probe`] |
//!
//! An exchange ends by silence, once our own input has ended: see [`Exchange::silence`].
//!
//! Everything here waits on the thread that calls it, by `poll`. A program that wants to send and receive datagrams itself is
//! served by [`std::net::UdpSocket`]: there is no procedure that it could get wrong.
//!
//! # Examples
//!
//! ```
//! use adieu::exchange::{Input, Output};
//! use adieu::{ConnectOptions, Endpoint, Ending, datagram};
//! use std::time::Duration;
//!
//! // Somebody who answers.
//! let server = std::net::UdpSocket::bind("127.0.0.1:0")?;
//! let endpoint = Endpoint::udp("127.0.0.1", server.local_addr()?.port());
//! std::thread::spawn(move || {
//!     let mut question = [0; 64];
//!     let (length, from) = server.recv_from(&mut question)?;
//!     server.send_to(&question[..length], from)
//! });
//!
//! let peer = datagram::connect(&endpoint, &ConnectOptions::new())?;
//! let (output, answer) = Output::to_vec(1 << 20);
//! let terms = datagram::Exchange::new().silence(Duration::from_millis(300));
//! let report = terms.run(peer, Input::from_bytes("anybody there?"), output);
//! assert_eq!(answer.into_vec(), b"anybody there?");
//! assert_eq!(report.ending(), Ending::Connectionless);
//! assert_eq!(report.datagrams.map(|counted| (counted.sent, counted.received)), Some((1, 1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bound;
mod exchange;
mod open;
mod peer;
mod probe;
mod run;
mod session;
mod shape;
mod terms;

pub use bound::Bound;
pub use exchange::exchange;
pub use peer::{Peer, connect, connect_from};
pub use probe::{Answer, Probe};
pub use terms::Exchange;
