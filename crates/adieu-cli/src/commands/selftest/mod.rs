//! `adieu selftest`: the closing matrix on this system, with this very program.

mod arguments;
mod guide;
mod plan;
mod results;
mod run;
mod scratch;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
