//! One file per command.

pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod transfer;
