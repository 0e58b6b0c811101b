//! Sends bytes from memory to a receiver that keeps them in memory, over loopback, with a secret and a progress that cancels.
//!
//! ```console
//! $ cargo run -p adieu-transfer --example send_bytes
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
use adieu_transfer::{
    MemoryStore, ReceiveOptions, Secret, SendOptions, Sources, Storage, TransferEvent, TransferOutcome,
    Verdict, Wire,
};
use std::error::Error;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
    let endpoint = listener.local_endpoint().clone();
    let sending = std::thread::spawn(move || send(&endpoint).map_err(|error| error.to_string()));

    let mut store = MemoryStore::new(64 << 20);
    let mut wire = Wire::new(listener.accept()?, None);
    let options = ReceiveOptions { secret: secret(), ..ReceiveOptions::default() };
    let received = adieu_transfer::receive(&mut wire, &mut Storage::of(&mut store), &options, &mut |_| {
        ControlFlow::Continue(())
    });
    // Closes the connection; its report tells how that ended.
    wire.finish();
    println!("receiver: {}", received.sentence());

    let sent = sending.join().map_err(|_| "the sender has panicked")??;
    println!("sender: {}", sent.sentence());
    // Memory is not durable, so nothing is called stored. A receiver with `Storage::at` would say `Verdict::Stored`.
    assert_eq!(sent.verdict, Verdict::Written);
    assert_eq!(store.get("notes/today.txt"), Some(&b"all is well"[..]));
    Ok(())
}

fn secret() -> Option<Secret> {
    Secret::new(b"correct horse battery staple")
}

fn send(endpoint: &Endpoint) -> Result<TransferOutcome, Box<dyn Error>> {
    let sources = Sources::of("notes/today.txt", b"all is well".to_vec())?.and("zeros", vec![0; 1 << 20])?;
    let mut wire = Wire::new(adieu::connect(endpoint, &ConnectOptions::new())?, None);
    let options = SendOptions { secret: secret(), ..SendOptions::default() };

    let (mut moved, mut total) = (0, 0);
    let until = Instant::now() + Duration::from_secs(60);
    let mut progress = |event: TransferEvent<'_>| {
        match event {
            TransferEvent::Total { bytes } => total = bytes,
            TransferEvent::File { path, .. } => println!("sending {path}"),
            TransferEvent::Moved { bytes } => {
                moved += bytes;
                println!("{moved} of {total} bytes");
            }
            _ => {}
        }
        // A program would look here whether somebody has pressed a button.
        if Instant::now() < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let outcome = adieu_transfer::send(&mut wire, &sources, &options, &mut progress);
    wire.finish();
    Ok(outcome)
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    main()
}
