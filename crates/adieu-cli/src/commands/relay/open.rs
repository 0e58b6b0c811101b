//! The open connections in words, for whoever asks with SIGUSR1, and for whoever is cut at the end of a drain.

use crate::addresses::peer_name;
use adieu::Endpoint;
use adieu_relay::{OpenConnection, State};

/// One of them: who, how many bytes each way, how old, and for how long nothing has moved.
pub(super) fn in_words(connection: &OpenConnection) -> String {
    let upstream = connection.upstream.as_ref();
    let upstream = upstream.map_or_else(|| "no upstream yet".to_owned(), Endpoint::to_string);
    let state = match connection.state {
        State::Handshake => "in its handshake",
        State::Connecting => "connecting",
        _ => "joined",
    };
    format!(
        "#{} {} to {upstream}, {state}: {} of {} bytes up, {} of {} bytes down, open for {:.1} s, idle for {:.1} s",
        connection.id,
        peer_name(Some(&connection.client)),
        connection.bytes_to_upstream,
        connection.bytes_from_client,
        connection.bytes_to_client,
        connection.bytes_from_upstream,
        connection.age.as_secs_f64(),
        connection.idle.as_secs_f64(),
    )
}
