//! SOCKS5: greeting, user and password, request, reply.
//!
//! Source: RFC 1928; RFC 1929 for user and password.

use super::{Credentials, Progress, ProxyError, Target, instead_of_protocol};
use std::net::IpAddr;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Which answer comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Method,
    Authentication,
    Reply,
}

/// The client's side of one handshake. It answers each reply with the next request.
pub(super) struct Socks5 {
    awaited: Awaited,
    credentials: Option<Credentials>,
    request: Vec<u8>,
}

fn inexpressible(what: &'static str) -> ProxyError {
    ProxyError::Inexpressible { what }
}

fn length(text: &str, too_long: &'static str) -> Result<u8, ProxyError> {
    u8::try_from(text.len()).ok().filter(|n| *n > 0).ok_or(inexpressible(too_long))
}

impl Socks5 {
    /// The handshake, and what is sent first.
    pub(super) fn new(
        credentials: Option<Credentials>,
        target: &Target,
    ) -> Result<(Self, Vec<u8>), ProxyError> {
        let mut request = vec![VERSION, 1, 0];
        match target {
            Target::Address(address) => match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(IPV4);
                    request.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(IPV6);
                    request.extend(ip.octets());
                }
            },
            Target::Name { host, .. } => {
                request.extend([NAME, length(host, "a name has 1 to 255 bytes")?]);
                request.extend(host.bytes());
            }
        }
        request.extend(target.port().to_be_bytes());
        if let Some(credentials) = &credentials {
            length(&credentials.user, "a user name has 1 to 255 bytes")?;
            length(credentials.password(), "a password has 1 to 255 bytes")?;
        }
        let greeting = match credentials {
            None => vec![VERSION, 1, NO_AUTHENTICATION],
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        };
        Ok((Self { awaited: Awaited::Method, credentials, request }, greeting))
    }

    /// How many bytes the answer has that is being received, as far as `received` tells.
    pub(super) fn needs(&self, received: &[u8]) -> usize {
        match (self.awaited, received) {
            (Awaited::Reply, [_, _, _, IPV4, ..]) => 4 + 4 + 2,
            (Awaited::Reply, [_, _, _, IPV6, ..]) => 4 + 16 + 2,
            (Awaited::Reply, [_, _, _, NAME, n, ..]) => 5 + usize::from(*n) + 2,
            (Awaited::Reply, [_, _, _, NAME]) => 5,
            (Awaited::Reply, [_, 0, ..]) => 4,
            // Of a reply too: a refusal is known by its second byte, and what follows it may be missing.
            _ => 2,
        }
    }

    /// Takes a whole answer, of as many bytes as it needs.
    pub(super) fn take(&mut self, answer: &[u8]) -> Result<Progress, ProxyError> {
        match (self.awaited, answer) {
            (Awaited::Method, [VERSION, NO_AUTHENTICATION]) | (Awaited::Authentication, [1, 0]) => {
                Ok(self.ask())
            }
            (Awaited::Method, [VERSION, USER_AND_PASSWORD]) => self.authenticate(),
            (Awaited::Method, [VERSION, NONE_ACCEPTABLE]) => Err(ProxyError::Refused {
                answer: match self.credentials {
                    None => "it wants a user and a password, or another authentication".to_owned(),
                    Some(_) => "it wants another authentication than a user and a password".to_owned(),
                },
            }),
            (Awaited::Method, [VERSION, _]) => Err(self.wrong(answer, "it chose what was not offered")),
            (Awaited::Authentication, [1, status]) => Err(ProxyError::Refused {
                answer: format!("the user name and password are not accepted (status {status})"),
            }),
            (Awaited::Reply, [VERSION, 0, _, IPV4 | IPV6 | NAME, ..]) => Ok(Progress::Done),
            (Awaited::Reply, [VERSION, 0, ..]) => {
                Err(self.wrong(answer, "its address is of an unknown type"))
            }
            (Awaited::Reply, [VERSION, code, ..]) => {
                Err(ProxyError::Refused { answer: format!("{} (reply {code})", reply_name(*code)) })
            }
            _ => Err(self.wrong(answer, "its answer is of another protocol")),
        }
    }

    fn ask(&mut self) -> Progress {
        self.awaited = Awaited::Reply;
        Progress::Send(std::mem::take(&mut self.request))
    }

    fn authenticate(&mut self) -> Result<Progress, ProxyError> {
        let Some(credentials) = &self.credentials else {
            return Err(ProxyError::Refused { answer: "it wants a user and a password".to_owned() });
        };
        let (user, password) = (&credentials.user, credentials.password());
        self.awaited = Awaited::Authentication;
        let mut message = vec![1, length(user, "a user name has 1 to 255 bytes")?];
        message.extend(user.bytes());
        message.push(length(password, "a password has 1 to 255 bytes")?);
        message.extend(password.bytes());
        Ok(Progress::Send(message))
    }

    fn wrong(&self, answer: &[u8], why: &str) -> ProxyError {
        instead_of_protocol("SOCKS5", why, answer, self.credentials.is_some())
    }
}

/// As RFC 1928, section 6, names them.
fn reply_name(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "Network unreachable",
        4 => "Host unreachable",
        5 => "Connection refused",
        6 => "TTL expired",
        7 => "Command not supported",
        8 => "Address type not supported",
        _ => "a code that RFC 1928 does not assign",
    }
}
