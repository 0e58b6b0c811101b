//! `adieu connect`: stdin to the peer, the peer to stdout, and a good end.

mod arguments;
mod attempts;
mod datagrams;
mod guide;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use run::run;
