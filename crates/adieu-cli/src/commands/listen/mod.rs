//! `adieu listen`: the same procedure from the other side, once or again and again.
//!
//! A thread accepts, each connection has a thread, and the main thread hears of everything through one channel:
//! connections, their ends, and signals. So nothing here polls, and nothing is shared but the printer.

mod accepting;
mod arguments;
mod message;
mod plan;
pub(crate) mod port_file;
mod run;
mod server;
mod service;

pub(crate) use arguments::Args;
pub(crate) use plan::Plan;
pub(crate) use run::run;
