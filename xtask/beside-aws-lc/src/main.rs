//! A program whose rustls uses aws-lc-rs, with adieu beside it: neither may break the other.
//!
//! rustls panics where it is to choose a provider by itself and is built with two. So a program that relies on its choice takes
//! adieu without ring. With ring, adieu itself must go on as well: it never asks for the process's default.

use adieu::tls::{Client, Server};
use adieu::{ConnectOptions, Connection, Endpoint, ListenOptions, Listener};
use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let aws_lc = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = Server::self_signed();
    if cfg!(not(feature = "tls")) {
        // What the program may do besides, and rustls must still be able to.
        let _ = rustls::ClientConfig::builder();
        server = server.provider(Arc::clone(&aws_lc));
    }
    let server = server.build()?;
    let client = Client::new().pin(server.fingerprint().expect("it is self-signed")).provider(aws_lc).build()?;
    assert!(cfg!(not(feature = "tls")) || rustls::crypto::CryptoProvider::get_default().is_none());

    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().tls(server))?;
    let endpoint = listener.local_endpoint().clone();
    let peer = std::thread::spawn(move || {
        adieu::connect(&endpoint, &ConnectOptions::new().tls(client))
            .map(|connection| say(connection, b"hello"))
    });
    let heard = say(listener.accept()?, b"good-bye");
    let answer = peer.join().expect("it does not panic")?;
    assert_eq!((&*heard, &*answer), (&b"hello"[..], &b"good-bye"[..]));
    Ok(())
}

/// Sends this, and receives until the peer's close_notify.
fn say(mut connection: Connection, words: &[u8]) -> Vec<u8> {
    connection.write_all(words).expect("the peer takes it");
    let mut half_closed = connection.shutdown_send().expect("there is a connection");
    let mut heard = Vec::new();
    half_closed.read_to_end(&mut heard).expect("the peer ends its stream");
    half_closed.close();
    heard
}
