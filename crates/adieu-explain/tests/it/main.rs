//! What the crate says of captures whose endings are known.

mod captures;
mod degraded;
mod frames;
mod fuzz;
mod own;
mod zeek;
