//! `adieu receive`: what a sender sends, stored whole or not at all, and a receipt for it.

mod arguments;
mod arrived;
mod guide;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
