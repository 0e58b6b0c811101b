//! Addresses and ports of connections, as they are written on the command line. Names are none: a capture has none, and nothing
//! is looked up.

use std::net::{IpAddr, SocketAddr};

/// An address and a port, such as `192.0.2.7:443` or `[2001:db8::7]:443`.
pub(super) fn end(text: &str) -> Result<SocketAddr, String> {
    if let Ok(end) = text.parse::<SocketAddr>() {
        return Ok(SocketAddr::new(end.ip().to_canonical(), end.port()));
    }
    let example = "write it as 192.0.2.7:443 or [2001:db8::7]:443";
    if let Ok(address) = bare(text).parse::<IpAddr>() {
        return Err(format!("the port is missing: write it as {}", SocketAddr::new(address, 443)));
    }
    let Some((address, number)) = text.rsplit_once(':') else {
        return Err(format!("it is not an address and a port: {example}"));
    };
    if bare(address).parse::<IpAddr>().is_err() {
        return Err(format!("'{address}' is not an IP address: {example}"));
    }
    if number.parse::<u16>().is_err() {
        return Err(format!("'{number}' is not a port from 0 to 65535: {example}"));
    }
    // What is left is an address of IPv6 without its brackets.
    Err(format!("the address stands in brackets: write it as [{}]:{number}", bare(address)))
}

/// An address, with or without the brackets of IPv6.
pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    bare(text).parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| {
        let what = match text.parse::<SocketAddr>() {
            Ok(_) => "it has a port",
            Err(_) if text.contains('/') => "it is a network",
            Err(_) => "it is not an IP address",
        };
        format!("{what}: write an address such as 192.0.2.7 or 2001:db8::7")
    })
}

/// A port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "it is not a number from 0 to 65535: write a port such as 443".to_owned())
}

fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_taken() {
        assert_eq!(end("192.0.2.7:443"), Ok(([192, 0, 2, 7], 443).into()));
        assert_eq!(end("[::ffff:192.0.2.7]:443"), Ok(([192, 0, 2, 7], 443).into()));
        assert_eq!(host("[2001:db8::7]"), Ok("2001:db8::7".parse().expect("an address")));
        assert_eq!(host("::ffff:192.0.2.7"), Ok([192, 0, 2, 7].into()));
        assert_eq!(port("0"), Ok(0));
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_does() {
        let example = "write it as 192.0.2.7:443 or [2001:db8::7]:443";
        for (text, says) in [
            ("192.0.2.7", "the port is missing: write it as 192.0.2.7:443".to_owned()),
            ("2001:db8::7", "the port is missing: write it as [2001:db8::7]:443".to_owned()),
            ("[2001:db8::7]", "the port is missing: write it as [2001:db8::7]:443".to_owned()),
            ("", format!("it is not an address and a port: {example}")),
            ("443", format!("it is not an address and a port: {example}")),
            (":443", format!("'' is not an IP address: {example}")),
            ("example.org:443", format!("'example.org' is not an IP address: {example}")),
            ("192.0.2.300:443", format!("'192.0.2.300' is not an IP address: {example}")),
            ("192.0.2.7:70000", format!("'70000' is not a port from 0 to 65535: {example}")),
            ("192.0.2.7:https", format!("'https' is not a port from 0 to 65535: {example}")),
            (
                "2001:db8:1:2:3:4:5:6:443",
                "the address stands in brackets: write it as [2001:db8:1:2:3:4:5:6]:443".to_owned(),
            ),
        ] {
            assert_eq!(end(text), Err(says), "{text}");
        }
        let example = "write an address such as 192.0.2.7 or 2001:db8::7";
        for (text, says) in [
            ("", "it is not an IP address"),
            ("example.org", "it is not an IP address"),
            ("192.0.2.7:443", "it has a port"),
            ("192.0.2.0/24", "it is a network"),
        ] {
            assert_eq!(host(text), Err(format!("{says}: {example}")), "{text}");
        }
        for text in ["", "http", "-1", "65536"] {
            assert!(port(text).is_err_and(|says| says.ends_with("write a port such as 443")), "{text}");
        }
    }
}
