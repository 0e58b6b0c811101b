//! `adieu connect`: stdin to the peer, the peer to stdout, and a good end.

mod arguments;
mod attempts;
mod datagrams;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use run::run;
