//! `adieu demo`: the procedure, for real, over loopback.

mod ladder;
mod run;

pub(crate) use run::{Args, run};
