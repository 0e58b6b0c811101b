//! What `adieu connect` says of itself beside its options.

use crate::exit::OF_A_CONNECTION;
use crate::guide::{Example, Guide, Named, PROXY, ROOTS, ROOTS_NAMED, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "connect",
    purpose: "send stdin to a server, and print what it answers",
    usage: &["connect [OPTIONS] ENDPOINT"],
    common: &[
        ("endpoint", "host:port, tls:// or udp://host:port, unix:path"),
        ("exec", "talk to COMMAND instead of stdin and stdout"),
        ("retry", "connect again if it is refused [10 times]"),
        ("connect_timeout", "give up connecting after this long [30s]"),
        ("idle_timeout", "end if the peer is silent for this long"),
        ("deadline", "end after this long, whatever happens"),
        ("crlf", "send CR LF at the end of each line"),
        ("ca", "with tls://, trust the certificates in FILE"),
        ("proxy", "connect through a SOCKS or HTTP proxy"),
        ("report", "the report on stderr: text, json or none"),
        ("verbose", "print each step"),
        ("quiet", "say nothing if all went well"),
    ],
    examples: &[
        Example {
            line: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | adieu connect example.org:80",
            does: "Send a request, and print the answer",
        },
        Example {
            line: "adieu connect --retry --idle-timeout 30s db.example:9000 < query > answer",
            does: "Wait until the server is up, and give up if it is silent for 30 s",
        },
        Example {
            line: "adieu connect --ca ca.pem tls://api.example:8443 --report json < request",
            does: "Speak TLS with a server of your own, and report to a program",
        },
        Example {
            line: "adieu connect --exec ./client unix:/run/app.sock",
            does: "Let a program talk to a Unix socket",
        },
        Example {
            line: "echo ping | adieu connect udp://192.0.2.10:9999",
            does: "Send a datagram, and print what is answered within 2 s",
        },
    ],
    statuses: OF_A_CONNECTION,
    variables: &[
        Named {
            name: "ADIEU_PEER, ADIEU_LOCAL",
            text: "Set for the command of --exec: the addresses of the peer and of this side.",
        },
        PROXY,
        ROOTS_NAMED,
    ],
    files: &[SERVICES, ROOTS],
    see_also: &["listen", "check", "send", "nc"],
};
