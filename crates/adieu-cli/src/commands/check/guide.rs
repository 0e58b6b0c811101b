//! What `adieu check` says of itself beside its options.

use crate::exit::{
    BUG, COMMAND_NOT_RUN, INDETERMINATE, INTERRUPTED, LOCAL_FAILURE, NO_COMMAND, NO_CONNECTION, SUCCESS,
    Statuses, TERMINATED, USAGE,
};
use crate::guide::{Example, Guide, PROXY, ROOTS, ROOTS_NAMED, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "check",
    purpose: "see whether ports are open, or wait until they are",
    usage: &["check [OPTIONS] ENDPOINT... [-- COMMAND...]"],
    common: &[
        ("endpoint", "host:port, host:20-25,80, tls://host:port, ..."),
        ("command", "run this once all are open"),
        ("wait", "try until all are open, at most this long"),
        ("connect_timeout", "give up one attempt after this long [5s]"),
        ("min_days", "fail if a certificate expires in fewer days"),
        ("send", "send TEXT to the server"),
        ("expect", "fail unless what the server sends matches"),
        ("only_open", "print only what is open"),
        ("tls", "speak TLS, and check the certificate"),
        ("report", "the results: text, json or none"),
        ("quiet", "print only what is not open"),
    ],
    examples: &[
        Example { line: "adieu check db.example:5432 cache.example:6379", does: "Are both open?" },
        Example {
            line: "adieu check --wait 60s db.example:5432 -- ./serve",
            does: "Wait until it is open, then become ./serve",
        },
        Example { line: "adieu check server.example:20-25,80,443", does: "Which ports of a host are open?" },
        Example {
            line: "adieu check tls://example.org:443 --min-days 14",
            does: "Is its certificate good for two more weeks?",
        },
        Example {
            line: "adieu check zk.example:2181 --send ruok --expect imok",
            does: "Does the service answer as it should?",
        },
    ],
    statuses: STATUSES,
    variables: &[PROXY, ROOTS_NAMED],
    files: &[SERVICES, ROOTS],
    see_also: &["connect", "explain"],
};

const STATUSES: Statuses = Statuses {
    meanings: &[
        (SUCCESS, "all endpoints are open"),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line is wrong, and nothing was checked"),
        (
            NO_CONNECTION,
            "an endpoint is not open, or with --wait was not open in time; the command is not run",
        ),
        (LOCAL_FAILURE, "this system failed, so that an endpoint could not be checked; or stdout failed"),
        (
            INDETERMINATE,
            "a UDP port did not answer: it may be open or filtered, and --send what its service answers tells",
        ),
        (COMMAND_NOT_RUN, "the command cannot be run"),
        (NO_COMMAND, "there is no such command"),
        (INTERRUPTED, "interrupted by SIGINT (Ctrl-C)"),
        (TERMINATED, "terminated by SIGTERM, or by SIGHUP because the terminal was closed"),
    ],
    note: "If a command is run, the exit status is the command's.",
};
