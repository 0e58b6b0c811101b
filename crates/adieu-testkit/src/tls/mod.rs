//! The closing matrix between close_notify and FIN, and the TLS peers of [`adieu_peer::tls`] that it is for.

pub mod matrix;

pub use adieu_peer::tls::{authority, peer};
