//! `adieu man`: the manual pages, made from the definitions. There is nothing to plan.

mod arguments;
mod run;

pub(crate) use arguments::Args;
pub(crate) use run::run;
