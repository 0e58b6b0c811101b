//! Certificates for one run, from an authority that nobody else knows.

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, path::PathBuf};
use tempfile::TempDir;

/// How many there were, so that each has a name of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// An authority, with its certificate in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key, in PKCS #8.
    pub key: Vec<u8>,
    /// Both as PEM files: the certificate's, and the key's.
    pub files: (PathBuf, PathBuf),
}

impl Identity {
    /// The key, as rustls takes it.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// The SHA-256 of the certificate, as `--pin` takes it.
    pub fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        digest.as_ref().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }
}

/// Where files may be left: the [shared](Authority::shared) authority is never dropped, so its directory stays. A program that cargo has
/// built uses `tmp` in the build's directory, as CARGO_TARGET_TMPDIR is for integration tests, and `cargo clean` removes it. Any other uses
/// the system's.
fn directory_of_the_build() -> PathBuf {
    let own = || {
        let program = std::env::current_exe().ok()?;
        // cargo marks the directory of a build: <https://bford.info/cachedir/>.
        let build = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file())?;
        let directory = build.join("tmp");
        std::fs::create_dir_all(&directory).ok().map(|()| directory)
    };
    own().unwrap_or_else(std::env::temp_dir)
}

impl Authority {
    /// The one of this process.
    ///
    /// # Panics
    ///
    /// If no key or file can be made: nothing can be tested then.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Authority> = OnceLock::new();
        SHARED.get_or_init(|| Self::new().expect("a key and a directory can be made"))
    }

    /// A new one.
    ///
    /// # Errors
    ///
    /// No key or file can be made.
    pub fn new() -> io::Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("adieu's test authority {}", MADE.fetch_add(1, Ordering::Relaxed));
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(parameters, key).map_err(io::Error::other)?;
        let directory = tempfile::Builder::new().prefix("adieu-tls-").tempdir_in(directory_of_the_build())?;
        std::fs::write(directory.path().join("ca.pem"), issuer.pem())?;
        Ok(Self { issuer, directory })
    }

    /// Its certificate, in PEM.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate for these names and addresses that is valid for long.
    ///
    /// # Errors
    ///
    /// No key or file can be made.
    pub fn issue(&self, names: &[&str]) -> io::Result<Identity> {
        self.issue_until(names, 2100)
    }

    /// A certificate for these names that is valid until the first of January of a year.
    ///
    /// # Errors
    ///
    /// No key or file can be made.
    pub fn issue_until(&self, names: &[&str], year: i32) -> io::Result<Identity> {
        let parameters = for_names(names, year)?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        self.keep(&certificate, &key)
    }

    /// A certificate that has signed itself and has the mark of an authority, as `openssl req -x509` makes them.
    ///
    /// # Errors
    ///
    /// No key or file can be made.
    pub fn self_signed_until(&self, names: &[&str], year: i32) -> io::Result<Identity> {
        let mut parameters = for_names(names, year)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.self_signed(&key).map_err(io::Error::other)?;
        self.keep(&certificate, &key)
    }

    fn keep(&self, certificate: &Certificate, key: &KeyPair) -> io::Result<Identity> {
        let directory =
            tempfile::Builder::new().prefix("identity-").tempdir_in(self.directory.path())?.keep();
        let files = (directory.join("certificate.pem"), directory.join("key.pem"));
        std::fs::write(&files.0, certificate.pem())?;
        std::fs::write(&files.1, key.serialize_pem())?;
        Ok(Identity { certificate: certificate.der().clone(), key: key.serialize_der(), files })
    }

    /// The certificate of a peer on loopback.
    ///
    /// # Panics
    ///
    /// As [`Authority::shared`].
    pub fn loopback() -> &'static Identity {
        static LOOPBACK: OnceLock<Identity> = OnceLock::new();
        let names = ["localhost", "127.0.0.1", "::1"];
        LOOPBACK.get_or_init(|| Self::shared().issue(&names).expect("a key and files can be made"))
    }
}

fn for_names(names: &[&str], year: i32) -> io::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut parameters = CertificateParams::new(names).map_err(io::Error::other)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "peer.test");
    parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    Ok(parameters)
}
