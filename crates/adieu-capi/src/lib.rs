//! The C library: `adieu::finish` and `adieu::Finisher` for programs in C and C++.
//!
//! `include/adieu.h` is made from this crate by `cargo xtask capi`, and the documentation here is written for the header's
//! readers. Each function does four things: it checks its arguments, converts them to Rust's types, calls the Rust library, and
//! converts the result to C's types. No function decides anything about connections.
//!
//! Three rules hold for all of it. Nothing is global. No panic leaves a function: it becomes `ADIEU_ERROR_BUG`. What a caller
//! gives as a number (an enum in C) is an integer here, because C can put any value there.

#![allow(unsafe_code, reason = "the border to C: pointers come in, and names go out")]
#![allow(non_camel_case_types, reason = "these are the names in the header")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the documentation is the header's; a C program has no unsafe blocks"
)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod border;
pub mod error;
pub mod finish;
pub mod finisher;
pub mod options;
pub mod report;
pub mod shown;
pub mod socket;
pub mod words;
