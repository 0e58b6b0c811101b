//! The metrics over HTTP: each request is answered with the text as it is then, and its connection ended properly.
//!
//! It is served by threads of its own, and not by the workers: whoever asks too often takes nothing from the relay but what the
//! text costs. It answers one request on each connection (RFC 9112, section 9.6: `Connection: close`).

use super::Metrics;
use crate::service::Handle;
use adieu::{Connection, Endpoint, Limits, ListenError, ListenOptions, Listener, Server, ServerHandle};
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How many requests are answered at once; others wait. Clients that say nothing have places too, so there are many.
const AT_ONCE: usize = 128;

/// How many there are at least, however few descriptors the system has left.
const AT_LEAST: usize = 4;

/// The part of the descriptors that are left which requests may take.
const PART: usize = 8;

/// How long a client may say nothing, so that silent ones hold no place against one that asks.
const FIRST_BYTE: Duration = Duration::from_secs(2);

/// What a thread needs that answers a request, in bytes.
const STACK: usize = 256 * 1024;

/// How long a request and its answer may take, whatever happens.
const DEADLINE: Duration = Duration::from_secs(10);

/// How large the head of a request may be, in bytes.
const HEAD: usize = 16 * 1024;

/// Prometheus's text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `GET /metrics` on an endpoint, until it is dropped.
#[must_use = "it stops when it is dropped"]
pub struct MetricsServer {
    endpoint: Endpoint,
    handle: ServerHandle,
}

impl MetricsServer {
    /// Listens, and answers on threads of its own from now on.
    ///
    /// # Errors
    ///
    /// It cannot listen there, or the system gives no thread.
    pub fn start(endpoint: &Endpoint, metrics: Arc<Metrics>, relay: Handle) -> Result<Self, MetricsError> {
        let options =
            ListenOptions::new().limits(Limits::new().deadline(DEADLINE).first_byte_timeout(FIRST_BYTE));
        let listener = Listener::bind(endpoint, &options)?;
        let endpoint = listener.local_endpoint().clone();
        let at_once = (adieu_os::free_descriptors() / PART).clamp(AT_LEAST, AT_ONCE);
        let server = Server::new(listener).max_connections(at_once).stack_size(STACK);
        let handle = server.handle();
        let answer = move |connection| {
            // Whoever leaves before the answer does not want it.
            let _ = answer(connection, &metrics, &relay);
        };
        thread::Builder::new()
            .name("metrics".into())
            .spawn(move || server.serve(answer))
            .map_err(MetricsError::Thread)?;
        Ok(Self { endpoint, handle })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl fmt::Debug for MetricsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsServer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.handle.begin_shutdown(DEADLINE);
    }
}

/// Why the metrics are not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// It cannot listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system gives no thread.
    #[error("no thread for the metrics: {}", adieu::describe_error(.0))]
    Thread(#[source] io::Error),
}

fn answer(mut connection: Connection, metrics: &Metrics, relay: &Handle) -> io::Result<()> {
    let asked = read_request(&mut connection)?;
    let (status, kind, body) = match asked {
        Asked::Metrics | Asked::HeadOfMetrics => ("200 OK", TEXT, metrics.text(relay)),
        Asked::Other => ("404 Not Found", "text/plain", "the metrics are at /metrics\n".to_owned()),
        Asked::OtherMethod => ("405 Method Not Allowed", "text/plain", "GET or HEAD\n".to_owned()),
        Asked::Nonsense => ("400 Bad Request", "text/plain", "this is not HTTP/1\n".to_owned()),
    };
    let allow = if matches!(asked, Asked::OtherMethod) { "Allow: GET, HEAD\r\n" } else { "" };
    let length = body.len();
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n"
    );
    if !matches!(asked, Asked::HeadOfMetrics) {
        response.push_str(&body);
    }
    connection.write_all(response.as_bytes())?;
    // Whatever else it sends is read and thrown away, so that it is not reset before it has read the answer.
    if let Ok(half_closed) = connection.shutdown_send() {
        half_closed.drain();
    }
    Ok(())
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Metrics,
    HeadOfMetrics,
    Other,
    OtherMethod,
    Nonsense,
}

fn read_request(from: &mut impl Read) -> io::Result<Asked> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = from.read(&mut piece)?;
        head.extend_from_slice(&piece[..n]);
        match asked(&head) {
            Some(asked) => return Ok(asked),
            None if n == 0 || head.len() > HEAD => return Ok(Asked::Nonsense),
            None => {}
        }
    }
}

/// `None`: the head is not whole.
fn asked(head: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Err(_) => Some(Asked::Nonsense),
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.unwrap_or_default();
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            // In absolute form, which every server has to accept; RFC 9112, section 3.2.2.
            let path = match path.split_once("://") {
                Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
                None => path,
            };
            Some(match (request.method, path) {
                (Some("GET"), "/metrics") => Asked::Metrics,
                (Some("HEAD"), "/metrics") => Asked::HeadOfMetrics,
                (Some("GET" | "HEAD"), _) => Asked::Other,
                _ => Asked::OtherMethod,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_its_first_line_says() {
        for (head, is) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::Metrics)),
            ("GET /metrics?name[]=up HTTP/1.0\r\n\r\n", Some(Asked::Metrics)),
            ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::HeadOfMetrics)),
            ("GET http://x:9100/metrics?a=b HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::Metrics)),
            ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::Other)),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::Other)),
            ("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Some(Asked::OtherMethod)),
            ("GET /metrics HTTP/1.1\r\nHost", None),
            ("\x16\x03\x01", Some(Asked::Nonsense)),
        ] {
            assert_eq!(asked(head.as_bytes()), is, "{head:?}");
        }
    }

    #[test]
    fn a_head_without_an_end_is_not_read_for_ever() {
        let endless = "GET /metrics HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat_n(b'x', 1 << 20));
        let bytes: Vec<u8> = endless.collect();
        assert_eq!(read_request(&mut &bytes[..]).ok(), Some(Asked::Nonsense));
        assert_eq!(read_request(&mut &b"GET"[..]).ok(), Some(Asked::Nonsense));
    }
}
