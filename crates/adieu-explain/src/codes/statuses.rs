//! The exit statuses of adieu, those of programs that a signal ended, and the signals.

use super::{Code, Kind, Number};

const fn status(
    name: &'static str,
    number: &'static [Number],
    means: &'static str,
    ending: Option<&'static str>,
    look_at: &'static [&'static str],
) -> Code {
    Code { kind: Kind::ExitStatus, name, also: &[], numbers: number, text: &[], means, ending, look_at }
}

/// The numbers of one exit status: `adieu`'s, or what a shell gives.
macro_rules! number {
    ($system:literal, $number:literal) => {
        &[Number { system: $system, number: $number }]
    };
}

pub(super) const ALL: &[Code] = &[
    status(
        "exit status 0",
        number!("adieu", 0),
        "Graceful: both directions ended by EOF, everything was acknowledged, and nothing spoke against it. Other netcats exit 0 \
after a reset too.",
        Some("graceful"),
        &["nothing; of `send`, the receipt says what the receiver has"],
    ),
    status(
        "exit status 1",
        number!("adieu", 1),
        "A bug in adieu: it panicked.",
        None,
        &["report it, with what stderr says"],
    ),
    status(
        "exit status 2",
        number!("adieu", 2),
        "Usage: an option is wrong, or options make no sense together. Nothing was connected.",
        None,
        &["what stderr says, and `--help`"],
    ),
    status(
        "exit status 3",
        number!("adieu", 3),
        "No connection: the name, the route, a refusal, the proxy or the TLS handshake. No byte of the stream has passed.",
        Some("no connection"),
        &["the error in the report: `adieu explain --code` knows its name", "`adieu check ENDPOINT`"],
    ),
    status(
        "exit status 4",
        number!("adieu", 4),
        "Reset: an RST ended the connection, the peer's, or ours because the user asked for it. What was not acknowledged is lost.",
        Some("reset"),
        &[
            "the report: by whom, in which phase, and how many bytes were not acknowledged",
            "what ECONNRESET names",
        ],
    ),
    status(
        "exit status 5",
        number!("adieu", 5),
        "Timed out: the peer was silent for too long, the deadline passed, or bytes stayed unacknowledged.",
        Some("timed out"),
        &[
            "which timer the report names",
            "`adieu explain --live` on the peer: a stalled or leaked socket there",
        ],
    ),
    status(
        "exit status 6",
        number!("adieu", 6),
        "Truncated, or not confirmed: the stream stopped before its own end mark, such as close_notify or a receipt. What came may be \
a part.",
        Some("truncated"),
        &[
            "whether the server leaves out close_notify always: then `--tls-eof` may accept it",
            "the peer's log: was it killed?",
        ],
    ),
    status(
        "exit status 7",
        number!("adieu", 7),
        "Our own input or output failed: stdin, stdout, a disk, a command. The network was not at fault.",
        Some("local failure"),
        &["what stderr names: a full disk, a reader of stdout that has gone"],
    ),
    status(
        "exit status 8",
        number!("adieu", 8),
        "Indeterminate: nothing failed, and a fact that \"graceful\" needs could not be had.",
        Some("indeterminate"),
        &["which fact the report says is missing; it is often that stdin was still open"],
    ),
    status(
        "exit status 130",
        number!("adieu or a shell", 130),
        "128 + 2: SIGINT, mostly Ctrl-C.",
        Some("interrupted"),
        &["who pressed Ctrl-C"],
    ),
    status(
        "exit status 137",
        number!("a shell or a container", 137),
        "128 + 9: SIGKILL. The process had no time to finish anything, and its system closed its connections: an RST where bytes were \
unread, a FIN otherwise, so that a cut stream can look whole to the peer.",
        None,
        &["the kernel's log for the OOM killer", "a container that took longer to stop than its grace"],
    ),
    status(
        "exit status 141",
        number!("a shell", 141),
        "128 + 13: SIGPIPE. The program wrote to a pipe or a connection whose other end had gone.",
        None,
        &["what EPIPE names"],
    ),
    status(
        "exit status 143",
        number!("adieu or a shell", 143),
        "128 + 15: SIGTERM, or in adieu's case also SIGHUP: the terminal was closed.",
        Some("interrupted"),
        &["who stops the service: its manager, a deployment, a health check"],
    ),
];

const fn signal(
    name: &'static str,
    number: &'static [Number],
    means: &'static str,
    look_at: &'static [&'static str],
) -> Code {
    Code { kind: Kind::Signal, name, also: &[], numbers: number, text: &[], means, ending: None, look_at }
}

pub(super) const SIGNALS: &[Code] = &[signal(
    "SIGPIPE",
    number!("Linux, macOS", 13),
    "A write to a pipe or a connection whose other end has gone, in a program that did not ask for the error EPIPE instead. It ends \
the program without a word, and a shell tells 141.",
    &[
        "MSG_NOSIGNAL, or SIGPIPE ignored: then the write fails with EPIPE, and the program can read what the peer still said",
    ],
)];
