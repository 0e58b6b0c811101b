//! `adieu completions SHELL`, and what its scripts ask.
//!
//! The scripts of bash, zsh and fish run adieu at each Tab, with a variable, and [`answer`] tells them what can stand there.
//! The other shells' scripts are clap's, which know all the words beforehand.

mod arguments;
mod guide;
mod offers;
mod plan;
mod run;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
#[cfg(test)]
pub(crate) use offers::COMPLETED_BY_US;
pub(crate) use offers::{answer, is_asked};
pub(crate) use plan::Plan;
pub(crate) use run::run;
