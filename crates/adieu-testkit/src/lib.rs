//! The closing matrix and its arms: what adieu's tests, and `cargo xtask peers`, hold programs against.
//!
//! | module | is |
//! | --- | --- |
//! | [`peer`] | the crate of the peers: their behaviour is data, a list of [`peer::Step`]s; with its [`pattern`] and [`progress`] |
//! | [`places`] | ports that refuse, addresses that never answer, names of a test's own |
//! | [`scenario`] | the closing matrix: what the peer does, what we are given, what must hold |
//! | [`program`] | runs any program, or a driver in this process, against a scenario and notes what happened |
//! | [`matrix`] | every scenario on a built adieu or a driver, in one call |
//! | [`judge`] | compares what happened with what must hold |
//! | [`relay`] | the relay matrix, and random conversations, for anything that forwards |
//! | [`arguments`] | a scenario's options in adieu's own words |
//! | [`namespace`] | a wire that can be cut silently: two network namespaces (Linux, root) |
//! | [`box_between`] | a box between two hosts that loses, translates, forges and records packets (Linux, root) |
//! | [`sim`] | a network, sockets and peers in virtual time, for the core |
//! | [`tls`] | the closing matrix between close_notify and FIN, and the peers that speak TLS |
//! | [`schema`] | the committed schemas of JSON, and what does not fit them |
//! | [`skip`] | how a test is skipped: loudly |
//! | [`waits`] | waits that are bounded, how a socket is cut, and how much is sent from one that blocks |
//!
//! Besides the peers, and the core that [`sim`] runs, the kit knows nothing of the other adieu crates, so that it can judge
//! them, and any netcat, alike. Nothing here retries but what Wine breaks off ([`waits::Sending`]),
//! nothing waits without a bound, and every port is chosen by the kernel.
//!
//! A library's own driver runs in this process in place of a program: [`program::run_in_process`].
//!
//! # Platforms
//!
//! Unix and Windows. [`scenario::Scenario::not_here`] says which scenarios are not for a system, and why.

#[cfg(target_os = "linux")]
pub mod box_between;
pub mod matrix;
#[cfg(target_os = "linux")]
pub mod namespace;
mod os;
pub mod places;
pub mod program;
pub mod relay;
pub mod schema;
pub mod sim;
pub mod skip;
pub mod tls;
pub mod waits;

pub use adieu_peer as peer;
pub use adieu_peer::{arguments, judge, pattern, progress, scenario};
