//! What `adieu relay` says of itself beside its options.

use crate::exit::{
    BUG, INTERRUPTED, LOCAL_FAILURE, NO_CONNECTION, RESET, SUCCESS, Statuses, TERMINATED, USAGE,
};
use crate::guide::{Example, Guide, Named, ROOTS, ROOTS_NAMED, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "relay",
    purpose: "forward connections, and pass on how each of them ended",
    usage: &["relay [OPTIONS] LISTEN TO...", "relay [OPTIONS] --config FILE"],
    common: &[
        ("endpoints", "where it listens, then its upstreams"),
        ("config", "read the relays from FILE"),
        ("check", "say whether the configuration is right"),
        ("log", "append a line for each connection to FILE"),
        ("balance", "spread clients: round-robin, least or hash"),
        ("cert", "speak TLS with clients (with --key)"),
        ("route", "choose by the name that a TLS client asks for"),
        ("allow", "serve only clients from these networks"),
        ("idle_timeout", "reset both sides if they are silent"),
        ("grace", "after SIGTERM: time to end [10s]"),
        ("metrics", "serve metrics for Prometheus on ENDPOINT"),
        ("fault", "break connections: fin, rst, stall, ..."),
    ],
    examples: &[
        Example {
            line: "adieu relay 127.0.0.1:8080 192.0.2.10:80 192.0.2.11:80 --log relay.jsonl",
            does: "Two upstreams take turns; a line for each connection goes to a log",
        },
        Example {
            line: "adieu relay tls://:8443 127.0.0.1:8080 --cert site.pem --key site.key",
            does: "Speak TLS with clients, and plain text with the program behind it",
        },
        Example {
            line: "adieu relay :8443 192.0.2.10:443 --route '*.example.net=192.0.2.11:443'",
            does: "Leave TLS alone, and choose the upstream by the name that the client asks for",
        },
    ],
    statuses: STATUSES,
    variables: &[
        Named {
            name: "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES",
            text: "The sockets that the service manager passed, for the endpoints fd:NAME and fd:NUMBER.",
        },
        Named {
            name: "NOTIFY_SOCKET, WATCHDOG_USEC",
            text: "The socket on which the relay tells the service manager of its start, its stop and each reload; and how often the service manager expects a sign of life.",
        },
        ROOTS_NAMED,
    ],
    files: &[SERVICES, ROOTS],
    see_also: &["listen", "connect", "explain"],
};

const STATUSES: Statuses = Statuses {
    meanings: &[
        (
            SUCCESS,
            "stopped by SIGTERM or SIGINT, and every connection ended by itself within --grace; with --check: nothing is wrong",
        ),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line or the --config file is wrong"),
        (NO_CONNECTION, "it cannot listen, or cannot serve --metrics"),
        (RESET, "stopped by SIGTERM or SIGINT, and a connection had to be reset"),
        (
            LOCAL_FAILURE,
            "the log, or another file of adieu's own, cannot be written; or lines of the log were dropped because the reader did not keep up",
        ),
        (INTERRUPTED, "a second signal was SIGINT"),
        (TERMINATED, "a second signal was SIGTERM, or SIGHUP because the terminal was closed"),
    ],
    note: "stderr and --log say how each connection ended. That does not change the exit status.",
};
