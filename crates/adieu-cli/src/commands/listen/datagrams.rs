//! What `adieu listen udp://…` is going to do.

use super::arguments::Args;
use crate::commands::datagrams::{Listening, Plan, Side, Work, terms};
use crate::dump::Style;
use crate::no_plan::NoPlan;
use crate::options::reporting::Kind;
use crate::options::timers::InputKind;
use adieu::Endpoint;
use adieu::datagram::Exchange;
use std::path::PathBuf;
use std::time::Duration;

/// With `--output` somebody sends to a file, and may rest meanwhile.
const FILE_SILENCE: Duration = Duration::from_secs(30);

/// Packets have addresses, and a dump is shown datagrams without their senders.
const NO_CAPTURE_OF_ALL: &str = "a capture (--dump FILE.pcapng) has the packets of one peer: over UDP, --keep-open dumps all of them to \
    a file that does not end in .pcapng";

impl Args {
    /// The plan for an endpoint of datagrams.
    pub(super) fn of_datagrams(&self, endpoint: Endpoint) -> Result<Plan, NoPlan> {
        let options = self.shared.listen_options(self.shared.timers.limits(InputKind::Served));
        options.check(&endpoint)?;
        self.check_dump()?;
        let is_capture = |dump: &PathBuf| Style::by_name(dump) == Style::Pcapng;
        if self.keep_open && self.exchange.dump.as_ref().is_some_and(is_capture) {
            return Err(NoPlan::refused(NO_CAPTURE_OF_ALL));
        }
        let (work, silence) = match &self.output {
            _ if self.echo => (Work::Echo, Exchange::SILENCE),
            Some(path) => (Work::File(path.clone()), FILE_SILENCE),
            None => (Work::Standard, Exchange::SILENCE),
        };
        let is_everywhere = self.shared.socket.is_everywhere(&endpoint);
        Ok(Plan {
            endpoint,
            side: Side::Listen(Listening {
                options,
                work,
                keep_open: self.keep_open,
                connect_timeout: self.shared.timers.connect_timeout,
                port_file: self.port_file.clone(),
                access: self.access.access(),
                is_everywhere,
            }),
            terms: terms(&self.silence, (!self.keep_open).then_some(silence)),
            exchange: self.exchange.clone(),
            reports: self.shared.reporting.plan(if self.keep_open { Kind::Service } else { Kind::Once }),
        })
    }
}
