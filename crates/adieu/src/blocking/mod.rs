//! The blocking face: it waits with `poll` (WSAPoll on Windows) and nothing else.
//!
//! What a connection does and how it ends is decided below it, in [`link`](crate::link) and [`flow`](crate::flow), which the
//! tokio face shares.

pub(crate) mod connect;
pub(crate) mod connection;
mod driven;
pub mod exchange;
pub(crate) mod finish;
mod lent;
pub(crate) mod listener;
pub(crate) mod relay;
mod server;
mod split;
pub(crate) mod wait;

pub use connection::{Connection, HalfClosed};
pub use exchange::{exchange, exchange_with, request};
pub use finish::{finish, finish_tls};
pub use server::{Server, ServerHandle};
pub use split::{ReadHalf, ReuniteError, WriteHalf};
