//! The codecs on bytes alone.

use super::*;
use ParseProxyError as E;

fn proxy(text: &str) -> Proxy {
    text.parse().expect("a proxy")
}

fn name(host: &str) -> Target {
    Target::Name { host: host.to_owned(), port: 80 }
}

/// Gives each answer to what is asked, and collects what was sent.
fn converse(text: &str, target: &Target, answers: &[u8]) -> (Vec<u8>, Result<usize, String>) {
    let mut handshake = match Handshake::new(&proxy(text), target) {
        Ok(handshake) => handshake,
        Err(error) => return (Vec::new(), Err(error.to_string())),
    };
    let (mut sent, mut taken) = (Vec::new(), 0);
    loop {
        match handshake.wants() {
            Wants::Send(bytes) => {
                sent.extend(bytes);
                let n = bytes.len();
                handshake.sent(n);
            }
            Wants::Done => return (sent, Ok(taken)),
            Wants::Receive if taken == answers.len() => return (sent, Err(handshake.end().to_string())),
            Wants::Receive => match handshake.receive(&answers[taken..]) {
                Ok(n) => taken += n,
                Err(error) => return (sent, Err(error.to_string())),
            },
        }
    }
}

#[test]
fn what_is_written_is_parsed_and_shown_without_its_secrets() {
    for (text, shown) in [
        ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
        ("socks5://[::1]", "socks5://[::1]:1080"),
        ("SOCKS5h://u:p@[::1]:9/", "socks5h://[::1]:9"),
        ("socks4a://user@host:1", "socks4a://host:1"),
        ("socks4://user@host", "socks4://host:1080"),
        ("https://u:p@proxy.test", "https://proxy.test:443"),
        // As curl reads it.
        ("socks://host", "socks4://host:1080"),
        ("http://u%40x:p%3a%25@proxy.test:3128", "http://proxy.test:3128"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("u:p@proxy.test:3128", "http://proxy.test:3128"),
        ("http://u:p@word@proxy.test:3128", "http://proxy.test:3128"),
    ] {
        assert_eq!(proxy(text).to_string(), shown);
        assert!(!format!("{:?}", proxy(text)).contains("p%3a"));
    }
    let credentials = proxy("http://u%40x:p%3a%25@h:1").credentials.expect("they are there");
    assert_eq!((credentials.user.as_str(), credentials.password()), ("u@x", "p:%"));
    for (text, error) in [
        ("h", E::NoPort),
        ("ftp://h:1", E::UnknownScheme),
        ("https://a%3ab:p@h:1", E::ColonInUser),
        ("http://h", E::NoPort),
        ("socks5://h:0", E::BadAddress),
        ("socks5://h:x", E::BadAddress),
        ("socks5://", E::BadAddress),
        ("socks5://::1", E::BadAddress),
        ("socks5://h:1/path", E::TrailingPath),
        ("socks5://u%4:p@h:1", E::BadCredentials),
        ("http://a%3ab:p@h:1", E::ColonInUser),
        ("socks5://:p@h:1", E::PasswordWithoutUser),
        ("socks4a://u:p@h:1", E::PasswordForSocks4),
        ("socks://u:p@h:1", E::PasswordForSocks4),
    ] {
        assert_eq!(text.parse::<Proxy>(), Err(error), "{text}");
        assert!(!error.to_string().contains("p@"), "{error}");
    }
    let not_text = "http://u%ff:p@h:1".parse::<Proxy>().expect_err("it is no text").to_string();
    assert!(not_text.contains("not UTF-8") && !not_text.contains("%40"), "{not_text}");
    assert_eq!(proxy("socks5://u@h").check(), Err(E::NoPassword));
    assert_eq!(proxy("http://u@h:1").check(), Err(E::NoPassword));
    assert_eq!(proxy("http://token:@h:1").check(), Ok(()), "an empty password is one");
    let empty = proxy("socks5h://u:@h").check().expect_err("there is none in RFC 1929").to_string();
    assert!(empty.contains("1 to 255 bytes"), "{empty}");
    assert_eq!(proxy("socks4a://u@h").check(), Ok(()));
    let given = proxy("socks5://u@h").with_password("p").expect("it has a user");
    assert_eq!(given, proxy("socks5://u:p@h"));
    assert_eq!(proxy("socks5://h").with_password("p"), Err(E::PasswordWithoutUser));
}

#[test]
fn a_token_as_the_user_of_an_http_proxy_goes_with_an_empty_password() {
    let (sent, end) = converse("http://token:@h:1", &name("a.test"), b"HTTP/1.1 200 OK\r\n\r\n");
    let sent = String::from_utf8(sent).expect("ASCII");
    assert!(sent.contains("Proxy-Authorization: Basic dG9rZW46\r\n"), "{sent}");
    assert!(end.is_ok());
}

#[test]
fn an_http_head_above_the_limit_is_called_that() {
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(101));
    for (answer, limit) in [(large, "16384 bytes"), (many, "100 header fields")] {
        let (_, end) = converse("http://h:1", &name("a.test"), answer.as_bytes());
        let said = end.expect_err("it is above the limit");
        assert!(said.contains(limit) && !said.contains("does not speak"), "{said}");
    }
}

#[test]
fn socks5_speaks_as_the_rfc_has_it() {
    let v4 = Target::of("192.0.2.1", 80);
    let reply = b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    let (sent, end) = converse("socks5://h", &v4, &[&reply[..], b"stream"].concat());
    assert_eq!(sent, b"\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50");
    assert_eq!(end, Ok(12), "what comes after the reply is the stream's");

    let (sent, end) =
        converse("socks5h://me:pw@h", &name("a.test"), b"\x05\x02\x01\x00\x05\x00\x00\x03\x01x\x00\x50.");
    assert_eq!(sent, b"\x05\x02\x00\x02\x01\x02me\x02pw\x05\x01\x00\x03\x06a.test\x00\x50");
    assert_eq!(end, Ok(12));

    let v6 = Target::of("::1", 80);
    let reply = [&b"\x05\x00\x05\x00\x00\x04"[..], &[0; 18]].concat();
    let (sent, end) = converse("socks5h://h", &v6, &reply);
    assert_eq!(sent[3..7], *b"\x05\x01\x00\x04");
    assert_eq!((sent.len(), end), (3 + 4 + 16 + 2, Ok(24)));
}

#[test]
fn socks5_refusals_have_their_names() {
    let names = [
        (1, "general SOCKS server failure"),
        (2, "connection not allowed by ruleset"),
        (3, "Network unreachable"),
        (4, "Host unreachable"),
        (5, "Connection refused"),
        (6, "TTL expired"),
        (7, "Command not supported"),
        (8, "Address type not supported"),
        (9, "a code that RFC 1928 does not assign"),
    ];
    for (code, name_of_it) in names {
        // Cut short after the code, as some do.
        let (_, end) = converse("socks5h://h", &name("a.test"), &[5, 0, 5, code]);
        assert_eq!(end, Err(format!("refuses: {name_of_it} (reply {code})")));
    }
    for (answers, says) in [
        (&b"\x05\xff"[..], "refuses: it wants another authentication"),
        (b"\x05\x02\x01\x01", "refuses: the user name and password are not accepted (status 1)"),
        (b"\x05\x07", "does not speak SOCKS5: it chose what was not offered"),
        (b"HTTP/1.1 400 Bad", "does not speak SOCKS5: its answer is of another protocol"),
        (b"\x05", "closed the connection before its answer was whole"),
        (b"\x05\x00\x05\x00\x00\x01\x00", "closed the connection before its answer was whole"),
        (b"\x05\x00\x05\x00\x00\x09", "does not speak SOCKS5: its address is of an unknown type"),
    ] {
        let (_, end) = converse("socks5h://u:p@h", &name("a.test"), answers);
        let said = end.expect_err(says);
        assert!(said.starts_with(says), "{said}");
    }
    let (_, end) = converse("socks5h://h", &name("a.test"), b"HTTP/1.1 400 Bad");
    assert!(end.is_err_and(|e| e.ends_with("its answer is of another protocol: \"HT\"")));
    let (_, end) = converse("socks5h://h", &name("a.test"), b"\x05\xff");
    assert!(end.is_err_and(|e| e.contains("wants a user and a password")));
    let (_, end) = converse("socks5h://h", &name(&"x".repeat(256)), b"");
    assert!(end.is_err_and(|e| e.contains("1 to 255 bytes")));
}

#[test]
fn socks4a_speaks_as_it_was_written_down() {
    let (sent, end) = converse("socks4a://me@h", &name("a.test"), b"\x00\x5a\x00\x00\x00\x00\x00\x00rest");
    assert_eq!(sent, b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00a.test\x00");
    assert_eq!(end, Ok(8));
    let (sent, _) = converse("socks4a://h", &Target::of("192.0.2.1", 80), b"");
    assert_eq!(sent, b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00");
    for (answers, says) in [
        (&b"\x00\x5b"[..], "refuses: request rejected or failed (reply 91)"),
        (b"\x00\x5c\x00", "refuses: request rejected because SOCKS server cannot connect to identd"),
        (b"\x00\x5d", "refuses: request rejected because the client program and identd"),
        (b"\x05\x00", "does not speak SOCKS4"),
        (b"\x00", "closed the connection"),
    ] {
        let (_, end) = converse("socks4a://h", &name("a.test"), answers);
        assert!(end.as_ref().is_err_and(|e| e.starts_with(says)), "{end:?}");
    }
    let (_, end) = converse("socks4a://h", &Target::of("::1", 80), b"");
    assert!(end.is_err_and(|e| e.contains("SOCKS4 has no IPv6 addresses")));
}

#[test]
fn http_connect_is_asked_and_answered() {
    let answer = b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 5\r\n\r\nstream";
    let (sent, end) = converse("http://me:pw@h:1", &name("a.test"), answer);
    let request =
        "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n";
    assert_eq!(sent, request.as_bytes());
    // RFC 9110, 9.3.6: a successful answer has no content, whatever it says.
    assert_eq!(end, Ok(answer.len() - 6));
    let (sent, end) = converse("http://h:1", &Target::of("::1", 80), b"HTTP/1.0 200\n\n");
    assert!(sent.starts_with(b"CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"));
    assert_eq!(end, Ok(14));
    let (_, end) =
        converse("http://h:1", &name("a.test"), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(end, Ok(44));
}

#[test]
fn a_field_of_an_http_reply_may_go_on_in_the_next_line() {
    let answer = b"HTTP/1.1 200 OK\r\nVia: a,\r\n b\r\n\tc\r\nX: y\r\n\r\nstream";
    let (_, end) = converse("http://h:1", &name("a.test"), answer);
    assert_eq!(end, Ok(answer.len() - 6));
    for (answer, says) in [
        ("HTTP/1.1 403 No\r\nContent-Length:\r\n 3\r\n\r\nNo.more", "refuses: 403 No: No."),
        (
            "HTTP/1.1 403 No\r\nTransfer-Encoding: gzip,\r\n\tchunked\r\n\r\n2\r\nGo\r\n0\r\n\r\nmore",
            "refuses: 403 No: Go",
        ),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"x\",\r\n  Basic realm=\"y\"\r\nContent-Length: 0\r\n\r\n",
            "refuses: 407 No (it wants Basic or Digest: write user:password@ before its host)",
        ),
    ] {
        let (_, end) = converse("http://h:1", &name("a.test"), answer.as_bytes());
        assert_eq!(end, Err(says.to_owned()));
    }
    // There is no field yet that could go on: RFC 9112, 2.2.
    let (_, end) = converse("http://h:1", &name("a.test"), b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n");
    assert!(end.is_err_and(|said| said.starts_with("does not speak HTTP: ")));
}

#[test]
fn http_refusals_are_told_in_their_own_words_and_bounded() {
    let long = format!("HTTP/1.1 403 Filtered\r\n\r\n<h1>No</h1>{}", "x".repeat(100_000));
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(20_000));
    for (answer, says) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "refuses: 407 Proxy Authentication Required (write user:password@ before its host)",
        ),
        ("HTTP/1.1 403 No\r\nContent-Length: 12\r\n\r\n<p>Go away.  ", "refuses: 403 No: Go away."),
        ("HTTP/1.1 502 \x07Bad\r\n\r\n", "does not speak HTTP"),
        ("HTTP/1.1 502 Bad\r\n\r\n\x1b[2Jtell me", "refuses: 502 Bad: [2Jtell me"),
        ("HTTP/1.1 301 Moved\r\nLocation: x\r\n\r\n", "refuses: 301 Moved"),
        ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "refuses: 101 Switching"),
        ("HTTP/1.1 200", "closed the connection before its answer was whole"),
        ("SSH-2.0-OpenSSH_9", "does not speak HTTP: its answer is of another protocol: \"S\""),
        ("HTTP/2.0 200 OK\r\n\r\n", "does not speak HTTP"),
        (&long, "refuses: 403 Filtered: No xxx"),
        // In chunks, however they are cut, and whatever follows them.
        (
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n<p>Go\r\nA\r\n away.</p>\r\n0\r\n\r\n7\r\nnothing",
            "refuses: 403 No: Go away.",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 3\r\ntransfer-encoding: gzip, Chunked\r\n\r\n40\r\nGo",
            "refuses: 403 No: Go",
        ),
        (
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nGo\r\n",
            "refuses: 403 No: Go",
        ),
        ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "refuses: 403 No"),
        (&endless, "gave an answer whose head is above our limit of 16384 bytes"),
    ] {
        let (_, end) = converse("http://h:1", &name("a.test"), answer.as_bytes());
        let said = end.expect_err(says);
        assert!(said.starts_with(says), "{said}");
        assert!(said.len() < 500 && !said.contains(char::is_control), "{said}");
        assert!(
            says.contains("xxx") || !says.ends_with("Go") && !says.ends_with("away.") || said == says,
            "{said}"
        );
    }
    for host in ["a b", "a\r\nX: y", "", "bücher.test"] {
        let (sent, end) = converse("http://h:1", &name(host), b"");
        assert!(sent.is_empty() && end.is_err_and(|e| e.contains("xn--")), "{host:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_reply_means_the_same_in_whatever_pieces_it_comes() {
    use proptest::prelude::*;
    let beginnings: Vec<Vec<u8>> = [
        &b""[..],
        b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
        b"\x05\x02\x01\x00\x05\x00\x00\x03",
        b"\x05\x00\x05",
        b"\x00\x5a",
        b"HTTP/1.1 ",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    proptest!(|(kind in 0_u8..6, piece in any::<u8>(), beginning in prop::sample::select(beginnings),
                rest in prop::collection::vec(any::<u8>(), 0..64), end in prop::sample::select(vec!["", "\r\n\r\n", "\n\n"]))| {
        check_proxy_reply(&[&[kind, piece][..], &beginning, &rest, end.as_bytes(), b"stream"].concat());
    });
}

#[test]
fn an_answer_to_a_password_is_told_in_our_own_words() {
    const FORBIDDEN: &str =
        "refuses: 403 Forbidden (its own words are not told, because they may repeat our password)";
    const OTHER: &str = "does not speak HTTP: its answer is of another protocol";
    // What a proxy that shows the request on its page says, and one that knows the password, in whatever form.
    for (password, answer, says) in [
        (
            "hunter2",
            "HTTP/1.1 403 No\r\n\r\n<pre>Proxy-Authorization: Basic bWU6aHVudGVyMg==</pre>",
            FORBIDDEN,
        ),
        ("hunter2", "HTTP/1.1 403 No\r\n\r\nhunter2 is wrong", FORBIDDEN),
        ("hunter2", "HTTP/1.1 403 No\r\n\r\nhun<b>ter2</b>, h&#117;nter2", FORBIDDEN),
        ("p&ssword", "HTTP/1.1 403 No\r\n\r\n<p>bad password p&amp;ssword</p>", FORBIDDEN),
        ("p%26ssword", "HTTP/1.1 403 No\r\n\r\nNo user me:p%26ssword", FORBIDDEN),
        ("ab", "HTTP/1.1 403 not [ab]\r\nContent-Length: 2\r\n\r\nab", FORBIDDEN),
        ("hunter2", "HTTP/1.1 403 Not hunter2\r\nContent-Length: 0\r\n\r\n", FORBIDDEN),
        ("hunter2", "HTTP/1.1 hunter2\r\n\r\n", "does not speak HTTP: invalid response status"),
        ("p", "p", OTHER),
    ] {
        let (_, end) = converse(&format!("http://me:{password}@h:1"), &name("a.test"), answer.as_bytes());
        assert_eq!(end.expect_err("a refusal, or nonsense"), says, "{answer}");
    }
    let (_, end) = converse("socks5h://me:ab@h", &name("a.test"), b"\x05\x02ab");
    assert_eq!(end, Err("does not speak SOCKS5: its answer is of another protocol".to_owned()));
    // What was sent no password keeps its words.
    let (_, end) = converse("http://h:1", &name("a.test"), b"HTTP/1.1 403 No\r\n\r\nNot here.");
    assert_eq!(end, Err("refuses: 403 No: Not here.".to_owned()));
}

#[test]
fn a_proxy_that_wants_authentication_is_told_with_what_to_do() {
    let basic_too = "Proxy-Authenticate: Digest realm=\"x, NTLM \", nonce=\"y\"\r\nproxy-authenticate: Basic realm=\"z\"\r\n";
    for (url, headers, says) in [
        ("http://h:1", basic_too, "it wants Basic or Digest: write user:password@ before its host"),
        ("http://me:pw@h:1", basic_too, "it does not accept the user and the password"),
        ("http://me:pw@h:1", "", "it does not accept the user and the password"),
        ("http://h:1", "Proxy-Authenticate: NTLM\r\n", "it wants NTLM, and only Basic is spoken"),
        (
            "http://me:pw@h:1",
            "Proxy-Authenticate: negotiate\r\n",
            "it wants Negotiate, and only Basic is spoken",
        ),
    ] {
        let answer =
            format!("HTTP/1.1 407 Proxy Authentication Required\r\n{headers}Content-Length: 0\r\n\r\n");
        let (_, end) = converse(url, &name("a.test"), answer.as_bytes());
        assert_eq!(end, Err(format!("refuses: 407 Proxy Authentication Required ({says})")));
    }
}

#[test]
fn an_address_with_a_zone_is_not_for_a_proxy_to_understand() {
    for kind in ["socks5h", "socks4a", "http"] {
        let (sent, end) = converse(&format!("{kind}://h:1"), &Target::of("fe80::1%lo", 80), b"");
        assert!(sent.is_empty());
        assert!(end.is_err_and(|e| e.starts_with("cannot be asked: an address with a zone")), "{kind}");
    }
}
