//! `adieu explain --live`: which TCP sockets of this machine hang, and which programs hold them.

#[cfg(linux_kernel)]
mod linux;
#[cfg(linux_kernel)]
pub(super) use linux::run;

use super::arguments::{Args, Format};
use super::filter::Filter;
use crate::no_plan::NoPlan;
use std::time::Duration;

/// What is looked at, and how it is printed.
#[cfg_attr(not(linux_kernel), expect(dead_code, reason = "it is refused there"))]
pub(crate) struct Plan {
    filter: Filter,
    /// JSON Lines, or text.
    is_json: bool,
    /// How long between two looks. `None`: one look.
    watch: Option<Duration>,
}

impl Plan {
    pub(super) fn new(args: &Args) -> Result<Self, NoPlan> {
        if cfg!(not(linux_kernel)) {
            return Err(NoPlan::refused(
                "--live needs Linux, whose kernel tells the sockets of all programs (sock_diag)",
            ));
        }
        let is_json = match args.format {
            None | Some(Format::Text) => false,
            Some(Format::Json) => true,
            Some(Format::Brief | Format::Zeek | Format::Eve) => {
                return Err(NoPlan::refused("--live has only the formats text and json"));
            }
        };
        Ok(Self { filter: Filter::of(args), is_json, watch: args.live.watch })
    }
}

#[cfg(not(linux_kernel))]
pub(super) fn run(_: &Plan) -> crate::exit::ExitStatus {
    unreachable!("a plan is refused here")
}
