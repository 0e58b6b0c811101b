//! What `adieu connect udp://…` is going to do.

use super::arguments::Args;
use crate::commands::datagrams::{Plan, Side, terms};
use crate::no_plan::NoPlan;
use crate::options::connecting_endpoint;
use crate::options::reporting::Kind;
use crate::options::timers::InputKind;
use adieu::Endpoint;
use adieu::datagram::Exchange;

impl Args {
    /// The plan for an endpoint of datagrams. `None`: it is one of streams, or none.
    pub(crate) fn of_datagrams(&self) -> Option<Result<Plan, NoPlan>> {
        let endpoint = connecting_endpoint(&self.endpoint)
            .ok()
            .filter(|endpoint| matches!(endpoint, Endpoint::Udp { .. }))?;
        let limits = self.shared.timers.limits(InputKind::Stdin);
        let options = self.source.add_to(self.shared.connect_options(limits));
        if let Err(error) = options.check(&endpoint) {
            return Some(Err(error.into()));
        }
        if let Err(error) = self.check_dump() {
            return Some(Err(error.into()));
        }
        Some(Ok(Plan {
            endpoint,
            side: Side::Connect(options),
            terms: terms(&self.silence, Some(Exchange::SILENCE)),
            exchange: self.exchange.clone(),
            reports: self.shared.reporting.plan(Kind::Once),
        }))
    }
}
