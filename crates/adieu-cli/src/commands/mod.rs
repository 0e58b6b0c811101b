//! A folder per command. `transfer` is what `send` and `receive` share.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod datagrams;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod nc;
pub(crate) mod receive;
pub(crate) mod relay;
pub(crate) mod send;
mod transfer;
