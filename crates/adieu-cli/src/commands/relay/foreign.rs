//! Endpoints as other forwarders write them (haproxy, nginx, ssh), for somebody who writes them here: what says the same. What
//! every command may be given, [`foreign`] has.

use crate::options::foreign;
use std::ffi::OsStr;

/// What a relay can carry.
pub(super) const STREAMS: &str =
    "a relay carries TCP, TLS and Unix sockets: write host:port, tls://host:port or unix:path";

/// What to write in the place of a word that is not an endpoint. `None`: it is none of theirs.
pub(super) fn instead_of(word: &OsStr) -> Option<String> {
    let word = word.to_str()?;
    if let Some(written) = foreign::instead_of(word) {
        return Some(written);
    }
    if let Some(written) = of_ssh(word) {
        return Some(format!("write {written}"));
    }
    if word.contains("://") {
        return Some(STREAMS.to_owned());
    }
    let is_directive = ["bind", "listen", "server", "proxy_pass", "frontend", "backend", "upstream", "to"];
    is_directive.contains(&word).then(|| {
        "leave the word out: first where it listens, then whom it connects to, as in adieu relay :8080 192.0.2.10:80".to_owned()
    })
}

/// What ssh's -L takes: `8080:192.0.2.10:80` is `127.0.0.1:8080 192.0.2.10:80`.
fn of_ssh(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split(':').collect();
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    match parts[..] {
        [own, host, port] if is_port(own) && is_port(port) && !host.is_empty() => {
            Some(format!("127.0.0.1:{own} {host}:{port}"))
        }
        [bound, own, host, port] if is_port(own) && is_port(port) && !host.is_empty() && !is_port(bound) => {
            Some(format!("{bound}:{own} {host}:{port}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_forwarders_are_translated() {
        for (word, hint) in [
            ("TCP-LISTEN:8080,fork,reuseaddr", "write :8080"),
            ("tcp4-listen:8080,bind=127.0.0.1,fork", "write 127.0.0.1:8080"),
            ("TCP:192.0.2.10:80", "write 192.0.2.10:80"),
            ("OPENSSL-LISTEN:8443,cert=site.pem", "write tls://:8443"),
            ("OPENSSL:db.example.org:5432,verify=0", "write tls://db.example.org:5432"),
            ("UNIX-CONNECT:/run/app.sock", "write unix:/run/app.sock"),
            ("8080:192.0.2.10:80", "write 127.0.0.1:8080 192.0.2.10:80"),
            ("localhost:8080:192.0.2.10:80", "write localhost:8080 192.0.2.10:80"),
            ("http://example.org/x", "write example.org:80"),
            ("https://example.org", "tls://example.org:443"),
            ("quic://example.org:443", "TCP, TLS and Unix sockets"),
            ("bind", "leave the word out"),
        ] {
            let said = instead_of(OsStr::new(word)).unwrap_or_default();
            assert!(said.contains(hint), "{word}: {said}");
        }
        for word in ["example", "::1", "1:2:3:4:5", "192.0.2.1", "tcp:80", ":"] {
            assert_eq!(instead_of(OsStr::new(word)), None, "{word}");
        }
    }
}
