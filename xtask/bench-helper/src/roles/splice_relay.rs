//! A bare splice loop between two sockets: the least that a forwarder of bytes does. Two threads for each connection, one for each
//! direction, and nothing is told of any error.

use anyhow::{Context, Result};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

const HOLD: usize = 1024 * 1024;

pub(super) fn run(listen: &str, to: &str) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", listen.parse().context("the port")?))?;
    rustix::net::listen(&listener, 4096)?;
    let to: u16 = to.parse().context("the port")?;
    loop {
        let client = listener.accept()?.0;
        thread::spawn(move || {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
            let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
            let (client, server) = (Arc::new(client), Arc::new(server));
            let back = (Arc::clone(&server), Arc::clone(&client));
            // What ends a direction ends it there too.
            let backward = thread::spawn(move || drop(forward(&back.0, &back.1)));
            drop(forward(&client, &server));
            drop(backward.join());
        });
    }
}

fn forward(from: &TcpStream, to: &TcpStream) -> Result<()> {
    let (take, give) = pipe()?;
    fcntl_setpipe_size(&give, HOLD)?;
    loop {
        let mut held = splice(from, None, &give, None, HOLD, SpliceFlags::MOVE)?;
        if held == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(());
        }
        while held > 0 {
            held -= splice(&take, None, to, None, held, SpliceFlags::MOVE)?;
        }
    }
}
