use super::*;

#[test]
fn what_is_written_is_what_is_shown() {
    for text in [
        "127.0.0.1:80",
        "example.test:0",
        "[::1]:65535",
        "unix:/run/a b.sock",
        "unix:./@x",
        "unix:@app/1",
        "[fe80::1%eth0]:1",
        "tls://a.test:443",
        "tls://[::1]:1",
        "udp://a.test:53",
        "udp://[::1]:1",
    ] {
        assert_eq!(text.parse::<Endpoint>().expect("well formed").to_string(), text);
    }
    let zoned = std::net::SocketAddrV6::new("fe80::1".parse().expect("an address"), 80, 0, 2);
    assert_eq!(Endpoint::from(SocketAddr::from(zoned)).to_string(), "[fe80::1%2]:80");
    assert_eq!(Endpoint::from_host_and_port("::1", "80"), Ok(Endpoint::tcp("::1", 80)));
    assert_eq!("unix:@x".parse(), Ok(Endpoint::unix_abstract("x")));
    assert_eq!(Endpoint::unix("@x").to_string(), "unix:./@x");
}

#[test]
fn a_scheme_is_the_same_in_any_case_and_tcp_may_be_written() {
    for (text, endpoint) in [
        ("TLS://a.test:443", Endpoint::tls("a.test", 443)),
        ("Tls://[::1]:443", Endpoint::tls("::1", 443)),
        ("tcp://a.test:80", Endpoint::tcp("a.test", 80)),
        ("TCP://[::1]:80", Endpoint::tcp("::1", 80)),
        // Shown so, because "fd:3" is something else.
        ("tcp://fd:3", Endpoint::tcp("fd", 3)),
    ] {
        assert_eq!(text.parse(), Ok(endpoint), "{text}");
    }
    for name in NEEDS_SCHEME {
        let endpoint = Endpoint::from_host_and_port(name, "3").expect("it may be a host's name");
        assert_eq!(endpoint.to_string(), format!("tcp://{name}:3"));
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
}

#[test]
fn a_name_in_another_script_is_what_dns_knows_it_as() {
    for (text, host) in [
        ("b\u{fc}cher.example:80", "xn--bcher-kva.example"),
        // The same with a combining character, and in upper case.
        ("bu\u{308}cher.example:80", "xn--bcher-kva.example"),
        ("B\u{dc}CHER.example:80", "xn--bcher-kva.example"),
        ("fa\u{df}.example:80", "xn--fa-hia.example"),
        // Of multicast DNS, where names are UTF-8: RFC 6762, section 16.
        ("b\u{fc}ro.local:80", "b\u{fc}ro.local"),
        ("b\u{fc}ro.Local.:80", "b\u{fc}ro.Local."),
    ] {
        assert_eq!(text.parse(), Ok(Endpoint::tcp(host, 80)), "{text}");
        let (name, port) = text.rsplit_once(':').expect("there is a port");
        assert_eq!(Endpoint::from_host_and_port(name, port), Ok(Endpoint::tcp(host, 80)));
        assert_eq!(format!("tls://{text}").parse(), Ok(Endpoint::tls(host, 80)));
    }
    // A full-width colon would become one.
    for host in ["a\u{ff1a}1", "\u{200d}", "a\u{2028}b"] {
        assert!(Endpoint::from_host_and_port(host, "80").is_err(), "{host:?}");
    }
}

#[test]
fn what_other_tools_write_is_answered_with_what_to_write_here() {
    for (text, says) in [
        (
            "fd:3",
            "a descriptor cannot be given: write host:port or unix:path, or tcp://fd:3 for a host of this name",
        ),
        ("*:9", "'*' is not a host: to listen on every address write 0.0.0.0:9, or [::]:9"),
        ("udp:127.0.0.1:5140", "the scheme needs its slashes: write udp://127.0.0.1:5140"),
        ("udp:53", "the scheme needs its slashes: write udp://127.0.0.1:53"),
        ("tcp:127.0.0.1:80", "the scheme needs its slashes: write tcp://127.0.0.1:80"),
        ("TCP:[::1]:80", "the scheme needs its slashes: write tcp://[::1]:80"),
        ("tls:h:443", "the scheme needs its slashes: write tls://h:443"),
        ("tcp4:127.0.0.1:80", "it has more than one colon, and is not an IPv6 address: write host:port"),
        ("/run/app.sock", "it looks like a path: for a Unix socket write unix:/run/app.sock"),
        ("./app.sock", "it looks like a path: for a Unix socket write unix:./app.sock"),
        ("@app", "it looks like a path: for a Unix socket write unix:@app"),
        ("me@host:22", "'me@host' is not a host: write a name, or an address such as 127.0.0.1 or ::1"),
    ] {
        let error = text.parse::<Endpoint>().expect_err(text);
        assert_eq!(error.to_string(), says, "{text}");
    }
    let error = Endpoint::from_host_and_port("*", "9").expect_err("no host");
    assert!(error.to_string().ends_with("write 0.0.0.0:9, or [::]:9"), "{error}");
    let error = Endpoint::from_host_and_port("udp:127.0.0.1:5140", "1").expect_err("no host");
    assert!(error.to_string().ends_with("write udp://127.0.0.1:5140"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;
    let words = OsStr::from_bytes(b"unix:/run/\xff.sock");
    let endpoint = Endpoint::try_from(words).expect("a path");
    assert_eq!(endpoint, Endpoint::unix(OsStr::from_bytes(b"/run/\xff.sock")));
    assert_eq!(endpoint.to_os_string(), words);
    assert_eq!(endpoint.to_string(), "unix:/run/\u{fffd}.sock");
    for text in [&b"unix:@\xff"[..], b"\xff:80", b"tls://\xff:80"] {
        let error = Endpoint::try_from(OsStr::from_bytes(text)).expect_err("no text");
        assert!(matches!(error, ParseEndpointError::NotUnicode { .. }), "{error}");
    }
    assert_eq!(Endpoint::try_from(OsStr::new("h:1")), Ok(Endpoint::tcp("h", 1)));
}

#[test]
fn the_first_of_two_words_is_a_host_and_no_endpoint() {
    use ParseEndpointError as E;
    let given = |text: &str| text.to_owned();
    for whole in ["unix:/x", "localhost:80", "[::1]:80"] {
        let error = E::AlreadyWhole { given: given(whole), rest: given("80") };
        assert_eq!(Endpoint::from_host_and_port(whole, "80"), Err(error));
    }
    for (host, error) in [
        ("unix:", E::NoPath),
        ("http://host", E::UnknownScheme { scheme: given("http") }),
        ("a:b:c", E::BadHost { given: given("a:b:c") }),
        // Found by fuzzing: what is shown could not be taken again.
        ("[1", E::BadHost { given: given("[1") }),
        ("1]", E::BadHost { given: given("1]") }),
        ("host:http", E::BadHost { given: given("host:http") }),
    ] {
        assert_eq!(Endpoint::from_host_and_port(host, "80"), Err(error), "{host}");
    }
    for host in ["::1", "[::1]", "fe80::1%eth0", "::1:80", "localhost"] {
        assert!(Endpoint::from_host_and_port(host, "80").is_ok(), "{host}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    use ParseEndpointError as E;
    let given = |text: &str| text.to_owned();
    for (text, error) in [
        ("", E::Empty),
        ("host", E::NoPort { given: given("host") }),
        ("8080", E::OnlyPort { given: given("8080") }),
        (":80", E::NoHost),
        ("host:", E::BadPort { given: given("") }),
        ("host:http", E::BadPort { given: given("http") }),
        ("host:+80", E::BadPort { given: given("+80") }),
        ("host:65536", E::BadPort { given: given("65536") }),
        ("::1:80", E::NeedsBrackets { given: given("::1:80") }),
        ("[::1:80", E::BadBrackets { given: given("[::1:80") }),
        // Found by fuzzing: what is shown could not be taken again.
        ("[[ ]:0", E::BadBrackets { given: given("[[ ]:0") }),
        ("[unix]:80", E::BadBrackets { given: given("[unix]:80") }),
        ("[::1]80", E::BadBrackets { given: given("[::1]80") }),
        ("[::1]", E::NoPort { given: given("[::1]") }),
        ("unix:", E::NoPath),
        ("tls://host", E::NoPort { given: given("host") }),
        ("tls://unix:/x", E::BadHost { given: given("unix:/x") }),
        ("tls://tls://h:1", E::BadHost { given: given("tls://h:1") }),
        ("unix:@", E::NoName),
        ("gopher://host:70", E::UnknownScheme { scheme: given("gopher") }),
    ] {
        assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
    }
}

/// Every system has such a table, but for a container with nothing in it.
fn services_are_known() -> bool {
    cfg!(windows) || std::path::Path::new("/etc/services").exists()
}

#[test]
fn a_port_alone_is_every_address_where_it_listens_and_needs_a_host_to_connect() {
    use ParseEndpointError as E;
    for (text, endpoint, shown) in [
        ("9000", Endpoint::tcp("", 9000), ":9000"),
        (":9000", Endpoint::tcp("", 9000), ":9000"),
        ("tcp://:9000", Endpoint::tcp("", 9000), ":9000"),
        ("TCP://9000", Endpoint::tcp("", 9000), ":9000"),
        ("tls://:443", Endpoint::tls("", 443), "tls://:443"),
        ("tls://443", Endpoint::tls("", 443), "tls://:443"),
        (":0", Endpoint::tcp("", 0), ":0"),
        ("udp://:53", Endpoint::udp("", 53), "udp://:53"),
        ("udp://53", Endpoint::udp("", 53), "udp://:53"),
    ] {
        assert_eq!(Endpoint::for_listening(text), Ok(endpoint.clone()), "{text}");
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!(Endpoint::for_listening(shown), Ok(endpoint));
        let error = Endpoint::for_connecting(text).expect_err(text);
        assert!(matches!(error, E::NoHost | E::OnlyPort { .. }), "{text}: {error:?}");
        assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
    }
    for text in ["h:1", "[::1]:1", "unix:x", "unix:@x", "tls://h:1"] {
        let endpoint: Endpoint = text.parse().expect("an endpoint");
        assert_eq!(Endpoint::for_listening(text), Ok(endpoint.clone()));
        assert_eq!(Endpoint::for_connecting(text), Ok(endpoint));
    }
    for (text, error) in [
        ("", E::Empty),
        ("65536", E::BadPort { given: "65536".to_owned() }),
        (":65536", E::BadPort { given: "65536".to_owned() }),
        (":", E::BadPort { given: String::new() }),
        ("tls://", E::NoPort { given: String::new() }),
        (":+80", E::BadPort { given: "+80".to_owned() }),
        ("nosuchservice", E::NoPort { given: "nosuchservice".to_owned() }),
        (":nosuchservice", E::UnknownService { given: "nosuchservice".to_owned() }),
        ("*:9", E::EveryAddress { port: "9".to_owned() }),
    ] {
        assert_eq!(Endpoint::for_listening(text), Err(error), "{text}");
    }
}

#[test]
fn the_name_of_a_service_is_its_port() {
    if !services_are_known() {
        return;
    }
    for (text, endpoint) in [
        ("h:http", Endpoint::tcp("h", 80)),
        ("[::1]:https", Endpoint::tcp("::1", 443)),
        ("tls://h:https", Endpoint::tls("h", 443)),
        ("tcp://h:telnet", Endpoint::tcp("h", 23)),
    ] {
        assert_eq!(Endpoint::for_connecting(text), Ok(endpoint.clone()), "{text}");
        assert_eq!(Endpoint::for_listening(text), Ok(endpoint), "{text}");
        assert!(text.parse::<Endpoint>().is_err(), "{text}: parsing asks nobody");
    }
    assert_eq!(Endpoint::from_host_and_service("::1", "http"), Ok(Endpoint::tcp("::1", 80)));
    assert_eq!(Endpoint::from_host_and_service("h", "81"), Ok(Endpoint::tcp("h", 81)));
    for text in [":http", "http", "tcp://:http"] {
        assert_eq!(Endpoint::for_listening(text), Ok(Endpoint::tcp("", 80)), "{text}");
    }
    // A host without its port, as it was.
    let error = ParseEndpointError::NoPort { given: "http".to_owned() };
    assert_eq!(Endpoint::for_connecting("http"), Err(error));
    assert_eq!(Endpoint::for_connecting("udp://h:domain"), Ok(Endpoint::udp("h", 53)));
    // A service of datagrams alone.
    assert_eq!(Endpoint::for_connecting("udp://h:tftp"), Ok(Endpoint::udp("h", 69)));
    #[cfg(target_os = "linux")]
    assert!(Endpoint::for_connecting("h:tftp").is_err(), "tftp is no service of TCP here");
    let error = Endpoint::for_connecting("h:nosuchservice").expect_err("nobody has it");
    assert_eq!(
        error.to_string(),
        "'nosuchservice' is not a port: a port is a number from 0 to 65535, or a service that this system knows"
    );
    // For some resolvers these are numbers.
    for text in ["h:+80", "h: 80", "h:-1", "h:0x50 ", "h:80\0"] {
        assert!(Endpoint::for_connecting(text).is_err(), "{text:?}");
    }
}
