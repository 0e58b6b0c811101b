//! The client of the Winsock tutorial with the standard library's sockets, whose last part, "Disconnecting the client", is one
//! call. `client` has the whole of it with adieu. Run the `server` example first:
//!
//! ```console
//! $ cargo run -p adieu --example server &
//! $ cargo run -p adieu --example tutorial_client 127.0.0.1:27015
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::Finish;
use std::io::{self, Write};
use std::net::TcpStream;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "localhost:27015".to_owned());

    // getaddrinfo, socket, connect, send
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"this is a test")?;

    // shutdown(ConnectSocket, SD_SEND); recv until 0; closesocket; and then, what the page cannot say: how it ended.
    let finish = Finish::new().late_bytes(|bytes| io::stdout().write_all(bytes));
    let report = adieu::finish(stream, &finish);
    println!("\n{report}");
    Ok(ExitCode::from(report.exit_code()))
}
