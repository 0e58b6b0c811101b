//! Transfers in this process and in processes that are killed: what both sides say must be true, and the target must be
//! the old file or the whole new one.

#![cfg(unix)]

mod codec;
mod faults;
mod kills;
mod memory;
mod ordinary;
mod processes;
mod support;
