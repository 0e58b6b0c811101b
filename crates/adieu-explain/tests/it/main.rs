//! What the crate says of captures whose endings are known.

mod frames;
mod own;
