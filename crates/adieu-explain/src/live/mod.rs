//! The sockets of a running machine: which of them hang, why, and who holds them.
//!
//! The module makes no system call. Whoever uses it sends [`request`] to the kernel (sock_diag(7)), gives the answers to a
//! [`Dump`] and each socket to a [`Survey`], asks the survey which inodes it wants, and says who holds them. [`growth`] compares
//! two looks at a process.
//!
//! What the kernel keeps decides what can be said. It does not keep when a FIN came: the time since the last acknowledgement is
//! the least that a socket has been in CLOSE_WAIT. It does not keep who closed a socket either: one in FIN_WAIT_2 without an inode
//! has no owner any more.

mod finding;
pub mod growth;
mod message;
mod survey;

pub use finding::{Finding, Owner, Stall, seconds};
pub use message::{Dump, DumpError, Family, Info, Socket, State, Timer, request};
pub use survey::{Holder, Survey};
