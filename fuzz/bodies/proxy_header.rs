//! Any octets as the beginning of a connection from a proxy: read the same way however they come, and what was understood can be
//! said again.

use adieu_relay::proxy_protocol::{ProxyVersion, read};

pub(crate) fn holds(data: &[u8]) {
    for octets in [data.to_vec(), [b"PROXY ", data].concat(), [b"\r\n\r\n\0\r\nQUIT\n", data].concat()] {
        let whole = read(&octets);
        let Ok(Some((header, length))) = &whole else { continue };
        assert!(*length <= octets.len());
        // What follows changes nothing, and before its end it is not known to be wrong.
        assert_eq!(read(&octets[..*length]), whole);
        for part in 0..(*length).min(300) {
            assert_eq!(read(&octets[..part]), Ok(None), "{part} of {length}");
        }
        // The name of a Unix socket that is no text cannot be said again as it was, nor can more than a header has room for.
        if format!("{:?}", header.subject).contains('\u{fffd}') || *length > 60_000 {
            continue;
        }
        let again = header.encode(ProxyVersion::V2);
        let (same, used) = read(&again).expect("it is valid").expect("it is whole");
        assert_eq!(used, again.len());
        if header.version == ProxyVersion::V2 {
            assert_eq!((&same.subject, &same.tlvs), (&header.subject, &header.tlvs));
        } else {
            assert_eq!(same.subject, header.subject);
        }
    }
}
