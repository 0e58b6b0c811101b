//! `adieu relay`: a forwarder that carries endings truthfully.
//!
//! The crate `adieu-relay` accepts, connects, joins and drains. Here is what is a command's own: what it is asked for, what is said
//! of each connection, the log, and the signals.

mod arguments;
mod check;
mod config_file;
mod described;
mod foreign;
mod guide;
mod log;
mod names;
mod open;
mod plan;
mod run;
mod service_manager;
mod together;
mod told;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;
pub(crate) use plan::Plan;
pub(crate) use run::run;
