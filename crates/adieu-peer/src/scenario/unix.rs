//! The same matrix over Unix sockets: every scenario that makes sense there, with what is different there.
//!
//! | over TCP | over a Unix socket |
//! | --- | --- |
//! | zero linger: RST | there is no such thing: a close with nothing unread is an end |
//! | a close with our bytes unread: RST | the same: ECONNRESET |
//! | bytes travel, and are acknowledged | what was sent stands in the other's queue at once |
//! | a cut stream: RST | an end, unless something of the other's was unread: nobody can do better |

use super::{Arms, Scenario, Target};
use crate::{ReceivedEnd, Script, Step};
use std::sync::LazyLock;

/// What a derived scenario's name ends with.
pub const SUFFIX: &str = "_over_unix";

pub(super) static SCENARIOS: LazyLock<Vec<Scenario>> =
    LazyLock::new(|| super::WRITTEN.iter().filter_map(over_unix).collect());

/// Whether the peer resets with nothing unread, which over a Unix socket is a plain end.
fn resets_with_nothing_unread(script: &Script) -> bool {
    let taken = script.iter().position(|step| matches!(step, Step::ReceiveToEof));
    let reset = script.iter().position(|step| matches!(step, Step::Reset));
    matches!((taken, reset), (Some(taken), Some(reset)) if taken < reset)
}

fn over_unix(scenario: &Scenario) -> Option<Scenario> {
    if scenario.target != Target::Tcp4 || resets_with_nothing_unread(scenario.script) {
        return None;
    }
    let mut derived = scenario.clone();
    derived.name = Box::leak(format!("{}{SUFFIX}", scenario.name).into_boxed_str());
    derived.target = Target::Unix;
    derived.arms = Arms { simulation: false, netcats: false, ..scenario.arms };
    if derived.expect.peer_end == Some(ReceivedEnd::Reset) {
        derived.expect.peer_end = None;
    }
    Some(derived)
}
