//! `adieu man`: the manual page, made from the definitions.

mod run;

pub(crate) use run::{Args, run};
