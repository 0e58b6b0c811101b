//! What the crate says of captures whose endings are known.

mod attacks;
mod both;
mod both_bounds;
mod by_hand;
mod captures;
mod conversation;
mod degraded;
mod frames;
mod fuzz;
mod ladders;
mod live;
mod mutations;
mod odd;
mod own;
mod pages;
mod wire;
mod words;
mod zeek;
