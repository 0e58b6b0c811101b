//! What `adieu demo` is asked for.

use clap::ValueEnum;

/// Show a graceful close: a real server and a real client over loopback, drawn as a ladder
///
/// The client connects, sends, shuts down its sending side, receives to the end and closes, like the client of the Winsock page
/// "Disconnecting the client". With --fault the server misbehaves, and adieu says what happened. The exit status is that of the
/// client's connection.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the server does wrong
    #[arg(long, value_name = "FAULT", env = "ADIEU_FAULT", hide_env_values = true)]
    pub(super) fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Fault {
    /// It resets the connection in the middle of its answer
    Reset,
    /// It ends its side before the answer's own end mark
    Truncate,
    /// It never answers, and adieu gives up after an idle timeout of 1 s
    Stall,
    /// It answers and closes without having read what the client sent
    Unread,
}
