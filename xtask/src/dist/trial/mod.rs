//! What was made is used as people use it: a program is run, a package is installed in a root of its own, used there and removed.

pub(super) mod debian;
pub(super) mod program;
pub(super) mod red_hat;
pub(super) mod root;
mod use_package;
