//! What `adieu nc` says of itself beside its options.

use crate::exit::{SUCCESS, Statuses, USAGE};
use crate::guide::{Example, Guide, Named, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "nc",
    purpose: "run netcat's own command lines, and report truthfully how they end",
    usage: &[
        "nc [-46CDdFhklNnrtUuvz] [-i SECONDS] [-p PORT] [-q SECONDS] [-s ADDRESS] [-w SECONDS] [-X PROTOCOL] [-x PROXY] [HOST] [PORT]",
        "nc --explain 'LINE'",
    ],
    common: &[],
    examples: &[
        Example {
            line: "adieu nc -N server.example 80 < request",
            does: "Send a request, half-close, and print the answer",
        },
        Example { line: "adieu nc -zv server.example 20-25", does: "Which ports are open?" },
        Example { line: "adieu nc -l 9000 > upload.bin", does: "Receive what one client sends" },
        Example {
            line: "adieu nc --explain 'nc -q 1 server.example 80 < file'",
            does: "Say what a line does, and what the original can hide",
        },
    ],
    statuses: STATUSES,
    variables: &[
        Named {
            name: "ADIEU_NC_FLAVOUR",
            text: "Whose command line it is: debian (the default for adieu nc, nc and netcat), openbsd, traditional or ncat.",
        },
        Named {
            name: "ADIEU_NC_EXIT",
            text: "truth (the default), or compat: the original's exit status, also where it hides a failure.",
        },
        Named {
            name: "ADIEU_NC_EXEC",
            text: "allow: -e and -c of the traditional netcat run their program.",
        },
        Named {
            name: "ADIEU_PROXY_PASSWORD_FILE",
            text: "The file whose first line is the password for -P.",
        },
        Named {
            name: "ADIEU_REPORT, ADIEU_REPORT_FILE",
            text: "The report of adieu's other commands: its format, and the file that it goes to.",
        },
        Named { name: "POSIXLY_CORRECT", text: "If it is set, operands end the options." },
    ],
    files: &[SERVICES],
    see_also: &["connect", "listen", "check"],
};

/// What a netcat exits with if something went wrong.
const NC_FAILED: u8 = 1;

const STATUSES: Statuses = Statuses {
    meanings: &[
        (
            SUCCESS,
            "the original would exit 0, and all went well: what was given was sent and acknowledged, and nothing that was received is lost",
        ),
        (
            NC_FAILED,
            "the original would exit 1; or it would exit 0 and hide a reset, a cut answer or unacknowledged bytes, and then stderr says so",
        ),
        (USAGE, "ncat: the command line is wrong; otherwise: a variable of adieu's is wrong"),
    ],
    note: "If a signal ends it, the status is 128 and the number of the signal.",
};
