//! `send` and `receive` over TLS and through proxies.

use crate::transfer::{Scene, checked, send, start};
use crate::transfer_harm::{Harm, proxy};
use crate::{ADIEU, adieu, text};
use adieu_testkit::places;
use adieu_testkit::tls::authority::Authority;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A certificate and its key, as options.
fn identity() -> [String; 4] {
    let (certificate, key) = &Authority::loopback().files;
    ["--cert".into(), certificate.display().to_string(), "--key".into(), key.display().to_string()]
}

fn words<'a>(start: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    start.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

/// Starts a side that listens, hands the line that it says for the other side to a shell, and gives both exit statuses
/// and everything that was said.
fn paste(listening: &[&str], replace: (&str, &str), more: &str) -> ([Option<i32>; 2], [String; 2]) {
    let mut first = adieu(listening)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(first.stderr.take().expect("a pipe"));
    let mut said = String::new();
    let line = loop {
        let from = said.len();
        assert!(stderr.read_line(&mut said).expect("it is read") > 0, "it says nothing to paste: {said}");
        let event: Option<serde_json::Value> = serde_json::from_str(&said[from..]).ok();
        let told = event.as_ref().and_then(|event| event["message"].as_str());
        let line = told.or_else(|| said[from..].trim_end().strip_prefix("adieu: ")).unwrap_or_default();
        if let Some(line) = line.strip_prefix("on the other side: ") {
            break line.replace(replace.0, replace.1);
        }
    };
    let mut shell = Command::new("sh");
    let path = Path::new(ADIEU).parent().expect("it is in a directory").display();
    shell.arg("-c").arg(format!("PATH={path}:$PATH; {line} {more}")).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ADIEU_")) {
        shell.env_remove(name);
    }
    let second = shell.output().expect("there is a shell");
    stderr.read_to_string(&mut said).expect("it is read");
    let code = first.wait().expect("it can be waited for").code();
    ([code, second.status.code()], [said, text(&second.stderr)])
}

#[test]
fn the_line_that_one_side_says_is_pasted_at_the_other_and_works() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 3_000_000), scene.word("target"));
    let receive = ["receive", "--self-signed", "127.0.0.1:0", "--output", &target, "--report", "json"];
    // Without --cert, TLS is with such a certificate.
    let send = ["send", "--listen", &file, "tls://127.0.0.1:0", "--report", "json"];
    for (listening, replace) in [(&receive[..], ("FILE", &*file)), (&send[..], ("PATH", &*target))] {
        // Nothing there yet.
        let _ = std::fs::remove_file(&target);
        let (codes, said) = paste(listening, replace, "--report json");
        assert_eq!(codes, [Some(0), Some(0)], "{said:?}");
        for said in &said {
            let report = checked(said, Some(0));
            assert_eq!(report["encrypted_by"], "tls", "{report}");
            assert_eq!(report["connection"]["ending"], "graceful", "{report}");
            assert!(!said.contains("not encrypted"), "{said}");
        }
        assert!(scene.same("file", "target"));
    }
    let socket = format!("unix:{}", scene.word("a socket"));
    let (codes, said) =
        paste(&["receive", "--self-signed", &socket, "--output", &target], ("FILE", &file), "");
    assert_eq!(codes, [Some(0), Some(0)], "{said:?}");
    let listening = ["receive", "--self-signed", "127.0.0.1:0", "--output", "-"];
    let (codes, said) = paste(&listening, ("FILE", &file), "");
    assert_eq!(codes, [Some(0), Some(0)], "{said:?}");
    std::fs::write(scene.path("words"), "x").expect("there is room");
    let listening = ["receive", "--self-signed", "--secret", "x", "127.0.0.1:0", "--output", &target];
    let (codes, said) = paste(
        &listening,
        ("FILE --secret-file SECRET", &format!("{file} --secret-file {}", scene.word("words"))),
        "",
    );
    assert_eq!(codes, [Some(0), Some(0)], "{said:?}");
}

/// Nobody could trust it otherwise.
#[test]
fn the_fingerprint_of_a_certificate_made_for_this_run_is_said_also_when_quiet() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    for (args, line) in [
        (vec!["receive", "127.0.0.1:0", "-o", &target], "adieu: on the other side: adieu send FILE "),
        (
            vec!["send", "--listen", &file, "127.0.0.1:0"],
            "adieu: on the other side: adieu receive --connect ",
        ),
        (
            vec!["listen", "127.0.0.1:0"],
            "adieu: the certificate was made for this run; clients trust it with --pin ",
        ),
    ] {
        let listening = start(scene.directory.path(), &[&args[..], &["-q", "--self-signed"]].concat());
        crate::signal(&listening.child, rustix::process::Signal::TERM);
        let (code, said, _) = listening.finish();
        assert!(said.starts_with(line) && said.contains("--pin sha256:"), "{code:?}: {said}");
    }
}

#[test]
fn who_checks_no_certificate_is_told_with_whom_it_is_encrypted() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--output", &scene.word("target"), "--self-signed"]);
    let (code, said) = send(&["--insecure", "--tls", &scene.file("file", 10), &receiver.address]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert!(
        said.starts_with("adieu: encrypted, but the peer may be anybody: --insecure checks no certificate"),
        "{said}"
    );
}

#[test]
fn another_certificate_than_the_pinned_one_is_no_connection_and_nothing_is_stored() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let wrong = format!("sha256:{}", "0".repeat(64));
    let right = Authority::loopback().fingerprint();
    let identity = identity();
    for waits in [false, true] {
        let mut args = words(&["--output", &target], &identity);
        args.extend(waits.then_some("--retry=1"));
        let receiver = scene.receive(&args);
        let (code, said) = send(&["--tls", "--pin", &wrong, &file, &receiver.address]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("is not the pinned one"), "{said}");
        assert!(!scene.path("target").exists());
        if waits {
            // A stranger does not end it.
            let (code, said) = send(&["--tls", "--pin", &right, &file, &receiver.address]);
            assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
            assert!(scene.same("file", "target"));
        } else {
            let (their_code, heard, _) = receiver.finish();
            assert_eq!(their_code, Some(3), "{heard}");
            assert!(heard.contains("the TLS handshake failed"), "{heard}");
        }
    }
}

#[test]
fn a_stranger_who_is_silent_in_the_handshake_keeps_nobody_waiting() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target, "--self-signed", "--idle-timeout", "30s"]);
    let began = Instant::now();
    let _silent = TcpStream::connect(&receiver.address).expect("it listens");
    let (code, said) = send(&["--tls", "--insecure", &file, &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(scene.same("file", "target"));
}

#[test]
fn certificates_that_an_authority_vouches_for_are_trusted_by_both_sides() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let (identity, ca) = (identity(), Authority::shared().file().display().to_string());
    let receiver = scene.receive(&words(&["--output", &target, "--ca", &ca], &identity));
    let endpoint = format!("tls://{}", receiver.address);
    let (code, said) = send(&words(&["--ca", &ca, &file, &endpoint], &identity));
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(scene.same("file", "target"));

    // Who has no certificate is asked for one, and stores nothing. TLS 1.3 lets him believe in the handshake for a while.
    std::fs::remove_file(&target).expect("it is there");
    let receiver = scene.receive(&words(&["--output", &target, "--ca", &ca], &identity));
    let endpoint = format!("tls://{}", receiver.address);
    let (code, said) = send(&["--ca", &ca, &file, &endpoint]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!(their_code, Some(3), "{heard}");
    assert!(matches!(code, Some(3 | 6)), "{said}");
    assert!(!scene.path("target").exists());
}

#[test]
fn tls_that_is_cut_in_mid_transfer_is_not_confirmed_at_either_side() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 3_000_000), scene.word("target"));
    let identity = identity();
    let limits = ["--idle-timeout", "1s"];
    for harm in [Harm::End(1_000_000), Harm::Cut(1_000_000), Harm::Flip(8_000_000), Harm::Hold(1_000_000)] {
        let receiver = scene.receive(&words(&[&["--output", &target][..], &limits].concat(), &identity));
        let (address, proxy) = proxy(&receiver.address, harm);
        let (code, said) = send(&[&["--tls", "--insecure", &file, &address][..], &limits].concat());
        proxy.join().expect("it does not panic");
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(6), Some(6)), "{harm:?}: {said}{heard}");
        assert!(said.contains("no receipt: ") && heard.contains("not stored: "), "{harm:?}: {said}{heard}");
        assert!(!scene.path("target").exists() && !scene.path(".target.adieu-partial").exists(), "{harm:?}");
    }
}

#[test]
fn a_receipt_that_tls_does_not_bring_is_unknown_however_its_end_is_taken() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 3_000_000), scene.word("target"));
    let identity = identity();
    for rule in ["require", "framed", "ignore"] {
        // Nothing there yet.
        let _ = std::fs::remove_file(&target);
        let receiver = scene.receive(&words(&["--output", &target], &identity));
        let (address, proxy) = proxy(&receiver.address, Harm::EndAnswers(2_000_000));
        let (code, said) = send(&["--tls", "--insecure", "--tls-eof", rule, &file, &address]);
        proxy.join().expect("it does not panic");
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(6), Some(0)), "{rule}: {said}{heard}");
        assert!(said.contains("it may or may not have stored it"), "{rule}: {said}");
        assert!(scene.same("file", "target"));
    }
}

#[test]
fn a_silent_input_does_not_keep_the_receivers_failure_from_a_sender_over_tls() {
    let scene = Scene::new();
    let identity = identity();
    let receiver = scene.receive(&words(&["--output", "-"], &identity));
    let mut listening = receiver.child;
    // Its stdout is a pipe that nobody reads any more.
    drop(listening.stdout.take());
    let mut sender = adieu(&["send", "--tls", "--insecure", "-", &receiver.address, "--deadline", "20s"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut feed = sender.stdin.take().expect("a pipe");
    // It may know before it has read them.
    let _ = feed.write_all(&vec![7; 100_000]);
    let output = sender.wait_with_output().expect("it can be waited for");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("receiver: "), "{said}");
    assert_eq!(listening.wait().expect("it can be waited for").code(), Some(7));
    drop(feed);
}

#[test]
fn plain_bytes_go_over_tls_too() {
    let scene = Scene::new();
    let file = scene.file("file", 100_000);
    let identity = identity();
    let server = crate::Server::start(&words(&["--output", &scene.word("target")], &identity));
    let (code, said) =
        send(&["--plain", "--pin", &Authority::loopback().fingerprint(), &file, &server.address]);
    assert_eq!(code, Some(0), "{said}");
    server.finish();
    assert!(scene.same("file", "target"));
}

/// A proxy that speaks HTTP's CONNECT, for one connection.
fn http_proxy() -> (String, std::thread::JoinHandle<String>) {
    let listener = places::listener();
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let thread = std::thread::spawn(move || {
        let (near, _) = listener.accept().expect("somebody connects");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            (&near).read_exact(&mut byte).expect("a request");
            head.push(byte[0]);
        }
        let head = text(&head);
        let target = head.split(' ').nth(1).expect("a target").to_owned();
        let far = TcpStream::connect(&target).expect("it listens");
        (&near).write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("it is taken");
        let back = (far.try_clone().expect("a clone"), near.try_clone().expect("a clone"));
        let answers = std::thread::spawn(move || {
            let _ = std::io::copy(&mut &back.0, &mut &back.1);
            let _ = back.1.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut &near, &mut &far);
        let _ = far.shutdown(Shutdown::Write);
        answers.join().expect("it does not panic");
        target
    });
    (url, thread)
}

#[test]
fn either_side_connects_through_a_proxy_and_only_what_is_open_is_warned_of() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let (identity, pin) = (identity(), Authority::loopback().fingerprint());
    let pinned = ["--tls".to_owned(), "--pin".to_owned(), pin];
    let secret = ["--secret".to_owned(), "x".to_owned()];
    for (theirs, ours, is_open) in
        [(&[][..], &[][..], true), (&identity, &pinned, false), (&secret, &secret, false)]
    {
        let receiver = scene.receive(&words(&["--output", &target], theirs));
        let (url, proxy) = http_proxy();
        let args = words(&["--proxy", &url, "--source", "127.0.0.1", &file, &receiver.address], ours);
        let (code, said) = send(&args);
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        proxy.join().expect("it does not panic");
        assert_eq!(said.contains("not encrypted"), is_open, "{said}");
        assert!(scene.same("file", "target"));
    }
    let sender = start(scene.directory.path(), &["send", "--listen", &file, "127.0.0.1:0"]);
    let (url, proxy) = http_proxy();
    let args = ["receive", "--connect", &sender.address, "--output", &target, "--proxy", &url];
    let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!((sender.address.clone(), sender.finish().0), (proxy.join().expect("no panic"), Some(0)));
}

#[test]
fn an_option_of_the_other_side_is_a_usage_error_and_its_variable_is_ignored() {
    let pin = format!("sha256:{}", "0".repeat(64));
    for (args, what) in [
        (&["receive", "--output", "x", "--tls", "--pin", &pin][..], "--pin is for the side that connects"),
        (&["receive", "--output", "x", "--proxy", "http://h:1"], "--proxy is for the side that connects"),
        (&["send", "--listen", "--source", "::1", "f", "h:1"], "--source is for the side that connects"),
        (&["send", "--self-signed", "f", "h:1"], "--self-signed is for the side that listens"),
        (&["receive", "-c", "--self-signed", "h:1", "--output", "x"], "for the side that listens"),
        (&["send", "--port-file", "p", "f", "h:1"], "--port-file is for the side that listens"),
        (&["receive", "-c", "--port-file", "p", "h:1", "--output", "x"], "for the side that listens"),
        (&["send", "--pin", &pin, "f", "h:1"], "--pin needs --tls"),
        (&["send", "--pin", &pin, "tls://f:1", "h:1"], "--pin needs --tls"),
    ] {
        let output = adieu(args).stdin(Stdio::null()).output().expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(what), "{args:?}: {said}");
    }
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    let mut command = adieu(&["receive", "127.0.0.1:0", "--output", &target]);
    command.env("ADIEU_PIN", &pin).env("ADIEU_CA", "/nowhere").env("ADIEU_PROXY", "http://127.0.0.1:1");
    let receiver = crate::transfer::start_command(scene.directory.path(), command);
    let output = adieu(&["send", &file, &receiver.address])
        .env("ADIEU_SELF_SIGNED", "1")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!((output.status.code(), receiver.finish().0), (Some(0), Some(0)), "{}", text(&output.stderr));
}
