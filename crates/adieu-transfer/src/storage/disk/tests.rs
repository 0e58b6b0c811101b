//! What a receiver's output does where the file system takes two names for one; and how it gives up.

use super::syncer::Awaited;
use super::*;
use crate::os::Directory;
use std::path::Path;
use std::time::Instant;

/// In memory where there is such a place, so that no disk is waited for.
fn place() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("there is room for a directory")
}

/// An output on a file system that folds the case of names.
fn folding(path: &Path) -> Disk {
    let root = Directory::open(path).expect("it is there").folding();
    Disk::of(Destination::Tree(Box::new(
        Directories::of(root, "target".into()).expect("it can be written to"),
    )))
}

fn path(text: &str) -> EntryPath {
    EntryPath::new(text.into()).expect("a good path")
}

fn yes(_: Awaited) -> bool {
    true
}

fn ignore(_: TransferEvent<'_>) {}

/// Receives a file of this content.
fn file(storage: &mut Disk, name: &str) -> Result<(), StorageError> {
    let mut incoming = storage.create(path(name), 0o644, &mut ignore)?;
    incoming.write(name.as_bytes())?;
    storage.complete(incoming, &mut ignore, &mut yes)
}

/// What is offered under this name.
fn offer(name: &str, content: &str) -> Offered {
    let hash = crate::wire::short(blake3::hash(content.as_bytes()).as_bytes());
    Offered { path: path(name), mode: 0o644, size: content.len() as u64, hash, attributes: None }
}

/// Offers a file of this content, and sends it if it is not there.
fn offered(storage: &mut Disk, name: &str, content: &str) -> Result<(), StorageError> {
    let incoming = match storage.look(&offer(name, content), &mut |_| true)? {
        Held::Whole(incoming) => *incoming,
        Held::Nothing | Held::Beginning => {
            let mut incoming = storage.start(offer(name, content), None, 0, &mut ignore)?;
            incoming.write(content.as_bytes())?;
            incoming
        }
    };
    storage.complete(incoming, &mut ignore, &mut yes)
}

fn commit(storage: &mut Disk) -> Result<(), StorageError> {
    storage.commit(&mut ignore, &mut yes)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("it can be listed").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn two_names_that_the_file_system_takes_for_one_are_refused_before_either_has_its_name() {
    for (first, second) in [("README", "readme"), ("d/README", "d/readme")] {
        for is_link in [false, true] {
            let place = place();
            let mut storage = folding(place.path());
            file(&mut storage, first).expect("it is the first");
            let refused = if is_link {
                storage.link(&path(second), b"x", &mut ignore, &mut yes)
            } else {
                file(&mut storage, second)
            };
            let said = refused.expect_err("one would replace the other").to_string();
            let wanted = format!("{first} and {second} are one name on this file system");
            assert!(said.starts_with(&wanted), "{said}");
            assert_eq!(storage.stored(), (0, 0));
            assert!(storage.give_up(None, Outlives::None, &mut || true));
            assert_eq!(names(place.path()), Vec::<String>::new());
        }
    }
}

#[test]
fn a_name_that_has_its_file_already_is_not_replaced_by_another_name_of_it() {
    let long = "N".repeat(250);
    for first in ["README", &long] {
        let place = place();
        let mut storage = folding(place.path());
        let second = first.to_lowercase();
        file(&mut storage, first).expect("it is the first");
        // The partials of long names are apart.
        let refused = if first == long {
            file(&mut storage, &second).expect("its partial has another name");
            commit(&mut storage)
        } else {
            commit(&mut storage).expect("there is room");
            file(&mut storage, &second)
        };
        let said = refused.expect_err("one would replace the other").to_string();
        assert!(said.contains("one name on this file system"), "{said}");
        assert!(storage.give_up(None, Outlives::None, &mut || true));
        assert_eq!(std::fs::read_to_string(place.path().join(&second)).ok().as_deref(), Some(first));
    }
}

#[test]
fn two_names_are_not_both_kept_or_resumed_from_one_file() {
    for there in ["readme", ".readme.adieu-partial"] {
        let place = place();
        std::fs::write(place.path().join(there), "README").expect("there is room");
        let mut storage = folding(place.path());
        offered(&mut storage, "README", "README").expect("it is the first");
        let said = offered(&mut storage, "readme", "readme").expect_err("it is the same").to_string();
        assert!(said.contains("one name on this file system"), "{said}");
        // Offered both before either is started.
        assert!(storage.give_up(None, Outlives::All, &mut || true));
        storage.begin(false).expect("it is there");
        storage.look(&offer("README", "README"), &mut |_| true).expect("it is the first");
        let again = storage.look(&offer("readme", "readme"), &mut |_| true);
        assert!(again.err().is_some_and(|e| e.to_string().contains("one name on this file system")));
    }
}

#[test]
fn two_directories_that_the_file_system_takes_for_one_are_refused() {
    let place = place();
    let mut storage = folding(place.path());
    storage.directory(&path("Dir"), None, &mut ignore, &mut yes).expect("it is the first");
    file(&mut storage, "Dir/f").expect("it is the first");
    let said = file(&mut storage, "dir/g").expect_err("it is the same").to_string();
    assert_eq!(said, "Dir and dir are one directory on this file system, and two are sent");
    file(&mut storage, "Dir/g").expect("its name is no other's");
    commit(&mut storage).expect("there is room");
    assert_eq!(storage.stored().0, 2);
}

/// Another transfer may bring another case of a name, which then is the only one.
#[test]
fn what_an_earlier_transfer_left_is_replaced_whatever_the_case_of_its_name() {
    let place = place();
    let mut storage = folding(place.path());
    for name in ["README", "readme", "ReadMe"] {
        storage.begin(false).expect("it is there");
        file(&mut storage, name).expect("it is alone");
        commit(&mut storage).expect("there is room");
        assert_eq!(std::fs::read_to_string(place.path().join("readme")).ok().as_deref(), Some(name));
    }
}

#[test]
fn names_that_only_some_file_systems_take_for_one_are_two_elsewhere() {
    let place = place();
    let all = ["readme", "README", "ReadMe", "\u{e9}", "e\u{301}", "\u{c9}", "Dir/f", "dir/f", "Dir/F"];
    let mut storage = Disk::at(place.path()).expect("it is there");
    if place.path().join("Readme").exists() {
        return;
    }
    // The last one of them is there, all are, or they are resumed.
    for (before, is_offered) in [(Some("ReadMe"), false), (None, false), (None, true), (Some("dir/f"), true)]
    {
        if let Some(name) = before {
            std::fs::remove_dir_all(place.path()).expect("it is ours");
            let only = place.path().join(name);
            std::fs::create_dir_all(only.parent().expect("it is below")).expect("there is room");
            std::fs::write(only, name).expect("there is room");
            storage = Disk::at(place.path()).expect("it is there");
        }
        storage.count_anew();
        storage.begin(false).expect("it is there");
        for name in all {
            let came = if is_offered { offered(&mut storage, name, name) } else { file(&mut storage, name) };
            came.unwrap_or_else(|e| panic!("{name}, {before:?}, {is_offered}: {e}"));
        }
        commit(&mut storage).expect("they are apart");
        assert_eq!(storage.stored().0, all.len() as u64);
        for name in all {
            assert_eq!(std::fs::read_to_string(place.path().join(name)).ok().as_deref(), Some(name));
        }
    }
}

#[test]
fn hard_links_are_kept_under_each_of_their_names() {
    let place = place();
    std::fs::write(place.path().join("a"), "x").expect("there is room");
    std::fs::create_dir(place.path().join("d")).expect("there is room");
    for other in ["b", "d/a"] {
        std::fs::hard_link(place.path().join("a"), place.path().join(other)).expect("it is a file");
    }
    let mut storage = Disk::at(place.path()).expect("it is there");
    for name in ["a", "b", "d/a"] {
        offered(&mut storage, name, "x").expect("each has an entry of its own");
    }
    commit(&mut storage).expect("they are there");
    assert_eq!(storage.stored(), (3, 3));
    // One of them is replaced, the others are kept.
    storage.begin(false).expect("it is there");
    offered(&mut storage, "a", "x").expect("it is there");
    file(&mut storage, "b").expect("its entry is its own");
    offered(&mut storage, "d/a", "x").expect("it is there");
    commit(&mut storage).expect("there is room");
    assert_eq!(std::fs::read_to_string(place.path().join("b")).ok().as_deref(), Some("b"));
}

#[test]
fn memory_of_what_waits_has_a_bound_whatever_comes() {
    let place = place();
    let mut storage = Disk::at(place.path()).expect("it is there");
    let (mut most, mut commits) = (0, 0);
    let target = vec!["x"; 2000].join("/").into_bytes();
    // Each with a target of almost 4 KiB; the names of a test have a limit.
    for i in 0..8200 {
        if i % 2900 == 0 {
            storage.begin(false).expect("it is there");
        }
        let mut count =
            |event: TransferEvent<'_>| commits += u32::from(matches!(event, TransferEvent::NamesSynced));
        storage.link(&path(&format!("l{i}")), &target, &mut count, &mut yes).expect("there is room");
        most = most.max(storage.waiting_cost);
    }
    assert!(most < COST_LIMIT + 8192 && commits > 0, "{most}, {commits} commits");
    let deep = vec!["directo"; 250].join("/");
    let mut storage = Disk::at(place.path()).expect("it is there");
    let (mut most, mut commits) = (0, 0);
    for i in 0..160 {
        if i % 11 == 0 {
            storage.begin(false).expect("it is there");
        }
        let mut count =
            |event: TransferEvent<'_>| commits += u32::from(matches!(event, TransferEvent::NamesSynced));
        storage.directory(&path(&format!("d{i}/{deep}")), None, &mut count, &mut yes).expect("there is room");
        most = most.max(storage.destination.tree().map_or(0, |tree| tree.made_cost()));
    }
    assert!(most < COST_LIMIT + (1 << 20) && commits > 0, "{most}, {commits} commits");
}

#[test]
fn giving_up_stops_when_it_is_told_to() {
    let place = place();
    let mut storage = Disk::at(place.path()).expect("it is there");
    for name in ["a/1", "b/2", "b/c/3"] {
        file(&mut storage, name).expect("there is room");
    }
    let mut left = 2;
    let gave_up = storage.give_up(None, Outlives::None, &mut || {
        left -= 1;
        left >= 0
    });
    assert!(!gave_up);
    assert_eq!(names(&place.path().join("b")), ["c"], "its own partial is gone");
    assert_eq!(names(&place.path().join("b/c")), [".3.adieu-partial"]);
}

#[test]
fn giving_up_takes_about_as_long_as_making_did_however_deep() {
    let place = place();
    let mut storage = Disk::at(place.path()).expect("it is there");
    let deep = vec!["d"; 250].join("/");
    let began = Instant::now();
    for i in 0..11 {
        let path = path(&format!("d{i}/{deep}"));
        storage.directory(&path, None, &mut ignore, &mut yes).expect("there is room");
    }
    let made = began.elapsed();
    assert!(storage.give_up(None, Outlives::None, &mut || true));
    let removed = began.elapsed().saturating_sub(made);
    assert_eq!(names(place.path()), Vec::<String>::new());
    // From the root for each it took more than ten times as long.
    assert!(removed < made * 4, "made in {made:?}, removed in {removed:?}");
}

#[test]
fn there_is_a_most_of_names_and_the_refusal_names_it() {
    let place = place();
    let mut storage = Disk::at(place.path()).expect("it is there");
    let mut one = |i: u32| match i % 3 {
        0 => storage.directory(&path(&format!("e{i}")), None, &mut ignore, &mut yes),
        1 => storage.link(&path(&format!("e{i}")), b"x", &mut ignore, &mut yes),
        _ => file(&mut storage, &format!("e{i}")),
    };
    for i in 0..3000 {
        one(i).expect("it is not the last");
    }
    for i in 3000..3003 {
        let said = one(i).expect_err("it is one too many").to_string();
        assert_eq!(said, "there are more than 3000 names, the most of one transfer: send them in several");
    }
    // A directory may come again.
    one(0).expect("it is no other");
}

/// Each of them was looked for among all.
#[test]
fn thousands_of_partials_are_found_in_a_time_that_grows_with_their_number() {
    let took = |count: usize| {
        let place = place();
        for at in 0..count {
            std::fs::write(place.path().join(format!(".f{at}.adieu-partial")), "x").expect("there is room");
        }
        let mut storage = Disk::at(place.path()).expect("it is there");
        storage.begin(false).expect("it is a directory");
        let began = Instant::now();
        for at in 0..count {
            let looked = storage.look(&offer(&format!("f{at}"), "xy"), &mut |_| true).expect("it is free");
            assert!(matches!(looked, Held::Beginning));
        }
        began.elapsed()
    };
    // The quickest of several: other processes take their time too.
    let quickest = |count| (0..3).map(|_| took(count)).min().expect("there are three");
    let (few, many) = (quickest(250), quickest(2000));
    assert!(many < few * 30, "{few:?} for 250, {many:?} for 2000");
}

#[test]
fn a_name_that_the_file_system_takes_for_one_that_is_there_is_taken() {
    for is_link in [false, true] {
        let place = place();
        std::fs::write(place.path().join("readme"), "old").expect("there is room");
        let mut storage = folding(place.path()).without_replacing();
        storage.begin(false).expect("it is a directory");
        file(&mut storage, "other").expect("it is new");
        if is_link {
            storage.link(&path("README"), b"x", &mut ignore, &mut yes).expect("it is refused, and no more");
        } else {
            file(&mut storage, "README").expect("it is refused, and no more");
        }
        commit(&mut storage).expect("there is room");
        assert_eq!(storage.refused().entries(), "1 entry (README)");
        assert_eq!(storage.stored(), (1, 5));
        assert_eq!(std::fs::read(place.path().join("readme")).ok().as_deref(), Some(&b"old"[..]));
        // Two of one transfer are an error as ever.
        file(&mut storage, "New").expect("it is new");
        let said = file(&mut storage, "nEW").expect_err("one would replace the other").to_string();
        assert!(said.contains("New and nEW are one name on this file system"), "{said}");
    }
}

#[test]
fn what_is_remembered_of_directories_has_a_bound() {
    let place = place();
    let mut storage = Disk::at(place.path()).expect("it is there");
    storage.begin(false).expect("it is a directory");
    let modified = crate::wire::Modified::new(1, 0).expect("it is in bounds");
    let attributes = Some(Attributes { mode: 0o700, modified });
    let mut one =
        |at: usize| storage.directory(&path(&format!("{at:016}")), attributes, &mut ignore, &mut yes);
    for at in 0..1024 {
        one(at).expect("there is room");
    }
    let said = one(1024).expect_err("it is one too many");
    assert!(said.is_of_sender() && said.to_string().contains("too many directories"), "{said}");
    // The next transfer has all the room again.
    storage.begin(false).expect("it is a directory");
    storage.directory(&path("x"), attributes, &mut ignore, &mut yes).expect("there is room");
    storage.finish(&mut ignore, &mut yes).expect("it can be set");
    let there = std::fs::metadata(place.path().join("x")).expect("it is there");
    assert_eq!(there.modified().ok(), modified.system_time().ok());
    let other = std::fs::metadata(place.path().join("0000000000000000")).expect("it is there");
    assert_ne!(other.modified().ok(), modified.system_time().ok());
}

/// Root makes the files, and the receiver is somebody else, who may only read them.
#[cfg(target_os = "linux")]
#[test]
fn what_another_user_has_made_and_is_right_already_is_kept_as_it_is() {
    use rustix::process::Uid;
    use std::os::unix::fs::PermissionsExt;
    let test = "what_another_user_has_made_and_is_right_already_is_kept_as_it_is";
    if !rustix::process::geteuid().is_root() {
        adieu_testkit::skip::loudly(test, &io::ErrorKind::PermissionDenied.into());
        return;
    }
    let place = place();
    let modified = crate::wire::Modified::new(1_000_000_000, 0).expect("it is in bounds");
    let time = modified.system_time().expect("every system has it");
    std::fs::write(place.path().join("file"), "content").expect("there is room");
    std::fs::create_dir(place.path().join("directory")).expect("there is room");
    for name in ["file", "directory"] {
        File::open(place.path().join(name)).and_then(|file| file.set_modified(time)).expect("it is ours");
    }
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).expect("it is ours");
    // A user id is a thread's, and this one ends with the test.
    let receiving = std::thread::spawn(move || {
        let nobody = Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may");
        let mut storage = Disk::at(place.path()).expect("everybody may write there");
        storage.begin(false).expect("it is a directory");
        let attributes = |mode| Some(Attributes { mode, modified });
        let directory = path("directory");
        storage.directory(&directory, attributes(0o777), &mut ignore, &mut yes).expect("it is there");
        let offer = Offered { mode: 0o666, attributes: attributes(0o666), ..offer("file", "content") };
        let Ok(Held::Whole(incoming)) = storage.look(&offer, &mut |_| true) else { panic!("it is there") };
        assert!(incoming.is_kept);
        storage.complete(*incoming, &mut ignore, &mut yes).expect("there is nothing to change");
        storage.finish(&mut ignore, &mut yes).expect("there is nothing to change");
        assert_eq!(storage.stored(), (1, 7));
        // Another time is one that it cannot be given.
        let other =
            Attributes { mode: 0o777, modified: crate::wire::Modified::new(1, 0).expect("it is in bounds") };
        storage.begin(false).expect("it is a directory");
        storage.directory(&directory, Some(other), &mut ignore, &mut yes).expect("it is there");
        assert!(storage.finish(&mut ignore, &mut yes).is_err(), "it is not his");
        place
    });
    let place = receiving.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let there = std::fs::metadata(place.path().join("file")).expect("it is there");
    assert_eq!(there.modified().ok(), Some(time));
}
