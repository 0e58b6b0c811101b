//! A fatal alert of our own: `internal_error`, when a client of TLS cannot be served.
//!
//! rustls sends alerts for what it finds wrong itself, and has no way to ask for one. Before the handshake an alert goes in the
//! clear. After it, the session is taken apart: its keys seal this one record, and nothing is sent after it.
//!
//! RFC 8446, sections 6.2 and B.2; RFC 5246, section 7.2.

use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::server::UnbufferedServerConnection;
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite,
};

/// Level and description: fatal, `internal_error`.
fn content() -> [u8; 2] {
    [2, AlertDescription::InternalError.into()]
}

/// The alert as a record in the clear: nothing of ours was sent before it.
pub(super) fn in_the_clear() -> Vec<u8> {
    [&[ContentType::Alert.into(), 3, 3, 0, 2][..], &content()].concat()
}

/// The alert as a record of this session, after its handshake. `None`: the configuration does not let its keys out, or rustls has
/// something to send still.
pub(super) fn sealed(session: UnbufferedServerConnection) -> Option<Vec<u8>> {
    let suite = session.negotiated_cipher_suite()?;
    let (secrets, _) = session.dangerous_into_kernel_connection().ok()?;
    let (sequence, secrets) = secrets.tx;
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        return None;
    };
    let mut encrypter = match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            let (fixed, explicit) = iv.as_ref().split_at(suite.aead_alg.key_block_shape().fixed_iv_len);
            suite.aead_alg.encrypter(key, fixed, explicit)
        }
    };
    let content = content();
    let message = OutboundPlainMessage {
        typ: ContentType::Alert,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(&content),
    };
    Some(encrypter.encrypt(message, sequence).ok()?.encode())
}
