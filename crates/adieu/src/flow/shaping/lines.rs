//! What is made of our input on its way: line ends, and a pause after each line.

use std::time::{Duration, Instant};

/// Makes CR LF of each LF that has no CR before it, whatever pieces the stream comes in.
#[derive(Debug, Default)]
pub(crate) struct Crlf {
    after_cr: bool,
}

impl Crlf {
    /// Appends what becomes of `bytes`.
    pub(crate) fn translate(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' && !self.after_cr {
                to.push(b'\r');
            }
            to.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

/// A pause after each line.
#[derive(Debug)]
pub(crate) struct LineDelay {
    delay: Duration,
    /// Until then nothing more is sent.
    until: Option<Instant>,
}

impl LineDelay {
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay, until: None }
    }

    /// How much of `bytes` goes at once: to the end of the first line.
    pub(crate) fn piece(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
    }

    /// These bytes go now.
    pub(crate) fn after(&mut self, bytes: &[u8]) {
        if bytes.ends_with(b"\n") {
            // A moment beyond the end of the clock is none.
            self.until = Instant::now().checked_add(self.delay);
        }
    }

    /// How long to wait before more goes.
    pub(crate) fn left(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut crlf, mut all) = (Crlf::default(), Vec::new());
        for piece in pieces {
            crlf.translate(piece, &mut all);
        }
        all
    }

    #[test]
    fn a_lone_lf_becomes_crlf_and_crlf_stays() {
        for (pieces, expected) in [
            (&[&b"a\nb\r\nc\rd\n"[..]][..], &b"a\r\nb\r\nc\rd\r\n"[..]),
            (&[b"a\r", b"\nb"], b"a\r\nb"),
            (&[b"a\r", b"", b"\n"], b"a\r\n"),
            (&[b"\n", b"\n"], b"\r\n\r\n"),
            (&[b"\r\r\n\n"], b"\r\r\n\r\n"),
            (&[b""], b""),
        ] {
            assert_eq!(translated(pieces), expected, "{pieces:?}");
        }
    }

    #[cfg(unix)]
    proptest::proptest! {
        #[test]
        fn where_the_stream_is_split_changes_nothing(
            bytes in proptest::collection::vec(proptest::sample::select(&b"\r\nab"[..]), 0..64),
            cuts in proptest::collection::vec(0_usize..64, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            let all = translated(&pieces);
            proptest::prop_assert_eq!(&all, &translated(&[&bytes]));
            // No LF is left alone, and nothing else is changed.
            let has_lone_lf = all.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || all[at - 1] != b'\r'));
            proptest::prop_assert!(!has_lone_lf);
            let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
            proptest::prop_assert_eq!(plain(&all), plain(&bytes));
        }
    }

    #[test]
    fn a_line_goes_with_its_end_and_what_has_none_goes_at_once() {
        assert_eq!(LineDelay::piece(b"one\ntwo\n"), 4);
        assert_eq!(LineDelay::piece(b"\n"), 1);
        assert_eq!(LineDelay::piece(b"rest"), 4);
        let mut delay = LineDelay::new(Duration::from_secs(60));
        delay.after(b"rest");
        assert_eq!(delay.left(), Duration::ZERO);
        delay.after(b"one\n");
        assert!(delay.left() > Duration::from_secs(50));
    }
}
