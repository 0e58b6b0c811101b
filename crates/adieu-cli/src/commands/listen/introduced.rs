//! Whose connection it is that a proxy passes on, as a header of the PROXY protocol told.

use adieu::Address;

/// What a proxy told of a connection.
#[derive(Debug, Clone)]
pub(super) struct Introduced {
    pub(super) client: Address,
    /// The address that the client connected to.
    pub(super) local: Address,
    /// The proxy's own.
    pub(super) proxy: Option<Address>,
}
