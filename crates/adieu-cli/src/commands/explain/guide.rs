//! What `adieu explain` says of itself beside its options.

use crate::exit::{BUG, INTERRUPTED, LOCAL_FAILURE, SUCCESS, Statuses, TERMINATED, TRUNCATED, USAGE};
use crate::guide::{Example, Guide, Named};

pub(crate) const GUIDE: Guide = Guide {
    command: "explain",
    purpose: "say how connections ended: in a capture, or on this machine now",
    usage: &["explain [OPTIONS] FILE...", "explain [OPTIONS] --live [--watch]", "explain --code CODE"],
    common: &[
        ("file", "pcap or pcapng files, also compressed; - is stdin"),
        ("format", "text, brief, json, zeek or eve [text]"),
        ("only", "only endings such as reset or not-graceful"),
        ("host", "only connections of this address"),
        ("port", "only connections of this port"),
        ("summary", "count the endings"),
        ("compare", "say which endings became more frequent"),
        ("both", "compare two captures of the same connections"),
        ("follow", "draw the segments of these connections"),
        ("html", "write a page for a ticket"),
        ("live", "look at this machine's sockets that hang (Linux)"),
        ("code", "say what an error, exit status or TLS alert means"),
    ],
    examples: &[
        Example {
            line: "adieu explain trace.pcap",
            does: "Say how each connection of a capture ended, with the facts",
        },
        Example {
            line: "adieu explain --only not-graceful --port 5432 trace.pcap",
            does: "Only connections of one port that did not end well",
        },
        Example {
            line: "adieu explain --format json trace.pcapng.gz",
            does: "A line of JSON for each connection",
        },
        Example {
            line: "adieu explain --compare before.pcap after.pcap",
            does: "Which endings became more frequent?",
        },
        Example {
            line: "adieu explain --both client.pcap server.pcap",
            does: "What happened between the two places of capture?",
        },
        Example {
            line: "adieu explain --html page.html trace.pcap",
            does: "A page with bars and ladders, for a ticket",
        },
        Example {
            line: "tcpdump -i eth0 -U -w - tcp | adieu explain -",
            does: "Print each connection of an interface as it ends",
        },
        Example {
            line: "adieu explain --live",
            does: "Which sockets of this machine hang, and whose are they?",
        },
        Example {
            line: "adieu explain --code ECONNRESET",
            does: "What does an error mean for how a connection ended?",
        },
    ],
    statuses: STATUSES,
    variables: &[],
    files: &[Named {
        name: "/proc",
        text: "With --live: whose a socket is, and how many descriptors a program may have.",
    }],
    see_also: &["check", "relay"],
};

const STATUSES: Statuses = Statuses {
    meanings: &[
        (SUCCESS, "every capture was read to its end, however the connections ended"),
        (BUG, "a bug in adieu"),
        (USAGE, "usage, or a file is not a capture"),
        (TRUNCATED, "a capture is cut or damaged: what stands before that place is explained"),
        (LOCAL_FAILURE, "a file could not be read, or stdout failed"),
        (
            INTERRUPTED,
            "interrupted by SIGINT (Ctrl-C) while a file was read; a capture on stdin ends with the signal",
        ),
        (TERMINATED, "terminated by SIGTERM while a file was read"),
    ],
    note: "If several captures have different statuses, it is the largest.",
};
