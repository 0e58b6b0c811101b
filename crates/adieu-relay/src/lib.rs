//! A forwarder as a library. It accepts connections, connects to an upstream for each, and joins the two: what one side sends
//! goes to the other, and so does how it ended.
//!
//! [`adieu::tokio::relay`] moves the bytes of a pair; its documentation says how an end and a cut are passed on. This crate adds
//! what a service needs around it: a listening socket that several workers accept from, a choice of upstreams, rules about who may
//! connect, events for each connection, and a drain at the end.
//!
//! ```no_run
//! use adieu::Endpoint;
//! use adieu_relay::{Relay, RelayConfig, RelayEvent, Upstream};
//! use std::time::Duration;
//!
//! let config = RelayConfig::new(Endpoint::tcp("127.0.0.1", 8080), [Upstream::new(Endpoint::tcp("localhost", 80))]);
//! let relay = Relay::bind([config], |event| {
//!     if let RelayEvent::Closed(closed) = event {
//!         println!("{}: {:?}", closed.client, closed.ending());
//!     }
//! })?;
//! let handle = relay.handle();
//! std::thread::spawn(move || {
//!     std::thread::sleep(Duration::from_secs(60));
//!     handle.shutdown(Duration::from_secs(10));
//! });
//! let drained = relay.run()?;
//! assert!(drained.cut.is_empty());
//! # Ok::<(), adieu_relay::RelayError>(())
//! ```
//!
//! It prints nothing, reads no environment and handles no signal: the program that embeds it does that.

mod admission;
mod config;
mod crowd;
mod event;
mod faults;
mod front;
mod metrics;
mod moment;
mod open;
mod pool;
pub mod proxy_protocol;
mod reload;
mod room;
mod routes;
mod service;
mod session;
mod shared;
mod shutdown;
mod split_mix;
mod upstream;
mod worker;

pub use admission::{AcceptRate, Admission, TurnedAway, WhenFull, source_of};
pub use config::{RelayConfig, RelayError};
pub use event::{Closed, EndedBy, NotJoined, Outcome, RelayEvent, RelaySide};
pub use faults::{Faults, ParseFaultsError, PlannedFault};
pub use metrics::{Metrics, MetricsError, MetricsServer};
pub use open::{OpenConnection, State};
pub use reload::Reloaded;
pub use routes::{NamePattern, ParsePatternError, Route, RouteError, Routes};
pub use service::{Handle, Relay};
pub use shutdown::Drained;
pub use upstream::{Balance, Health, Upstream, UpstreamError, UpstreamState};

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
