//! When standard output is closed before the process ends.

/// Whether standard output is closed after a peer's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closes {
    /// Always.
    Always,
    /// If a byte has passed in either direction; otherwise another peer may be served there.
    AfterAByte,
}
