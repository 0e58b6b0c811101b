//! Lines that are written for the traditional netcat.

use super::{Row, traditional};
use crate::scene::{Client, Scene, Server};

pub(super) const ROWS: &[Row] = &[
    traditional(
        "nc -z 127.0.0.1 5432",
        "waits for a server: is the port open?",
        Scene::Tcp(&[5432], Server::Takes),
    ),
    traditional("nc -zv 127.0.0.1 80", "open, in this netcat's words", Scene::Tcp(&[80], Server::Takes)),
    traditional("nc -nvz 127.0.0.1 81", "closed, without names", Scene::Nobody),
    traditional("nc -vv -n -z 127.0.0.1 20-23", "a range, from its end", Scene::Tcp(&[22], Server::Takes)),
    traditional("nc -nzv 127.0.0.1 22 80", "a list of ports", Scene::Tcp(&[22, 80], Server::Takes)),
    traditional("nc -z -w 1 127.0.0.1 5433", "closed: exit 1", Scene::Nobody),
    traditional("nc -z -n 127.0.0.1 20-22", "all are closed: the original exits 0", Scene::Nobody)
        .truth(0, 1),
    traditional(
        "echo x | nc -q 1 127.0.0.1 9000",
        "an answer within a second",
        Scene::Tcp(&[9000], Server::Line),
    ),
    traditional(
        "nc -q 0 127.0.0.1 8000 < file",
        "sends a file, and goes",
        Scene::Tcp(&[8000], Server::Takes),
    ),
    traditional(
        "echo x | nc -w 1 127.0.0.1 9000",
        "a server that stays, and a limit",
        Scene::Tcp(&[9000], Server::Stays),
    ),
    traditional("echo x | nc 127.0.0.1 9000", "a server that ends", Scene::Tcp(&[9000], Server::Line)),
    traditional("nc -l -p 4444 > out", "receives a file", Scene::Listens(4444, Client::Sends)),
    traditional("nc -nlvp 4444", "tells who came", Scene::Listens(4444, Client::Sends)),
    traditional("nc -l -p 8080 -q 1 < file", "serves a file, once", Scene::Listens(8080, Client::ReadsFirst)),
    traditional(
        "nc -l -p 7001 -c 'read x; echo \"you said $x\"'",
        "a shell line for a client",
        Scene::Listens(7001, Client::Asks),
    ),
    traditional("nc -lp 7002 -e /bin/cat", "a program for a client", Scene::Listens(7002, Client::Asks)),
    traditional(
        "nc -e /bin/cat 127.0.0.1 7003",
        "a program for a server",
        Scene::Tcp(&[7003], Server::SaysAndEnds),
    ),
    traditional("echo x | nc -u -w 1 127.0.0.1 8125", "a datagram", Scene::Udp(8125, false)),
    traditional("echo x | nc -u -q 1 127.0.0.1 7", "a datagram, and an answer", Scene::Udp(7, true)),
    traditional("nc -w 0 127.0.0.1 80", "a limit of nothing is refused", Scene::Nobody).refused(),
    traditional("nc 127.0.0.1", "the port was forgotten", Scene::Nobody).refused(),
    traditional("nc -n localhost 80", "a name, and -n", Scene::Nobody).refused(),
    traditional(
        "echo get | nc -q 5 127.0.0.1 7000",
        "a reset: the original exits 0",
        Scene::Tcp(&[7000], Server::Cuts),
    )
    .truth(0, 1),
];
