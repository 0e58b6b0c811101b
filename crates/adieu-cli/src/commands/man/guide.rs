//! What `adieu man` says of itself beside its options.

use crate::exit::OF_PRINTING;
use crate::guide::{Example, Guide};

pub(crate) const GUIDE: Guide = Guide {
    command: "man",
    purpose: "print a manual page, or write all of them",
    usage: &["man [PAGE]", "man --all DIRECTORY"],
    common: &[
        ("page", "a command, or protocol: adieu-protocol(7) [adieu(1)]"),
        ("all", "write every page into DIRECTORY/man1 and DIRECTORY/man7"),
    ],
    examples: &[
        Example { line: "adieu man connect | man -l -", does: "Read the page of a command" },
        Example {
            line: "adieu man --all ~/.local/share/man",
            does: "Install all pages, so that man adieu-connect finds its page",
        },
        Example {
            line: "adieu man protocol > adieu-protocol.7",
            does: "Write the page of the transfer's protocol",
        },
    ],
    statuses: OF_PRINTING,
    variables: &[],
    files: &[],
    see_also: &["completions"],
};
