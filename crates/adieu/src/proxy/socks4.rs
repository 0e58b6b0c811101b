//! SOCKS4a: one request, one reply of eight bytes.
//!
//! Source: "SOCKS: A protocol for TCP proxy across firewalls" and "SOCKS 4A", Ying-Da Lee.

use super::{Credentials, Progress, ProxyError, Target, instead_of_protocol};
use std::net::IpAddr;

const VERSION: u8 = 4;
const GRANTED: u8 = 90;

/// How many bytes a reply has.
pub(super) const REPLY: usize = 8;

/// What is sent.
pub(super) fn request(credentials: Option<Credentials>, target: &Target) -> Result<Vec<u8>, ProxyError> {
    let inexpressible = |what| ProxyError::Inexpressible { what };
    let user = credentials.map(|c| c.user).unwrap_or_default();
    let (ip, name) = match target {
        Target::Address(address) => match address.ip() {
            IpAddr::V4(ip) => (ip.octets(), None),
            IpAddr::V6(_) => return Err(inexpressible("SOCKS4 has no IPv6 addresses: use socks5")),
        },
        // An address that cannot be: the name stands at the end.
        Target::Name { host, .. } => ([0, 0, 0, 1], Some(host)),
    };
    if user.len() > 255 || user.contains('\0') || name.is_some_and(|n| n.len() > 255 || n.contains('\0')) {
        return Err(inexpressible("a name has at most 255 bytes, and no zero byte"));
    }
    let mut request = vec![VERSION, 1];
    request.extend(target.port().to_be_bytes());
    request.extend(ip);
    request.extend(user.bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend(name.bytes());
        request.push(0);
    }
    Ok(request)
}

/// How many bytes must be seen: a refusal is known by its second byte, and what follows it may be missing.
pub(super) fn needs(received: &[u8]) -> usize {
    if let [0, GRANTED, ..] = received { REPLY } else { 2 }
}

/// Takes a reply.
pub(super) fn take(reply: &[u8]) -> Result<Progress, ProxyError> {
    match reply {
        [0, GRANTED, ..] => Ok(Progress::Done),
        [0, code @ 91..=93, ..] => {
            Err(ProxyError::Refused { answer: format!("{} (reply {code})", reply_name(*code)) })
        }
        // There is no password in SOCKS4.
        _ => Err(instead_of_protocol("SOCKS4", "its answer is of another protocol", reply, false)),
    }
}

fn reply_name(code: u8) -> &'static str {
    match code {
        92 => "request rejected because SOCKS server cannot connect to identd on the client",
        93 => "request rejected because the client program and identd report different user-ids",
        _ => "request rejected or failed",
    }
}
