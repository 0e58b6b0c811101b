//! What a program gives of its own: sources and stores.

use crate::memory::{Fault, pair};
use crate::support::{How, content, go_on, place, write};
use adieu_transfer::{
    Confirmation, FileInfo, Held, Keep, MemoryStore, Source, Sources, Storage, StorageError, Store,
    TransferEvent, TransferOutcome, TransferReport, TransferResult, TransferRole, Verdict,
};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) type Observe<'a> = &'a mut (dyn FnMut(TransferEvent<'_>) -> ControlFlow<()> + Send);

/// One transfer, in memory.
pub(crate) fn transfer(
    sources: &Sources,
    storage: &mut Storage<'_>,
    how: &How,
    at_sender: Observe<'_>,
    at_receiver: Observe<'_>,
) -> (TransferOutcome, TransferOutcome) {
    let (mut sender, mut receiver) = pair([Fault::None; 2]);
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let outcome = adieu_transfer::send(&mut sender, sources, &how.sending(), at_sender);
            sender.finish();
            outcome
        });
        let outcome = adieu_transfer::receive(&mut receiver, storage, &how.receiving(), at_receiver);
        receiver.finish();
        (sending.join().expect("it does not panic"), outcome)
    })
}

pub(crate) fn into(store: impl Store, sources: &Sources, how: &How) -> (TransferOutcome, TransferOutcome) {
    transfer(sources, &mut Storage::of(store), how, &mut go_on, &mut go_on)
}

pub(crate) fn result(role: TransferRole, outcome: &TransferOutcome) -> (TransferResult, u8) {
    let report = TransferReport::new(role, outcome, false, 1, None);
    (report.result, report.exit_code)
}

/// What both sides say.
pub(crate) fn sentences((sent, received): &(TransferOutcome, TransferOutcome)) -> [String; 2] {
    [(TransferRole::Send, sent), (TransferRole::Receive, received)]
        .map(|(role, outcome)| TransferReport::new(role, outcome, false, 1, None).to_string())
}

pub(crate) fn resume() -> How {
    How { resume: true, ..How::default() }
}

#[test]
fn bytes_in_memory_come_to_a_store_in_memory_and_are_not_called_stored() {
    let (a, b) = (content(1, 1_500_000), content(2, 10));
    for secrets in [[None; 2], [Some("s"); 2]] {
        let mut store = MemoryStore::new(4 << 20);
        let sources = Sources::of("d/a", a.clone()).and_then(|s| s.and("b", b.clone())).expect("good names");
        let both = into(&mut store, &sources, &How { secrets, ..How::default() });
        assert_eq!((&both.0.verdict, &both.1.verdict), (&Verdict::Written, &Verdict::Written));
        assert_eq!((store.get("d/a"), store.get("b")), (Some(&*a), Some(&*b)));
        assert_eq!(store.get("a"), None);
        for sentence in sentences(&both) {
            let said = "written to the receiver's program, not stored: 1500010 bytes in 2 files, BLAKE3 ";
            assert!(sentence.starts_with(said), "{sentence}");
        }
        assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::Written, 6));
        assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::Written, 0));
    }
}

#[test]
fn bytes_in_memory_come_to_a_disk_too() {
    let place = place();
    let bytes = content(3, 700_000);
    for resume in [false, true, true] {
        let sources = Sources::of("name", bytes.clone()).expect("a good name");
        let target = place.path().join("target");
        let mut storage = Storage::at(&target).expect("the target can be written to");
        let how = How { resume, ..How::default() };
        let both = transfer(&sources, &mut storage, &how, &mut go_on, &mut go_on);
        assert_eq!((&both.0.verdict, &both.1.verdict), (&Verdict::Stored, &Verdict::Stored));
        assert_eq!(std::fs::read(&target).expect("it is stored"), bytes);
    }
}

#[test]
fn a_disk_comes_to_a_store_in_memory_with_names_and_without_links() {
    let place = place();
    let top = place.path().join("top");
    std::fs::create_dir_all(top.join("below/empty")).expect("there is room");
    write(&top.join("below/file"), b"content");
    // On a disk it is a hole; in a store it is zeros.
    std::fs::File::create(top.join("hole")).and_then(|f| f.set_len(3 << 20)).expect("there is room");
    let sources = Sources::new([&top]).expect("it is there");
    let mut store = MemoryStore::new(8 << 20);
    let (sent, received) = into(&mut store, &sources, &How::default());
    assert_eq!((sent.verdict, received.verdict), (Verdict::Written, Verdict::Written));
    assert_eq!(store.get("top/below/file"), Some(&b"content"[..]));
    assert_eq!(store.get("top/hole"), Some(&*vec![0; 3 << 20]));
    assert_eq!(store.into_files().len(), 2);

    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("hole", top.join("link")).expect("there is room");
        let mut store = MemoryStore::new(8 << 20);
        let both = into(&mut store, &sources, &How::default());
        let why = "top/link is a symbolic link, and this store takes none";
        assert_eq!(sentences(&both)[0], format!("receiver: {why}"));
        assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::Incomplete, 6));
        assert!(store.files().is_empty());
    }
}

/// A step at which a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Create,
    Write,
    Complete,
    Commit,
}

const STEPS: [Step; 5] = [Step::Begin, Step::Create, Step::Write, Step::Complete, Step::Commit];

/// A store that notes what is asked of it, and fails at a step.
struct Faulty {
    at: Option<(Step, StorageError)>,
    confirms: Confirmation,
    called: Vec<String>,
}

impl Faulty {
    fn at(step: Step, error: StorageError) -> Self {
        Self { at: Some((step, error)), confirms: Confirmation::Stored, called: Vec::new() }
    }

    fn step(&mut self, step: Step) -> Result<(), StorageError> {
        let name = format!("{step:?}");
        // How many pieces there are is not the point.
        if self.called.last() != Some(&name) {
            self.called.push(name);
        }
        match &self.at {
            Some((at, error)) if *at == step => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl Store for Faulty {
    fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        assert!(single);
        self.step(Step::Begin)
    }

    fn create(&mut self, file: &FileInfo, from: u64) -> Result<(), StorageError> {
        assert_eq!((file.path.to_string().as_str(), file.mode, from), ("name", 0o666, 0));
        self.step(Step::Create)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        assert!(!bytes.is_empty());
        self.step(Step::Write)
    }

    fn complete(&mut self, hash: &adieu_transfer::Hash) -> Result<(), StorageError> {
        assert_eq!(hash, blake3::hash(&content(4, 1000)).as_bytes());
        self.step(Step::Complete)
    }

    fn commit(&mut self) -> Result<Confirmation, StorageError> {
        self.step(Step::Commit)?;
        Ok(self.confirms)
    }

    fn discard(&mut self, keep: Keep) {
        self.called.push(format!("{keep:?}"));
    }
}

#[test]
fn a_store_that_fails_confirms_nothing_and_both_sides_say_why() {
    let full = || StorageError::from(io::Error::from(io::ErrorKind::StorageFull));
    for resume in [false, true] {
        for (at, step) in STEPS.into_iter().enumerate() {
            let sources = Sources::of("name", content(4, 1000)).expect("a good name");
            let how = How { resume, ..How::default() };
            let kept = if resume { "Beginnings" } else { "Nothing" };
            let mut called: Vec<String> = STEPS[..=at].iter().map(|step| format!("{step:?}")).collect();
            called.push(kept.to_owned());

            let mut store = Faulty::at(step, StorageError::new("the quota is used up"));
            let both = into(&mut store, &sources, &how);
            assert_eq!(store.called, called);
            assert_eq!(sentences(&both), ["receiver: the quota is used up", "the quota is used up"]);
            assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::Refused, 6));
            assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::LocalFailure, 7));

            let mut store = Faulty::at(step, StorageError::refused("nobody wants it"));
            let both = into(&mut store, &sources, &how);
            assert_eq!(store.called, called);
            assert_eq!(sentences(&both)[0], "receiver: nobody wants it");
            assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::Refused, 6));
            assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::Incomplete, 6));
            assert!(!both.0.may_be_tried_again() && !both.1.may_be_tried_again());

            // The words of a system's error name the file.
            let mut store = Faulty::at(step, full());
            let both = into(&mut store, &sources, &how);
            let names_it = matches!(step, Step::Create | Step::Write | Step::Complete);
            assert_eq!(
                sentences(&both)[1].contains("cannot store name: "),
                names_it,
                "{}",
                sentences(&both)[1]
            );
        }
    }
}

#[test]
fn a_store_is_confirmed_as_what_it_says_that_it_is() {
    let sources = Sources::of("name", content(4, 1000)).expect("a good name");
    for (confirms, verdict) in
        [(Confirmation::Stored, Verdict::Stored), (Confirmation::Written, Verdict::Written)]
    {
        let mut store = Faulty { at: None, confirms, called: Vec::new() };
        let (sent, received) = into(&mut store, &sources, &How::default());
        assert_eq!((&sent.verdict, &received.verdict), (&verdict, &verdict));
        assert_eq!(store.called, ["Begin", "Create", "Write", "Complete", "Commit"]);
    }
}

#[test]
fn a_store_in_memory_takes_no_more_than_its_limit() {
    for unsized_too in [false, true] {
        let mut store = MemoryStore::new(1000);
        let fits = Sources::of("a", content(5, 600)).expect("a good name");
        into(&mut store, &fits, &How::default());
        let source = Told { size: (!unsized_too).then_some(500), gives: 500, fails: false };
        let sources = Sources::of("b", source).expect("a good name");
        let both = into(&mut store, &sources, &How::default());
        let why = if unsized_too {
            "b does not fit: there is room for 400 bytes of it"
        } else {
            "b needs 500 bytes more, and there is room for 400"
        };
        assert_eq!(sentences(&both)[0], format!("receiver: {why}"));
        assert_eq!(store.files().len(), 1);
        // Nothing of it takes room afterwards.
        let sources = Sources::of("c", content(6, 400)).expect("a good name");
        let (sent, _) = into(&mut store, &sources, &How::default());
        assert_eq!(sent.verdict, Verdict::Written);
    }
}

/// A source that says one size and gives another, or fails at the end of that.
struct Told {
    size: Option<u64>,
    gives: usize,
    fails: bool,
}

impl Source for Told {
    fn size(&self) -> Option<u64> {
        self.size
    }

    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let bytes = content(7, self.gives).split_off(usize::try_from(offset).expect("it is short"));
        let end: Box<dyn Read> = if self.fails { Box::new(Failing) } else { Box::new(io::empty()) };
        Ok(Box::new(io::Cursor::new(bytes).chain(end)))
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the database is gone"))
    }
}

#[test]
fn a_source_that_fails_or_gives_another_size_is_never_whole() {
    const SIZE: u64 = 1_200_000;
    let fewer = "the source of name said that it has 1200000 bytes, and gives fewer";
    let more = "the source of name said that it has 1200000 bytes, and gives more";
    let gone = "cannot read name: the database is gone";
    for (size, gives, fails, why) in [
        (Some(SIZE), 0, false, fewer),
        (Some(SIZE), 1_199_999, false, fewer),
        (Some(SIZE), 1_200_001, false, more),
        (Some(0), 1, false, "the source of name said that it has 0 bytes, and gives more"),
        (Some(SIZE), 600_000, true, gone),
        (Some(SIZE), 1_200_000, true, gone),
        (None, 0, true, gone),
        (None, 1_000_000, true, gone),
    ] {
        for resume in [false, true] {
            let mut store = MemoryStore::new(4 << 20);
            let sources = Sources::of("name", Told { size, gives, fails }).expect("a good name");
            let both = into(&mut store, &sources, &How { resume, ..How::default() });
            let said = sentences(&both);
            assert_eq!(said[0], why);
            assert!(said[1].contains(&format!("the sender gave up ({why})")), "{}", said[1]);
            assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::LocalFailure, 7));
            assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::Incomplete, 6));
            assert!(store.files().is_empty());
        }
    }
}

/// A source that cannot be read again, and has nothing at every second look.
struct Slow(Mutex<(Vec<u8>, bool)>);

impl Source for Slow {
    fn size(&self) -> Option<u64> {
        None
    }

    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        assert_eq!(offset, 0);
        Ok(Box::new(self))
    }

    fn can_be_read_again(&self) -> bool {
        false
    }
}

impl Read for &Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut slow = self.0.lock().expect("no thread has panicked");
        slow.1 = !slow.1;
        if slow.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = slow.0.len().min(buffer.len()).min(1000);
        buffer[..n].copy_from_slice(&slow.0[..n]);
        slow.0.drain(..n);
        Ok(n)
    }
}

#[test]
fn a_source_without_a_size_that_has_nothing_at_times_is_sent_once() {
    let bytes = content(8, 3500);
    let sources = Sources::of("name", Slow(Mutex::new((bytes.clone(), false)))).expect("a good name");
    assert!(!sources.can_be_read_again());
    let mut store = MemoryStore::new(1 << 20);
    let (sent, received) = into(&mut store, &sources, &resume());
    assert_eq!((sent.verdict, received.verdict), (Verdict::Written, Verdict::Written));
    assert_eq!(store.get("name"), Some(&*bytes));
}

#[test]
fn what_a_store_in_memory_has_is_not_sent_again() {
    const LENGTH: u64 = 2_000_000;
    let bytes = content(9, 2_000_000);
    let sources = || Sources::of("name", bytes.clone()).expect("a good name");
    let mut store = MemoryStore::new(16 << 20);
    // The receiver's program cancels it once a part is there.
    let mut there = 0;
    let mut stop = |event: TransferEvent<'_>| {
        if let TransferEvent::Moved { bytes } = event {
            there += bytes;
        }
        if there > LENGTH / 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (_, received) = transfer(&sources(), &mut Storage::of(&mut store), &resume(), &mut go_on, &mut stop);
    assert_eq!(received.verdict, Verdict::Cancelled);
    assert!(store.files().is_empty());

    let (sent, received) = into(&mut store, &sources(), &resume());
    assert_eq!((sent.verdict, received.verdict), (Verdict::Written, Verdict::Written));
    assert!(
        (LENGTH / 4..LENGTH).contains(&sent.resumed_from.expect("it was asked")),
        "{:?}",
        sent.resumed_from
    );
    assert_eq!(sent.moved + sent.resumed_from.unwrap_or(0), LENGTH);
    assert_eq!(store.get("name"), Some(&*bytes));

    let (sent, _) = into(&mut store, &sources(), &resume());
    assert_eq!((sent.verdict, sent.files_kept, sent.moved), (Verdict::Written, 1, 0));

    // Another content of that size.
    let other = content(10, 2_000_000);
    let (sent, _) = into(&mut store, &Sources::of("name", other.clone()).expect("a good name"), &resume());
    assert_eq!((sent.verdict, sent.moved), (Verdict::Written, LENGTH));
    assert_eq!(store.get("name"), Some(&*other));
}

/// A store whose held content is not what it was, and that counts what it is asked to read.
struct Liar(AtomicU64);

impl Store for Liar {
    fn begin(&mut self, _: bool) -> Result<(), StorageError> {
        Ok(())
    }

    fn create(&mut self, _: &FileInfo, from: u64) -> Result<(), StorageError> {
        assert_eq!(from, 0);
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }

    fn complete(&mut self, _: &adieu_transfer::Hash) -> Result<(), StorageError> {
        Ok(())
    }

    fn commit(&mut self) -> Result<Confirmation, StorageError> {
        Ok(Confirmation::Stored)
    }

    fn discard(&mut self, _: Keep) {}

    fn held(&mut self, _: &FileInfo) -> Result<Held, StorageError> {
        Ok(Held::Partial)
    }

    fn read_held(&mut self, _: &FileInfo, _: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        buffer.fill(0);
        Ok(buffer.len())
    }
}

#[test]
fn a_store_that_claims_to_hold_something_is_not_believed() {
    let mut store = Liar(AtomicU64::new(0));
    let sources = Sources::of("name", content(11, 300_000)).expect("a good name");
    let (sent, received) = into(&mut store, &sources, &resume());
    assert_eq!((sent.verdict, received.verdict), (Verdict::Stored, Verdict::Stored));
    assert_eq!((sent.moved, sent.resumed_from), (300_000, Some(0)));
    // Its endless content is read no further than is needed to refuse it.
    assert!(store.0.into_inner() <= 1_000_000);
}

#[test]
fn a_name_comes_to_a_store_once() {
    use adieu_transfer::wire::{Control, EntryPath};
    let path = || EntryPath::new(b"d".to_vec()).expect("a good name");
    let begin = Control::Begin { single: false, bytes: None };
    let file = Control::File { offer: false, mode: 0o644, size: Some(0), path: path() };
    let end = Control::FileEnd { size: 0, hash: *blake3::hash(b"").as_bytes() };
    let directory = Control::Directory { path: path() };
    for second in [&[file.clone(), end.clone()][..], &[directory]] {
        let mut store = MemoryStore::new(1 << 20);
        let frames = [&[begin.clone(), file.clone(), end.clone()][..], second].concat();
        let outcome =
            crate::faults::crafted_into(&mut Storage::of(&mut store), &crate::faults::frames(&frames));
        assert!(outcome.sentence().contains("d was sent twice"), "{}", outcome.sentence());
        assert!(store.files().is_empty());
    }
}

#[test]
fn errors_can_be_cloned_and_compared() {
    let error = || StorageError::from(io::Error::from(io::ErrorKind::StorageFull));
    assert_eq!(error(), error().clone());
    assert_ne!(error(), StorageError::new("full"));
    let source = std::error::Error::source(&error()).and_then(|e| e.downcast_ref::<io::Error>()).is_some();
    assert!(source);
    let error = Sources::of("..", Vec::new()).expect_err("no name");
    assert_eq!(error, error.clone());
    let twice = Sources::of("a", Vec::new()).and_then(|s| s.and("a", Vec::new()));
    assert_eq!(twice.expect_err("it is taken").to_string(), "two of the files have the name a");
}
