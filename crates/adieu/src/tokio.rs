//! The same procedure in async, on tokio: the same words, the same core, the same report.
//!
//! ```no_run
//! use adieu::{ConnectOptions, Endpoint};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let mut connection = adieu::tokio::connect(&Endpoint::tcp("localhost", 27015), &ConnectOptions::new()).await?;
//! if let Err(error) = connection.write_all(b"this is a test").await {
//!     eprintln!("{error}"); // the peer may have answered early: its answer is received below
//! }
//! let mut answer = Vec::new();
//! let report = match connection.shutdown_send().await {
//!     Ok(mut half_closed) => {
//!         let _ = half_closed.read_to_end(&mut answer).await;
//!         half_closed.close().await
//!     }
//!     Err(error) => {
//!         let (received, report) = error.into_parts();
//!         answer = received;
//!         report
//!     }
//! };
//! # Ok(()) }
//! ```
//!
//! A future is interrupted by dropping it, which closes the connection; or by [`ConnectOptions::interrupt`], which ends the
//! connection with a report.

mod ahead;
mod connect;
mod connection;
mod exchange;
mod finish;
mod finish_tls;
mod hang_up;
mod inner;
mod listener;
mod look_up;
mod nap;
mod raised;
mod relay;
mod server;
mod stream;
mod waiters;
mod wakes;

pub use connect::{connect, fast_open};
pub use connection::{Connection, HalfClosed};
pub use exchange::{echo, exchange, request};
pub use finish::{finish, finish_in_background};
pub use finish_tls::finish_tls;
pub use listener::Listener;
pub use look_up::look_up;
pub use relay::relay;
pub use server::{Server, ServerHandle};
pub use stream::Stream;

#[expect(unused_imports, reason = "the documentation links to it")]
use crate::ConnectOptions;
