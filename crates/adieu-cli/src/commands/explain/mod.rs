//! `adieu explain`: how the connections of a capture ended, which sockets of this machine hang, and what a code means for an
//! ending.

mod arguments;
mod both;
mod code;
mod destination;
mod ends;
mod filter;
mod follow;
mod guide;
mod html;
mod lines;
mod live;
mod matches;
mod pass;
mod plan;
mod run;
mod sockets;
mod summary;
mod summary_json;

pub(crate) use arguments::Args;
pub(crate) use guide::GUIDE;

use crate::exit::ExitStatus;
use crate::no_plan::NoPlan;

/// What is explained.
pub(crate) enum Plan {
    Captures(Box<plan::Plan>),
    Code(code::Plan),
    Live(Box<sockets::Plan>),
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        if let Some(code) = &args.code {
            return code::Plan::new(code, args.format).map(Self::Code);
        }
        if args.live.live {
            return sockets::Plan::new(args).map(|plan| Self::Live(Box::new(plan)));
        }
        plan::Plan::new(args).map(|plan| Self::Captures(Box::new(plan)))
    }
}

pub(crate) fn run(plan: Plan) -> ExitStatus {
    match plan {
        Plan::Captures(plan) => run::run(*plan),
        Plan::Code(plan) => code::run(&plan),
        Plan::Live(plan) => sockets::run(&plan),
    }
}
