//! The `client` example on tokio: the same words, with `.await`.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{ConnectOptions, Endpoint};
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let host = std::env::args().nth(1).unwrap_or_else(|| "localhost".to_owned());

    // WSAStartup, getaddrinfo, socket, connect.
    let mut connection =
        match adieu::tokio::connect(&Endpoint::tcp(host, 27015), &ConnectOptions::new()).await {
            Ok(connection) => connection,
            Err(error) => {
                println!("{error}");
                return ExitCode::from(error.report().exit_code());
            }
        };

    // send
    if let Err(error) = connection.write_all(b"this is a test").await {
        println!("send failed with error: {}", adieu::describe_error(&error));
        return ExitCode::FAILURE;
    }

    // shutdown(SD_SEND), or its error path.
    let mut half_closed = match connection.shutdown_send().await {
        Ok(half_closed) => half_closed,
        Err(error) => {
            println!("{error}");
            // What the server had said before that is not lost.
            let (received, report) = error.into_parts();
            println!("Bytes received: {}", received.len());
            return ExitCode::from(report.exit_code());
        }
    };

    // recv until 0.
    let mut answer = Vec::new();
    match half_closed.read_to_end(&mut answer).await {
        Ok(n) => println!("Bytes received: {n}"),
        Err(error) => println!("recv failed with error: {}", adieu::describe_error(&error)),
    }

    // closesocket, WSACleanup.
    let report = half_closed.close().await;
    println!("{report}");
    ExitCode::from(report.exit_code())
}
