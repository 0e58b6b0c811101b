//! What `adieu selftest` says of itself beside its options.

use crate::exit::{BUG, INTERRUPTED, LOCAL_FAILURE, SUCCESS, Statuses, TERMINATED, USAGE};
use crate::guide::{Example, Guide};

pub(crate) const GUIDE: Guide = Guide {
    command: "selftest",
    purpose: "test adieu on this system, against peers that misbehave",
    usage: &["selftest [WORD...]"],
    common: &[
        ("word", "run only scenarios whose names contain it [all]"),
        ("report", "text, json or none [text]"),
        ("report_file", "write the results to a file"),
        ("verbose", "say what each scenario shows, too"),
        ("quiet", "print only what failed"),
    ],
    examples: &[
        Example { line: "adieu selftest", does: "Does adieu work on this system?" },
        Example {
            line: "adieu selftest --report-file selftest.txt",
            does: "Make a file to send with a report about a system",
        },
        Example { line: "adieu selftest -v never_reads", does: "Run two scenarios, and say what they show" },
    ],
    statuses: Statuses {
        meanings: &[
            (SUCCESS, "every scenario ended as it must, or cannot be run on this system"),
            (BUG, "a scenario ended otherwise: that is a bug in adieu, or a system that adieu does not know"),
            (USAGE, "usage: the command line is wrong, or no scenario's name contains a word"),
            (
                LOCAL_FAILURE,
                "nothing could be tested (no loopback, no temporary files), or the results could not be written",
            ),
            (INTERRUPTED, "interrupted by SIGINT (Ctrl-C)"),
            (TERMINATED, "terminated by SIGTERM"),
        ],
        note: "",
    },
    variables: &[],
    files: &[],
    see_also: &["demo", "connect"],
};
