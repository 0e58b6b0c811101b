//! What `adieu demo` says of itself beside its options.

use crate::exit::OF_A_CONNECTION;
use crate::guide::{Example, Guide};

pub(crate) const GUIDE: Guide = Guide {
    command: "demo",
    purpose: "watch a graceful close, step by step, on this machine",
    usage: &["demo [--fault FAULT]"],
    common: &[("fault", "the server misbehaves: reset, truncate, stall or unread")],
    examples: &[
        Example { line: "adieu demo", does: "Watch a connection that ends gracefully" },
        Example {
            line: "adieu demo --fault reset",
            does: "What does a reset look like, and what is the exit status?",
        },
        Example { line: "adieu demo --fault stall", does: "What happens if the server never answers?" },
    ],
    statuses: OF_A_CONNECTION,
    variables: &[],
    files: &[],
    see_also: &["connect", "explain"],
};
