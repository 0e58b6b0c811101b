//! What `adieu receive` is going to do: where from, where to, and what the two sides agree on.
//!
//! Where it goes is opened when it runs.

use super::arguments::Args;
use crate::commands::transfer::{self, own_files};
use crate::no_plan::NoPlan;
use crate::options::{connecting_endpoint, listening_endpoint};
use adieu_transfer::TransferRole;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) struct Plan {
    pub(super) transfer: transfer::plan::Plan,
    /// Where it goes; `-` is stdout.
    pub(super) output: PathBuf,
    /// What is there is not replaced.
    pub(super) no_clobber: bool,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let parse = if args.connect { connecting_endpoint } else { listening_endpoint };
        let endpoint = parse(&args.endpoint).map_err(|error| NoPlan::Refused {
            why: format!("{error:#}"),
            hint: args.transfer.hint(args.endpoint.iter().map(OsString::as_os_str)),
        })?;
        let output = args.output.clone();
        own_files::check(&args.shared, &args.transfer, std::slice::from_ref(&output), "stored")?;
        let (listens, role) = (!args.connect, TransferRole::Receive);
        let transfer = transfer::plan::Plan::new(role, endpoint, listens, &args.shared, &args.transfer)?;
        Ok(Self { transfer, output, no_clobber: args.no_clobber })
    }

    /// Whether it is written to stdout, and nothing is stored.
    pub(super) fn is_to_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }
}
