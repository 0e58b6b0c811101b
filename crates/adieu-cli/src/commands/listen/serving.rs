//! What the thread of a connection does: it serves its client, and tells what became of it.

use super::clients::Clients;
use super::introduced::Introduced;
use super::message::{ClientEnd, Message};
use super::service::Service;
use crate::dump::Dump;
use crate::options::access::Access;
use crate::options::exchange::Exchange;
use crate::os::Served;
use crate::printer::{Printer, complain};
use crate::{addresses, said};
use adieu::tls::Failure;
use adieu::{Address, Connection, Ending, Endpoint, Interrupt, NeverConnected, Report, Role};
use adieu_relay::proxy_protocol::{AcceptProxy, accept_blocking};
use std::sync::{Arc, mpsc};
use std::time::Duration;

pub(super) struct Serving {
    pub(super) service: Service,
    pub(super) exchange: Exchange,
    /// From whom headers of the PROXY protocol are taken, and whose connections are served then.
    pub(super) accept_proxy: Option<AcceptProxy>,
    pub(super) access: Access,
    pub(super) dump: Option<Arc<Dump>>,
    pub(super) clients: Arc<Clients>,
    pub(super) printer: Arc<Printer>,
    pub(super) endpoint: Endpoint,
    pub(super) stop: Interrupt,
    pub(super) keep_open: bool,
    /// A client that leaves without a byte is not the one that is waited for.
    pub(super) waits_on: bool,
    pub(super) main: mpsc::Sender<Message>,
}

impl Serving {
    /// Serves a client, on this thread.
    pub(super) fn serve(&self, connection: Connection) {
        let id = connection.id();
        if self.keep_open {
            said::of_connection(id);
        }
        let mut connection = connection;
        let told = match self.introduced(id, &mut connection) {
            Ok(told) => told,
            Err(why) => {
                self.clients.tell(id, connection.local_address());
                said::about(Some(id), || complain(&format!("the client is reset: {why}")));
                // The main thread may have gone by now, after its grace.
                let _ = self.main.send(self.told(id, &connection.abort()));
                return;
            }
        };
        self.clients.tell(id, connection.local_address());
        let peer = told.as_ref().map(|told| &told.client).or(connection.peer_address()).cloned();
        let message = loop {
            let dump = self.dump.as_ref().map(|dump| dump.of(id));
            let mut served = self.service.serve(connection, &self.exchange, dump, &self.stop, told.as_ref());
            if let (Served::Ended(report), Some(told)) = (&mut served, &told) {
                report.peer_address = Some(told.client.clone());
            }
            match served {
                Served::Ended(report) if self.waits_on && left_without_a_byte(&report) => {
                    self.printer.say(&format!(
                        "{} has left without a byte; still listening (--accept-first takes the first client)",
                        addresses::peer_name(peer.as_ref())
                    ));
                    self.clients.strike_out(id, true);
                    break Message::Finished(ClientEnd::Left);
                }
                Served::Ended(report) => break self.told(id, &report),
                Served::Failed { end, error } => {
                    let cause = NeverConnected::LocalFailure { end, error: &error };
                    break self.told(id, &cause.report(&self.endpoint, Role::Listen));
                }
                Served::NotStarted { error, .. } if !self.keep_open => {
                    self.clients.strike_out(id, false);
                    break Message::NotStarted { peer, error };
                }
                Served::NotStarted { connection: mut back, error } => {
                    self.clients.tell_shortage(&error);
                    if !self.clients.await_turn(id, &self.stop) {
                        // It fails, because nothing is received after an interrupt.
                        let _ = back.read_within(&mut [], Duration::ZERO);
                        break self.told(id, &back.abort());
                    }
                    connection = *back;
                    self.clients.has_its_turn(id);
                }
            }
        };
        // The main thread may have gone by now, after its grace.
        let _ = self.main.send(message);
    }

    /// Takes the header of a proxy, if there is to be one. `None`: the client has connected itself, or is the proxy.
    fn introduced(&self, id: u64, connection: &mut Connection) -> Result<Option<Introduced>, String> {
        let Some(from) = &self.accept_proxy else { return Ok(None) };
        let header = accept_blocking(connection, from).map_err(|error| error.to_string())?;
        let client = header.source().or(connection.peer_address()).cloned();
        if let Some(at) = client.as_ref().and_then(Address::socket_addr)
            && !self.access.permits(at.ip())
        {
            return Err(format!("{at} is not let in (--allow, --deny)"));
        }
        let (Some(client), Some(local)) = (header.source().cloned(), header.destination().cloned()) else {
            return Ok(None);
        };
        self.clients.introduce(id, &client);
        Ok(Some(Introduced { client, local, proxy: connection.peer_address().cloned() }))
    }

    /// Reports it.
    fn told(&self, id: u64, report: &Report) -> Message {
        let is_spent = self.service.reads_stdin() && report.bytes_read > 0 && adieu_os::stdin_is_spent();
        let status = self.printer.report(report);
        self.clients.strike_out(id, false);
        if is_spent && self.keep_open {
            // The main thread may have gone by now, after its grace.
            let _ = self.main.send(Message::InputSpent);
        }
        let end = if self.service.is_dead() { ClientEnd::Fatal(status) } else { ClientEnd::Reported(status) };
        Message::Finished(end)
    }
}

/// Whether it was a port scan, a health check, or one of two connections of which the client chose the other.
fn left_without_a_byte(report: &Report) -> bool {
    let by_the_peer = matches!(report.ending(), Ending::Graceful | Ending::Reset { .. } | Ending::Truncated)
        || report.tls_failure == Some(Failure::NotBegun);
    by_the_peer && report.bytes_received == 0 && report.bytes_read == 0
}
