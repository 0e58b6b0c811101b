//! `adieu send`: files to a receiver, until it says that they are stored.

mod run;

pub(crate) use run::{Args, run};
