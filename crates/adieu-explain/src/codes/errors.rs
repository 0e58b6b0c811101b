//! Error numbers of system calls that have to do with connections.
//!
//! Sources: `asm-generic/errno.h` and `errno-base.h` of Linux; `sys/errno.h` of XNU; "Windows Sockets Error Codes" and "System
//! Error Codes" of Microsoft.

use super::{Code, Kind, Number};

const fn linux(number: u32) -> Number {
    Number { system: "Linux", number }
}

const fn mac(number: u32) -> Number {
    Number { system: "macOS", number }
}

const fn windows(number: u32) -> Number {
    Number { system: "Windows", number }
}

pub(super) const ALL: &[Code] = &[
    Code {
        kind: Kind::Error,
        name: "ECONNRESET",
        also: &["WSAECONNRESET"],
        numbers: &[linux(104), mac(54), windows(10054)],
        text: &["Connection reset by peer", "An existing connection was forcibly closed by the remote host"],
        means: "An RST came. Data of ours that the peer had not read is lost, and so may be data that its system had acknowledged. \
The error does not say who sent the RST or why: the peer's program closed with our bytes unread, it aborted, it had crashed, or a \
box on the way spoke in its name. The system reports it once: the next receive looks like an orderly end.",
        ending: Some("reset by the peer, exit status 4"),
        look_at: &[
            "the peer's log at that time: a crash, a restart, a limit on requests or idle time",
            "whether your program still sent after the peer had ended: then the RST answers that data",
            "a capture of this end: `adieu explain FILE` says which kind of RST it was",
            "if the RST seems to come from between: a capture of the other end settles it",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EPIPE",
        also: &["ERROR_BROKEN_PIPE", "ERROR_NO_DATA"],
        numbers: &[
            linux(32),
            mac(32),
            Number { system: "Windows (ERROR_BROKEN_PIPE)", number: 109 },
            Number { system: "Windows (ERROR_NO_DATA)", number: 232 },
        ],
        text: &["Broken pipe"],
        means: "A send after the connection could not send any more: a reset had been reported before, or this program had shut down its \
sending side itself. Nothing of that send left. On a pipe: the reader has gone.",
        ending: Some("reset by the peer, exit status 4; for our own output: local failure, exit status 7"),
        look_at: &[
            "the error before it: an earlier call often got the reset as ECONNRESET, or recv as an end",
            "what the peer had already answered: receive it before you give up, it often says why",
            "a shutdown(SHUT_WR) of your own program before that send",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ETIMEDOUT",
        also: &["WSAETIMEDOUT"],
        numbers: &[linux(110), mac(60), windows(10060)],
        text: &["Connection timed out", "Operation timed out"],
        means: "This system gave up. While connecting: no SYN-ACK came. Later: data was sent again and again, or keep-alive asked, and \
nothing acknowledged it. The peer was not told, and may still hold the connection open.",
        ending: Some("while connecting: no connection, exit status 3; later: timed out, exit status 5"),
        look_at: &[
            "whether the address and the port are the right ones, and a firewall that drops silently",
            "a NAT or a load balancer that forgets idle connections: keep-alive shorter than its limit helps",
            "the path's MTU, if small requests pass and large ones do not",
            "`adieu explain --live` on the peer: its half may still be there",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ECONNREFUSED",
        also: &["WSAECONNREFUSED", "ERROR_CONNECTION_REFUSED"],
        numbers: &[
            linux(111),
            mac(61),
            windows(10061),
            Number { system: "Windows (ERROR_CONNECTION_REFUSED)", number: 1225 },
        ],
        text: &["Connection refused"],
        means: "The SYN was answered by an RST: a system is there, and nothing listens on that port. A firewall that rejects looks the \
same. For a Unix socket: its file is there, and no server. Over UDP: an ICMP message said that the port is closed.",
        ending: Some("no connection, exit status 3"),
        look_at: &[
            "whether the server runs, and on which address it listens: `ss -ltn`; 127.0.0.1 is not reachable from outside",
            "whether it listens yet: `adieu check --wait`",
            "a firewall with REJECT, on either side",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ECONNABORTED",
        also: &["WSAECONNABORTED", "ERROR_CONNECTION_ABORTED"],
        numbers: &[
            linux(103),
            mac(53),
            windows(10053),
            Number { system: "Windows (ERROR_CONNECTION_ABORTED)", number: 1236 },
        ],
        text: &["Software caused connection abort"],
        means: "The connection was ended on this machine. From accept: the client had gone before it was accepted, which is not an error. \
On Windows, on a connection: this system ended it, after its own time-out, or security software or a change of the network did.",
        ending: Some("reset by us, exit status 4"),
        look_at: &[
            "from accept: nothing, accept again",
            "on Windows: security software, VPNs, and a network that went away",
            "whether retransmissions had failed before: then it is a time-out by another name",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ENOTCONN",
        also: &["WSAENOTCONN"],
        numbers: &[linux(107), mac(57), windows(10057)],
        text: &["Transport endpoint is not connected", "Socket is not connected"],
        means: "The socket has no connection: it was never connected, or the connection is over already. From shutdown it mostly says \
that a reset came before the shutdown did.",
        ending: Some("indeterminate if no call gave the reason, exit status 8"),
        look_at: &[
            "SO_ERROR and the error of the call before: they have the reason",
            "from getpeername right after accept: the client had reset already",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ESHUTDOWN",
        also: &["WSAESHUTDOWN"],
        numbers: &[linux(108), mac(58), windows(10058)],
        text: &["Cannot send after transport endpoint shutdown", "Can't send after socket shutdown"],
        means: "A send after this program had shut down its own sending side. Linux says EPIPE instead. The peer did nothing wrong.",
        ending: Some("indeterminate, exit status 8: a program's own mistake"),
        look_at: &["who calls shutdown in your program, and who sends afterwards: often two threads"],
    },
    Code {
        kind: Kind::Error,
        name: "EHOSTUNREACH",
        also: &["WSAEHOSTUNREACH"],
        numbers: &[linux(113), mac(65), windows(10065)],
        text: &["No route to host"],
        means: "No way to that host: a router said so by ICMP, a firewall rejected with that answer, or no host answered for its address \
in the local network. On an open connection TCP tries on for minutes before it gives up with this.",
        ending: Some("while connecting: no connection, exit status 3; later: timed out, exit status 5"),
        look_at: &[
            "`ip route get ADDRESS` and `ip neigh`: FAILED there means that the host is off or in another network",
            "a firewall that rejects with icmp-host-prohibited",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ENETUNREACH",
        also: &["WSAENETUNREACH"],
        numbers: &[linux(101), mac(51), windows(10051)],
        text: &["Network is unreachable"],
        means: "This machine has no route to that network. For an IPv6 address it mostly means that there is no IPv6 here.",
        ending: Some("while connecting: no connection, exit status 3; later: timed out, exit status 5"),
        look_at: &[
            "`ip route` and `ip -6 route`: is there a default route?",
            "a VPN or an interface that went down",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ENETDOWN",
        also: &["WSAENETDOWN"],
        numbers: &[linux(100), mac(50), windows(10050)],
        text: &["Network is down"],
        means: "The interface that the packets would leave by is down.",
        ending: Some("while connecting: no connection, exit status 3; later: timed out, exit status 5"),
        look_at: &["`ip link`: is the interface UP?"],
    },
    Code {
        kind: Kind::Error,
        name: "ENETRESET",
        also: &["WSAENETRESET"],
        numbers: &[linux(102), mac(52), windows(10052)],
        text: &["Network dropped connection on reset"],
        means: "On Windows: keep-alive probes to a silent peer had no answer. Other systems say ETIMEDOUT for that.",
        ending: Some("timed out, exit status 5"),
        look_at: &["what ETIMEDOUT names: a peer that is off, or a NAT that forgot the connection"],
    },
    Code {
        kind: Kind::Error,
        name: "EHOSTDOWN",
        also: &["WSAEHOSTDOWN"],
        numbers: &[linux(112), mac(64), windows(10064)],
        text: &["Host is down"],
        means: "Nobody answers for the host's address in the local network.",
        ending: Some("while connecting: no connection, exit status 3; later: timed out, exit status 5"),
        look_at: &["whether the host is on, and in this network: `ip neigh` or `arp -a`"],
    },
    Code {
        kind: Kind::Error,
        name: "EADDRINUSE",
        also: &["WSAEADDRINUSE"],
        numbers: &[linux(98), mac(48), windows(10048)],
        text: &["Address already in use"],
        means: "Another socket has that address and port. From bind or listen: another server, or one that was just stopped and set no \
SO_REUSEADDR. From connect: this very pair of addresses and ports is still in use, often in TIME_WAIT.",
        ending: Some("no connection, exit status 3"),
        look_at: &[
            "`ss -ltnp 'sport = :PORT'`: who listens there?",
            "connections of the old server in TIME_WAIT or FIN_WAIT: SO_REUSEADDR ignores those",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EADDRNOTAVAIL",
        also: &["WSAEADDRNOTAVAIL"],
        numbers: &[linux(99), mac(49), windows(10049)],
        text: &["Cannot assign requested address", "Can't assign requested address"],
        means: "This machine does not have that address, or has no free port left to connect from.",
        ending: Some("no connection, exit status 3"),
        look_at: &[
            "`ip address`: is the address that is bound here?",
            "from connect: `ss -s`: thousands in TIME_WAIT to one server use up the ports; keep connections open instead",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EMFILE",
        also: &["WSAEMFILE"],
        numbers: &[linux(24), mac(24), windows(10024)],
        text: &["Too many open files"],
        means: "This process has as many descriptors open as its limit allows. A server that accepts gets no new connection, and the \
clients wait in the backlog. It is mostly a leak: sockets in CLOSE_WAIT that the program never closes.",
        ending: Some("local failure, exit status 7"),
        look_at: &[
            "`adieu explain --live`: which program holds sockets in CLOSE_WAIT, and since when",
            "`ulimit -n` and /proc/PID/limits, if there are simply many clients",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ENFILE",
        also: &[],
        numbers: &[linux(23), mac(23)],
        text: &["Too many open files in system"],
        means: "All processes of this machine together have as many files open as the system allows.",
        ending: Some("local failure, exit status 7"),
        look_at: &["/proc/sys/fs/file-nr and file-max", "`adieu explain --live`: who leaks?"],
    },
    Code {
        kind: Kind::Error,
        name: "ENOBUFS",
        also: &["WSAENOBUFS"],
        numbers: &[linux(105), mac(55), windows(10055)],
        text: &["No buffer space available"],
        means: "The system has no memory left for sockets, or a queue of an interface is full. On Windows also: no free port is left.",
        ending: Some("local failure, exit status 7"),
        look_at: &[
            "`ss -s` and /proc/net/sockstat: how much memory do sockets take?",
            "connections that do not end",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EINTR",
        also: &["WSAEINTR"],
        numbers: &[linux(4), mac(4), windows(10004)],
        text: &["Interrupted system call"],
        means: "A signal came during a system call. Nothing has happened to the connection: the call is to be made again. Only close is \
not: on Linux the descriptor is gone already.",
        ending: None,
        look_at: &["a loop around the call that repeats it", "SA_RESTART, if the signal should not be seen"],
    },
    Code {
        kind: Kind::Error,
        name: "EAGAIN",
        also: &["EWOULDBLOCK", "WSAEWOULDBLOCK"],
        numbers: &[linux(11), mac(35), windows(10035)],
        text: &["Resource temporarily unavailable"],
        means: "Nothing could be received or sent just now. On a socket with SO_RCVTIMEO or SO_SNDTIMEO it is that time-out. The \
connection is as it was.",
        ending: None,
        look_at: &[
            "poll before the call",
            "SO_RCVTIMEO, if the program set it: this is not the end of the stream",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EBADF",
        also: &["WSAEBADF"],
        numbers: &[linux(9), mac(9), windows(10009)],
        text: &["Bad file descriptor"],
        means: "That descriptor is not open. Mostly it was closed twice, or closed while another thread used it: then the next \
connection that gets the same number is harmed.",
        ending: None,
        look_at: &[
            "who closes: one owner for each descriptor",
            "the number -1: an earlier call failed and the program did not check",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EIO",
        also: &[],
        numbers: &[linux(5), mac(5)],
        text: &["Input/output error"],
        means: "Reading or writing failed below. On a socket with kernel TLS: a record came that is no application data, such as \
close_notify. On a terminal: it is gone.",
        ending: Some("local failure, exit status 7"),
        look_at: &["the kernel's log", "with kTLS: read records with their type (TLS_GET_RECORD_TYPE)"],
    },
    Code {
        kind: Kind::Error,
        name: "EPERM",
        also: &[],
        numbers: &[linux(1), mac(1)],
        text: &["Operation not permitted"],
        means: "This system forbids it. From connect or send on Linux it is a firewall of this machine that drops what leaves.",
        ending: Some("no connection, exit status 3"),
        look_at: &[
            "the OUTPUT rules: `nft list ruleset` or `iptables -S OUTPUT`",
            "seccomp and BPF of a container",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "EACCES",
        also: &["WSAEACCES"],
        numbers: &[linux(13), mac(13), windows(10013)],
        text: &["Permission denied"],
        means: "This user may not. From bind: a port below 1024. From connect: a broadcast address, a security module, or a Unix socket \
whose file this user may not write. On Windows also: another program has the port for itself.",
        ending: Some("no connection, exit status 3"),
        look_at: &[
            "the port's number, and CAP_NET_BIND_SERVICE",
            "the rights of the Unix socket's file",
            "SELinux's or AppArmor's log",
        ],
    },
    Code {
        kind: Kind::Error,
        name: "ERROR_NETNAME_DELETED",
        also: &[],
        numbers: &[windows(64)],
        text: &["The specified network name is no longer available"],
        means: "WSAECONNRESET as overlapped calls and completion ports tell it: an RST came.",
        ending: Some("reset by the peer, exit status 4"),
        look_at: &["what ECONNRESET names"],
    },
    Code {
        kind: Kind::Error,
        name: "ERROR_SEM_TIMEOUT",
        also: &[],
        numbers: &[windows(121)],
        text: &["The semaphore timeout period has expired"],
        means: "WSAETIMEDOUT as overlapped calls and completion ports tell it: this system gave up.",
        ending: Some("timed out, exit status 5"),
        look_at: &["what ETIMEDOUT names"],
    },
    Code {
        kind: Kind::Error,
        name: "ERROR_OPERATION_ABORTED",
        also: &["WSA_OPERATION_ABORTED"],
        numbers: &[windows(995)],
        text: &[],
        means: "An overlapped call was cancelled on this side: the socket was closed while the call was pending, or its thread ended. A \
receive that is pending at the close makes the close an RST.",
        ending: None,
        look_at: &["who closes the socket, or calls CancelIoEx"],
    },
    Code {
        kind: Kind::Error,
        name: "WSAEDISCON",
        also: &[],
        numbers: &[windows(10101)],
        text: &[],
        means: "The peer has ended its side in an orderly way. A stream socket tells the same by a receive of 0 bytes.",
        ending: None,
        look_at: &["nothing: finish your side"],
    },
];
