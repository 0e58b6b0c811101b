//! `adieu man`: the manual pages, made from the definitions of options and the guides of commands. There is nothing to plan.

mod arguments;
mod date;
mod guide;
mod of_command;
mod overview;
mod protocol;
mod roff;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use run::run;
