//! Peers that speak TLS, and misbehave: their behaviour is data, like that of [`crate::peer`], but between the records.
//!
//! | module | is |
//! | --- | --- |
//! | [`authority`] | certificates for one run: good ones, expired ones, for other names |
//! | [`peer`] | a real TLS peer on loopback, as server or as client, and its list of [`peer::Step`]s |
//! | [`matrix`] | the closing matrix between close_notify and FIN |
//!
//! The peer's TLS is rustls, driven by hand, so that it can stop anywhere: after close_notify, before it, or in the
//! middle of a record.

pub mod authority;
pub mod matrix;
pub mod peer;
