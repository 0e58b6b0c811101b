//! PEM that a configuration is given, in files or in memory: certificates, and private keys without a passphrase.
//!
//! PEM that cannot be used is an error that says what is there instead, and how to make something usable of it.

use super::config_error::{ConfigError, PemOrigin};
use super::verify::Trusted;
use crate::system_error;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// PEM, and where it is. Files are read when a configuration is built.
#[derive(Clone)]
pub(super) enum Pem {
    /// In a file, which may be a pipe.
    File(PathBuf),
    /// In memory.
    Memory {
        /// The method that took it.
        given_to: &'static str,
        content: Vec<u8>,
    },
}

/// Without its content, which may be a private key.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin().fmt(f)
    }
}

impl Pem {
    fn origin(&self) -> PemOrigin {
        match self {
            Self::File(path) => PemOrigin::File(path.clone()),
            Self::Memory { given_to, .. } => PemOrigin::Memory { given_to },
        }
    }

    /// What a command names as its input.
    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::File(path) => path.to_string_lossy(),
            Self::Memory { .. } => "FILE".into(),
        }
    }

    /// Its octets. Some editors write a byte order mark before the first line, which stands in the middle once files are put
    /// together.
    fn read(&self) -> Result<Vec<u8>, ConfigError> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let mut content = match self {
            Self::File(path) => std::fs::read(path).map_err(|error| ConfigError::Unreadable {
                path: path.clone(),
                source: system_error::of(&error),
            })?,
            Self::Memory { content, .. } => content.clone(),
        };
        while let Some(at) = content.windows(MARK.len()).position(|part| part == MARK) {
            content.drain(at..at + MARK.len());
        }
        Ok(content)
    }
}

/// What PEM is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Certificate,
    Key,
}

impl Item {
    fn missing(self, pem: &Pem, why: String) -> ConfigError {
        let origin = pem.origin();
        match self {
            Self::Certificate => ConfigError::NoCertificate { origin, why },
            Self::Key => ConfigError::NoKey { origin, why },
        }
    }

    /// Why there is none in it, and how to make one of what it has.
    fn explain(self, pem: &Pem, content: &[u8], error: pem::Error) -> ConfigError {
        let holds = |words: &str| content.windows(words.len()).any(|part| part == words.as_bytes());
        let name = pem.name();
        let why = match (self, error) {
            _ if holds("ENCRYPTED") => {
                format!("it is encrypted; openssl pkey -in {name} -out NEW makes one that is not")
            }
            (Self::Certificate, pem::Error::NoItemsFound) if is_pkcs12(content) => {
                format!("it is in PKCS#12; openssl pkcs12 -in {name} -nokeys -out NEW makes PEM of it")
            }
            (Self::Key, pem::Error::NoItemsFound) if is_pkcs12(content) => {
                format!(
                    "it is in PKCS#12; openssl pkcs12 -in {name} -nocerts -nodes -out NEW makes PEM of it"
                )
            }
            (_, pem::Error::NoItemsFound) if is_der(content) => {
                format!("it is in DER; openssl with -inform DER -in {name} -out NEW makes PEM of it")
            }
            (_, pem::Error::NoItemsFound)
                if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") =>
            {
                "it is in UTF-16; save it as UTF-8".to_owned()
            }
            (Self::Certificate, pem::Error::NoItemsFound) if holds("BEGIN CERTIFICATE REQUEST") => {
                "it is a request for a certificate; name the certificate that was issued for it".to_owned()
            }
            (Self::Certificate, pem::Error::NoItemsFound)
                if holds("BEGIN TRUSTED CERTIFICATE") || holds("BEGIN X509 CERTIFICATE") =>
            {
                format!(
                    "it is in a form of OpenSSL's own; openssl x509 -in {name} -out NEW makes the usual one of it"
                )
            }
            (Self::Certificate, pem::Error::NoItemsFound) if holds("BEGIN PKCS7") => {
                format!(
                    "it is in PKCS#7; openssl pkcs7 -print_certs -in {name} -out NEW takes the certificates out of it"
                )
            }
            (Self::Key, pem::Error::NoItemsFound) if holds("BEGIN OPENSSH PRIVATE KEY") => {
                "it is in OpenSSH's own form; openssl genpkey makes keys for TLS".to_owned()
            }
            (Self::Key, pem::Error::NoItemsFound) if holds("BEGIN PUBLIC KEY") => {
                "it is the public key; name the private one".to_owned()
            }
            (_, pem::Error::NoItemsFound) if matches!(pem, Pem::Memory { .. }) && is_one_line(content) => {
                "it is a single line; if that is the path of a file, give it to the method for files"
                    .to_owned()
            }
            (_, pem::Error::NoItemsFound) => "there is none in it".to_owned(),
            (_, pem::Error::MissingSectionEnd { .. }) => "a BEGIN line in it has no END line".to_owned(),
            (_, pem::Error::Base64Decode(_)) => "what is between BEGIN and END in it is damaged".to_owned(),
            (_, pem::Error::IllegalSectionStart { .. }) => {
                "a BEGIN line in it has not five dashes at its end".to_owned()
            }
            _ => "it is not well formed".to_owned(),
        };
        self.missing(pem, why)
    }
}

/// Whether a file begins as a SEQUENCE of ASN.1 does (X.690, 8.9), and is no text.
fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30) && !content.is_ascii()
}

/// Whether it is a PFX in DER: version 3, and then what is called data. RFC 7292, section 4.
fn is_pkcs12(content: &[u8]) -> bool {
    const VERSION: [u8; 3] = [0x02, 1, 3];
    const DATA: [u8; 11] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let start = &content[..content.len().min(40)];
    let has = |part: &[u8]| start.windows(part.len()).any(|at| at == part);
    is_der(content) && has(&VERSION) && has(&DATA)
}

/// Whether it may be a path.
fn is_one_line(content: &[u8]) -> bool {
    !content.is_empty() && !content.contains(&b'\n') && std::str::from_utf8(content).is_ok()
}

fn read_certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let content = pem.read()?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(Item::Certificate.explain(pem, &content, pem::Error::NoItemsFound))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Item::Certificate.explain(pem, &content, error)),
    }
}

pub(super) fn add_trusted(trusted: &mut Trusted, pem: &Pem) -> Result<(), ConfigError> {
    for certificate in read_certificates(pem)? {
        let broken = |_| Item::Certificate.missing(pem, "one in it cannot be understood".to_owned());
        trusted.add(certificate).map_err(broken)?;
    }
    Ok(())
}

/// A certificate with its chain, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(super) fn read_identity(certificate: &Pem, key: &Pem) -> Result<Identity, ConfigError> {
    let chain = read_certificates(certificate)?;
    let content = key.read()?;
    let key =
        PrivateKeyDer::from_pem_slice(&content).map_err(|error| Item::Key.explain(key, &content, error))?;
    Ok((chain, key))
}
