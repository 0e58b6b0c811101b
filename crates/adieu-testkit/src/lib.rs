//! Placeholder of the skeleton.

pub mod sim;
