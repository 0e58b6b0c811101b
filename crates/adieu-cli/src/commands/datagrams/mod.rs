//! What `connect` and `listen` do with an endpoint of datagrams. Each of them plans it from its own arguments.

mod plan;
mod run;

pub(crate) use plan::{Listening, Plan, Planned, Side, Work, terms};
pub(crate) use run::run;
