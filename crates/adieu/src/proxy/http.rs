//! HTTP CONNECT: a request, the head of a response, and of a refusal the beginning of its page.
//!
//! Source: RFC 9110, section 9.3.6 (CONNECT), section 15 (status codes); RFC 7617 (Basic).

use super::{Credentials, Progress, ProxyError, Target, instead_of_protocol, one_line};

/// A head that is longer is not taken. Squid, nginx and Apache have limits from 4 to 64 KiB.
pub(super) const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// How much of a refusal's page is received, and how much of it is told.
const MAX_PAGE: usize = 4 * 1024;
const EXCERPT: usize = 200;
/// Interim responses (1xx) before the one that counts.
const MAX_INTERIM: u8 = 8;

/// What is sent.
pub(super) fn request(credentials: Option<&Credentials>, target: &Target) -> Result<Vec<u8>, ProxyError> {
    let authority = match target {
        Target::Address(address) => address.to_string(),
        Target::Name { host, port } => {
            // Anything else could end the line, and begin another.
            if host.is_empty() || !host.bytes().all(|b| b.is_ascii_graphic()) {
                let what =
                    "a name for HTTP is ASCII without spaces: write an international name in its xn-- form";
                return Err(ProxyError::Inexpressible { what });
            }
            format!("{host}:{port}")
        }
    };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(credentials) = credentials {
        let basic = base64(format!("{}:{}", credentials.user, credentials.password()).as_bytes());
        request += &format!("Proxy-Authorization: Basic {basic}\r\n");
    }
    request += "\r\n";
    Ok(request.into_bytes())
}

/// The response being received.
#[derive(Default)]
pub(super) struct Response {
    /// What was sent with a password may come back in its answer, in any form (as HTML writes it, in base64, cut in pieces),
    /// so nothing that the proxy wrote is told then.
    has_password: bool,
    head: Vec<u8>,
    interim: u8,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
struct Refusal {
    status: String,
    page: Vec<u8>,
    /// How much of the page is to be received.
    wanted: usize,
    /// It comes in chunks, each with its size before it.
    is_chunked: bool,
}

impl Response {
    pub(super) fn new(credentials: Option<&Credentials>) -> Self {
        Self { has_password: credentials.is_some(), ..Self::default() }
    }

    /// Takes what belongs to the response: how many bytes that is, and what comes of it.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> (usize, Result<Progress, ProxyError>) {
        if let Some(refusal) = &mut self.refusal {
            let taken = bytes.len().min(refusal.wanted - refusal.page.len());
            refusal.page.extend(&bytes[..taken]);
            let is_whole =
                refusal.page.len() == refusal.wanted || refusal.is_chunked && chunks(&refusal.page).1;
            return (taken, if is_whole { Err(refusal.error()) } else { Ok(Progress::More) });
        }
        for (index, byte) in bytes.iter().enumerate() {
            self.head.push(*byte);
            let result = self.look();
            if !matches!(result, Ok(Progress::More)) || self.refusal.is_some() {
                return (index + 1, result);
            }
        }
        (bytes.len(), Ok(Progress::More))
    }

    /// The connection has ended, or enough was waited for: the error that it is.
    pub(super) fn end(&self) -> ProxyError {
        self.refusal.as_ref().map_or(ProxyError::CutShort, Refusal::error)
    }

    /// The refusal is known, and only the rest of its page is not.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Looks at the head after each byte. Only its end and its beginning are looked at closely.
    fn look(&mut self) -> Result<Progress, ProxyError> {
        let head = &self.head;
        let begins = head.iter().zip(b"HTTP/1.").all(|(a, b)| a == b);
        if !begins {
            return Err(self.wrong("its answer is of another protocol"));
        }
        if head.len() > MAX_HEAD {
            return Err(ProxyError::TooLong { limit: MAX_HEAD, unit: "bytes" });
        }
        if !(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
            return Ok(Progress::More);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        // A field may go on in the next line, as it did once: RFC 9112, 5.2.
        let mut parser = httparse::ParserConfig::default();
        parser.allow_obsolete_multiline_headers_in_responses(true);
        let code = match parser.parse_response(&mut response, head) {
            Ok(httparse::Status::Complete(_)) => response.code.unwrap_or_default(),
            Ok(httparse::Status::Partial) => return Err(self.wrong("its head is not whole")),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(ProxyError::TooLong { limit: MAX_HEADERS, unit: "header fields" });
            }
            Err(error) => return Err(self.wrong(&error.to_string())),
        };
        match code {
            // A tunnel to which it switches protocols is not what was asked for.
            100 | 102..=199 if self.interim < MAX_INTERIM => {
                self.interim += 1;
                self.head.clear();
                return Ok(Progress::More);
            }
            200..=299 => return Ok(Progress::Done),
            _ => {}
        }
        let advice = if code == 407 {
            format!(" ({})", advice(&schemes(response.headers), self.has_password))
        } else if self.has_password {
            " (its own words are not told, because they may repeat our password)".to_owned()
        } else {
            String::new()
        };
        if self.has_password {
            return Err(ProxyError::Refused { answer: format!("{code} {}{advice}", reason_of(code)) });
        }
        let header = |name| response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
        let text = |name| {
            let value = header(name).and_then(|h| std::str::from_utf8(h.value).ok()).unwrap_or_default();
            // Where it went on in another line there is a space.
            value.replace(['\r', '\n'], " ").trim().to_owned()
        };
        // RFC 9112, 6.3: in chunks, it has no other length.
        let is_chunked = text("transfer-encoding").to_ascii_lowercase().ends_with("chunked");
        let length = text("content-length").parse().ok().filter(|_| !is_chunked);
        let wanted = length.map_or(MAX_PAGE, |length: usize| length.min(MAX_PAGE));
        let status = one_line(&format!("{code} {}", response.reason.unwrap_or_default()), EXCERPT) + &advice;
        let refusal = Refusal { status, page: Vec::new(), wanted, is_chunked };
        if wanted == 0 {
            return Err(refusal.error());
        }
        self.refusal = Some(refusal);
        Ok(Progress::More)
    }

    fn wrong(&self, why: &str) -> ProxyError {
        instead_of_protocol("HTTP", why, &self.head, self.has_password)
    }
}

/// The schemes of authentication that a proxy asks for: those that we know by name, since a name may repeat our password too.
///
/// Source: RFC 9110, section 11.7.1; IANA's HTTP Authentication Scheme Registry.
fn schemes(headers: &[httparse::Header<'_>]) -> Vec<&'static str> {
    let asked = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("proxy-authenticate"));
    let challenges: Vec<&str> = asked.filter_map(|header| std::str::from_utf8(header.value).ok()).collect();
    // What stands in quotes is a parameter's.
    let challenges: String = challenges.join(",").split('"').step_by(2).collect();
    let names: Vec<&str> = challenges.split(',').filter_map(|part| part.split_whitespace().next()).collect();
    let known = ["Basic", "Digest", "Bearer", "NTLM", "Negotiate"].into_iter();
    known.filter(|scheme| names.iter().any(|name| name.eq_ignore_ascii_case(scheme))).collect()
}

/// What to do about a refusal that asks for authentication.
fn advice(schemes: &[&str], had_password: bool) -> String {
    let wanted = schemes.join(" or ");
    match (wanted.is_empty() || schemes.contains(&"Basic"), had_password) {
        (false, _) => format!("it wants {wanted}, and only Basic is spoken"),
        (true, true) => "it does not accept the user and the password".to_owned(),
        (true, false) if wanted.is_empty() => "write user:password@ before its host".to_owned(),
        (true, false) => format!("it wants {wanted}: write user:password@ before its host"),
    }
}

/// What a refusal means, in the words of RFC 9110, section 15.
fn reason_of(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => match code / 100 {
            3 => "Redirection",
            4 => "Client Error",
            5 => "Server Error",
            _ => "Unexpected",
        },
    }
}

impl Refusal {
    fn error(&self) -> ProxyError {
        let page = if self.is_chunked { chunks(&self.page).0 } else { self.page.clone() };
        let page = one_line(&without_tags(&String::from_utf8_lossy(&page)), EXCERPT);
        let answer = if page.is_empty() { self.status.clone() } else { format!("{}: {page}", self.status) };
        ProxyError::Refused { answer }
    }
}

/// What a page in chunks says so far, and whether its last chunk is there. It ends at what is no chunk.
///
/// Source: RFC 9112, section 7.1.
fn chunks(mut page: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(page) {
        if size == 0 {
            return (content, true);
        }
        let rest = &page[start..];
        let (chunk, rest) = rest.split_at(rest.len().min(usize::try_from(size).unwrap_or(usize::MAX)));
        content.extend(chunk);
        page = rest.strip_prefix(b"\r\n").unwrap_or_default();
    }
    (content, false)
}

/// The words of a page of HTML.
fn without_tags(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        // A style sheet is no words.
        let end = if tag.get(..5).is_some_and(|t| t.eq_ignore_ascii_case("style")) { "</" } else { ">" };
        rest = tag.split_once(end).map_or("", |(_, rest)| rest);
        if end == "</" {
            rest = rest.split_once('>').map_or("", |(_, rest)| rest);
        }
    }
    text + rest
}

/// Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let sign = if place > group.len() { '=' } else { char::from(ALPHABET[index as usize]) };
            text.push(sign);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_page_is_told_by_its_words() {
        let page = "<html><head><style>p { color: red }</style><title>No</title></head>\n<p>Not \x1b[31mhere";
        assert_eq!(one_line(&without_tags(page), 200), "No Not [31mhere");
    }
}
