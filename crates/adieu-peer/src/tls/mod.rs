//! Peers that speak TLS, and misbehave between the records.
//!
//! | module | is |
//! | --- | --- |
//! | [`authority`] | certificates for one run: good ones, expired ones, for other names |
//! | [`peer`] | a real TLS peer on loopback, as server or as client, and its list of [`peer::Step`]s |
//!
//! The peer's TLS is rustls, driven by hand, so that it can stop anywhere: after close_notify, before it, or in the
//! middle of a record.

pub mod authority;
pub mod peer;
