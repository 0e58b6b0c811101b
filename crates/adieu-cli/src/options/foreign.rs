//! Endpoints as other programs write them (socat, curl), for somebody who writes them here: what says the same.

/// What to write in the place of a word that is not an endpoint. `None`: it is none of theirs.
pub(crate) fn instead_of(word: &str) -> Option<String> {
    of_socat(word).map(|written| format!("write {written}")).or_else(|| of_url(word))
}

/// A URL of HTTP names a host, and its port is known.
fn of_url(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let with_port = |port: u16| if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    match scheme.to_ascii_lowercase().as_str() {
        _ if host.is_empty() => None,
        "http" | "ws" => Some(format!("adieu carries bytes, whatever they mean: write {}", with_port(80))),
        "https" | "wss" => Some(format!(
            "adieu carries bytes, whatever they mean: write tls://{0}, or {0} if it is not to speak TLS",
            with_port(443)
        )),
        _ => None,
    }
}

/// An address of socat's: `TCP-LISTEN:8080,fork` is `:8080`.
fn of_socat(word: &str) -> Option<String> {
    let (kind, rest) = word.split_once(':')?;
    // So begins a scheme of ours that lacks its slashes.
    if kind == "tcp" {
        return None;
    }
    let mut options = rest.split(',');
    let address = options.next().filter(|address| !address.is_empty())?;
    let bound = options.find_map(|option| option.strip_prefix("bind=")).unwrap_or_default();
    match kind.to_ascii_lowercase().as_str() {
        "tcp-listen" | "tcp4-listen" | "tcp6-listen" | "tcp-l" | "tcp4-l" | "tcp6-l" => {
            Some(format!("{bound}:{address}"))
        }
        "openssl-listen" | "ssl-l" | "openssl-l" => Some(format!("tls://{bound}:{address}")),
        "tcp" | "tcp4" | "tcp6" | "tcp-connect" | "tcp4-connect" | "tcp6-connect"
            if address.contains(':') =>
        {
            Some(address.to_owned())
        }
        "openssl" | "ssl" | "openssl-connect" if address.contains(':') => Some(format!("tls://{address}")),
        "unix-listen" | "unix-l" | "unix-connect" | "unix-client" => Some(format!("unix:{address}")),
        "abstract-listen" | "abstract-connect" | "abstract-client" => Some(format!("unix:@{address}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_programs_are_translated() {
        for (word, hint) in [
            ("TCP-LISTEN:8080,fork,reuseaddr", "write :8080"),
            ("UNIX-CONNECT:/run/app.sock", "write unix:/run/app.sock"),
            ("http://example.org/x", "write example.org:80"),
            ("https://example.org:8443/x", "write tls://example.org:8443"),
        ] {
            let said = instead_of(word).unwrap_or_default();
            assert!(said.contains(hint), "{word}: {said}");
        }
        for word in ["example", "::1", "192.0.2.1", "tcp:80", ":", "quic://h:1", "8080:192.0.2.10:80"] {
            assert_eq!(instead_of(word), None, "{word}");
        }
    }
}
