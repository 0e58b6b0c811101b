//! What `adieu send` and `adieu receive` share: a file transfer whose sender knows that it arrived.
//!
//! Either side may connect and either may listen, so what both have in common stands here: the options, what is planned with
//! them, how a connection comes to be, and when it is tried again.

pub(crate) mod arguments;
mod attempts;
mod door;
mod guesses;
pub(crate) mod meeting;
pub(crate) mod own_files;
mod pasted;
pub(crate) mod patience;
pub(crate) mod plan;
pub(crate) mod progress;
mod serving;
pub(crate) mod session;
mod side;
mod view;
