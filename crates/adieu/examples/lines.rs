//! A line protocol over tokio-util's `Framed`: each line is answered until the client says QUIT or ends its side. Then the
//! connection is taken out of the `Framed` and finished.
//!
//! ```console
//! $ cargo run -p adieu --example lines &
//! $ printf 'HELO me\nQUIT\n' | adieu connect 127.0.0.1:2525
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::tokio::{Connection, Listener};
use adieu::{Endpoint, ListenOptions};
use futures_util::{SinkExt, StreamExt};
use std::error::Error;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let listener = Listener::bind(&endpoint.parse::<Endpoint>()?, &ListenOptions::new()).await?;
    println!("listening on {}", listener.local_endpoint());
    loop {
        let connection = listener.accept().await?;
        tokio::spawn(serve(connection));
    }
}

async fn serve(connection: Connection) {
    let mut lines = Framed::new(connection, LinesCodec::new_with_max_length(1024));
    let answered = answer(&mut lines).await;
    let connection = lines.into_inner();
    let report = match answered {
        // Everything is said: shut down the sending side, receive until the client has ended too, close.
        Ok(()) => match connection.shutdown_send().await {
            Ok(half_closed) => half_closed.drain().await,
            Err(error) => {
                // What the client had said before that, and nobody has read.
                let (received, report) = error.into_parts();
                println!("{} bytes more", received.len());
                report
            }
        },
        // Our answers are not whole, and a reset says so.
        Err(_) => connection.abort(),
    };
    println!("{report}");
}

async fn answer(lines: &mut Framed<Connection, LinesCodec>) -> Result<(), LinesCodecError> {
    while let Some(line) = lines.next().await {
        let line = line?;
        lines.send(format!("250 {line}")).await?;
        if line == "QUIT" {
            break;
        }
    }
    Ok(())
}
