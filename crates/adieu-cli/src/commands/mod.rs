//! A folder per command. `transfer` is what `send` and `receive` share.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod datagrams;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod nc;
pub(crate) mod receive;
pub(crate) mod relay;
pub(crate) mod selftest;
pub(crate) mod send;
mod transfer;

use crate::guide::Guide;

/// What each command says of itself, in the order of the definitions.
pub(crate) const GUIDES: [&Guide; 12] = [
    &connect::GUIDE,
    &listen::GUIDE,
    &send::GUIDE,
    &receive::GUIDE,
    &check::GUIDE,
    &relay::GUIDE,
    &explain::GUIDE,
    &nc::GUIDE,
    &demo::GUIDE,
    &selftest::GUIDE,
    &completions::GUIDE,
    &man::GUIDE,
];
