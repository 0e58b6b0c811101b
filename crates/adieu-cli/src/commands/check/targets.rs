//! What is to be checked: the words of the command line, each with one port, several, or none.
//!
//! A range is kept as a range: 65,535 ports are no list of endpoints.

use adieu::Endpoint;
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

/// One word of the command line: an endpoint, or the ports of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// With the first of its ports.
    pub(super) endpoint: Endpoint,
    /// Empty: the endpoint alone, which has no ports (a Unix socket).
    ports: Vec<RangeInclusive<u16>>,
}

impl Word {
    /// How many endpoints it stands for.
    pub(super) fn len(&self) -> usize {
        if self.ports.is_empty() { 1 } else { self.ports.iter().map(ExactSizeIterator::len).sum() }
    }

    /// One of them, by its place.
    pub(super) fn endpoint_at(&self, place: usize) -> Endpoint {
        let mut left = place;
        for range in &self.ports {
            if let Some(port) = range.clone().nth(left) {
                return with_port(&self.endpoint, port);
            }
            left -= range.len();
        }
        self.endpoint.clone()
    }

    /// The same ports of another endpoint.
    pub(super) fn of(&self, endpoint: Endpoint) -> Self {
        Self { endpoint, ports: self.ports.clone() }
    }
}

fn with_port(endpoint: &Endpoint, number: u16) -> Endpoint {
    let mut endpoint = endpoint.clone();
    if let Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } | Endpoint::Udp { port, .. } =
        &mut endpoint
    {
        *port = number;
    }
    endpoint
}

/// What the words stand for.
pub(super) fn parse(words: &[OsString]) -> anyhow::Result<Vec<Word>> {
    if let [host, ports] = words
        && let Some(one) = of_two_words(host.to_str(), ports.to_str())
    {
        return Ok(vec![word(&one.into())?]);
    }
    words.iter().map(word).collect()
}

/// Whether something else stands behind an endpoint: a command, perhaps, whose `--` was forgotten.
pub(super) fn end_with_a_command(words: &[OsString]) -> bool {
    let is_endpoint = |written: &OsString| word(written).is_ok();
    words.split_first().is_some_and(|(first, rest)| is_endpoint(first) && !rest.iter().all(is_endpoint))
}

/// `host 22`, as netcat's users write it.
fn of_two_words(host: Option<&str>, ports: Option<&str>) -> Option<String> {
    let (host, ports) = (host?, ports?);
    let is_address = host.split('%').next().is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    let together = match host {
        _ if ports.contains([':', '/', '.']) => return None,
        _ if is_address => format!("[{host}]:{ports}"),
        _ if host.contains(':') && !(host.starts_with('[') || host.contains("://")) => return None,
        _ => format!("{host}:{ports}"),
    };
    // The name of a service, or another host whose port was forgotten.
    let are_ports = ports.starts_with(|c: char| c.is_ascii_digit()) || ports.contains(',');
    (are_ports || Endpoint::for_connecting(&together).is_ok()).then_some(together)
}

fn word(written: &OsString) -> anyhow::Result<Word> {
    let wrong = || format!("'{}' is not an endpoint", written.display());
    let several = written.to_str().and_then(|word| Some((word, ports_of(word)?)));
    let Some((word, ports)) = several else {
        let endpoint = Endpoint::for_connecting(written).with_context(wrong)?;
        let ports = port_of(&endpoint).with_context(wrong)?;
        return Ok(Word { endpoint, ports: ports.map(|port| port..=port).into_iter().collect() });
    };
    let before = &word[..word.len() - ports.len()];
    let mut first = None;
    let mut ranges = Vec::new();
    for part in ports.split(',') {
        let (low, high) = range(part).unwrap_or((part, part));
        // Each is parsed with the host, as if it stood there alone.
        let parsed = |port: &str| -> anyhow::Result<(Endpoint, u16)> {
            let endpoint = Endpoint::for_connecting(format!("{before}{port}")).with_context(wrong)?;
            let number = port_of(&endpoint).with_context(wrong)?;
            let number = number.with_context(wrong)?;
            Ok((endpoint, number))
        };
        let (endpoint, low) = parsed(low)?;
        let (_, high) = parsed(high)?;
        if low > high {
            bail!("{}: the range {part} ends before it begins: write {high}-{low}", wrong());
        }
        first.get_or_insert(endpoint);
        ranges.push(low..=high);
    }
    let endpoint = first.with_context(wrong)?;
    Ok(Word { endpoint, ports: ranges })
}

/// The port of an endpoint. `None`: it has none.
fn port_of(endpoint: &Endpoint) -> anyhow::Result<Option<u16>> {
    match endpoint {
        Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } | Endpoint::Udp { port: 0, .. } => {
            bail!("port 0 cannot be connected to")
        }
        Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } | Endpoint::Udp { port, .. } => {
            Ok(Some(*port))
        }
        _ => Ok(None),
    }
}

/// What stands after the host, if it is more than one port.
fn ports_of(word: &str) -> Option<&str> {
    if word.starts_with("unix:") {
        return None;
    }
    let (_, ports) = word.rsplit_once(':')?;
    let is_list = ports.contains(',') || range(ports).is_some();
    (is_list && !ports.contains([']', '/'])).then_some(ports)
}

/// `20-25`. A service may have a dash in its name.
fn range(part: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    part.split_once('-').filter(|(low, high)| is_number(low) && is_number(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let groups = parse(&words).unwrap_or_else(|error| panic!("{words:?}: {error:#}"));
        groups
            .iter()
            .flat_map(|group| (0..group.len()).map(|place| group.endpoint_at(place).to_string()))
            .collect()
    }

    fn refused(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        format!("{:#}", parse(&words).expect_err("it is wrong"))
    }

    #[test]
    fn a_word_is_an_endpoint_or_the_ports_of_a_host() {
        for (words, endpoints) in [
            (&["h:22"][..], &["h:22"][..]),
            (&["h:20-22"], &["h:20", "h:21", "h:22"]),
            (&["h:22,80,443"], &["h:22", "h:80", "h:443"]),
            (&["h:1-2,80"], &["h:1", "h:2", "h:80"]),
            (&["[::1]:1-2"], &["[::1]:1", "[::1]:2"]),
            (&["tls://h:443,8443"], &["tls://h:443", "tls://h:8443"]),
            (&["tcp://h:5-5"], &["h:5"]),
            (&["udp://h:53,67-68"], &["udp://h:53", "udp://h:67", "udp://h:68"]),
            (&["unix:/run/a:1-2,3"], &["unix:/run/a:1-2,3"]),
            (&["unix:@a,b"], &["unix:@a,b"]),
            (&["a:1", "b:2-3"], &["a:1", "b:2", "b:3"]),
            (&["h", "22"], &["h:22"]),
            (&["h", "20-21,80"], &["h:20", "h:21", "h:80"]),
            (&["::1", "22"], &["[::1]:22"]),
            (&["tls://h", "443"], &["tls://h:443"]),
        ] {
            assert_eq!(shown(words), endpoints, "{words:?}");
        }
        let whole = parse(&["h:1-65535".into()]).expect("a range");
        assert_eq!((whole[0].len(), whole[0].endpoint_at(65534)), (65535, Endpoint::tcp("h", 65535)));
    }

    #[test]
    fn a_port_may_be_the_name_of_a_service() {
        // A small container has no table of them.
        if Endpoint::for_connecting("h:http").is_ok() && Endpoint::for_connecting("h:ssh").is_ok() {
            assert_eq!(shown(&["h:ssh,http,1-2"]), ["h:22", "h:80", "h:1", "h:2"]);
            assert_eq!(shown(&["h", "http"]), ["h:80"]);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (words, says) in [
            (&["h:25-20"][..], "the range 25-20 ends before it begins: write 20-25"),
            (&["h:0"], "port 0 cannot be connected to"),
            (&["h:0-5"], "port 0 cannot be connected to"),
            (&["h:22,"], "is not a port"),
            (&["h:1-70000"], "'70000' is not a port"),
            (&["h"], "'h' has no port"),
            (&["22"], "is only a port"),
            (&["a", "b"], "'a' has no port"),
            (&["h:22", "23"], "is only a port"),
        ] {
            let said = refused(words);
            assert!(said.contains(says), "{words:?}: {said}");
        }
    }
}
