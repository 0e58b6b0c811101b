//! Says how the TCP connections of a packet capture ended, who ended them, and what was lost.
//!
//! The crate reads captures and never the network: it opens no sockets, knows no TLS keys, prints nothing and reads no
//! environment. Everything that it reads is untrusted. Lengths are bounded, a damaged packet is counted and passed over,
//! and memory follows the connections that are open, not the size of the capture.
//!
//! What each part does, from the bytes upwards:
//!
//! 1. [`capture`] reads frames from pcap and pcapng files, compressed or not.
//! 2. [`packet`] finds the TCP segment in a frame, through link layers, tags and tunnels.
//! 3. [`segment`] has the types that the parts share: one TCP segment as the capture shows it.
//! 4. [`observed`] is the state machine of one connection: the facts, without judgement.
//! 5. [`table`] knows which connection a segment belongs to, and when one is over.
//! 6. [`ladder`] has a connection segment by segment, to be drawn.
//! 7. `content` looks into the octets of a connection for the end marks of TLS and HTTP/1.
//! 8. [`verdict`] draws conclusions from the facts, each with its grade.
//! 9. [`words`] puts a verdict into sentences for people, [`mod@format`] into records for programs;
//!    [`summary`] counts many, and [`html`] shows them on a page.
//! 10. [`both`] compares two captures of the same connections, taken at two places.
//!
//! Apart from captures, [`live`] says which sockets of a running machine hang, and [`codes`] what error numbers, exit statuses and
//! other codes mean for an ending.

pub mod both;
pub mod capture;
pub mod codes;
mod content;
pub mod format;
pub mod html;
pub mod ladder;
pub mod live;
pub mod observed;
pub mod packet;
pub mod segment;
pub mod summary;
pub mod table;
pub mod verdict;
pub mod words;
