//! The client of the Winsock tutorial ("Getting Started With Winsock"), with adieu. Run the `server` example first:
//!
//! ```console
//! $ cargo run -p adieu --example server &
//! $ cargo run -p adieu --example client localhost
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{ConnectOptions, Endpoint};
use std::io::{Read, Write};
use std::process::ExitCode;

/// DEFAULT_PORT of the tutorial.
const PORT: u16 = 27015;

fn main() -> ExitCode {
    let host = std::env::args().nth(1).unwrap_or_else(|| "localhost".to_owned());

    // WSAStartup: nothing to do here; on Windows the library pairs it with WSACleanup.

    // getaddrinfo, socket, connect: "try each address until one connects".
    let mut connection = match adieu::connect(&Endpoint::tcp(host, PORT), &ConnectOptions::new()) {
        Ok(connection) => connection,
        Err(error) => {
            // "Unable to connect to server!", and what each address said.
            println!("{error}");
            return ExitCode::from(error.report().exit_code());
        }
    };

    // send
    if let Err(error) = connection.write_all(b"this is a test") {
        // closesocket, WSACleanup: dropping the connection does both.
        println!("send failed with error: {}", adieu::describe_error(&error));
        return ExitCode::FAILURE;
    }
    println!("Bytes Sent: {}", connection.counts().accepted);

    // shutdown(ConnectSocket, SD_SEND): the server can free its resources, and we still receive.
    let mut half_closed = match connection.shutdown_send() {
        Ok(half_closed) => half_closed,
        Err(error) => {
            // The page's error path: report it, closesocket, WSACleanup. The latter two are done.
            println!("{error}");
            // What the server had said before that is not lost.
            let (received, report) = error.into_parts();
            println!("Bytes received: {}", received.len());
            return ExitCode::from(report.exit_code());
        }
    };

    // recv until 0: "until the peer closes the connection".
    let mut buffer = [0; 512];
    loop {
        match half_closed.read(&mut buffer) {
            Ok(0) => {
                println!("Connection closed");
                break;
            }
            Ok(n) => println!("Bytes received: {n}"),
            Err(error) => {
                println!("recv failed with error: {}", adieu::describe_error(&error));
                break;
            }
        }
    }

    // closesocket, WSACleanup; and then, what the page cannot say: how it ended.
    let report = half_closed.close();
    println!("{report}");
    ExitCode::from(report.exit_code())
}
