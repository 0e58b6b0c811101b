//! `adieu explain`: how the connections of a capture ended.

mod arguments;
mod filter;
mod lines;
mod live;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use plan::Plan;
pub(crate) use run::run;
