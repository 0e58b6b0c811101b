//! Line ends: how those of our input are changed on their way.

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
            let all = translated(&super::super::cut_at(&bytes, cuts));
            proptest::prop_assert_eq!(&all, &translated(&[&bytes]));
            // No LF is left alone, and nothing else is changed.
            let has_lone_lf = all.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || all[at - 1] != b'\r'));
            proptest::prop_assert!(!has_lone_lf);
            let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
            proptest::prop_assert_eq!(plain(&all), plain(&bytes));
        }
    }
}
