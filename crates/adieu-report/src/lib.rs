//! The report of a connection's end, as types.
//!
//! A [`Report`] holds every fact that is known of one connection after its end. Its sentence ([`Display`]), its exit status
//! ([`exit_code`]) and its JSON (feature `serde`) are views that are computed from the facts; nothing is stored as text that
//! has a type. [`Counters`] add reports up, for a service's log and metrics.
//!
//! This crate opens no socket and asks no system: who drives a connection fills the facts in. So a report that was written on
//! one system can be read on another.
//!
//! [`Display`]: std::fmt::Display

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod address;
mod command;
mod counters;
mod datagrams;
mod exit;
mod fast_open;
#[cfg(feature = "serde")]
mod json;
mod proxy;
mod report;
mod role;
mod sentence;
mod sentence_of_datagrams;
mod shown;
mod system_error;
mod time;
mod tls;
mod words;

pub use address::Address;
pub use command::CommandEnd;
pub use counters::{Counters, Durations};
pub use datagrams::Datagrams;
pub use exit::exit_code;
pub use fast_open::FastOpen;
pub use proxy::{ProxyAddress, ProxyKind, UnknownProxyKind};
pub use report::{Context, Report};
pub use role::{Role, Transport};
pub use shown::{shown, steers};
pub use system_error::{ErrorMeaning, SystemError};
pub use time::whole_micros;
pub use tls::{TlsAlert, TlsFailure, TlsTrust, TlsVersion};
pub use words::{Setting, Words};

/// The README's examples are compiled.
#[cfg(all(doctest, feature = "serde"))]
#[doc = include_str!("../README.md")]
struct Readme;
