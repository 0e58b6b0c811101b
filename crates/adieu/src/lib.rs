//! adieu finishes network connections properly.
//!
//! It connects, sends, shuts down its sending side, keeps receiving until the peer has finished too, closes the
//! socket, and then says truthfully how the connection ended. The types are the procedure of the Winsock page
//! "Disconnecting the client":
//!
//! | step | call | here |
//! | --- | --- | --- |
//! | try each address until one connects | `getaddrinfo`, `connect` | [`connect()`] |
//! | send | `send` | [`Connection`] is [`Write`](std::io::Write) |
//! | no more to send | `shutdown(SD_SEND)`, `shutdown(SHUT_WR)` | [`Connection::shutdown_send`] |
//! | its error path: report, close, clean up | `WSAGetLastError`, `closesocket` | [`ShutdownError`] |
//! | receive until the peer has finished | `recv` until 0 | [`HalfClosed`] is [`Read`](std::io::Read) |
//! | close | `closesocket`, `close` | [`HalfClosed::close`], which gives the [`Report`] |
//!
//! ```no_run
//! use adieu::{ConnectOptions, Endpoint};
//! use std::io::{Read, Write};
//!
//! let endpoint: Endpoint = "localhost:27015".parse()?;
//! let mut connection = adieu::connect(&endpoint, &ConnectOptions::new())?;
//! if let Err(error) = connection.write_all(b"this is a test") {
//!     eprintln!("{error}"); // the peer may have answered early: its answer is received below
//! }
//! let mut answer = Vec::new();
//! let report = match connection.shutdown_send() {
//!     // Sending from here on does not compile.
//!     Ok(mut half_closed) => {
//!         // If this fails, `answer` has what came before, and the report says why.
//!         let _ = half_closed.read_to_end(&mut answer);
//!         half_closed.close()
//!     }
//!     Err(error) => {
//!         let (received, report) = error.into_parts();
//!         answer = received;
//!         report
//!     }
//! };
//! println!("{} bytes: {report}", answer.len());
//! assert!(report.is_graceful());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A peer that answers early
//!
//! A peer may answer before it has read everything, and then break off: an HTTP server answers 413 to a large upload and
//! closes. A write then fails with a reset (`ECONNRESET`, `EPIPE`). The answer stands in our kernel, and a program that stops at
//! the failed write loses it. Go on instead, as above:
//!
//! 1. Note the error of the write, and send no more.
//! 2. Receive: reading gives every byte of the answer, and only then the error. Or call
//!    [`shutdown_send`](Connection::shutdown_send), which fails and receives the rest at once:
//!    [`ShutdownError::into_parts`] has it.
//! 3. Read the report: its ending is the reset, however complete the answer looks. Whether it is whole, only its own protocol
//!    says, for example its `Content-Length`.
//!
//! On Windows the send that fails throws away what our kernel has received by then. An [exchange](exchange()) receives before
//! it sends, so there less of an early answer is lost.
//!
//! # The ending
//!
//! A [`Report`] names one [`Ending`]. [`Ending::Graceful`] means that both directions ended by EOF, that the peer's
//! TCP acknowledged every byte and our FIN, and that SO_ERROR was clear at the end. It does not say that the peer's
//! application processed anything: no transport can.
//!
//! Other code may end the connection: an HTTP server, a pool, a thread that panics. [`Connection::ending_handle`] gives the
//! report all the same.
//!
//! # A socket that your program already has
//!
//! Whoever has connected it, [`finish()`] is the whole end in one call: it shuts down the sending side, receives until the peer has
//! ended too, waits until everything is acknowledged, closes, and reports. [`Finish`] has its bounds.
//!
//! ```no_run
//! # fn f(stream: std::net::TcpStream) {
//! let report = adieu::finish(stream, &adieu::Finish::new());
//! println!("{report}");
//! # }
//! ```
//!
//! | your program has | call |
//! | --- | --- |
//! | a socket, and a thread that may wait | [`finish()`] |
//! | a socket of tokio's | `tokio::finish`, `tokio::finish_in_background` |
//! | an event loop of its own | [`Finisher`]: begin, wait as it says, advance |
//! | a TLS stream of rustls's | [`finish_tls`], `tokio::finish_tls` |
//! | a socket that it goes on using for a while | [`Connection::from_socket`], and [`into_socket`](Connection::into_socket) back |
//! | a library that drops the connection when it likes | [`Connection::ending_handle`] gives the report; on tokio, `finish_when_dropped` ends it well |
//! | two connections to join | [`relay()`] |
//! | a listening socket, its own or the service manager's | [`Listener::from_socket`], [`Listener::from_service_manager`] |
//! | clients to serve until it is told to stop | [`Server`] |
//! | datagrams to send and receive, by UDP or a Unix socket | the module [`datagram`] |
//! | C or C++ | `adieu.h`, of the crate `adieu-capi`; see `docs/c.md` |
//!
//! The repository has examples of this in `crates/adieu/examples`: `std_server` (threads), `poll_server` (an event loop), `lines`
//! (tokio-util), `hyper_413` (hyper), `axum_drain` (axum, drained at Ctrl-C).
//!
//! # Both directions at once
//!
//! [`exchange()`] moves an input to the peer and the peer to an output at the same time, on one thread, and ends
//! the connection. It is what the command-line tool runs. [`exchange_with`] can do more with the bytes on their way: line ends, a
//! rate, a dump. [`request()`] does it with bytes in memory, for a client that sends
//! all, half-closes and receives one reply. [`Connection::split`] gives two halves, for two threads of a program's
//! own.
//!
//! # Features
//!
//! - `tokio`: the same procedure in async, in the module `tokio`. After `use adieu::*` the name `tokio` means two things, and
//!   `#[tokio::main]` does not compile: import by name.
//! - `serde`: `Serialize` and `Deserialize` for [`Report`] and [`RelayReport`], as `docs/report.schema.json` and
//!   `docs/relay-report.schema.json` describe them.
//! - `tracing`: a span `connection` for each connection, of the target `adieu`, with the fields `id` ([`Connection::id`]), `role`,
//!   `endpoint`, `local` and `peer`. Its steps are events at the level `debug`, its bytes at `trace`, and its ending is one event
//!   at `info`, or `warn` if it is not graceful.
//! - `tls`: TLS under the same procedure, in the module [`tls`], on rustls; it is made of parts that can be chosen.
//!
//! # Platforms
//!
//! | | Linux | Windows | macOS, BSD |
//! | --- | --- | --- | --- |
//! | compiled | yes | yes | type-checked |
//! | tested | yes | under Wine 8 | no |
//! | acknowledgement of everything at the end | SIOCOUTQ | the state of the TCP | the state of the TCP; on NetBSD and OpenBSD not known if the peer ended first: `Indeterminate` |
//! | acknowledged bytes before that | SIOCOUTQ | not known | the send queue; not known on OpenBSD |
//! | Unix sockets | yes | blocking driver, Windows 10 version 1803 | yes |
//!
//! Each feature in each column: `docs/platforms.md`; Winsock's calls and errors beside these: `docs/winsock.md`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(unix, windows)))]
compile_error!("adieu needs sockets as Unix or Windows has them");

mod blocking;
mod carrier;
mod connecting;
pub mod datagram;
mod ending_handle;
mod endpoint;
mod error;
mod event;
mod finishing;
mod flow;
mod handle;
mod interrupt;
mod link;
mod listening;
mod options;
mod proxy;
mod relaying;
mod report;
mod serving;
mod system_error;
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;

use adieu_os as os;

pub use adieu_proto::{
    Call, Counts, Ending, Fault, FaultKind, InputSilence, LocalEnd, Missing, Phase, Side, Signal, Timer,
};
pub use adieu_report::{
    Address, CommandEnd, Context, Counters, Datagrams, Durations, ErrorMeaning, FastOpen, ProxyAddress,
    ProxyKind, Report, Role, Setting, SystemError, Transport, Words, exit_code, shown,
};
pub use blocking::connect::{connect, fast_open};
pub use blocking::listener::Listener;
pub use blocking::relay::relay;
pub use blocking::{
    Connection, HalfClosed, ReadHalf, ReuniteError, Server, ServerHandle, WriteHalf, exchange, exchange_with,
    finish, finish_tls, request,
};
pub use ending_handle::EndingHandle;
pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::{
    AdoptError, Attempt, AttemptError, ConnectCause, ConnectError, Ended, EndpointError, ListenCause,
    ListenError, ResolveError, ShutdownError, TlsSetupError, Tried,
};
pub use event::Event;
pub use finishing::{AtBound, Finish, Finisher, FinisherWaits, Progress};
pub use interrupt::Interrupt;
pub use link::{LookAhead, LookAheadError};
pub(crate) use options::Options;
pub use options::{
    ConnectOptions, DataPath, IpVersion, Limits, ListenOptions, OptionError, SideOptions, SocketOptions,
    UnsuitedError,
};
pub use os::{Calls, OwnedSocket, PassedSocketError, Pollable, describe_error, error_name};
#[doc(hidden)]
pub use proxy::check_proxy_reply;
pub use proxy::{ParseProxyError, Proxy, ProxyError};
pub use relaying::{Direction, DirectionEnd, RelayOptions, RelayProgress, RelayReport, faults};
pub use report::NeverConnected;
pub use serving::{Drained, ServerEvent};

/// The names that the steps of the procedure have on this system.
pub const CALLS: Calls = os::CALLS;

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
