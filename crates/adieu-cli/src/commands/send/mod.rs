//! `adieu send`: files to a receiver, until it says that they are stored.

mod arguments;
mod dry_run;
mod exclude;
mod guide;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
