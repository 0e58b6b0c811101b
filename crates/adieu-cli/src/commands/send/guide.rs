//! What `adieu send` says of itself beside its options.

use crate::exit::{
    BUG, INDETERMINATE, INTERRUPTED, LOCAL_FAILURE, NO_CONNECTION, RESET, SUCCESS, Statuses, TERMINATED,
    TIMED_OUT, TRUNCATED, USAGE,
};
use crate::guide::{Example, Guide, PROXY, ROOTS, ROOTS_NAMED, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "send",
    purpose: "send files or a stream, and know that they are stored",
    usage: &["send [OPTIONS] FILE... ENDPOINT", "send [OPTIONS] --exec COMMAND ENDPOINT"],
    common: &[
        ("words", "what to send (- is stdin), then the receiver"),
        ("exec", "send what COMMAND prints, if it succeeds"),
        ("retry", "try again if the connection fails [10 times]"),
        ("resume", "go on where a transfer was cut"),
        ("preserve", "preserve times, and permissions of directories"),
        ("exclude", "leave out what matches, such as target/ or '*.log'"),
        ("dry_run", "print what would be sent, and do not connect"),
        ("secret_file", "encrypt with the passphrase in FILE, which both have"),
        ("listen", "wait for a receiver that connects"),
        ("plain", "send one file to a peer that is not adieu receive"),
        ("report", "the report on stderr: text, json or none"),
    ],
    examples: &[
        Example {
            line: "adieu send report.pdf backup.example:27015",
            does: "Send a file, and know that it is stored",
        },
        Example {
            line: "adieu send --exclude '*.log' --dry-run project backup.example:27015",
            does: "See what of a directory would be sent",
        },
        Example {
            line: "adieu send --retry --resume --preserve photos backup.example:27015",
            does: "Send a directory over a bad line, with its times",
        },
        Example {
            line: "adieu send --exec 'tar -c photos' --name photos.tar backup.example:27015",
            does: "Send what a command prints; if it fails, nothing is stored",
        },
        Example {
            line: "adieu send --skip-special service backup.example:27015",
            does: "Send a directory without its sockets and devices",
        },
    ],
    statuses: STATUSES,
    variables: &[PROXY, ROOTS_NAMED],
    files: &[SERVICES, ROOTS],
    see_also: &["receive", "protocol"],
};

/// Of a transfer, from the side that sends.
const STATUSES: Statuses = Statuses {
    meanings: &[
        (SUCCESS, "stored: the receiver has everything on its disk under its name, and the receipt matches"),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line is wrong, and nothing was done"),
        (NO_CONNECTION, "no connection: the name, the route, a refusal, the proxy, or the TLS handshake"),
        (RESET, "with --plain: reset by the peer"),
        (TIMED_OUT, "a time limit passed before everything was sent"),
        (
            TRUNCATED,
            "not confirmed: something was sent, and no receipt says that it is stored; or an entry was left out (--skip-special)",
        ),
        (
            LOCAL_FAILURE,
            "a file could not be read, or the command of --exec failed; the receiver stores nothing of it",
        ),
        (INDETERMINATE, "with --plain: a fact that \"graceful\" needs could not be learnt"),
        (INTERRUPTED, "interrupted by SIGINT (Ctrl-C)"),
        (TERMINATED, "terminated by SIGTERM, or by SIGHUP because the terminal was closed"),
    ],
    note: "",
};
