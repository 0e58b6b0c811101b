//! `adieu receive`: what a sender sends, stored whole or not at all, and a receipt for it.

mod run;

pub(crate) use run::{Args, run};
