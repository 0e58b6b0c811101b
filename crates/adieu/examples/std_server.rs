//! A server of the standard library that sends back what it receives, and ends each connection by one call.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{Finish, Finisher};
use std::net::{TcpListener, TcpStream};
use std::{env, io, thread};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || serve(stream));
    }
}

fn serve(stream: TcpStream) {
    match io::copy(&mut &stream, &mut &stream) {
        // Everything is sent: half-close, receive until the client has ended, wait for the acknowledgements, close.
        Ok(_) => println!("{}", adieu::finish(stream, &Finish::new())),
        // Something is missing, so the client is not to see an orderly end.
        Err(error) => match Finisher::begin(stream, &Finish::new()) {
            Ok(finisher) => println!("{error}: {}", finisher.abort()),
            Err(_) => println!("{error}"),
        },
    }
}
