//! Questions to the resolver beyond the addresses of a name.

/// What [`look_up_as`](crate::look_up_as) asks the resolver for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LookUp {
    /// Only addresses of IPv4 (`Some(false)`) or IPv6 (`Some(true)`). `None`: both.
    pub ipv6: Option<bool>,
    /// The host must be an address: no name is resolved. getaddrinfo(3), `AI_NUMERICHOST`.
    pub numeric: bool,
    /// For sockets of datagrams.
    pub datagrams: bool,
}
