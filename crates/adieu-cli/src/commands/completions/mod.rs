//! `adieu completions`: the scripts of shells, and what they ask.

mod run;

pub(crate) use run::{Args, answer, is_asked, print, run, to_stdout};
