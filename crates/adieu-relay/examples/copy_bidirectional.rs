//! What a forwarder is in most programs on tokio: `copy_bidirectional`. The benchmark measures `adieu relay` beside it.
//!
//! It ends a connection as that function does: a reset on one side becomes an end on the other, and what was still to be delivered
//! is lost. See [`adieu::tokio::relay`] for what does not.
//!
//! `copy_bidirectional LISTEN TO` runs on tokio's multi-thread runtime, as most programs do. With `--per-core` it has a runtime of
//! its own on a thread for each core, as `adieu relay` has; the difference is what that choice is worth.

use std::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (listen, to, per_core) = match &words[..] {
        [listen, to] => (listen, to, false),
        [listen, to, option] if option == "--per-core" => (listen, to, true),
        _ => return Err("usage: copy_bidirectional LISTEN TO [--per-core]".into()),
    };
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    if !per_core {
        return Ok(Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(serve(listener, to.clone()))?);
    }
    let mut workers = Vec::new();
    for _ in 0..std::thread::available_parallelism()?.get() {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (listener, to) = (listener.try_clone()?, to.clone());
        workers.push(std::thread::spawn(move || runtime.block_on(serve(listener, to))));
    }
    for worker in workers {
        worker.join().map_err(|_| "a worker has panicked")??;
    }
    Ok(())
}

async fn serve(listener: std::net::TcpListener, to: String) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (mut client, _) = listener.accept().await?;
        let to = to.clone();
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(to).await else { return };
            let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
