//! What a forwarder is in most programs on tokio: `copy_bidirectional`. The benchmark measures `adieu relay` beside it.
//!
//! It ends a connection as that function does: a reset on one side becomes an end on the other, and what was still to be delivered
//! is lost. See [`adieu::tokio::relay`] for what does not.

use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(listen), Some(to)) = (words.next(), words.next()) else {
        return Err("usage: copy_bidirectional LISTEN TO".into());
    };
    let listener = TcpListener::bind(listen).await?;
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
