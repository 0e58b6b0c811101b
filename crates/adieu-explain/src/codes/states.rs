//! The `conn_state` of Zeek's conn.log.
//!
//! Source: Zeek's manual, `base/protocols/conn/main.zeek`.

use super::{Code, Kind};

const fn state(
    name: &'static str,
    means: &'static str,
    ending: Option<&'static str>,
    look_at: &'static [&'static str],
) -> Code {
    Code { kind: Kind::ConnState, name, also: &[], numbers: &[], text: &[], means, ending, look_at }
}

pub(super) const ALL: &[Code] = &[
    state(
        "S0",
        "A SYN, and no answer.",
        Some("no answer (no connection)"),
        &["a firewall that drops, or a host that is off", "whether the capture sees both directions"],
    ),
    state(
        "S1",
        "Established, and no end was seen.",
        Some("open"),
        &["whether the capture ended before the connection"],
    ),
    state(
        "SF",
        "Established, and both sides sent a FIN. It does not say that everything was read, nor that TLS or HTTP came to their end.",
        Some("graceful, or truncated: the content tells"),
        &["`adieu explain FILE`: close_notify, Content-Length"],
    ),
    state(
        "REJ",
        "The SYN was answered by an RST.",
        Some("refused (no connection)"),
        &["what ECONNREFUSED names"],
    ),
    state(
        "S2",
        "Established; the client sent a FIN, and the server did not.",
        Some("half-closed by the client"),
        &["`adieu explain --live` on the server: a socket in CLOSE_WAIT"],
    ),
    state(
        "S3",
        "Established; the server sent a FIN, and the client did not.",
        Some("half-closed by the server"),
        &["`adieu explain --live` on the client: a socket in CLOSE_WAIT"],
    ),
    state(
        "RSTO",
        "Established, and the client sent an RST. Zeek says the same of an abort, a close with unread bytes, and an answer to late data.",
        Some("reset by the client"),
        &["`adieu explain FILE`: which kind of RST, and what was lost"],
    ),
    state(
        "RSTR",
        "The server sent an RST, after the handshake or after more than a SYN.",
        Some("reset by the server"),
        &["`adieu explain FILE`: which kind of RST, and what was lost"],
    ),
    state(
        "RSTOS0",
        "The client sent a SYN and then an RST, and no SYN-ACK was seen.",
        Some("no connection; the client gave up or scanned"),
        &["a port scanner, or a capture that sees one direction"],
    ),
    state(
        "RSTRH",
        "The server sent a SYN-ACK and then an RST, and the client's SYN was not seen.",
        Some("reset by the server"),
        &["whether the capture sees both directions"],
    ),
    state(
        "SH",
        "The client sent a SYN and then a FIN, and no SYN-ACK was seen.",
        None,
        &["whether the capture sees both directions"],
    ),
    state(
        "SHR",
        "The server sent a SYN-ACK and then a FIN, and the client's SYN was not seen.",
        None,
        &["whether the capture sees both directions"],
    ),
    state(
        "OTH",
        "No SYN was seen: the capture began in the middle.",
        None,
        &["an earlier beginning of the capture"],
    ),
];
