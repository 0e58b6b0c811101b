//! A store of a program's own: files are kept by the hash of their content, and an index says which name has which.
//!
//! Equal files take room once, and the files of a transfer appear together, when the index is replaced.
//!
//! ```console
//! $ cargo run -p adieu-transfer --example custom_store
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
use adieu_transfer::{
    Confirmation, EntryPath, FileInfo, Hash, Keep, ReceiveOptions, SendOptions, Sources, Storage,
    StorageError, Store, Verdict, Wire, hex,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

struct HashStore {
    directory: PathBuf,
    /// The index as it is on the disk.
    names: BTreeMap<EntryPath, Hash>,
    /// The files of the transfer that is under way, which are on the disk and not in the index.
    whole: BTreeMap<EntryPath, Hash>,
    open: Option<(EntryPath, File)>,
}

impl HashStore {
    fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), names: BTreeMap::new(), whole: BTreeMap::new(), open: None }
    }

    fn partial(&self) -> PathBuf {
        self.directory.join("partial")
    }
}

impl Store for HashStore {
    fn begin(&mut self, _single: bool) -> Result<(), StorageError> {
        Ok(())
    }

    fn create(&mut self, file: &FileInfo, _from: u64) -> Result<(), StorageError> {
        if file.size.is_none_or(|size| size > 1 << 30) {
            return Err(StorageError::refused(format!("{} is larger than 1 GiB, or may be", file.path)));
        }
        self.open = Some((file.path.clone(), File::create(self.partial())?));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let (_, file) = self.open.as_mut().expect("content comes after create");
        Ok(file.write_all(bytes)?)
    }

    fn complete(&mut self, hash: &Hash) -> Result<(), StorageError> {
        let (path, file) = self.open.take().expect("a file is completed after create");
        file.sync_all()?;
        fs::rename(self.partial(), self.directory.join(hex(hash)))?;
        self.whole.insert(path, *hash);
        Ok(())
    }

    fn commit(&mut self) -> Result<Confirmation, StorageError> {
        let mut names = self.names.clone();
        names.append(&mut self.whole);
        let new = self.directory.join("index.new");
        let mut index = File::create(&new)?;
        for (path, hash) in &names {
            writeln!(index, "{} {path}", hex(hash))?;
        }
        index.sync_all()?;
        fs::rename(&new, self.directory.join("index"))?;
        self.names = names;
        if is_synced(&self.directory)? { Ok(Confirmation::Stored) } else { Ok(Confirmation::Written) }
    }

    fn discard(&mut self, _keep: Keep) {
        // What is not in the index is garbage, which a program would collect some day.
        self.whole.clear();
        if self.open.take().is_some() {
            let _ = fs::remove_file(self.partial());
        }
    }
}

/// Syncs the names in a directory, where the system can: only then a file is durable under its name.
fn is_synced(directory: &Path) -> io::Result<bool> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(cfg!(unix))
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("adieu-custom-store-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
    let endpoint = listener.local_endpoint().clone();
    let sending = std::thread::spawn(move || send(&endpoint).map_err(|error| error.to_string()));

    let mut store = HashStore::new(&directory);
    let mut wire = Wire::new(listener.accept()?, None);
    let (mut storage, options) = (Storage::of(&mut store), ReceiveOptions::default());
    let outcome =
        adieu_transfer::receive(&mut wire, &mut storage, &options, &mut |_| ControlFlow::Continue(()));
    drop(storage);
    wire.finish();
    println!("receiver: {}", outcome.sentence());
    let sent = sending.join().map_err(|_| "the sender has panicked")??;
    assert_eq!(sent, if cfg!(unix) { Verdict::Stored } else { Verdict::Written });

    let index = fs::read_to_string(directory.join("index"))?;
    print!("{index}");
    assert_eq!(index.lines().count(), 2);
    // One content, the index, and nothing else.
    assert_eq!(fs::read_dir(&directory)?.count(), 2);
    fs::remove_dir_all(&directory)?;
    Ok(())
}

fn send(endpoint: &Endpoint) -> Result<Verdict, Box<dyn Error>> {
    let sources = Sources::of("a.txt", b"the same".to_vec())?.and("copies/a.txt", b"the same".to_vec())?;
    let mut wire = Wire::new(adieu::connect(endpoint, &ConnectOptions::new())?, None);
    let outcome =
        adieu_transfer::send(
            &mut wire,
            &sources,
            &SendOptions::default(),
            &mut |_| ControlFlow::Continue(()),
        );
    wire.finish();
    println!("sender: {}", outcome.sentence());
    Ok(outcome.verdict)
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    main()
}
