//! Lines that are written for ncat.

use super::{Row, ncat};
use crate::scene::{Client, Protocol, Scene, Server};

pub(super) const ROWS: &[Row] = &[
    ncat(
        "ncat -z 127.0.0.1 5432",
        "waits for a server: is the port open?",
        Scene::Tcp(&[5432], Server::Takes),
    ),
    ncat("ncat -z -w1 127.0.0.1 5433", "closed: exit 1", Scene::Nobody),
    ncat("nc -zv 127.0.0.1 80", "open, in ncat's words", Scene::Tcp(&[80], Server::Takes)),
    ncat(
        "ncat -zv -w 2 127.0.0.1 22 2>&1 | grep -q Connected && echo up",
        "a script that greps the message",
        Scene::Tcp(&[22], Server::Takes),
    ),
    ncat("echo x | ncat 127.0.0.1 9000", "asks a server", Scene::Tcp(&[9000], Server::Line)),
    ncat("echo x | ncat 127.0.0.1 9001", "half-closes by itself", Scene::Tcp(&[9001], Server::AtEnd)),
    ncat("ncat --send-only 127.0.0.1 8000 < file", "sends a file", Scene::Tcp(&[8000], Server::Takes)),
    ncat(
        "cat file | ncat --send-only -w1 127.0.0.1 3506",
        "the same, from another program",
        Scene::Tcp(&[3506], Server::Takes),
    ),
    ncat(
        "ncat --recv-only 127.0.0.1 3307 > out",
        "receives a database, as a replica does",
        Scene::Tcp(&[3307], Server::SaysAndEnds),
    ),
    ncat("ncat --recv 127.0.0.1 3307", "an abbreviated option", Scene::Tcp(&[3307], Server::SaysAndEnds)),
    ncat("printf \"a\\nb\\n\" | ncat -C 127.0.0.1 25", "lines with CR LF", Scene::Tcp(&[25], Server::AtEnd)),
    ncat("printf \"x\\n\" | ncat --crlf 127.0.0.1 25", "the long name", Scene::Tcp(&[25], Server::AtEnd)),
    ncat("echo x | ncat -w 3 127.0.0.1 9998", "nobody is there", Scene::Nobody),
    ncat(
        "echo x | ncat -i 1 127.0.0.1 9002",
        "a server that is silent, and a limit",
        Scene::Tcp(&[9002], Server::Never),
    ),
    ncat(
        "echo x | ncat -o out 127.0.0.1 9001",
        "a copy of all that crossed",
        Scene::Tcp(&[9001], Server::AtEnd),
    ),
    ncat("echo status | ncat -U status.sock", "by a Unix socket", Scene::Unix("status.sock", Server::Line)),
    ncat("ncat -l 4444 > out", "receives a file", Scene::Listens(4444, Client::Sends)),
    ncat("ncat -lvnp 4444", "tells who came", Scene::Listens(4444, Client::Sends)),
    ncat("ncat -l -p 8081 --recv-only > out", "receives only", Scene::Listens(8081, Client::Sends)),
    ncat("ncat -l 127.0.0.1 8000 < file", "serves a file, once", Scene::Listens(8000, Client::ReadsFirst)),
    ncat(
        "ncat -l 7001 -c 'read x; echo \"you said $x\"'",
        "a shell line for a client",
        Scene::Listens(7001, Client::Asks),
    ),
    ncat("ncat -l 7002 --exec '/bin/cat'", "a program for a client", Scene::Listens(7002, Client::Asks)),
    ncat("ncat -lk 6174", "several clients", Scene::Listens(6174, Client::Two)),
    ncat("ncat -lkp 6175 -c 'cat'", "a shell line for each client", Scene::Listens(6175, Client::TwoAsk)),
    ncat("ncat -lk 6176 --allow 127.0.0.0/8", "only from this machine", Scene::Listens(6176, Client::Two)),
    ncat("ncat -lU listen.sock", "on a Unix socket", Scene::ListensUnix("listen.sock", Client::Sends)),
    ncat("echo x | ncat -u -w1 -i 1 127.0.0.1 8125", "a datagram", Scene::Udp(8125, false)),
    ncat(
        "echo SSH-2.0-x | ncat --proxy 127.0.0.1:8889 --proxy-type socks5 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: SOCKS 5",
        Scene::Proxy(8889, Protocol::Socks5),
    ),
    ncat(
        "echo SSH-2.0-x | ncat --proxy 127.0.0.1:3128 --proxy-type http 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: HTTP",
        Scene::Proxy(3128, Protocol::Connect),
    ),
    ncat(
        "echo SSH-2.0-x | ncat --proxy-type socks4 --proxy 127.0.0.1:1080 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: SOCKS 4",
        Scene::Proxy(1080, Protocol::Socks4),
    ),
    ncat("echo x | ncat --ssl 127.0.0.1 443", "asks by TLS, whoever it is", Scene::Tls(443)),
    ncat("echo x | ncat --ssl -w 5 127.0.0.1 8443 2>/dev/null", "the same, with a limit", Scene::Tls(8443)),
    ncat(
        "echo x | ncat --ssl-verify 127.0.0.1 443",
        "a certificate that nobody vouches for",
        Scene::Tls(443),
    )
    .truth(1, 1),
    ncat("ncat -l --ssl -p 8083 > out", "receives by TLS", Scene::ListensTls(8083)).alone(1, "hello 1"),
    ncat("ncat --ssl -lvnp 4444", "a certificate that is made for one run", Scene::ListensTls(4444))
        .alone(1, "hello 1"),
    ncat("ncat --foo 127.0.0.1 80", "an option that ncat does not have", Scene::Nobody).refused(),
    ncat("ncat 127.0.0.1 http", "a service's name, which ncat does not take", Scene::Nobody).refused(),
    ncat("ncat -w 200 127.0.0.1 80", "a time that once was milliseconds", Scene::Nobody).refused(),
    ncat("ncat -k 127.0.0.1 80", "-k without -l", Scene::Nobody).refused(),
    ncat("echo get | ncat 127.0.0.1 7000", "a reset, which ncat tells of", Scene::Tcp(&[7000], Server::Cuts)),
];
