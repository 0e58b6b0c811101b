//! An axum service that drains: at Ctrl-C it accepts nobody more, lets open requests end, aborts after 10 s what is still open,
//! and says of every connection how it ended.
//!
//! ```console
//! $ cargo run -p adieu --example axum_drain
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::tokio::{Connection, Listener, Server};
use adieu::{Endpoint, Finish, ListenOptions, ServerEvent};
use axum::{Router, routing::get};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{error::Error, pin::pin, time::Duration};
use tokio::{sync::watch, time::timeout};

/// How long a client that has just connected may take to ask.
const GRACE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = Listener::bind(&endpoint.parse::<Endpoint>()?, &ListenOptions::new()).await?;
    let place = listener.local_endpoint().clone();

    let app: Router = Router::new().route("/", get(|| async { "hello\n" }));
    let (stop, stopping) = watch::channel(());
    let server = Server::new(listener).observer(|event| {
        if let ServerEvent::Ended { report, .. } = event {
            println!("{report}");
        }
    });
    let handle = server.handle();
    let serving =
        tokio::spawn(server.serve(move |connection| serve(connection, app.clone(), stopping.clone())));

    // Ctrl-C is heard before anybody is told that there is a service.
    let (stopped, ()) = tokio::join!(biased; tokio::signal::ctrl_c(), async {
        println!("listening on {place}");
    });
    stopped?;
    // A client that keeps its connection for the next request is told that there is none.
    drop(stop);
    let drained = handle.shutdown(Duration::from_secs(10)).await;
    println!("drained: {} ended, {} aborted", drained.ended.len(), drained.aborted.len());
    serving.await??;
    Ok(())
}

async fn serve(mut connection: Connection, app: Router, mut stopping: watch::Receiver<()>) {
    // hyper drops the connection after its last answer, which the client may not have acknowledged by then.
    connection.finish_when_dropped(&Finish::new());
    let (io, service) = (TokioIo::new(connection), TowerToHyperService::new(app));
    // A client that has half-closed still wants its answer.
    let mut http = pin!(http1::Builder::new().half_close(true).serve_connection(io, service));
    tokio::select! {
        // The report has the reason too, if it fails.
        _ = http.as_mut() => {}
        _ = stopping.changed() => {
            // hyper would close without an answer if it has read nothing yet: a client from the backlog may have asked already.
            if timeout(GRACE, http.as_mut()).await.is_err() {
                http.as_mut().graceful_shutdown();
                let _ = http.await;
            }
        }
    }
}
