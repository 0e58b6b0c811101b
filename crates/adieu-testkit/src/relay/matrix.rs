//! The relay matrix: every script of a client beside every script of an upstream program, on every shape.

use super::actor::Seen;
use super::foresee::can_meet;
use super::judge::{judge, judge_told};
use super::script::{Script, Step};
use super::shape::Shape;
use super::stage::Stage;
use super::told::Start;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// If this variable is set, only cells whose name contains its value are run.
pub const ONLY: &str = "ADIEU_RELAY_CELL";

/// More than a relay's buffers and a few of a kernel's.
const MUCH: u64 = 300_000;

/// What a side does. Each is tried on both sides.
pub const SCRIPTS: &[Script] = {
    use Step::{
        AwaitAcknowledged, AwaitUnread, Close, End, Exchange, Fin, Garbage, Pause, Receive, ReceiveSlowly,
        ReceiveToEnd, Reset, Send,
    };
    const SLOW: Step = ReceiveSlowly { chunk: 32 * 1024, pause: Duration::from_millis(1) };
    &[
        Script::new("asks", &[Send(1000), End, ReceiveToEnd]),
        Script::new("answers", &[ReceiveToEnd, Send(20_000), End]),
        Script::new("answers-much", &[ReceiveToEnd, Send(MUCH), End]),
        Script::new("both-at-once", &[Exchange(MUCH)]),
        Script::new("converses", &[Send(100), Receive(100), Send(1000), Receive(1000), End, ReceiveToEnd]),
        Script::new("listens", &[ReceiveToEnd, End]),
        Script::new("says-nothing", &[End, ReceiveToEnd]),
        Script::new("ends-late", &[Send(10), Pause(Duration::from_millis(20)), End, ReceiveToEnd]),
        Script::narrow("is-slow", &[Send(100), End, SLOW]),
        Script::narrow("is-slow-and-answers", &[SLOW, Send(MUCH), End]),
        Script::new("resets-at-once", &[Reset]),
        Script::new("resets-in-the-middle", &[Send(1000), Receive(50), Reset]),
        Script::new("resets-with-bytes-under-way", &[Send(MUCH), Reset]),
        Script::new("resets-after-its-bytes", &[Send(MUCH), AwaitAcknowledged, Reset]),
        Script::new("resets-after-little", &[Send(10), AwaitAcknowledged, Reset]),
        Script::new("asks-and-resets", &[Send(1000), End, Receive(50), Reset]),
        Script::new("closes-with-bytes-unread", &[AwaitUnread(1), Close]),
        Script::new("refuses-early", &[Receive(1), Send(5000), AwaitAcknowledged, AwaitUnread(1), Close]),
        Script::new("refuses-and-ends", &[Send(5000), End, AwaitAcknowledged, AwaitUnread(1), Close]),
        Script::new("closes-early", &[Send(5000), Close]),
        Script::new("cuts-tls", &[Send(5000), Fin, ReceiveToEnd]),
        Script::new("breaks-tls", &[Send(5000), Garbage, ReceiveToEnd]),
    ]
};

/// One conversation of the matrix.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What the client does.
    pub client: Script,
    /// What the upstream program does.
    pub upstream: Script,
}

impl Cell {
    /// For people.
    pub fn name(&self) -> String {
        format!("{} / {}", self.client.name, self.upstream.name)
    }
}

/// The cells of a shape: every pair that can come to an end.
pub fn cells(shape: Shape) -> Vec<Cell> {
    let fits = |script: &Script, tls: bool| {
        tls || !script.steps.iter().any(|step| matches!(step, Step::Fin | Step::Garbage))
    };
    let clients = SCRIPTS.iter().filter(|script| fits(script, shape.front.tls));
    let pairs = clients.flat_map(|client| {
        let upstreams = SCRIPTS.iter().filter(|script| fits(script, shape.behind.tls));
        upstreams.map(move |upstream| Cell { client: client.clone(), upstream: upstream.clone() })
    });
    pairs.filter(|cell| can_meet(&cell.client, &cell.upstream)).collect()
}

/// Runs cells through one relay, so many at once, and gives a line for each that did not hold.
///
/// # Errors
///
/// The harness failed.
pub fn run(shape: Shape, cells: &[Cell], at_once: usize, start: Start<'_>) -> io::Result<Vec<String>> {
    play(shape, cells, at_once, start, false)
}

/// The same, all cells at once, by a relay that is asked to stop as soon as the last of its clients has come through: that changes
/// nothing for any of them.
///
/// # Errors
///
/// As [`run`].
pub fn run_while_it_stops(shape: Shape, cells: &[Cell], start: Start<'_>) -> io::Result<Vec<String>> {
    play(shape, cells, cells.len(), start, true)
}

fn play(
    shape: Shape,
    cells: &[Cell],
    at_once: usize,
    start: Start<'_>,
    stops_early: bool,
) -> io::Result<Vec<String>> {
    let directory = tempfile::Builder::new().prefix("adieu-relay-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut stage = runtime.block_on(async { Stage::open(shape, directory.path()) })?;
    let relay = start(shape, stage.upstream(), directory.path())?;
    stage.set_front(relay.front());
    let stage = Arc::new(stage);
    let enough = if stops_early { cells.len() } else { usize::MAX };
    let (seen, stopped) = runtime.block_on(async {
        let conversing = converse_all(Arc::clone(&stage), cells, at_once);
        let (all_over, over) = oneshot::channel::<()>();
        let stopping = async {
            tokio::select! {
                () = stage.meetings(enough) => {}
                _ = over => {}
            }
            tokio::task::spawn_blocking(|| relay.stop()).await
        };
        let conversing = async {
            let seen = conversing.await;
            drop(all_over);
            seen
        };
        tokio::join!(conversing, stopping)
    });
    let stopped = stopped.map_err(io::Error::other)??;
    let mut wrong = stopped.wrong;
    if let Some(told) = &stopped.told
        && told.len() != cells.len()
    {
        wrong.push(format!(
            "{shape}: {} connections are told of, and there were {}",
            told.len(),
            cells.len()
        ));
    }
    for (cell, seen) in cells.iter().zip(seen) {
        let mut faults = match &seen {
            Ok(seen) => judge(shape, seen),
            Err(error) => vec![format!("the two sides did not come together: {error}")],
        };
        if let (Ok(seen), Some(told)) = (&seen, &stopped.told)
            && let Some(told) = told.get(seen.number)
        {
            faults.extend(judge_told(shape, seen, told));
        }
        if !faults.is_empty() {
            wrong.push(format!("{shape}: {}: {}\n    {seen:?}", cell.name(), faults.join("; ")));
        }
    }
    Ok(wrong)
}

async fn converse_all(stage: Arc<Stage>, cells: &[Cell], at_once: usize) -> Vec<io::Result<Seen>> {
    let places = Arc::new(Semaphore::new(at_once.max(1)));
    let mut running = JoinSet::new();
    for (index, cell) in cells.iter().cloned().enumerate() {
        let (stage, places) = (Arc::clone(&stage), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire().await;
            (index, stage.converse(&cell.client, &cell.upstream).await)
        });
    }
    let mut seen: Vec<_> = running.join_all().await;
    seen.sort_by_key(|(index, _)| *index);
    seen.into_iter().map(|(_, seen)| seen).collect()
}

/// Every cell of every shape that is wanted, all cells of a shape at once.
///
/// # Panics
///
/// If the harness fails, or [`ONLY`] picks nothing.
pub fn failures(wanted: impl Fn(Shape) -> bool, at_once: usize, start: Start<'_>) -> Vec<String> {
    let only = std::env::var(ONLY).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut are_any = false;
    for shape in super::shape::SHAPES.iter().copied().filter(|shape| wanted(*shape)) {
        let named = |cell: &Cell| format!("{shape}: {}", cell.name()).contains(&only);
        let cells: Vec<Cell> = cells(shape).into_iter().filter(named).collect();
        are_any |= !cells.is_empty();
        match run(shape, &cells, at_once, start) {
            Ok(faults) => wrong.extend(faults),
            Err(error) => panic!("{shape}: the harness failed: {error}"),
        }
    }
    assert!(are_any, "there is no cell whose name contains {only:?}");
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_scripts_meet_and_each_meets_some() {
        let cells = cells(Shape::PLAIN);
        assert!(cells.len() > 200, "{}", cells.len());
        for script in SCRIPTS.iter().filter(|script| !script.name.ends_with("-tls")) {
            let meets = |cell: &&Cell| cell.client.name == script.name;
            assert!(cells.iter().filter(meets).count() > 3, "{}", script.name);
        }
    }
}
