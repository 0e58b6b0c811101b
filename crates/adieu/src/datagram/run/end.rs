//! The end of an exchange: what was lost, our output's end, and the report.

use super::{Ended, Ours, Run, Whom};
use crate::handle::address_of;
use crate::os;
use crate::{Event, Report, Role, system_error};
use adieu_proto::{Ending, LocalEnd, Phase};
use std::io;
use std::time::Duration;

impl Run {
    pub(super) fn finish(mut self) -> Report {
        self.counted.dropped = os::dropped_datagrams(&self.session.sock());
        let is_lost = self.counted.dropped.is_some_and(|dropped| dropped > 0);
        if let Some(ended) = &mut self.ended
            && ended.ending == Ending::Connectionless
            && is_lost
        {
            ended.ending = Ending::Truncated;
        }
        self.end_output();
        let Some(Ended { ending, phase, call, error, at }) = self.ended.take() else {
            unreachable!("it is finished once it has ended")
        };
        let facts = &self.session.left.facts;
        let role = facts.role.unwrap_or(Role::Connect);
        let mut report = Report::of_datagrams(
            role,
            Some(self.session.transport),
            facts.endpoint.to_string(),
            facts.began,
            (ending, phase),
            self.counted,
            at,
        );
        (report.error_call, report.error) = (call, error);
        report.local_address.clone_from(&facts.local_address);
        report.peer_address = match &self.whom {
            Whom::One { .. } => facts.peer_address.clone(),
            Whom::All { last, are_several: false, .. } => last.as_ref().map(address_of),
            Whom::All { .. } => None,
        };
        report.bytes_read = self.read;
        report.bytes_accepted = self.accepted;
        report.bytes_received = self.received;
        report.bytes_written = self.written;
        report.bytes_discarded = self.discarded;
        let whole = |at: Option<Duration>| at.map(adieu_report::whole_micros);
        report.resolved_after = whole(facts.resolved);
        report.connected_after = whole(self.connected);
        report.first_accepted_after = whole(self.first_accepted);
        report.first_received_after = whole(self.first_received);
        report.closed_after = whole(Some(self.session.now()));
        self.session.observe(&Event::Closed { aborted: false, report: &report });
        report
    }

    /// Our output ends well if everything did, and is cut otherwise.
    fn end_output(&mut self) {
        let is_good = matches!(&self.ended, Some(ended) if ended.ending == Ending::Connectionless);
        let (ending, error) = loop {
            let Ours::Ends { output, .. } = &mut self.ours else { return };
            if !is_good {
                return output.cut();
            }
            match output.end() {
                Ok(()) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    break (Ending::LocalFailure { end: LocalEnd::Output }, Some(error));
                }
                Err(_) => {}
            }
            // A writer that never ends is bounded as everything is.
            if let Some(ending) = self.brought_by_time() {
                break (ending, None);
            }
            let now = self.session.now();
            let left = self.next_due().map(|(at, _)| at.saturating_sub(now));
            let Ours::Ends { output, .. } = &self.ours else { return };
            if let Err(error) = os::wait(&mut [output.watch(), self.session.watch_interrupt()], left) {
                let end = LocalEnd::Socket;
                self.session.observe(&Event::LocalFailure { end });
                break (Ending::LocalFailure { end }, Some(error));
            }
        };
        if ending != (Ending::LocalFailure { end: LocalEnd::Output })
            && let Ours::Ends { output, .. } = &mut self.ours
        {
            output.cut();
        }
        let error = error.as_ref().map(system_error::of);
        let (phase, at) = (Phase::Closing, self.session.now());
        self.ended = Some(Ended { ending, phase, call: None, error, at });
    }
}
