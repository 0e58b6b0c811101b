//! What `adieu receive` says of itself beside its options.

use crate::exit::{
    BUG, INTERRUPTED, LOCAL_FAILURE, NO_CONNECTION, RESET, SUCCESS, Statuses, TERMINATED, TIMED_OUT,
    TRUNCATED, USAGE,
};
use crate::guide::{Example, Guide, Named, PROXY, ROOTS_NAMED, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "receive",
    purpose: "store what adieu send sends, whole or not at all",
    usage: &["receive [OPTIONS] --output PATH [ENDPOINT]"],
    common: &[
        ("endpoint", "where to listen: host:port, :port or unix:path"),
        ("output", "a directory, the name of one file, or - (stdout)"),
        ("keep_open", "serve one sender after another, until a signal"),
        ("no_clobber", "replace no file"),
        ("resume", "keep what is not whole, to go on later"),
        ("retry", "wait for the sender again if the connection fails"),
        ("secret_file", "serve only senders with the passphrase in FILE"),
        ("self_signed", "speak TLS, with a certificate made for this run"),
        ("connect", "connect to a sender that listens"),
        ("deadline", "end after this long, whatever happens"),
        ("report", "the report on stderr: text, json or none"),
    ],
    examples: &[
        Example {
            line: "adieu receive --output inbox/ :27015",
            does: "Store the files of one sender in a directory",
        },
        Example {
            line: "adieu receive --keep-open --no-clobber --secret-file key -o inbox/ :27015",
            does: "Serve every sender who knows the secret, and replace no file",
        },
        Example {
            line: "adieu receive --output - :27015 | tar -x",
            does: "Unpack what a sender streams, as it is received",
        },
        Example {
            line: "adieu receive --retry --resume --output inbox/ :27015",
            does: "Wait for a sender until its transfer is whole",
        },
    ],
    statuses: STATUSES,
    variables: &[PROXY, ROOTS_NAMED],
    files: &[
        SERVICES,
        Named {
            name: "PATH/.NAME.adieu-partial",
            text: "What of a file is not whole yet. It is renamed to NAME once it is whole and synced, and is kept after a failure only with --resume.",
        },
    ],
    see_also: &["send", "protocol"],
};

/// Of a transfer, from the side that receives.
const STATUSES: Statuses = Statuses {
    meanings: &[
        (SUCCESS, "stored: everything is on the disk under its name, and the receipt says so"),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line is wrong, and nothing was done"),
        (NO_CONNECTION, "no connection: it cannot listen, or with --connect not connect"),
        (RESET, "with --keep-open, after SIGTERM: a transfer had to be aborted"),
        (TIMED_OUT, "a time limit passed, or no sender came"),
        (
            TRUNCATED,
            "nothing, or not everything, was stored: the sender left, data was damaged, or a name was refused",
        ),
        (LOCAL_FAILURE, "the disk, the output, or another file of this side failed"),
        (INTERRUPTED, "interrupted by SIGINT (Ctrl-C)"),
        (TERMINATED, "terminated by SIGTERM, or by SIGHUP because the terminal was closed"),
    ],
    note: "With --keep-open, after SIGTERM: 0 if every transfer ended by itself within --grace.",
};
