//! Addresses in words. It prints nothing, and knows nothing of this program, so everything here may use it.

use adieu::Address;
use std::process::Command;

/// An address in words. `None`: it is not known, or a Unix socket without a name.
pub(crate) fn named(address: Option<&Address>) -> Option<String> {
    address.filter(|address| address.is_named()).map(ToString::to_string)
}

/// Tells a command between which addresses its connection is: `ADIEU_PEER` and `ADIEU_LOCAL`, empty where there is no name.
pub(crate) fn tell_addresses(command: &mut Command, peer: Option<&Address>, local: Option<&Address>) {
    for (name, address) in [("ADIEU_PEER", peer), ("ADIEU_LOCAL", local)] {
        command.env(name, named(address).unwrap_or_default());
    }
}

/// Who a peer is, in words.
pub(crate) fn peer_name(address: Option<&Address>) -> String {
    named(address).unwrap_or_else(|| "an unnamed peer".to_owned())
}
