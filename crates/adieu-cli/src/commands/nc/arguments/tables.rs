//! The options of each flavour: the letters and long names, in the order of the original's help, what each does, and how far
//! that is what the original does.
//!
//! The parser, the help and docs/nc.md are all made of these tables, or tested against them.

use crate::commands::nc::flavour::Flavour;

/// An option of a flavour.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands::nc) struct Opt {
    pub(in crate::commands::nc) letter: Option<char>,
    /// Empty: it has none.
    pub(in crate::commands::nc) long: &'static str,
    /// What its value is called. `None`: it takes none.
    pub(in crate::commands::nc) value: Option<&'static str>,
    /// What it does, for the help and the documents. Empty: the original's help does not have it either.
    pub(in crate::commands::nc) does: &'static str,
    pub(in crate::commands::nc) standing: Standing,
    /// It stands for a variable of the original, which makes it differ from every other name to getopt_long.
    pub(in crate::commands::nc) sets_a_variable: bool,
    /// It is one of adieu's, not of the flavour.
    pub(in crate::commands::nc) is_ours: bool,
}

/// How far an option does what the original's does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands::nc) enum Standing {
    Same,
    /// What is different, and why.
    Different(&'static str),
    /// Why it is left out.
    Refused(&'static str),
}

impl Opt {
    const fn new(
        letter: Option<char>,
        long: &'static str,
        value: Option<&'static str>,
        does: &'static str,
    ) -> Self {
        let standing = Standing::Same;
        Self { letter, long, value, does, standing, sets_a_variable: false, is_ours: false }
    }

    const fn differs(mut self, how: &'static str) -> Self {
        self.standing = Standing::Different(how);
        self
    }

    const fn refused(mut self, because: &'static str) -> Self {
        self.standing = Standing::Refused(because);
        self
    }

    const fn variable(mut self) -> Self {
        self.sets_a_variable = true;
        self
    }

    const fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// As a user writes it: `-w`, or `--ssl` where there is no letter.
    pub(in crate::commands::nc) fn written(&self) -> String {
        self.letter.map_or_else(|| format!("--{}", self.long), |letter| format!("-{letter}"))
    }

    /// All of its names: `-w`, `--wait`.
    pub(in crate::commands::nc) fn names(&self) -> Vec<String> {
        let letter = self.letter.map(|letter| format!("-{letter}"));
        // Of a letter's own name nothing is said twice.
        let is_name = !self.long.is_empty() && (self.letter.is_none() || self.long.len() > 1);
        letter.into_iter().chain(is_name.then(|| format!("--{}", self.long))).collect()
    }

    /// Whether getopt_long does not tell the two apart: an abbreviation of both is one of the first.
    pub(in crate::commands::nc) fn comes_to_the_same(&self, other: &Self) -> bool {
        self.value.is_some() == other.value.is_some()
            && self.letter == other.letter
            && !self.sets_a_variable
            && !other.sets_a_variable
    }
}

const fn flag(letter: char, does: &'static str) -> Opt {
    Opt::new(Some(letter), "", None, does)
}

const fn takes(letter: char, value: &'static str, does: &'static str) -> Opt {
    Opt::new(Some(letter), "", Some(value), does)
}

const fn both(letter: char, long: &'static str, value: Option<&'static str>, does: &'static str) -> Opt {
    Opt::new(Some(letter), long, value, does)
}

const fn long(long: &'static str, value: Option<&'static str>, does: &'static str) -> Opt {
    Opt::new(None, long, value, does)
}

const REPORT: Opt =
    long("report", Some("format"), "adieu: say how the connection ended: text, json or none").ours();
const REPORT_FILE: Opt =
    long("report-file", Some("file"), "adieu: write that report to a file instead of stderr").ours();

const NO_DCCP: &str = "nothing else speaks DCCP, and Linux has removed it";
const NO_MD5: &str = "the signature is obsolete (RFC 5925), and its key would have to be typed at a terminal";
const NO_TABLES: &str = "only OpenBSD has a routing table per socket";
const NO_STAPLE: &str = "TLS here has no OCSP stapling";
const PASSWORD: &str =
    "its password is the first line of the file that ADIEU_PROXY_PASSWORD_FILE names; no terminal is asked";
const NO_SAVING: &str = "a report has the certificate's facts, not its bytes";
const NO_ROUTE: &str = "networks drop source-routed packets";

static DEBIAN: &[Opt] = &[
    flag('4', "Use IPv4"),
    flag('6', "Use IPv6"),
    flag('b', "Allow broadcast"),
    flag('C', "Send CRLF as line-ending"),
    flag('D', "Enable the debug socket option"),
    flag('d', "Detach from stdin"),
    flag('F', "Pass socket fd").differs(NOT_PASSED),
    flag('h', "This help text"),
    takes('I', "length", "TCP receive buffer length"),
    takes('i', "interval", "Delay interval for lines sent, ports scanned"),
    flag('k', "Keep inbound sockets open for multiple connects"),
    flag('l', "Listen mode, for inbound connects"),
    takes('M', "ttl", "Outgoing TTL / Hop Limit"),
    takes('m', "minttl", "Minimum incoming TTL / Hop Limit"),
    flag('N', "Shutdown the network socket after EOF on stdin"),
    flag('n', "Suppress name/port resolutions"),
    takes('O', "length", "TCP send buffer length"),
    takes('P', "proxyuser", "Username for proxy authentication").differs(PASSWORD),
    takes('p', "port", "Specify local port for remote connects"),
    takes('q', "secs", "quit after EOF on stdin and delay of secs").differs(
        "as its manual says: the run ends secs after the end of stdin; 1.219 waits for the peer's end for ever, and then \
         for secs more. -q 0 over TCP waits for the peer's end, as 1.219 does",
    ),
    flag('r', "Randomize remote ports"),
    flag('S', "Enable the TCP MD5 signature option").refused(NO_MD5),
    takes('s', "sourceaddr", "Local source address"),
    takes('T', "keyword", "TOS value"),
    flag('t', "Answer TELNET negotiation").differs(NOT_TELNET),
    flag('U', "Use UNIX domain socket"),
    flag('u', "UDP mode"),
    takes('V', "rtable", "Specify alternate routing table").refused(NO_TABLES),
    flag('v', "Verbose"),
    takes('W', "recvlimit", "Terminate after receiving a number of packets"),
    takes('w', "timeout", "Timeout for connects and final net reads"),
    takes('X', "proto", "Proxy protocol: \"4\", \"5\" (SOCKS) or \"connect\""),
    takes('x', "addr[:port]", "Specify proxy address and port"),
    flag('Z', "DCCP mode").refused(NO_DCCP),
    flag('z', "Zero-I/O mode [used for scanning]"),
    REPORT,
    REPORT_FILE,
];

static OPENBSD: &[Opt] = &[
    flag('4', "Use IPv4"),
    flag('6', "Use IPv6"),
    takes('C', "certfile", "Public key file"),
    flag('c', "Use TLS"),
    flag('D', "Enable the debug socket option"),
    flag('d', "Detach from stdin"),
    takes('e', "name", "Required name in peer certificate").differs("with -l it is refused: a client is known by -R and -H"),
    flag('F', "Pass socket fd").differs(NOT_PASSED),
    takes('H', "hash", "Hash string of peer certificate")
        .differs("it is a pin: a certificate with this hash is trusted, and needs no other proof; with -l it needs -R"),
    flag('h', "This help text"),
    takes('I', "length", "TCP receive buffer length"),
    takes('i', "interval", "Delay interval for lines sent, ports scanned"),
    takes('K', "keyfile", "Private key file"),
    flag('k', "Keep inbound sockets open for multiple connects"),
    flag('l', "Listen mode, for inbound connects"),
    takes('M', "ttl", "Outgoing TTL / Hop Limit"),
    takes('m', "minttl", "Minimum incoming TTL / Hop Limit"),
    flag('N', "Shutdown the network socket after EOF on stdin"),
    flag('n', "Suppress name/port resolutions"),
    takes('O', "length", "TCP send buffer length"),
    takes('o', "staplefile", "Staple file").refused(NO_STAPLE),
    takes('P', "proxyuser", "Username for proxy authentication").differs(PASSWORD),
    takes('p', "port", "Specify local port for remote connects"),
    takes('R', "CAfile", "CA bundle")
        .differs("a certificate counts by its subjectAltName, never by its common name, and one of X.509 v1 is refused"),
    flag('r', "Randomize remote ports"),
    flag('S', "Enable the TCP MD5 signature option").refused(NO_MD5),
    takes('s', "sourceaddr", "Local source address"),
    takes('T', "keyword", "TOS value or TLS options").differs(
        "muststaple, ciphers, noname and a single version are refused: TLS here has no OCSP stapling, only what is safe, and checks \
         a certificate with its name or by its hash",
    ),
    flag('t', "Answer TELNET negotiation").differs(NOT_TELNET),
    flag('U', "Use UNIX domain socket"),
    flag('u', "UDP mode"),
    takes('V', "rtable", "Specify alternate routing table").refused(NO_TABLES),
    flag('v', "Verbose"),
    takes('W', "recvlimit", "Terminate after receiving a number of packets"),
    takes('w', "timeout", "Timeout for connects and final net reads"),
    takes('X', "proto", "Proxy protocol: \"4\", \"5\" (SOCKS) or \"connect\""),
    takes('x', "addr[:port]", "Specify proxy address and port"),
    takes('Z', "peercertfile", "Save peer certificate").refused(NO_SAVING),
    flag('z', "Zero-I/O mode [used for scanning]"),
    REPORT,
    REPORT_FILE,
];

static TRADITIONAL: &[Opt] = &[
    takes('c', "shell commands", "as `-e'; use /bin/sh to exec [dangerous!!]").differs(OPT_IN),
    takes('e', "filename", "program to exec after connect [dangerous!!]").differs(OPT_IN),
    flag('a', "").refused("it is not written in the original either"),
    flag('b', "allow broadcasts"),
    takes('g', "gateway", "source-routing hop point[s], up to 8").refused(NO_ROUTE),
    takes('G', "num", "source-routing pointer: 4, 8, 12, ...").refused(NO_ROUTE),
    flag('h', "this cruft"),
    takes('i', "secs", "delay interval for lines sent, ports scanned"),
    flag('k', "set keepalive option on socket"),
    flag('l', "listen mode, for inbound connects").differs(
        "-l with a bare number is refused: the original takes it for a host, and waits at a random port for ever",
    ),
    flag('n', "numeric-only IP addresses, no DNS"),
    takes('o', "file", "hex dump of traffic"),
    takes('p', "port", "local port number"),
    flag('r', "randomize local and remote ports"),
    takes('q', "secs", "quit after EOF on stdin and delay of secs"),
    takes('s', "addr", "local source address"),
    takes('T', "tos", "set Type Of Service"),
    flag('t', "answer TELNET negotiation").differs(NOT_TELNET),
    flag('u', "UDP mode"),
    flag('v', "verbose [use twice to be more verbose]"),
    takes('w', "secs", "timeout for connects and final net reads"),
    flag('C', "Send CRLF as line-ending"),
    flag('z', "zero-I/O mode [used for scanning]"),
    REPORT,
    REPORT_FILE,
];

const NOT_TELNET: &str = "with -u it is refused: TELNET is spoken over streams";
const NOT_PASSED: &str = "with -u it is refused: only a connected socket is passed";
const NOT_RUN: &str = "with -u it is refused: datagrams have no end that a command could read";
const OPT_IN: &str =
    "only with ADIEU_NC_EXEC=allow in the environment: anybody who connects could run the program";
const NO_SCTP: &str = "adieu speaks TCP, UDP and Unix sockets";
const NO_LUA: &str = "it has no Lua in it; --exec runs an interpreter";
const NO_BROKER: &str = "it is a server for many clients among themselves, not a connection";
const NO_CIPHERS: &str = "TLS here has only ciphers that are safe, and nothing to choose";

/// In the order of ncat's own table, which decides about abbreviations.
static NCAT: &[Opt] = &[
    both('4', "4", None, "Use IPv4 only"),
    both('6', "6", None, "Use IPv6 only"),
    both('U', "unixsock", None, "Use Unix domain sockets only"),
    long("vsock", None, "Use vsock sockets only").refused(NO_SCTP),
    both('C', "crlf", None, "Use CRLF for EOL sequence"),
    both('g', "g", Some("hop1[,hop2,...]"), "Loose source routing hop points (8 max)").refused(NO_ROUTE),
    both('G', "G", Some("n"), "Loose source routing hop pointer (4, 8, 12, ...)").refused(NO_ROUTE),
    both('e', "exec", Some("command"), "Executes the given command").differs(NOT_RUN),
    both('c', "sh-exec", Some("command"), "Executes the given command via /bin/sh").differs(NOT_RUN),
    long("lua-exec", Some("filename"), "Executes the given Lua script").refused(NO_LUA),
    long("lua-exec-internal", Some("filename"), "").refused(NO_LUA),
    both('m', "max-conns", Some("n"), "Maximum <n> simultaneous connections"),
    both('h', "help", None, "Display this help screen"),
    both('d', "delay", Some("time"), "Wait between read/writes"),
    both('l', "listen", None, "Bind and listen for incoming connections"),
    both('o', "output", Some("filename"), "Dump session data to a file"),
    both('x', "hex-dump", Some("filename"), "Dump session data as hex to a file"),
    long("append-output", None, "Append rather than clobber specified output files"),
    both('i', "idle-timeout", Some("time"), "Idle read/write timeout")
        .differs("with -l and -k it ends the client that is silent, and not the listener"),
    both('k', "keep-open", None, "Accept multiple connections in listen mode").differs(
        "a client that connects after stdin has ended reads that end at once: the original leaves it waiting. A stdin that fails is \
         no end, and cuts all clients",
    ),
    long("recv-only", None, "Only receive data, never send anything").variable(),
    both('p', "source-port", Some("port"), "Specify source port to use"),
    both('s', "source", Some("addr"), "Specify source address to use (doesn't affect -l)"),
    long("send-only", None, "Only send data, ignoring received; quit on EOF").variable(),
    long("no-shutdown", None, "Continue half-duplex when receiving EOF on stdin").variable(),
    long("broker", None, "Enable Ncat's connection brokering mode").refused(NO_BROKER),
    long("chat", None, "Start a simple Ncat chat server").refused(NO_BROKER),
    long("talk", None, "").refused(NO_BROKER),
    long("deny", Some("hosts"), "Deny given hosts from connecting to Ncat"),
    long("denyfile", Some("file"), "A file of hosts denied from connecting to Ncat"),
    long("allow", Some("hosts"), "Allow only given hosts to connect to Ncat"),
    long("allowfile", Some("file"), "A file of hosts allowed to connect to Ncat"),
    both('t', "telnet", None, "Answer Telnet negotiations").differs(NOT_TELNET),
    both('u', "udp", None, "Use UDP instead of default TCP"),
    long("sctp", None, "Use SCTP instead of default TCP").refused(NO_SCTP),
    long("version", None, "Display Ncat's version information and exit"),
    both('v', "verbose", None, "Set verbosity level (can be used several times)"),
    both('w', "wait", Some("time"), "Connect timeout"),
    both('n', "nodns", None, "Do not resolve hostnames via DNS"),
    long("proxy", Some("addr[:port]"), "Specify address of host to proxy through"),
    long("proxy-type", Some("type"), "Specify proxy type (\"http\", \"socks4\", \"socks5\")")
        .differs("with -l it is refused: adieu is not an HTTP proxy"),
    long("proxy-auth", Some("auth"), "Authenticate with HTTP or SOCKS proxy server")
        .differs("over HTTP it is Basic, in the first request: a proxy that demands Digest is an error"),
    long("proxy-dns", Some("type"), "Specify where to resolve proxy destination"),
    long("nsock-engine", Some("engine"), "").differs("it changes nothing: adieu has one way to wait"),
    long("test", None, "").differs("the one line that ncat's own tests wait for, and nothing else"),
    long("ssl", None, "Connect or listen with SSL").variable(),
    long("ssl-cert", Some("pemfile"), "Specify SSL certificate file (PEM) for listening"),
    long("ssl-key", Some("pemfile"), "Specify SSL private key (PEM) for listening"),
    long("ssl-verify", None, "Verify trust and domain name of certificates"),
    long("ssl-trustfile", Some("pemfile"), "PEM file containing trusted SSL certificates"),
    long("ssl-ciphers", Some("list"), "Cipherlist containing SSL ciphers to use").refused(NO_CIPHERS),
    long("ssl-servername", Some("name"), "Request distinct server name (SNI)"),
    long("ssl-alpn", Some("list"), "ALPN protocol list to use"),
    flag('z', "Zero-I/O mode, report connection status only"),
    REPORT,
    REPORT_FILE,
];

/// The options of a flavour.
pub(in crate::commands::nc) fn of(flavour: Flavour) -> &'static [Opt] {
    match flavour {
        Flavour::Debian => DEBIAN,
        Flavour::OpenBsd => OPENBSD,
        Flavour::Traditional => TRADITIONAL,
        Flavour::Ncat => NCAT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flavour_has_the_letters_of_its_original() {
        for (flavour, letters) in [
            (Flavour::Debian, "46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz"),
            (Flavour::OpenBsd, "46C:cDde:FH:hI:i:K:klM:m:NnO:o:P:p:R:rSs:T:tUuV:vW:w:X:x:Z:z"),
            (Flavour::Traditional, "abc:e:g:G:hi:klno:p:q:rs:T:tuvw:zC"),
            (Flavour::Ncat, "46UCc:e:g:G:i:km:hp:d:lo:x:ts:uvw:nz"),
        ] {
            let mut expected = Vec::new();
            for letter in letters.chars() {
                match letter {
                    ':' => {
                        expected.last_mut().map(|(_, takes)| *takes = true).expect("a letter is before it");
                    }
                    letter => expected.push((letter, false)),
                }
            }
            expected.sort_unstable();
            let mut own: Vec<_> =
                of(flavour).iter().filter_map(|o| Some((o.letter?, o.value.is_some()))).collect();
            own.sort_unstable();
            assert_eq!(own, expected, "{flavour}");
        }
    }
}
