use super::*;

fn wrong(text: &str) -> Vec<String> {
    let wrong = ConfigFile::parse(text).expect_err("it is wrong");
    wrong.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_are_options_and_values_are_theirs() {
    let file = ConfigFile::parse(
        r#"
log = "/tmp/log"
metrics = "127.0.0.1:9100"

[[relay]]
name = "web"
listen = ":8080"
to = ["192.0.2.1:80", "unix:/run/app.sock"]
balance = "least"
max-connections = 100
connect-timeout = "2s"
allow = ["192.0.2.0/24", "::1"]
reuse-port = true

[[relay]]
listen = "127.0.0.1:2222"
to = "localhost:22"
"#,
    )
    .expect("it is right");
    assert_eq!(file.log, Some(PathBuf::from("/tmp/log")));
    assert_eq!(file.metrics, Some("127.0.0.1:9100".to_owned()));
    let [web, ssh] = &file.relays[..] else { panic!("{file:?}") };
    assert_eq!((web.lines().table, ssh.lines().table), (5, 15));
    assert_eq!(web.args.endpoints, [":8080", "192.0.2.1:80", "unix:/run/app.sock"]);
    assert_eq!(web.args.connect_timeout, Some(std::time::Duration::from_secs(2)));
    assert_eq!(web.args.name.as_deref(), Some("web"));
    assert!(web.args.reuse_port && !ssh.args.reuse_port);
    assert_eq!(ssh.args.endpoints, ["127.0.0.1:2222", "localhost:22"]);
}

#[test]
fn a_relay_with_routes_needs_nobody_by_default() {
    let file = ConfigFile::parse(
        r#"
[[relay]]
listen = ":443"
route = ["a.test=192.0.2.1:443", "*.test=unix:/run/tls"]
accept-proxy = ["10.0.0.0/8"]
send-proxy = "v2"
cert = ["a.pem", "b.pem"]
key = ["a.key", "b.key"]
"#,
    )
    .expect("it is right");
    assert_eq!(file.relays[0].args.endpoints, [":443"]);
    assert_eq!(file.relays[0].args.front.routes().expect("routes").len(), 2);
    assert!(file.relays[0].args.front.accept_proxy().is_some());
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line() {
    let told = wrong(
        r#"logg = "x"
listen = ":1"
verbose = true

[[relay]]
listen = ":8080"
to = []
conect-timeout = "2s"
connect-timeout = "soon"
max_connections = 3
reuse-port = "yes"
log = "x"

[[relay]]
to = [1, { a = 2 }]
idle-timeout = ["1s", "2s"]
balance = "random"
"#,
    );
    let says = |line: usize, what: &str| {
        let line = format!("line {line}: ");
        told.iter().any(|one| one.starts_with(&line) && one.contains(what))
    };
    for (line, what) in [
        (1, "'logg' is not known here: did you mean 'log'?"),
        (2, "'listen' belongs to a relay"),
        (3, "'verbose' can only be said on the command line"),
        (7, "'to' is empty"),
        (8, "'conect-timeout' is not known: did you mean 'connect-timeout'?"),
        (9, "invalid value 'soon' for 'connect-timeout'"),
        (10, "'max_connections' is not known: did you mean 'max-connections'?"),
        (11, "'reuse-port' is true or false"),
        (12, "'log' is for all relays"),
        (14, "this relay has no 'listen'"),
        (15, "'to' must be an endpoint"),
        (16, "'idle-timeout' has one value"),
        (17, "invalid value 'random' for 'balance': possible values: round-robin, least, hash"),
    ] {
        assert!(says(line, what), "line {line}: {what} is not in {told:#?}");
    }
    assert_eq!(told.len(), 13, "{told:#?}");
}

#[test]
fn options_are_told_as_keys() {
    for (sentence, told) in [
        (
            "invalid value 'x' for '--balance <HOW>' [possible values: least]",
            "invalid value 'x' for 'balance' [possible values: least]",
        ),
        ("--cert needs its --key", "'cert' needs its 'key'"),
        (
            "the argument '--pin <FINGERPRINT>' cannot be used with '--insecure'",
            "the argument 'pin' cannot be used with 'insecure'",
        ),
        (
            "--ca is for upstreams with TLS: write tls:// before one",
            "'ca' is for upstreams with TLS: write tls:// before one",
        ),
        ("were not provided: --fault <FAULTS>", "were not provided: 'fault'"),
        ("'--ipv4' cannot be used with '--ipv6'", "'ipv4' cannot be used with 'ipv6'"),
        (concat!("a--ca, --ca", "lm and --"), concat!("a--ca, --ca", "lm and --")),
    ] {
        assert_eq!(with_keys(sentence), told);
    }
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_line() {
    let told = wrong("[[relay]]\nlisten = :8080\n\nto = \"x\n");
    assert!(told.len() >= 2 && told[0].starts_with("line 2: "), "{told:#?}");
    assert_eq!(
        wrong("\nmetrics = \"tls://:9100\"\n"),
        ["line 2: 'metrics' is served over HTTP: give host:port, :port, unix:path or fd:NAME"]
    );
    assert_eq!(wrong(""), ["line 1: there is no relay in it: begin one with [[relay]]"]);
    assert!(wrong("[relay]\nlisten = \":1\"\n")[0].contains("[[relay]]"));
}
