//! The alerts of TLS.
//!
//! Source: RFC 8446, section 6; the TLS Alerts registry of IANA.

use super::{Code, Kind, Number};

macro_rules! alert {
    ($name:literal, $number:literal, $means:literal, $ending:literal, $look_at:literal) => {
        Code {
            kind: Kind::TlsAlert,
            name: $name,
            also: &[],
            numbers: &[Number { system: "TLS", number: $number }],
            text: &[],
            means: $means,
            ending: Some($ending),
            look_at: &[$look_at],
        }
    };
}

pub(super) const ALL: &[Code] = &[
    alert!(
        "close_notify",
        0,
        "The sender will send no more: the end mark of a TLS stream. An end without it may be a cut.",
        "graceful, if it came from both sides",
        "whether it came from both sides: `adieu explain FILE` says so, if the records can be distinguished"
    ),
    alert!(
        "unexpected_message",
        10,
        "A message came that has no place there.",
        "reset or no connection",
        "whether both sides speak TLS, and the same version of it"
    ),
    alert!(
        "bad_record_mac",
        20,
        "A record could not be decrypted: the stream was changed or mixed up on its way.",
        "truncated",
        "a box that changes the stream; two threads that write to one connection"
    ),
    alert!(
        "record_overflow",
        22,
        "A record was too long.",
        "truncated",
        "whether the peer speaks TLS at all at that point"
    ),
    alert!(
        "handshake_failure",
        40,
        "The two have no set of parameters in common.",
        "no connection, exit status 3",
        "the versions, ciphers and groups that both allow"
    ),
    alert!(
        "bad_certificate",
        42,
        "The certificate is damaged, or its signature is wrong.",
        "no connection, exit status 3",
        "the certificate file, and the chain in its order"
    ),
    alert!(
        "unsupported_certificate",
        43,
        "The certificate is of a kind that the other side does not take.",
        "no connection, exit status 3",
        "its key type and its extended key usage"
    ),
    alert!(
        "certificate_revoked",
        44,
        "The certificate was revoked.",
        "no connection, exit status 3",
        "the issuer, for a new one"
    ),
    alert!(
        "certificate_expired",
        45,
        "The certificate is not valid now.",
        "no connection, exit status 3",
        "its dates, and both clocks"
    ),
    alert!(
        "certificate_unknown",
        46,
        "The certificate was not accepted, for a reason that is not given.",
        "no connection, exit status 3",
        "the log of the side that refused"
    ),
    alert!(
        "illegal_parameter",
        47,
        "A value in the handshake makes no sense.",
        "no connection, exit status 3",
        "the TLS libraries of both sides"
    ),
    alert!(
        "unknown_ca",
        48,
        "The issuer of the certificate is not known to the side that refused.",
        "no connection, exit status 3",
        "whether the server sends its intermediate certificates; the roots of the client"
    ),
    alert!(
        "access_denied",
        49,
        "The certificate is good, and its owner may not.",
        "no connection, exit status 3",
        "the rules of access of the side that refused"
    ),
    alert!(
        "decode_error",
        50,
        "A message could not be read.",
        "no connection, exit status 3",
        "the TLS libraries of both sides, and what stands between them"
    ),
    alert!(
        "decrypt_error",
        51,
        "A signature or a Finished message of the handshake is wrong.",
        "no connection, exit status 3",
        "whether the certificate and the key belong together"
    ),
    alert!(
        "protocol_version",
        70,
        "The two have no version of TLS in common.",
        "no connection, exit status 3",
        "the least version of each side"
    ),
    alert!(
        "insufficient_security",
        71,
        "What was offered is too weak for the other side.",
        "no connection, exit status 3",
        "the ciphers that both allow"
    ),
    alert!(
        "internal_error",
        80,
        "The sender had an internal error.",
        "no connection, or truncated",
        "the log of the side that sent it"
    ),
    alert!(
        "inappropriate_fallback",
        86,
        "A client came with a lower version than it can speak.",
        "no connection, exit status 3",
        "a client that tries lower versions after a failure"
    ),
    alert!(
        "user_canceled",
        90,
        "The handshake was given up by its user.",
        "no connection, exit status 3",
        "the client"
    ),
    alert!(
        "no_renegotiation",
        100,
        "A new handshake within the connection was refused (TLS 1.2).",
        "truncated",
        "the side that asks for renegotiation: TLS 1.3 has none"
    ),
    alert!(
        "missing_extension",
        109,
        "The handshake lacks an extension that must be there.",
        "no connection, exit status 3",
        "the TLS libraries of both sides"
    ),
    alert!(
        "unsupported_extension",
        110,
        "An extension came that had not been requested.",
        "no connection, exit status 3",
        "the TLS libraries of both sides"
    ),
    alert!(
        "unrecognized_name",
        112,
        "The server does not serve that name (SNI).",
        "no connection, exit status 3",
        "the server name that the client sends, and the server's virtual hosts"
    ),
    alert!(
        "bad_certificate_status_response",
        113,
        "The stapled OCSP response is wrong.",
        "no connection, exit status 3",
        "the server's OCSP stapling"
    ),
    alert!(
        "unknown_psk_identity",
        115,
        "The pre-shared key is not known.",
        "no connection, exit status 3",
        "the identity of the key on both sides"
    ),
    alert!(
        "certificate_required",
        116,
        "The server wants a certificate of the client, and got none. In TLS 1.3 it comes after the client thinks that the handshake is over.",
        "no connection, or reset after the first bytes",
        "the client's certificate and key"
    ),
    alert!(
        "no_application_protocol",
        120,
        "The two have no protocol in common (ALPN).",
        "no connection, exit status 3",
        "the protocols that both name: h2, http/1.1"
    ),
];
