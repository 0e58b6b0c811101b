//! What `adieu connect udp://…` is going to do.

use super::arguments::Args;
use crate::commands::datagrams::{Plan, Side, terms};
use crate::no_plan::NoPlan;
use crate::options::reporting::Kind;
use crate::options::timers::InputKind;
use adieu::Endpoint;
use adieu::datagram::Exchange;

impl Args {
    /// The plan for an endpoint of datagrams.
    pub(super) fn of_datagrams(&self, endpoint: Endpoint) -> Result<Plan, NoPlan> {
        let limits = self.shared.timers.limits(InputKind::Stdin);
        let mut options = self.shared.connect_options(limits);
        if self.broadcast {
            options = options.socket(self.shared.socket.asked().broadcast(true));
        }
        let options = self.source.add_to(options);
        options.check(&endpoint)?;
        self.check_dump()?;
        Ok(Plan {
            endpoint,
            side: Side::Connect(options),
            terms: terms(&self.silence, Some(Exchange::SILENCE)),
            exchange: self.exchange.clone(),
            reports: self.shared.reporting.plan(Kind::Once),
        })
    }
}
