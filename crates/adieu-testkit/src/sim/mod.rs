//! A small simulated network in virtual time: deterministic, without threads, sockets or clocks.
//!
//! It has two ends, [`Side::Us`](adieu_proto::Side::Us) and [`Side::Peer`](adieu_proto::Side::Peer), each with
//! a model of a kernel's TCP socket, and a link that can delay, cut, reset and swallow. Our end is always an
//! [`adieu_proto::Connection`] run by the seven steps of that crate's documentation; the peer is another one
//! (a pair of cores) or a script.
//!
//! The sockets keep the facts of DESIGN.md, section 2, because those are what the core must survive: a reset
//! is told once, an EOF can hide one, received bytes outlive it, closing with bytes unread sends it. They are
//! Linux's, and no more of TCP is here than the core can see: no congestion control, no reordering, no loss
//! but the link's faults. Bytes are counted, never held; sequence numbers prove that what arrives is a prefix
//! of what was sent.

mod ends;
mod event;
mod link;
mod party;
mod script;
mod simulation;
mod socket;

pub use ends::{InputStep, OutputStep, SimInput, SimOutput};
pub use event::{Ask, SimEvent, fault};
pub use link::{Link, LinkFault, What};
pub use party::{Acknowledgements, Core, Platform};
pub use script::Step;
pub use simulation::{Answer, Octets, Party, Run, Simulation, Told};
pub use socket::Kernel;
