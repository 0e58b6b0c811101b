//! `adieu check`: is it open, and wait until it is.
//!
//! Every endpoint is one connection of the library's own: made as `connect` makes it, and then ended well, so that a server sees a
//! client that leaves, and no reset. `attempt` makes one and says what came of it, `board` says what is to be tried and when, and
//! `run` has the threads that do it. Nothing of connecting is written here again.

mod arguments;
mod attempt;
mod board;
mod dialogue;
mod follow;
mod guide;
mod names;
mod outcome;
mod output;
mod plan;
mod progress;
mod run;
mod targets;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
