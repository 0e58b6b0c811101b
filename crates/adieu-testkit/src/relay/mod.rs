//! The relay matrix, and random conversations: what `adieu relay`, the library's relay and any other forwarder are held against.
//!
//! | module | is |
//! | --- | --- |
//! | [`script`] | what a client or an upstream program does, as data |
//! | [`foresee`] | whether two scripts come to their ends together |
//! | [`shape`] | what is on the two sides: IPv4, IPv6, Unix; TLS; PROXY |
//! | [`stage`] | brings both sides together through a relay, and has them perform |
//! | [`judge`] | the rules that must hold, computed from what each side did |
//! | [`matrix`] | the scripts, and every pair of them |
//! | `program` | a forwarder as a program of its own: `adieu relay`, or another (Unix) |
//! | [`random`] | conversations from a seed |
//! | [`told`] | a relay at work, and what it told |
//!
//! What a peer must see is nowhere listed: it follows from what the other one did. The peers know nothing of adieu, so the
//! same matrix runs on any forwarder, and shows which of the rules it breaks.

mod actor;
mod carrier;
pub mod foresee;
pub mod judge;
pub mod matrix;
#[cfg(unix)]
pub mod program;
pub mod random;
pub mod script;
pub mod shape;
pub mod stage;
pub mod told;

pub use actor::{Ended, Log, Role, Saw, Seen};
pub use script::{Script, Step};
pub use shape::{SHAPES, Shape, Socket, Wire};
pub use stage::Stage;
pub use told::{Relay, Start, Stopped, Told};
