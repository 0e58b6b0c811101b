//! Reading a ClientHello from the first octets of a stream: the name that a client of TLS asks for, without decrypting anything.
//!
//! It is no check: whether a server likes the rest of the hello is the server's to say. So every version of TLS is read, and
//! whatever else stands in it is passed over. rustls's own parser refuses what it could not speak itself.
//!
//! RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3 (server_name).

/// The longest hello that is read, in octets, with the headers of its records.
const LONGEST: usize = 32 * 1024;

/// The header of a record: its type, its version and its length.
const RECORD: usize = 5;
/// The header of a handshake message: its type and its length.
const MESSAGE: usize = 4;
/// The longest content of a record (RFC 8446, section 5.1).
const FRAGMENT: usize = 1 << 14;

const SERVER_NAME: u16 = 0;

/// What a client of TLS asks for before anything is encrypted, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ClientHello {
    /// The server name (SNI), in lower case and without a dot at its end. `None`: it names none. With Encrypted Client Hello it is
    /// the outer, public name: the inner one cannot be seen.
    pub(crate) server_name: Option<String>,
}

/// What the first octets of a stream are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hello {
    /// A ClientHello that is not whole yet.
    Partial,
    /// A ClientHello.
    Whole(ClientHello),
    /// Something else, or a ClientHello that cannot be read.
    Other,
}

/// Reads the first octets of a stream, of which there is at least one.
pub(super) fn read(octets: &[u8]) -> Hello {
    let octets = &octets[..octets.len().min(LONGEST)];
    let mut message = Vec::new();
    let mut rest = octets;
    loop {
        // What there is of a header has to look like one.
        let header = &rest[..rest.len().min(RECORD)];
        let is_handshake = header.first().is_none_or(|kind| *kind == 0x16);
        let is_tls = header.get(1).is_none_or(|major| *major == 3);
        if !is_handshake || !is_tls {
            return Hello::Other;
        }
        let [_, _, _, high, low] = *header else { return partial(octets) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > FRAGMENT {
            return Hello::Other;
        }
        let body = &rest[RECORD..];
        message.extend(&body[..body.len().min(length)]);
        match whole(&message) {
            Message::Hello(hello) => return parse(hello).map_or(Hello::Other, Hello::Whole),
            Message::Partial if body.len() <= length => return partial(octets),
            Message::Partial => rest = &body[length..],
            Message::Other => return Hello::Other,
        }
        if rest.is_empty() {
            return partial(octets);
        }
    }
}

fn partial(octets: &[u8]) -> Hello {
    if octets.len() < LONGEST { Hello::Partial } else { Hello::Other }
}

/// What a message is, as far as it has come.
enum Message<'a> {
    Partial,
    /// The body of a ClientHello.
    Hello(&'a [u8]),
    Other,
}

fn whole(message: &[u8]) -> Message<'_> {
    if message.first().is_some_and(|kind| *kind != 1) {
        return Message::Other;
    }
    let [_, a, b, c, body @ ..] = message else { return Message::Partial };
    let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
    if length > LONGEST - MESSAGE {
        return Message::Other;
    }
    body.get(..length).map_or(Message::Partial, Message::Hello)
}

/// What is left of a hello.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<usize> {
        self.take(1).map(|octet| usize::from(octet[0]))
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|two| u16::from_be_bytes([two[0], two[1]]))
    }

    /// A vector whose length stands before it in one octet.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length)
    }

    /// A vector whose length stands before it in two octets.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

fn parse(body: &[u8]) -> Option<ClientHello> {
    let mut rest = Rest(body);
    let (_version, _random) = (rest.take(2)?, rest.take(32)?);
    let (_session, _suites, _compression) = (rest.short()?, rest.long()?, rest.short()?);
    let mut hello = ClientHello::default();
    if rest.0.is_empty() {
        // Before TLS 1.2 there may be no extensions at all.
        return Some(hello);
    }
    let mut extensions = Rest(rest.long()?);
    while !extensions.0.is_empty() {
        let (kind, value) = (extensions.u16()?, extensions.long()?);
        if kind == SERVER_NAME {
            hello.server_name = normal(server_name(value)?);
        }
    }
    Some(hello)
}

/// The host name in a list of names; empty, if there is none.
fn server_name(value: &[u8]) -> Option<&[u8]> {
    let mut list = Rest(Rest(value).long()?);
    while !list.0.is_empty() {
        let (kind, name) = (list.u8()?, list.long()?);
        if kind == 0 {
            return Some(name);
        }
    }
    Some(&[])
}

/// A name as it is compared. `None`: it is empty, or has octets that no host's name has.
fn normal(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.len() <= 253 && name.chars().all(fits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector16(content: &[u8]) -> Vec<u8> {
        [&u16::try_from(content.len()).expect("short").to_be_bytes(), content].concat()
    }

    /// A hello as a message, with these extensions.
    fn message(extensions: Option<&[(u16, Vec<u8>)]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(vector16(&[0x13, 1]));
        body.extend([1, 0]);
        if let Some(extensions) = extensions {
            let one =
                |(kind, value): &(u16, Vec<u8>)| [kind.to_be_bytes().to_vec(), vector16(value)].concat();
            body.extend(vector16(&extensions.iter().flat_map(one).collect::<Vec<u8>>()));
        }
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    /// A message in records of so many octets.
    fn records(message: &[u8], each: usize) -> Vec<u8> {
        message.chunks(each).flat_map(|part| [&[0x16, 3, 1][..], &vector16(part)].concat()).collect()
    }

    fn name(name: &[u8]) -> (u16, Vec<u8>) {
        (SERVER_NAME, vector16(&[&[0][..], &vector16(name)].concat()))
    }

    fn hello_to(host: &str) -> Vec<u8> {
        records(&message(Some(&[name(host.as_bytes())])), FRAGMENT)
    }

    #[test]
    fn its_name_is_read() {
        // Its protocols (ALPN), and an Encrypted Client Hello.
        let others = [(16, vector16(b"\x02h2\x08http/1.1")), (0xfe0d, vec![0])];
        let all = [&[(10, vec![0, 2, 0, 29]), name(b"WWW.Example.org.")], &others[..]].concat();
        let expected = ClientHello { server_name: Some("www.example.org".into()) };
        for each in [1, 7, FRAGMENT] {
            let octets = records(&message(Some(&all)), each);
            assert_eq!(read(&octets), Hello::Whole(expected.clone()), "records of {each}");
            // Whatever follows.
            assert_eq!(read(&[&octets[..], b"more"].concat()), Hello::Whole(expected.clone()));
            for part in 1..octets.len() {
                assert_eq!(read(&octets[..part]), Hello::Partial, "{part} of {} in {each}", octets.len());
            }
        }
    }

    #[test]
    fn a_hello_without_a_name_is_one() {
        for extensions in [None, Some(&[][..]), Some(&[(SERVER_NAME, vector16(&[]))]), Some(&[name(b"a b")])]
        {
            let octets = records(&message(extensions), FRAGMENT);
            assert_eq!(read(&octets), Hello::Whole(ClientHello::default()), "{extensions:?}");
        }
    }

    #[test]
    fn whatever_else_comes_is_not_waited_for() {
        let mut cut = message(Some(&[name(b"example.org")]));
        // Its extensions tell a length that is not theirs.
        let length = cut.len() - 17;
        cut[length] = 0xff;
        for octets in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"SSH-2.0-x\r\n",
            &[0x16, 2],
            &[0x16, 3, 1, 0, 0],
            &[0x16, 3, 1, 0x40, 1],
            // A ServerHello.
            &[0x16, 3, 3, 0, 4, 2],
            // Longer than any.
            &[0x16, 3, 3, 0, 4, 1, 1, 0, 0],
            &records(&cut, FRAGMENT),
        ] {
            assert_eq!(read(octets), Hello::Other, "{octets:02x?}");
        }
        // A record that never ends its message.
        let mut endless = vec![1, 0, 0x7f, 0];
        endless.resize(LONGEST, 0);
        assert_eq!(read(&records(&endless, 1)), Hello::Other);
    }

    proptest! {
        #[test]
        fn nothing_panics(octets in prop::collection::vec(any::<u8>(), 1..400), body in any::<bool>()) {
            let octets = if body { records(&[&[1, 0, 0, 200], &octets[..]].concat(), FRAGMENT) } else { octets };
            let _ = read(&octets);
        }

        #[test]
        fn a_wrong_octet_never_panics(at in any::<prop::sample::Index>(), octet in any::<u8>()) {
            let mut octets = hello_to("www.example.org");
            let at = at.index(octets.len());
            octets[at] = octet;
            let _ = read(&octets);
        }
    }
}
