//! A hyper server that refuses an upload before it has read it, and whose client gets the whole answer all the same.
//!
//! hyper ends a connection as soon as its answer is written. The client is still sending then, and a socket that is closed with
//! bytes unread answers by a reset: the upload breaks, and the client may never see why. Here adieu finishes what hyper drops.
//!
//! ```console
//! $ cargo run -p adieu --example hyper_413 &
//! $ head -c 10000000 /dev/zero | curl --data-binary @- http://127.0.0.1:8080/
//! 413: at most 1000000 bytes
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::tokio::Listener;
use adieu::{Endpoint, Finish, ListenOptions};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response, StatusCode, header::CONNECTION, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::error::Error;

const MOST: usize = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = Listener::bind(&endpoint.parse::<Endpoint>()?, &ListenOptions::new()).await?;
    println!("listening on {}", listener.local_endpoint());
    loop {
        let mut connection = listener.accept().await?;
        // After the answer: take what the client still sends, for 30 s at most, and then close.
        connection.finish_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        tokio::spawn(async move {
            let io = TokioIo::new(connection);
            // A client that has half-closed still wants its answer.
            let http = http1::Builder::new().half_close(true).serve_connection(io, service_fn(answer));
            if let Err(error) = http.await {
                println!("{error}");
            }
            if let Some(report) = ending.await {
                println!("{report}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let refused = |status: StatusCode, why: String| {
        // A client that is told so sends no further request on this connection.
        Response::builder().status(status).header(CONNECTION, "close").body(Full::from(why))
    };
    if request.body().size_hint().lower() > MOST as u64 {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, format!("413: at most {MOST} bytes\n"));
    }
    match Limited::new(request.into_body(), MOST).collect().await {
        Ok(body) => {
            let length = body.to_bytes().len();
            Response::builder().body(Full::from(format!("received {length} bytes\n")))
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, format!("400: {error}\n")),
    }
}
