//! Telnet, as far as a peer can be told that we know none of its options.
//!
//! What is received is parted into data and commands; each request is answered by a refusal, and nothing is answered twice
//! for one request. Options are never used, so no state of any is kept.
//!
//! RFC 854: IAC is 255, and is doubled where it is data. Commands have one byte more; DO, DONT, WILL and WONT have an option too; a
//! subnegotiation lasts from SB to IAC SE.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// How many octets of answers may wait before more is received: a peer that asks and does not read holds up itself.
const MOST_ANSWERS: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and one of the four that have an option.
    Option(u8),
    /// After IAC SB.
    Subnegotiation,
    /// After an IAC in there.
    SubnegotiationCommand,
}

#[derive(Debug, Default)]
pub(super) struct Telnet {
    state: State,
    answers: Vec<u8>,
}

impl Telnet {
    /// Takes the commands out of `bytes`, and notes the answers. How many bytes of data are left, at the front.
    pub(super) fn filter(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        for at in 0..bytes.len() {
            let byte = bytes[at];
            let data = match (self.state, byte) {
                (State::Data, IAC) => self.go_to(State::Command),
                (State::Data, _) => true,
                // A doubled one is data.
                (State::Command, IAC) => {
                    self.state = State::Data;
                    true
                }
                (State::Command, DO | DONT | WILL | WONT) => self.go_to(State::Option(byte)),
                (State::Command, SB) => self.go_to(State::Subnegotiation),
                (State::Command, _) | (State::SubnegotiationCommand, SE) => self.go_to(State::Data),
                (State::Option(command), option) => {
                    self.answer(command, option);
                    self.go_to(State::Data)
                }
                (State::Subnegotiation, IAC) => self.go_to(State::SubnegotiationCommand),
                (State::Subnegotiation | State::SubnegotiationCommand, _) => {
                    self.go_to(State::Subnegotiation)
                }
            };
            if data {
                bytes[kept] = byte;
                kept += 1;
            }
        }
        kept
    }

    /// The byte is no data.
    fn go_to(&mut self, state: State) -> bool {
        self.state = state;
        false
    }

    fn answer(&mut self, command: u8, option: u8) {
        let refusal = match command {
            DO => WONT,
            WILL => DONT,
            // What the peer does not do, or does not want, is so already.
            _ => return,
        };
        self.answers.extend([IAC, refusal, option]);
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// So many wait that no more is to be received.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= MOST_ANSWERS
    }

    /// Takes answers. How many octets.
    pub(super) fn take_answers(&mut self, room: &mut [u8]) -> usize {
        let n = room.len().min(self.answers.len());
        room[..n].copy_from_slice(&self.answers[..n]);
        self.answers.drain(..n);
        n
    }

    /// Nothing can be answered any more.
    pub(super) fn drop_answers(&mut self) {
        self.answers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data and the answers of a stream that comes in these pieces.
    fn filtered(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut telnet, mut data) = (Telnet::default(), Vec::new());
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let n = telnet.filter(&mut bytes);
            data.extend_from_slice(&bytes[..n]);
        }
        (data, telnet.answers)
    }

    #[test]
    fn requests_are_refused_and_data_is_left() {
        let (data, answers) = filtered(&[b"a\xff\xfd\x01b\xff\xfb\x03c\xff\xff\xff\xf1d"]);
        assert_eq!(data, b"abc\xffd");
        assert_eq!(answers, b"\xff\xfc\x01\xff\xfe\x03");
    }

    #[test]
    fn refusals_and_subnegotiations_are_taken_out_and_not_answered() {
        let (data, answers) = filtered(&[b"\xff\xfe\x01\xff\xfc\x03\xff\xfa\x18\x01\xff\xff\xff\xf0x"]);
        assert_eq!((&data[..], &answers[..]), (&b"x"[..], &b""[..]));
    }

    #[test]
    fn answers_that_are_not_taken_hold_more_requests_up() {
        let mut telnet = Telnet::default();
        while !telnet.is_full() {
            telnet.filter(&mut b"\xff\xfd\x01".to_owned());
        }
        let mut room = [0; 4];
        assert_eq!(telnet.take_answers(&mut room), 4);
        assert_eq!(room, [255, 252, 1, 255]);
        assert!(telnet.has_answers() && !telnet.is_full());
        telnet.drop_answers();
        assert!(!telnet.has_answers());
    }

    #[cfg(unix)]
    proptest::proptest! {
        #[test]
        fn where_the_stream_is_split_changes_nothing(
            bytes in proptest::collection::vec(proptest::sample::select(&[IAC, DO, DONT, WILL, WONT, SB, SE, b'a', 1][..]), 0..64),
            cuts in proptest::collection::vec(0_usize..64, 0..8),
        ) {
            let pieces = super::super::cut_at(&bytes, cuts);
            proptest::prop_assert_eq!(filtered(&pieces), filtered(&[&bytes]));
        }

        #[test]
        fn data_whose_iacs_are_doubled_comes_back(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let doubled: Vec<u8> = bytes.iter().flat_map(|b| std::iter::repeat_n(*b, 1 + usize::from(*b == IAC))).collect();
            proptest::prop_assert_eq!(filtered(&[&doubled]), (bytes, Vec::new()));
        }
    }
}
