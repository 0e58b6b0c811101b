//! Addresses in words. It prints nothing, and knows nothing of this program, so everything here may use it.

use adieu::Address;

/// An address in words. `None`: it is not known, or a Unix socket without a name.
pub(crate) fn named(address: Option<&Address>) -> Option<String> {
    address.filter(|address| address.is_named()).map(ToString::to_string)
}

/// Who a peer is, in words.
pub(crate) fn peer_name(address: Option<&Address>) -> String {
    named(address).unwrap_or_else(|| "an unnamed peer".to_owned())
}
