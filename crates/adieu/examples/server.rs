//! The server of the Winsock tutorial ("Getting Started With Winsock"), with adieu: it accepts one client, sends back
//! what it receives, and ends when the client has shut down its sending side.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{Endpoint, ListenOptions, Listener};
use std::error::Error;
use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(27015), |text| text.parse())?;

    // WSAStartup, getaddrinfo, socket, bind, listen.
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", port), &ListenOptions::new())?;
    println!("Listening on {}", listener.local_endpoint());

    // accept; "no longer need server socket": closesocket(ListenSocket).
    let mut connection = listener.accept()?;
    drop(listener);

    // recv and send back, until the peer shuts down the connection.
    let mut buffer = [0; 512];
    loop {
        let n = connection.read(&mut buffer)?;
        if n == 0 {
            println!("Connection closing...");
            break;
        }
        println!("Bytes received: {n}");
        connection.write_all(&buffer[..n])?;
        println!("Bytes sent: {n}");
    }

    // "shutdown the connection since we're done": shutdown(ClientSocket, SD_SEND).
    let half_closed = match connection.shutdown_send() {
        Ok(half_closed) => half_closed,
        Err(error) => {
            println!("{error}");
            return Ok(ExitCode::from(error.report().exit_code()));
        }
    };

    // closesocket(ClientSocket), WSACleanup.
    let report = half_closed.close();
    println!("{report}");
    Ok(ExitCode::from(report.exit_code()))
}
