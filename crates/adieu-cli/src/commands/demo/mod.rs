//! `adieu demo`: the procedure, for real, over loopback.

mod arguments;
mod guide;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
