//! What `adieu listen` says of itself beside its options.

use crate::exit::{OF_A_CONNECTION, Statuses};
use crate::guide::{Example, Guide, Named, SERVICES};

pub(crate) const GUIDE: Guide = Guide {
    command: "listen",
    purpose: "wait for a client, and serve it from stdin, a file or a program",
    usage: &["listen [OPTIONS] [ENDPOINT]"],
    common: &[
        ("endpoint", "host:port, :port, tls://:port, udp://:port, unix:path"),
        ("keep_open", "serve one client after another, until a signal"),
        ("exec", "run COMMAND for each client"),
        ("output", "write what clients send to FILE"),
        ("echo", "send back what clients send"),
        ("max_connections", "with -k: serve at most N clients at once"),
        ("allow", "serve only clients from these networks"),
        ("self_signed", "speak TLS, with a certificate made for this run"),
        ("cert", "speak TLS with this certificate, and its --key"),
        ("port_file", "write the port to FILE once it listens"),
        ("report", "the report on stderr: text, json or none"),
        ("verbose", "print each step"),
    ],
    examples: &[
        Example { line: "adieu listen :9000 > upload.bin", does: "Receive what one client sends" },
        Example {
            line: "adieu listen --keep-open --exec ./handler :9000",
            does: "Run a program for each client, many at once",
        },
        Example {
            line: "adieu listen --keep-open --echo --self-signed --allow 127.0.0.0/8 :9443",
            does: "Echo over TLS, for clients of one network",
        },
        Example {
            line: "adieu listen --port-file port --output got.bin 127.0.0.1:0",
            does: "Let the system choose the port, and tell a script which",
        },
    ],
    statuses: Statuses {
        meanings: OF_A_CONNECTION.meanings,
        note: "With --keep-open, after SIGTERM: 0 if every connection ended by itself within --grace, and 4 if one had to be \
               aborted.",
    },
    variables: &[
        Named {
            name: "ADIEU_PEER, ADIEU_LOCAL",
            text: "Set for the command of --exec: the addresses of the peer and of this side.",
        },
        Named {
            name: "ADIEU_PROXY_PEER",
            text: "Set for the command of --exec with --accept-proxy: the address of the proxy.",
        },
        Named {
            name: "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES",
            text: "The sockets that the service manager passed, for the endpoints fd:NAME and fd:NUMBER.",
        },
    ],
    files: &[SERVICES],
    see_also: &["connect", "receive", "relay"],
};
