//! Lines that are written for OpenBSD's nc, as Debian has it.

use super::{Row, debian};
use crate::scene::{Client, Ends, Protocol, Scene, Server};

pub(super) const ROWS: &[Row] = &[
    debian(
        "nc -z localhost 5432",
        "waits for a server: is the port open?",
        Scene::Tcp(&[5432], Server::Takes),
    ),
    debian(
        "nc -z db 5432 2>/dev/null || nc -z 127.0.0.1 5432",
        "a name that is not there, then an address",
        Scene::Tcp(&[5432], Server::Takes),
    ),
    debian(
        "while ! nc -z 127.0.0.1 3306; do sleep 0.1; done; echo up",
        "the loop of a thousand entrypoints",
        Scene::Tcp(&[3306], Server::Takes),
    ),
    debian(
        "until nc -z -w 2 127.0.0.1 6379 >/dev/null 2>&1; do sleep 0.1; done; echo ready",
        "the same, with a limit for each attempt",
        Scene::Tcp(&[6379], Server::Takes),
    ),
    debian("nc -z 127.0.0.1 5433", "the port is closed: exit 1, no word", Scene::Nobody),
    debian("nc -zv 127.0.0.1 15432", "the same, and says so", Scene::Tcp(&[15432], Server::Takes)),
    debian("nc -zv 127.0.0.1 22", "closed, and says so", Scene::Nobody),
    debian("nc -vz 127.0.0.1 80", "open, with the name of the service", Scene::Tcp(&[80], Server::Takes)),
    debian("nc -zvw5 127.0.0.1 9009", "glued flags with a value", Scene::Tcp(&[9009], Server::Takes)),
    debian(
        "nc -zv -w5 localhost 9009",
        "a name with two addresses, of which one is refused",
        Scene::Tcp(&[9009], Server::Takes),
    ),
    debian(
        "nc -zv -w 5 127.0.0.1 2049 2>&1 | grep -q succeeded && echo mounted",
        "a script that greps the message",
        Scene::Tcp(&[2049], Server::Takes),
    ),
    debian(
        "nc -zv -w 3 127.0.0.1 6380 2>&1 | grep -q \"succeeded\\|open\" || echo closed",
        "a script that greps the words of two netcats",
        Scene::Nobody,
    ),
    debian("nc -zvn 127.0.0.1 4337", "no names in the message", Scene::Tcp(&[4337], Server::Takes)),
    debian("nc -zv 127.0.0.1 20-25", "a range of ports, one of them open", Scene::Tcp(&[22], Server::Takes)),
    debian(
        "nc -zv 127.0.0.1 20-23 2>&1 | grep succeeded",
        "which ports of a range are open",
        Scene::Tcp(&[21, 22], Server::Takes),
    ),
    debian("nc -z 127.0.0.1 20-25", "a range that is closed", Scene::Nobody),
    debian("nc -z -v -n 127.0.0.1 79-81", "flags apart", Scene::Tcp(&[80], Server::Takes)),
    debian(
        "nc -zv 127.0.0.1 http 22 8080",
        "a list of ports, with a service's name",
        Scene::Tcp(&[80, 8080], Server::Takes),
    ),
    debian("nc -zvr 127.0.0.1 22", "in random order", Scene::Tcp(&[22], Server::Takes)),
    debian("nc -4 -vz -w 10 127.0.0.1 443", "IPv4 alone", Scene::Tcp(&[443], Server::Takes)),
    debian(
        "nc -4 -d -z -w 1 127.0.0.1 25 > /dev/null 2>&1",
        "without stdin",
        Scene::Tcp(&[25], Server::Takes),
    ),
    debian("nc -zw1 127.0.0.1 9092", "Kafka's port", Scene::Tcp(&[9092], Server::Takes)),
    debian(
        "nc -z -w1 127.0.0.1 8080 && echo \"port open\" || echo \"port closed\"",
        "both answers of a script",
        Scene::Nobody,
    ),
    debian("timeout 5 nc -zv -w 3 127.0.0.1 25", "under timeout", Scene::Tcp(&[25], Server::Takes)),
    debian(
        "nc -w 2 -z 127.0.0.1 22 </dev/null",
        "options in another order",
        Scene::Tcp(&[22], Server::Takes),
    ),
    debian("nc 127.0.0.1 443 -z -w 2", "options behind the operands", Scene::Tcp(&[443], Server::Takes)),
    debian(
        "if nc -z 127.0.0.1 8500; then echo consul; fi",
        "in a condition",
        Scene::Tcp(&[8500], Server::Takes),
    ),
    debian("nc -vz -w1 127.0.0.1 80", "a container's health check", Scene::Tcp(&[80], Server::Takes)),
    debian("echo -n | nc -w1 127.0.0.1 8125", "opens and closes", Scene::Tcp(&[8125], Server::SaysAndEnds)),
    debian("nc -z 127.0.0.1 http", "a service instead of a port", Scene::Tcp(&[80], Server::Takes)),
    debian("nc -z 127.0.0.1 nosuchservice", "a service that there is not", Scene::Nobody).refused(),
    debian("nc -z 127.0.0.1", "the port was forgotten", Scene::Nobody).refused(),
    debian("nc -z 127.0.0.1 99999", "a port that there is not", Scene::Nobody).refused(),
    debian("nc -zX 127.0.0.1 80", "a letter too many", Scene::Nobody).refused(),
    debian("nc -z --timeout 5 127.0.0.1 80", "a long option, which this nc does not have", Scene::Nobody)
        .refused(),
    debian(
        "nc -u -w 0.02 127.0.0.1 53 </dev/null",
        "seconds with a point, which this nc does not take",
        Scene::Nobody,
    )
    .refused(),
    debian(
        "nc -l localhost -p 1016",
        "an address and -p, which this nc does not take together",
        Scene::Nobody,
    )
    .refused(),
    debian("nc -lk -p 5000 -e echo ok", "-e, which this nc does not have", Scene::Nobody).refused(),
    debian(
        "echo ruok | nc -w 2 -q 2 127.0.0.1 2181 | grep imok",
        "ZooKeeper's health check",
        Scene::Tcp(&[2181], Server::Line),
    ),
    debian("echo ruok | nc localhost 2181", "the same, without a limit", Scene::Tcp(&[2181], Server::Line)),
    debian(
        "echo stat | nc 127.0.0.1 2181 | grep Mode",
        "another word for ZooKeeper, and no such line",
        Scene::Tcp(&[2181], Server::Line),
    ),
    debian(
        "printf \"version\\r\\n\" | nc -q1 127.0.0.1 11211",
        "memcached, whose server ends",
        Scene::Tcp(&[11211], Server::Line),
    ),
    debian(
        "echo \"stats\" | nc -w 1 127.0.0.1 11211 | grep curr_items",
        "memcached's statistics: its server stays, -w ends it",
        Scene::Tcp(&[11211], Server::Stays),
    ),
    debian(
        "printf \"PING\\r\\n\" | nc -w1 127.0.0.1 6379",
        "redis without its client",
        Scene::Tcp(&[6379], Server::Stays),
    ),
    debian(
        "printf 'QUIT\\r\\n' | nc -w3 127.0.0.1 2525",
        "a mail server's banner",
        Scene::Tcp(&[2525], Server::SaysAndEnds),
    ),
    debian(
        "echo QUIT | nc -w 5 127.0.0.1 25 2>/dev/null | grep -q 220 && echo reachable",
        "is mail reachable",
        Scene::Tcp(&[25], Server::Line),
    ),
    debian(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 80",
        "a web page by hand",
        Scene::Tcp(&[80], Server::Line),
    ),
    debian(
        "printf 'HEAD / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -N 127.0.0.1 80 | head -1",
        "the first line of an answer",
        Scene::Tcp(&[80], Server::AtEnd),
    ),
    debian(
        "echo hello | nc -N localhost 1234",
        "half-closes, and waits for the end",
        Scene::Tcp(&[1234], Server::AtEnd),
    ),
    debian(
        "nc -N 127.0.0.1 8080 < file",
        "sends a file, and is told when it is whole",
        Scene::Tcp(&[8080], Server::AtEnd),
    ),
    debian("nc -q 0 127.0.0.1 8000 < file", "sends a file", Scene::Tcp(&[8000], Server::Takes)),
    debian(
        "cat file | nc -q 1 127.0.0.1 6465",
        "sends what another program prints",
        Scene::Tcp(&[6465], Server::AtEnd),
    ),
    debian(
        "echo \"a 1\" | nc -q0 127.0.0.1 2003",
        "a metric for graphite",
        Scene::Tcp(&[2003], Server::Takes),
    ),
    debian(
        "echo hotrod_ping | nc -q 1 localhost 2222",
        "a question, and a second for its answer",
        Scene::Tcp(&[2222], Server::Line),
    ),
    debian(
        "echo hi | nc -q 1 127.0.0.1 7777",
        "a server that does not end: the manual says one second",
        Scene::Tcp(&[7777], Server::Never),
    )
    .alone(0, "220 imok"),
    debian(
        "echo stats | nc -q1 127.0.0.1 11212",
        "memcached, which does not end at our end",
        Scene::Tcp(&[11212], Server::Never),
    )
    .alone(0, "220 imok"),
    debian(
        "echo playpause | nc -w 1 127.0.0.1 4242",
        "tells a player something",
        Scene::Tcp(&[4242], Server::Stays),
    ),
    debian(
        "nc 127.0.0.1 30003 < /dev/null",
        "reads what a server says to its end",
        Scene::Tcp(&[30003], Server::SaysAndEnds),
    ),
    debian(
        "nc -d 127.0.0.1 30003 | head -1",
        "the same, without stdin",
        Scene::Tcp(&[30003], Server::SaysAndEnds),
    ),
    debian(
        "nc -v 127.0.0.1 22 </dev/null 2>&1",
        "which SSH server is there",
        Scene::Tcp(&[22], Server::SaysAndEnds),
    ),
    debian(
        "echo | nc -nv -w1 127.0.0.1 22",
        "a banner, without names",
        Scene::Tcp(&[22], Server::SaysAndEnds),
    ),
    debian(
        "nc -w1 127.0.0.1 25 </dev/null",
        "a banner of a server that waits",
        Scene::Tcp(&[25], Server::Greets),
    ),
    debian(
        "printf \"EHLO x\\n\" | nc -C -N 127.0.0.1 25",
        "lines with CR LF",
        Scene::Tcp(&[25], Server::AtEnd),
    ),
    debian(
        "printf \"a\\r\\nb\\n\" | nc -CN 127.0.0.1 25",
        "a CR that is there already stays alone",
        Scene::Tcp(&[25], Server::AtEnd),
    ),
    debian(
        "echo x | nc -i 1 -N 127.0.0.1 9100",
        "a pause after each line",
        Scene::Tcp(&[9100], Server::AtEnd),
    ),
    debian(
        "echo x | nc -p 31337 -w 5 -N 127.0.0.1 42",
        "from a port of one's own",
        Scene::Tcp(&[42], Server::AtEnd),
    ),
    debian(
        "echo x | nc -s 127.0.0.2 -N 127.0.0.1 42",
        "from an address of one's own",
        Scene::Tcp(&[42], Server::AtEnd),
    ),
    debian(
        "echo x | nc -I 65536 -O 65536 -N 127.0.0.1 42",
        "with buffers of one's own",
        Scene::Tcp(&[42], Server::AtEnd),
    ),
    debian(
        "echo x | nc -T lowdelay -N 127.0.0.1 42",
        "with a type of service",
        Scene::Tcp(&[42], Server::AtEnd),
    ),
    debian("echo x | nc -M 5 -N 127.0.0.1 42", "with a TTL", Scene::Tcp(&[42], Server::AtEnd)),
    debian(
        "echo x | nc -W 1 127.0.0.1 9999",
        "ends after the first answer",
        Scene::Tcp(&[9999], Server::Stays),
    ),
    debian("echo x | netcat -N 127.0.0.1 9999", "by its long name", Scene::Tcp(&[9999], Server::AtEnd)),
    debian(
        "{ echo a; sleep 0.2; echo b; } | nc -N 127.0.0.1 1000",
        "input that takes its time",
        Scene::Tcp(&[1000], Server::AtEnd),
    ),
    debian("echo x | nc -w 3 127.0.0.1 9998", "nobody is there: exit 1, no word", Scene::Nobody),
    debian("nc -v 127.0.0.1 9998 </dev/null", "nobody is there, and it says so", Scene::Nobody),
    debian("echo x | nc -6 -w1 ::1 9998", "nobody is there by IPv6", Scene::Nobody),
    debian("echo x | nc -- 127.0.0.1 9000", "the end of the options", Scene::Tcp(&[9000], Server::Line)),
    debian("echo x | nc -q -1 -N 127.0.0.1 9000", "a negative value", Scene::Tcp(&[9000], Server::AtEnd)),
    debian(
        "printf x | nc -N -w 2 127.0.0.1 9000 > out",
        "the answer goes to a file",
        Scene::Tcp(&[9000], Server::AtEnd),
    ),
    debian(
        "echo get | nc 127.0.0.1 7000",
        "the server resets in the middle: the original exits 0",
        Scene::Tcp(&[7000], Server::Cuts),
    )
    .truth(0, 1),
    debian(
        "echo get | nc -N 127.0.0.1 7000 > out",
        "a cut answer in a file looks whole",
        Scene::Tcp(&[7000], Server::Cuts),
    )
    .truth(0, 1),
    debian("echo get | nc -q 5 127.0.0.1 7000", "a reset, with -q", Scene::Tcp(&[7000], Server::Cuts))
        .truth(0, 1),
    debian("echo get | nc -w 5 127.0.0.1 7000", "a reset, with -w", Scene::Tcp(&[7000], Server::Cuts))
        .truth(0, 1),
    debian(
        "echo status | nc -U flow.sock",
        "asks a program by its socket",
        Scene::Unix("flow.sock", Server::Line),
    ),
    debian(
        "echo go | nc -NU timer.sock",
        "the same, half-closed: glued flags",
        Scene::Unix("timer.sock", Server::AtEnd),
    ),
    debian(
        "printf status | nc -N -U openvpn.sock",
        "flags apart",
        Scene::Unix("openvpn.sock", Server::AtEnd),
    ),
    debian(
        "printf '{}\\n' | nc -U mpv.sock 2>/dev/null | tail -1",
        "a player that answers in JSON",
        Scene::Unix("mpv.sock", Server::Line),
    ),
    debian(
        "echo info | nc -U -w 1 monitor.sock",
        "a monitor that stays",
        Scene::Unix("monitor.sock", Server::Stays),
    ),
    debian(
        "echo \"show stat\" | nc -w1 -U haproxy.sock",
        "a proxy's statistics",
        Scene::Unix("haproxy.sock", Server::Line),
    ),
    debian(
        "echo -n play | nc -W1 -U ncspot.sock",
        "ends after the first answer",
        Scene::Unix("ncspot.sock", Server::SaysAndEnds),
    )
    // Whether what is to be sent comes before that answer, chance says.
    .alone(0, "SSH-2.0-OpenSSH"),
    debian("nc -zU there.sock", "is a socket there", Scene::Unix("there.sock", Server::Takes)),
    debian("nc -zU gone.sock", "no socket is there", Scene::Nobody),
    debian("echo x | nc -U gone.sock", "no socket is there to ask", Scene::Nobody),
    debian("echo msg | nc -uU -q0 log.sock", "a datagram for a logger", Scene::UnixDatagrams("log.sock")),
    debian("nc -U a.sock 80", "a port makes no sense here", Scene::Nobody).refused(),
    debian("nc -l 1234", "receives, once", Scene::Listens(1234, Client::Sends)),
    debian("nc -l 1234 > out", "receives a file", Scene::Listens(1234, Client::Sends)),
    debian("nc -l -p 9999 > out", "the same as other netcats write it", Scene::Listens(9999, Client::Sends)),
    debian("nc -lp 8080", "glued letters of a listener", Scene::Listens(8080, Client::Sends)),
    debian("nc -lvnp 4444", "tells who came", Scene::Listens(4444, Client::Sends)),
    debian("nc -lnvp 4444 > out", "the same, into a file", Scene::Listens(4444, Client::Sends)),
    debian("nc -nlvp 443", "letters in another order", Scene::Listens(443, Client::Sends)),
    debian("nc -l 127.0.0.1 4712 > out", "on one address", Scene::Listens(4712, Client::Sends)),
    debian("nc -l -s 127.0.0.1 -p 4713", "the same, with options", Scene::Listens(4713, Client::Sends)),
    debian("nc -4 -l -p 9000 > out", "IPv4 alone", Scene::Listens(9000, Client::Sends)),
    debian("nc -l 8000 < file", "serves a file, once", Scene::Listens(8000, Client::ReadsFirst)),
    debian(
        "printf \"HTTP/1.1 200 OK\\r\\n\\r\\n\" | nc -l -p 9988 -N",
        "the smallest web server",
        Scene::Listens(9988, Client::ReadsFirst),
    ),
    debian(
        "echo answer | nc -lN 7070",
        "answers, and ends its side",
        Scene::Listens(7070, Client::ReadsFirst),
    ),
    debian("nc -l 2003 | head -1", "the first line that comes", Scene::Listens(2003, Client::Sends)),
    debian(
        "nc -v -l 5555 2>&1 | grep -c received",
        "a script that counts the message",
        Scene::Listens(5555, Client::Sends),
    ),
    debian("nc -lk 9999", "one client after another, for Spark's example", Scene::Listens(9999, Client::Two)),
    debian("nc -lk 127.0.0.1 20088 > out", "the same, into a file", Scene::Listens(20088, Client::Two)),
    debian("nc -lkv -p 4422", "the same, and tells who came", Scene::Listens(4422, Client::Two)),
    debian("nc -klp 7788", "letters in another order", Scene::Listens(7788, Client::Two)),
    debian("nc -lU listen.sock", "on a Unix socket", Scene::ListensUnix("listen.sock", Client::Sends)),
    debian(
        "nc -lkU many.sock",
        "on a Unix socket, one client after another",
        Scene::ListensUnix("many.sock", Client::Two),
    ),
    debian(
        "nc -lUN ask.sock < file",
        "serves a file on a Unix socket",
        Scene::ListensUnix("ask.sock", Client::ReadsFirst),
    ),
    debian("nc -lz 80", "listening and scanning make no sense", Scene::Nobody).refused(),
    debian("nc -l", "where to listen was forgotten", Scene::Nobody).refused(),
    debian("nc -k 127.0.0.1 80", "-k without -l", Scene::Nobody).refused(),
    debian(
        "echo 'abc.def.g:10|c' | nc -w1 -u 127.0.0.1 8125",
        "a counter for statsd",
        Scene::Udp(8125, false),
    ),
    debian("echo -n xdp | nc -u -q1 127.0.0.1 9091", "a datagram, and a second", Scene::Udp(9091, false)),
    debian("echo \"<14>test\" | nc -u -w 1 127.0.0.1 514", "a line for syslog", Scene::Udp(514, false)),
    debian("echo READ | nc -u -w1 127.0.0.1 55355", "asks by UDP", Scene::Udp(55355, true)),
    debian(
        "test \"$(echo udp-roundtrip | nc -u -w1 127.0.0.1 7)\" = echo:udp-roundtrip && echo same",
        "an answer that is compared",
        Scene::Udp(7, true),
    ),
    debian("nc -uzv 127.0.0.1 53", "is a UDP port open, as far as it can be told", Scene::Udp(53, false)),
    debian("nc -zvu -w1 127.0.0.1 161", "the same, letters in another order", Scene::Udp(161, false)),
    debian("nc -uzv -w1 127.0.0.1 69", "a UDP port that refuses", Scene::Nobody),
    debian("nc -ul 5005", "receives datagrams", Scene::ListensUdp(5005, Ends::WithTest)),
    debian("nc -lu -W1 127.0.0.1 6666", "receives one datagram", Scene::ListensUdp(6666, Ends::Itself)),
    debian("nc -klu 9909", "receives datagrams of all", Scene::ListensUdp(9909, Ends::WithTest)),
    debian(
        "echo SSH-2.0-x | nc -X connect -x 127.0.0.1:7890 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: HTTP",
        Scene::Proxy(7890, Protocol::Connect),
    ),
    debian(
        "echo SSH-2.0-x | nc -x localhost:3128 -Xconnect github.test 443",
        "a name that the proxy resolves",
        Scene::Proxy(3128, Protocol::Connect),
    ),
    debian(
        "echo SSH-2.0-x | nc -X 5 -x 127.0.0.1:1080 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: SOCKS 5",
        Scene::Proxy(1080, Protocol::Socks5),
    ),
    debian(
        "echo SSH-2.0-x | nc -x localhost:9050 192.0.2.1 22",
        "Tor's port: SOCKS 5 is the default",
        Scene::Proxy(9050, Protocol::Socks5),
    ),
    debian(
        "echo SSH-2.0-x | nc -X 4 -x 127.0.0.1:10028 192.0.2.1 22",
        "ssh through a proxy, as its ProxyCommand: SOCKS 4",
        Scene::Proxy(10028, Protocol::Socks4),
    ),
    debian("echo x | nc -x 127.0.0.1:1081 192.0.2.1 22", "no proxy is there", Scene::Nobody).truth(1, 1),
    debian("nc -X 6 -x 127.0.0.1:1080 192.0.2.1 22", "there is no SOCKS 6", Scene::Nobody).refused(),
];
