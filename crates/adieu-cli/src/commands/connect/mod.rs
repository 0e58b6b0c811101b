//! `adieu connect`: stdin to the peer, the peer to stdout, and a good end.

mod run;

pub(crate) use run::{Args, run};
