//! A verdict as records that programs read: adieu's own JSON, Zeek's `conn.log`, and the flow event of Suricata's EVE log.

mod community_id;
mod eve;
mod json;
mod time;
mod zeek;

pub use community_id::community_id;
pub use eve::{Eve, FlowEnd};
pub use json::Record;
pub use time::rfc3339;
pub use zeek::{ZEEK_HEADER, zeek_line};
