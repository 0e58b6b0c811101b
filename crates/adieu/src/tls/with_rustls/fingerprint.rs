//! A certificate's fingerprint, as it is pinned and reported.

use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// The SHA-256 of a certificate: what a [`Client::pin`](super::Client::pin) takes and reports tell.
///
/// # Examples
///
/// ```
/// use adieu::tls::Fingerprint;
///
/// let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// assert_eq!(text.parse::<Fingerprint>()?, Fingerprint::of(b""));
/// assert_eq!(Fingerprint::of(b"").to_string(), text);
/// # Ok::<(), adieu::tls::ParseFingerprintError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// A text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: write sha256: and 64 hexadecimal digits, with or without colons between them")]
pub struct ParseFingerprintError;

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Takes what [`Display`](fmt::Display) writes, and `openssl x509 -fingerprint -sha256` after its `=`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.get(..7).filter(|prefix| prefix.eq_ignore_ascii_case("sha256:"));
        let digits = prefix.and_then(|_| text.get(7..)).ok_or(ParseFingerprintError)?;
        let mut digits = digits.bytes().filter(|b| *b != b':').map(|b| char::from(b).to_digit(16));
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            let mut digit = || digits.next().flatten().ok_or(ParseFingerprintError);
            *byte = u8::try_from(digit()? * 16 + digit()?).map_err(|_| ParseFingerprintError)?;
        }
        if digits.next().is_some() { Err(ParseFingerprintError) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_as_openssl_writes_it() {
        let ours = Fingerprint::of(b"x").to_string();
        assert_eq!(ours.parse(), Ok(Fingerprint::of(b"x")));
        let digits = ours.trim_start_matches("sha256:").to_uppercase();
        let pairs: Vec<&str> = (0..32).map(|i| &digits[2 * i..2 * i + 2]).collect();
        assert_eq!(format!("SHA256:{}", pairs.join(":")).parse(), Ok(Fingerprint::of(b"x")));
        let long = format!("{ours}0");
        for wrong in ["", "sha256:", &ours[..70], &long, &digits, "sha1:00", "sha256:é", "é"] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(ParseFingerprintError), "{wrong}");
        }
    }
}
