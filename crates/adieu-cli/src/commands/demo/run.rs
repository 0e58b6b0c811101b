//! Runs the demo: a client of adieu and a server on plain sockets, and draws what both did.

use super::arguments::Fault;
use super::plan::Plan;
use crate::exit::ExitStatus;
use crate::ladder::{Column, Rung, Wire, draw};
use crate::printer::complain;
use crate::stdout::print;
use adieu::{ConnectOptions, Connection, Endpoint, Event, Report};
use anyhow::{Context, Result, anyhow};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// What the client of the Winsock tutorial sends.
const REQUEST: &[u8] = b"this is a test";
/// The demo's answer ends with a line that has a dot alone, as in SMTP: the stream's own end mark.
const ANSWER: &[u8] = b"this is the answer\r\n.\r\n";
const END_MARK: &[u8] = b"\r\n.\r\n";

/// The calls of both sides, on one clock.
#[derive(Clone)]
struct Diary {
    start: Instant,
    rungs: Arc<Mutex<Vec<Rung>>>,
}

impl Diary {
    fn note(&self, column: Column, call: impl Into<String>, wire: Wire) {
        self.note_at(self.start.elapsed(), column, call, wire);
    }

    fn note_at(&self, at: Duration, column: Column, call: impl Into<String>, wire: Wire) {
        // A side that panicked has nothing more to say, and the other's rungs are still good.
        let mut rungs = self.rungs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rungs.push(Rung { at, column, call: call.into(), wire });
    }
}

pub(crate) fn run(plan: Plan) -> ExitStatus {
    match show(plan) {
        Ok((text, report)) => match print(text.as_bytes()) {
            ExitStatus::Success => ExitStatus::Ending(report.exit_code()),
            failed => failed,
        },
        Err(error) => {
            complain(&format!("the demo could not be shown: {error:#}"));
            ExitStatus::LocalFailure
        }
    }
}

fn show(Plan { fault, options }: Plan) -> Result<(String, Report)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on loopback")?;
    let address = listener.local_addr().context("cannot learn the port")?;
    let diary = Diary { start: Instant::now(), rungs: Arc::default() };
    let (client_is_done, until_client_is_done) = mpsc::channel::<()>();
    let (client_has_shut, until_client_has_shut) = mpsc::channel::<()>();
    let cues = Cues { until_client_has_shut, until_client_is_done };
    let serving = {
        let diary = diary.clone();
        move || serve(&listener, fault, &diary, &cues)
    };
    let server =
        std::thread::Builder::new().spawn(serving).context("cannot start a thread for the server")?;
    let report = be_client(&address.into(), options, &diary, client_has_shut)?;
    drop(client_is_done);
    server.join().map_err(|_| anyhow!("the server has panicked"))??;

    let mut rungs = diary.rungs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let client = report.local_address.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let mut text = draw(&client, &address.to_string(), &mut rungs);
    let _ = writeln!(text, "\n{report}");
    let _ = writeln!(text, "exit status {}", report.exit_code());
    Ok((text, report))
}

/// The page's procedure: connect, send, shutdown(SD_SEND), receive to EOF, close.
fn be_client(
    endpoint: &Endpoint,
    options: ConnectOptions,
    diary: &Diary,
    has_shut: mpsc::Sender<()>,
) -> Result<Report> {
    let observer = {
        let diary = diary.clone();
        let began = diary.start.elapsed();
        move |at, event: &Event<'_>| {
            note_client(&diary, began + at, event);
            if let Event::ShutdownSend { .. } = event {
                // Only a server that waits for it listens.
                let _ = has_shut.send(());
            }
        }
    };
    let mut connection: Connection = adieu::connect(endpoint, &options.observer(observer))?;
    connection.write_all(REQUEST).context("cannot send")?;
    let mut half_closed = match connection.shutdown_send() {
        Ok(half_closed) => half_closed,
        Err(error) => return Ok(error.into_report()),
    };
    let mut answer = Vec::new();
    // Whatever ends the answer, the report says it.
    let _ = half_closed.read_to_end(&mut answer);
    if answer.ends_with(END_MARK) {
        half_closed.mark_end();
    }
    Ok(half_closed.close())
}

fn note_client(diary: &Diary, at: Duration, event: &Event<'_>) {
    let note = |call: String, wire| diary.note_at(at, Column::Client, call, wire);
    match event {
        Event::Connecting { .. } => note("connect".into(), Wire::Arrow),
        Event::Sent { bytes } => note(format!("send {bytes} bytes"), Wire::Arrow),
        Event::ShutdownSend { fault: None } => note("shutdown(SD_SEND)".into(), Wire::Fin),
        Event::ShutdownSend { fault: Some(_) } => note("shutdown(SD_SEND) failed".into(), Wire::Nothing),
        Event::Received { bytes } => note(format!("recv {bytes} bytes"), Wire::Nothing),
        Event::Eof => note("recv 0: the server has ended".into(), Wire::Nothing),
        Event::Fault { fault } => {
            let name = fault.code.and_then(adieu::error_name).unwrap_or("an error");
            note(format!("{}: {name}", fault.call.name()), Wire::Nothing);
        }
        Event::Closed { aborted, .. } => {
            note("closesocket".into(), if *aborted { Wire::Reset } else { Wire::Nothing });
        }
        _ => {}
    }
}

/// What the server waits for where its fault would else depend on who is faster.
struct Cues {
    until_client_has_shut: mpsc::Receiver<()>,
    until_client_is_done: mpsc::Receiver<()>,
}

/// The server, on plain sockets: it is the peer, and no part of adieu.
fn serve(listener: &TcpListener, fault: Option<Fault>, diary: &Diary, cues: &Cues) -> Result<()> {
    let (mut stream, _) = listener.accept().context("cannot accept")?;
    let note = |call: &str, wire| diary.note(Column::Server, call, wire);
    note("accept", Wire::Nothing);
    if fault == Some(Fault::Unread) {
        // The bytes have come, and stay in the kernel.
        let _ = cues.until_client_has_shut.recv();
        stream.peek(&mut [0]).context("cannot peek")?;
        send(&mut stream, ANSWER, diary)?;
        note("closesocket, 14 bytes unread", Wire::Reset);
        return Ok(());
    }
    let mut request = [0; 512];
    loop {
        let n = stream.read(&mut request).context("cannot receive")?;
        if n == 0 {
            note("recv 0: the client has ended", Wire::Nothing);
            break;
        }
        note(&format!("recv {n} bytes"), Wire::Nothing);
    }
    match fault {
        Some(Fault::Stall) => {
            // Until the client has given up: its sender goes away.
            let _ = cues.until_client_is_done.recv();
            return Ok(());
        }
        Some(Fault::Reset) => {
            send(&mut stream, &ANSWER[..ANSWER.len() / 2], diary)?;
            note("closesocket, zero linger", Wire::Reset);
            reset_on_close(&stream)?;
            return Ok(());
        }
        Some(Fault::Truncate) => send(&mut stream, &ANSWER[..ANSWER.len() / 2], diary)?,
        _ => send(&mut stream, ANSWER, diary)?,
    }
    let at = diary.start.elapsed();
    stream.shutdown(Shutdown::Write).context("cannot shut down")?;
    diary.note_at(at, Column::Server, "shutdown(SD_SEND)", Wire::Fin);
    drop(stream);
    note("closesocket", Wire::Nothing);
    Ok(())
}

fn send(stream: &mut TcpStream, bytes: &[u8], diary: &Diary) -> Result<()> {
    // Noted with the time before the call: its effect may be seen before it returns.
    let at = diary.start.elapsed();
    stream.write_all(bytes).context("cannot send")?;
    diary.note_at(at, Column::Server, format!("send {} bytes", bytes.len()), Wire::Arrow);
    Ok(())
}

/// Makes the coming close abortive.
fn reset_on_close(stream: &TcpStream) -> Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).context("cannot set linger")
}
