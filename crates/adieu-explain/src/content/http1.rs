//! HTTP/1 by its framing (RFC 9112, 6): whether the last message is as long as it promised.

use std::collections::VecDeque;

use super::{
    reassembly::{At, Sink},
    words::Shortfall,
};

/// How long a head, or the line of a chunk, may be.
const MOST_HEAD: usize = 32 * 1024;

/// The methods that HTTP/1 requests usually begin with.
const METHODS: [&[u8]; 12] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"REPORT ",
    b"MKCOL ",
];

/// Whether `octets` begin an HTTP/1 request.
pub(super) fn is_request(octets: &[u8]) -> bool {
    METHODS.iter().any(|method| octets.starts_with(method))
}

/// Whether `octets` begin an HTTP/1 response.
pub(super) fn is_response(octets: &[u8]) -> bool {
    octets.starts_with(b"HTTP/1.")
}

/// What a request asks for, as far as it changes how the answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Head,
    Connect,
    Other,
}

/// Where a side is in its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before or in a head.
    #[default]
    Head,
    /// In a body: so many octets are to come.
    Body(u64),
    /// In the line before a chunk.
    ChunkLine,
    /// In a chunk and the line end after it: so many octets are to come.
    Chunk(u64),
    /// After the last chunk.
    Trailer,
    /// In a body that the end of the stream ends, or in another protocol.
    UntilClose,
    /// It cannot be followed any more.
    Lost,
}

/// The messages of one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    state: State,
    /// The head or line that is being read.
    line: Vec<u8>,
    /// The Content-Length of the body, or how many octets its chunks have, the present one included.
    length: u64,
    has_head: bool,
    /// This side sends responses.
    pub(super) responses: bool,
    /// Requests whose answers have not come; of the requesting side, filled in for the other.
    pub(super) methods: VecDeque<Method>,
    /// The head asked for leave to send its body, and nothing of the body has come.
    asks_leave: bool,
}

impl Messages {
    /// What is missing of the last message.
    pub(super) fn shortfall(&self) -> Option<Shortfall> {
        match self.state {
            State::Head => (self.responses && is_response(&self.line)).then_some(Shortfall::Head),
            // A client that is not told to go on need not send the body (RFC 9110, 10.1.1).
            _ if self.asks_leave => None,
            State::Body(left) => {
                Some(Shortfall::Body { sent: self.length.saturating_sub(left), promised: self.length })
            }
            // The line end after a chunk is not part of the body.
            State::Chunk(left) => {
                Some(Shortfall::LastChunk { sent: self.length.saturating_sub(left.max(2) - 2) })
            }
            State::ChunkLine | State::Trailer => Some(Shortfall::LastChunk { sent: self.length }),
            State::UntilClose | State::Lost => None,
        }
    }

    /// Whether a whole head was read.
    pub(super) fn has_head(&self) -> bool {
        self.has_head
    }

    /// Whether another protocol may follow: after CONNECT or an upgrade.
    pub(super) fn is_opaque(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Takes as many octets as belong to the present state. How many it took comes back.
    fn step(&mut self, octets: &[u8]) -> usize {
        self.asks_leave = false;
        let within = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
        match self.state {
            State::Body(left) => {
                let now = within(left);
                self.state = if now as u64 == left { State::Head } else { State::Body(left - now as u64) };
                now
            }
            State::Chunk(left) => {
                let now = within(left);
                self.state =
                    if now as u64 == left { State::ChunkLine } else { State::Chunk(left - now as u64) };
                now
            }
            State::UntilClose | State::Lost => octets.len(),
            State::Head | State::ChunkLine | State::Trailer => {
                let now = octets.iter().position(|&octet| octet == b'\n').map_or(octets.len(), |at| at + 1);
                if self.line.len() + now > MOST_HEAD {
                    self.lose();
                    return octets.len();
                }
                self.line.extend_from_slice(&octets[..now]);
                if octets[now - 1] == b'\n' {
                    self.on_line();
                }
                now
            }
        }
    }

    /// Gives up: nothing more is said of this side.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.line = Vec::new();
        self.methods = VecDeque::new();
    }

    /// Looks at what has been read, at the end of a line.
    fn on_line(&mut self) {
        match self.state {
            State::Head => {
                if matches!(&self.line[..], b"\r\n" | b"\n") {
                    // Empty lines before a head are allowed.
                    self.line.clear();
                } else if self.line.ends_with(b"\r\n\r\n") || self.line.ends_with(b"\n\n") {
                    let head = std::mem::take(&mut self.line);
                    self.state = self.after_head(&head);
                    self.has_head |= self.state != State::Lost;
                    self.length = if let State::Body(length) = self.state { length } else { 0 };
                } else if self.line.iter().position(|&octet| octet == b'\n') == self.line.len().checked_sub(1)
                    && !self.is_start_line()
                {
                    self.lose();
                }
            }
            State::ChunkLine => {
                let digits = self.line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
                let len = std::str::from_utf8(&self.line[..digits])
                    .ok()
                    .and_then(|hex| u64::from_str_radix(hex, 16).ok());
                self.line.clear();
                self.length = self.length.saturating_add(len.unwrap_or(0));
                self.state = match len {
                    Some(0) => State::Trailer,
                    Some(len) => len.checked_add(2).map_or(State::Lost, State::Chunk),
                    None => State::Lost,
                };
            }
            State::Trailer => {
                if matches!(&self.line[..], b"\r\n" | b"\n") {
                    self.state = State::Head;
                }
                self.line.clear();
            }
            State::Body(_) | State::Chunk(_) | State::UntilClose | State::Lost => {}
        }
    }

    /// Whether the line that was read begins a message of this side.
    fn is_start_line(&self) -> bool {
        if self.responses {
            is_response(&self.line)
        } else {
            self.line
                .trim_ascii_end()
                .rsplit(|&octet| octet == b' ')
                .next()
                .is_some_and(|last| last.starts_with(b"HTTP/1."))
        }
    }

    /// The state after a head (RFC 9112, 6.3).
    fn after_head(&mut self, head: &[u8]) -> State {
        let Ok(text) = std::str::from_utf8(head) else { return State::Lost };
        let mut lines = text.lines();
        let start = lines.next().unwrap_or_default();
        let (mut length, mut chunked, mut coded, mut expects) = (None, false, false, false);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse::<u64>());
            } else if name.eq_ignore_ascii_case("expect") {
                expects = value.eq_ignore_ascii_case("100-continue");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                coded = true;
                chunked =
                    value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"));
            }
        }
        if self.responses {
            let status: u16 = start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            if status == 101 {
                return State::UntilClose;
            }
            if (100..200).contains(&status) {
                return State::Head;
            }
            match self.methods.pop_front() {
                Some(Method::Connect) if (200..300).contains(&status) => return State::UntilClose,
                Some(Method::Head) => return State::Head,
                // Without the request it cannot be known whether a body follows.
                None => return State::Lost,
                Some(_) if status == 204 || status == 304 => return State::Head,
                Some(_) => {}
            }
        } else {
            self.methods.push_back(match start.split(' ').next() {
                Some("HEAD") => Method::Head,
                Some("CONNECT") => Method::Connect,
                _ => Method::Other,
            });
            if self.methods.back() == Some(&Method::Connect) {
                return State::UntilClose;
            }
            self.asks_leave = expects;
        }
        match (length, chunked, coded) {
            (_, true, _) => State::ChunkLine,
            (_, false, true) if self.responses => State::UntilClose,
            (Some(Ok(0)), ..) => State::Head,
            (Some(Ok(length)), ..) => State::Body(length),
            (Some(Err(_)), ..) | (_, _, true) => State::Lost,
            (None, ..) if self.responses => State::UntilClose,
            (None, ..) => State::Head,
        }
    }
}

impl Sink for Messages {
    fn octets(&mut self, mut octets: &[u8], _at: At) {
        while !octets.is_empty() {
            let took = self.step(octets);
            octets = &octets[took..];
        }
    }

    fn gap(&mut self, len: u64, _at: At) {
        self.asks_leave = false;
        match self.state {
            State::Body(left) if len < left => self.state = State::Body(left - len),
            State::Body(left) if len == left => self.state = State::Head,
            State::Chunk(left) if len < left => self.state = State::Chunk(left - len),
            State::UntilClose => {}
            _ => self.lose(),
        }
    }

    fn held(&self) -> usize {
        self.line.len()
    }

    fn let_go(&mut self) {
        if !self.line.is_empty() {
            self.lose();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(method: Method, parts: &[&str]) -> Messages {
        let mut messages =
            Messages { responses: true, methods: VecDeque::from([method]), ..Messages::default() };
        for part in parts {
            messages.octets(part.as_bytes(), At::default());
        }
        messages
    }

    #[test]
    fn a_body_that_is_shorter_than_its_length_is_short() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert!(response(Method::Other, &[head, "12345"]).shortfall().is_none());
        assert_eq!(
            response(Method::Other, &[head, "1234"]).shortfall(),
            Some(Shortfall::Body { sent: 4, promised: 5 })
        );
        assert!(response(Method::Head, &[head]).shortfall().is_none());
        assert!(
            response(Method::Other, &["HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"])
                .shortfall()
                .is_none()
        );
    }

    #[test]
    fn a_chunked_body_needs_its_last_chunk_and_the_line_after_it() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n";
        let chunks = |sent| Some(Shortfall::LastChunk { sent });
        for (body, sent) in
            [("5\r\n123", 3), ("5\r\n12345", 5), ("5\r\n12345\r\n", 5), ("5\r\n12345\r\n3\r\nab", 7)]
        {
            assert_eq!(response(Method::Other, &[head, body]).shortfall(), chunks(sent), "{body:?}");
        }
        assert!(response(Method::Other, &[head, "5;x=y\r\n123", "45\r\n0\r\n"]).shortfall().is_some());
        assert!(
            response(Method::Other, &[head, "5\r\n12345\r\n0\r\nA: b\r\n\r", "\n"]).shortfall().is_none()
        );
    }

    #[test]
    fn a_body_that_waits_for_leave_is_not_short() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-Continue\r\n\r\n";
        let request = |parts: &[&str]| {
            let mut messages = Messages::default();
            for part in parts {
                messages.octets(part.as_bytes(), At::default());
            }
            messages
        };
        assert_eq!(request(&[head]).shortfall(), None);
        assert!(request(&[head, "1"]).shortfall().is_some());
        assert_eq!(request(&[head, "123456789"]).shortfall(), None);
    }

    #[test]
    fn a_body_without_length_lasts_until_the_end() {
        assert!(response(Method::Other, &["HTTP/1.0 200 OK\r\n\r\nabc"]).shortfall().is_none());
        assert!(response(Method::Other, &["220 no HTTP\r\n"]).shortfall().is_none());
        assert!(response(Method::Other, &["something else"]).shortfall().is_none());
        assert_eq!(
            response(Method::Other, &["HTTP/1.0 200 OK\r\nServer"]).shortfall(),
            Some(Shortfall::Head)
        );
        assert!(response(Method::Other, &["HTTP/1.1 101 Switching\r\n\r\nxyz"]).shortfall().is_none());
    }

    #[test]
    fn a_gap_in_a_body_is_followed_and_one_elsewhere_is_not() {
        let mut messages = response(Method::Other, &["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"]);
        messages.gap(5, At::default());
        assert!(messages.shortfall().is_some());
        messages.gap(1, At::default());
        assert!(messages.shortfall().is_none());
        messages.gap(1, At::default());
        assert_eq!(messages.state, State::Lost);
    }
}
