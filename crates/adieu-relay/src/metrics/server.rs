//! Serves the metrics over HTTP: answers each request with the current text, and ends its connection properly.
//!
//! The server has a thread of its own, so frequent scrapes cost the workers only the making of the text.
//! It answers one request on each connection (RFC 9112, section 9.6: `Connection: close`).
//!
//! There are few places for connections, and silent clients cannot block them: if all are taken, the server resets the connection that
//! has been without a request for the longest time.

use super::Metrics;
use crate::service::Handle;
use crate::shared::REST;
use adieu::tokio::{Connection, Listener};
use adieu::{Endpoint, Limits, ListenError, ListenOptions};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// How many connections there are at once.
const AT_ONCE: usize = 128;

/// How many there are at least, however few descriptors the system has left.
const AT_LEAST: usize = 4;

/// The part of the descriptors that are left which requests may take.
const PART: usize = 8;

/// How long a client may take for its request.
const REQUEST: Duration = Duration::from_secs(5);

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
    /// Dropped with it, which the thread hears.
    _serving: oneshot::Sender<()>,
}

impl MetricsServer {
    /// Listens, and answers on a thread of its own from now on.
    ///
    /// # Errors
    ///
    /// It cannot listen there, or the system gives no thread.
    pub fn start(endpoint: &Endpoint, metrics: Arc<Metrics>, relay: Handle) -> Result<Self, MetricsError> {
        let options = ListenOptions::new().limits(Limits::new().deadline(DEADLINE));
        let listener = adieu::Listener::bind(endpoint, &options)?;
        let endpoint = listener.local_endpoint().clone();
        let (serving, dropped) = oneshot::channel();
        let (tell, begun) = sync_channel(1);
        thread::Builder::new()
            .name("metrics".into())
            .spawn(move || run(listener, metrics, relay, dropped, &tell))
            .map_err(MetricsError::Thread)?;
        match begun.recv() {
            Ok(result) => result?,
            Err(_) => return Err(MetricsError::Thread(io::ErrorKind::Other.into())),
        }
        Ok(Self { endpoint, _serving: serving })
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

/// The thread. It tells whether it can begin.
fn run(
    listener: adieu::Listener,
    metrics: Arc<Metrics>,
    relay: Handle,
    dropped: oneshot::Receiver<()>,
    begun: &SyncSender<Result<(), MetricsError>>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(begun.send(Err(MetricsError::Thread(error)))),
    };
    runtime.block_on(async move {
        match Listener::from_std(listener) {
            Ok(listener) => {
                let _ = begun.send(Ok(()));
                serve(listener, metrics, relay, dropped).await;
            }
            Err(error) => drop(begun.send(Err(error.into()))),
        }
    });
}

/// Accepts and answers until the server is dropped. Whoever has connected by then may still be answered.
async fn serve(listener: Listener, metrics: Arc<Metrics>, relay: Handle, mut dropped: oneshot::Receiver<()>) {
    let at_once = (adieu_os::free_descriptors() / PART).clamp(AT_LEAST, AT_ONCE);
    let mut scrapers = Scrapers::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut dropped => break,
            accepted = scrapers.accept(&listener, at_once) => accepted,
        };
        let Ok(connection) = accepted else {
            // Descriptors are short.
            scrapers.drop_one();
            sleep(REST).await;
            continue;
        };
        let (metrics, relay) = (Arc::clone(&metrics), relay.clone());
        // Whoever leaves before the answer does not want it.
        scrapers.begin(|stage| async move {
            let _ = answer(connection, &metrics, &relay, &stage).await;
        });
    }
    drop(listener);
    let _ = timeout(DEADLINE, async { while scrapers.tasks.join_next().await.is_some() {} }).await;
}

/// Where a connection is. It has given its request between the two others.
const SILENT: u8 = 0;
const ASKED: u8 = 1;
const ANSWERED: u8 = 2;

/// The stage of a connection, as its task says it.
type Stage = Arc<AtomicU8>;

/// The connections, in the order of their coming.
#[derive(Default)]
struct Scrapers {
    tasks: JoinSet<()>,
    all: VecDeque<(Stage, AbortHandle)>,
}

impl Scrapers {
    /// Waits for a client, and accepts it once there is a place.
    async fn accept(&mut self, listener: &Listener, at_once: usize) -> Result<Connection, ListenError> {
        let connection = listener.accept().await?;
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() >= at_once {
            self.drop_one();
            self.tasks.join_next().await;
        }
        Ok(connection)
    }

    /// Resets whoever can best be done without: the oldest that has not asked, or else the oldest that was answered.
    fn drop_one(&mut self) {
        self.all.retain(|(_, task)| !task.is_finished());
        let oldest = |stage: u8| self.all.iter().position(|(one, _)| one.load(Ordering::Relaxed) == stage);
        if let Some((_, task)) =
            oldest(SILENT).or_else(|| oldest(ANSWERED)).and_then(|at| self.all.remove(at))
        {
            task.abort();
        }
    }

    fn begin<F: Future<Output = ()> + Send + 'static>(&mut self, scraper: impl FnOnce(Stage) -> F) {
        let stage = Stage::default();
        let task = self.tasks.spawn(scraper(Arc::clone(&stage)));
        // Not more than there are tasks, and a few that are over.
        if self.all.len() > 2 * self.tasks.len() {
            self.all.retain(|(_, task)| !task.is_finished());
        }
        self.all.push_back((stage, task));
    }
}

async fn answer(
    mut connection: Connection,
    metrics: &Metrics,
    relay: &Handle,
    stage: &AtomicU8,
) -> io::Result<()> {
    let asked = timeout(REQUEST, read_request(&mut connection)).await??;
    stage.store(ASKED, Ordering::Relaxed);
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
    connection.write_all(response.as_bytes()).await?;
    // Whatever else it sends is read and thrown away, so that it is not reset before it has read the answer.
    if let Ok(half_closed) = connection.shutdown_send().await {
        stage.store(ANSWERED, Ordering::Relaxed);
        half_closed.drain().await;
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

async fn read_request(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Asked> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = from.read(&mut piece).await?;
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

    #[tokio::test]
    async fn a_head_without_an_end_is_not_read_for_ever() {
        let endless = "GET /metrics HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat_n(b'x', 1 << 20));
        let bytes: Vec<u8> = endless.collect();
        assert_eq!(read_request(&mut &bytes[..]).await.ok(), Some(Asked::Nonsense));
        assert_eq!(read_request(&mut &b"GET"[..]).await.ok(), Some(Asked::Nonsense));
    }
}
