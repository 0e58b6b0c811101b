//! `send` and `receive` through relays that know no half-close: a receipt comes, whoever connected.

use crate::transfer::{Scene, send, start};
use crate::transfer_harm::{Harm, proxy};
use crate::transfer_waits::{ended, spawn};
use crate::{BOUND, adieu};
use adieu_testkit::places;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

#[test]
fn the_receipt_comes_through_a_relay_that_closes_both_directions_at_one_end() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 300_000), scene.word("target"));
    let tls = [&["--self-signed"][..], &["--tls", "--insecure"]];
    for [listening, connecting] in [[&[][..], &[]], [&["--secret", "x"], &["--secret", "x"]], tls] {
        let receiver = scene.receive(&[&["--output", &target], listening].concat());
        let (address, relay) = proxy(&receiver.address, Harm::CloseAtEnd);
        let began = Instant::now();
        let (code, said) = send(&[&[&*file, &address], connecting].concat());
        relay.join().expect("it does not panic");
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{listening:?}: {said}{heard}");
        assert!(!heard.contains("may not know"), "{heard}");
        assert!(began.elapsed() < BOUND / 2, "{:?}", began.elapsed());
        assert!(scene.same("file", "target"));
        std::fs::remove_file(&target).expect("it is there");

        let args = [&["send", "--listen", &file, "127.0.0.1:0"], listening].concat();
        let sender = start(scene.directory.path(), &args);
        let (address, relay) = proxy(&sender.address, Harm::CloseAtEnd);
        let args = [&["receive", "--connect", &address, "--output", &target], connecting].concat();
        let (their_code, heard) = ended(spawn(adieu(&args)));
        relay.join().expect("it does not panic");
        let (code, said, _) = sender.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{listening:?}: {said}{heard}");
        std::fs::remove_file(&target).expect("it is there");
    }
}

/// A proxy of the system. `None`: it is not installed.
fn installed(program: &str, arguments: impl Fn(&str) -> Vec<String>) -> Option<(Child, String)> {
    let port = places::free_port().to_string();
    let mut command = Command::new(program);
    command.args(arguments(&port)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().ok()?;
    let address = format!("127.0.0.1:{port}");
    crate::until("the proxy does not listen", || std::net::TcpStream::connect(&address).is_ok());
    Some((child, address))
}

#[test]
fn the_receipt_comes_through_the_systems_socks_and_http_proxies() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 300_000), scene.word("target"));
    let configuration = scene.word("tinyproxy.conf");
    let microsocks =
        |port: &str| vec!["-i".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_owned()];
    let tinyproxy = |port: &str| {
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nAllow 127.0.0.1\n");
        std::fs::write(&configuration, text).expect("there is room");
        vec!["-d".to_owned(), "-c".to_owned(), configuration.clone()]
    };
    for (scheme, proxy) in
        [("socks5h", installed("microsocks", microsocks)), ("http", installed("tinyproxy", tinyproxy))]
    {
        // Not everywhere.
        let Some((mut proxy, address)) = proxy else { continue };
        let receiver = scene.receive(&["--output", &target]);
        let through = format!("{scheme}://{address}");
        let (code, said) = send(&["--proxy", &through, &file, &receiver.address]);
        let (their_code, heard, _) = receiver.finish();
        proxy.kill().and_then(|()| proxy.wait()).expect("it runs");
        assert_eq!((code, their_code), (Some(0), Some(0)), "{scheme}: {said}{heard}");
        assert!(scene.same("file", "target"));
        std::fs::remove_file(&target).expect("it is there");
    }
}
