//! `adieu listen`: the same procedure from the other side, once or again and again.
//!
//! The library's server accepts, gives each connection a thread, and drains. Here is what is a command's own: what is done with a
//! client, what is said of it, and when it is over. The main thread hears of that through one channel, so nothing here polls.

mod arguments;
mod clients;
mod datagrams;
mod guide;
mod introduced;
mod message;
mod observed;
mod plan;
pub(crate) mod port_file;
mod run;
mod server;
mod service;
mod serving;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use run::run;
