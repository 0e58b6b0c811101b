//! Goes from one directory of the output to the next without opening each from the root.

use crate::os::Directory;
use std::io;
use std::sync::Arc;

/// The directories that are held open on the way to the last one.
#[derive(Debug)]
pub(super) struct Walker {
    root: Arc<Directory>,
    /// Each is in the one before.
    held: Vec<(Vec<u8>, Arc<Directory>)>,
}

/// So many are held at most: descriptors are few, and what is deep is seldom.
const HELD: usize = 64;

impl Walker {
    pub(super) fn new(root: &Arc<Directory>) -> Self {
        Self { root: Arc::clone(root), held: Vec::new() }
    }

    /// Opens a directory that is there. If they are asked for in the order of their paths, or in its reverse, each is opened
    /// once, or, where they are deep, a few times.
    pub(super) fn enter(&mut self, path: &[u8]) -> io::Result<Arc<Directory>> {
        let is_on_the_way = |held: &[u8]| {
            path.strip_prefix(held).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        while self.held.last().is_some_and(|(held, _)| !is_on_the_way(held)) {
            self.held.pop();
        }
        let mut end = self.held.last().map_or(0, |(held, _)| held.len());
        let rest = path[end..].split(|b| *b == b'/').filter(|component| !component.is_empty());
        for component in rest {
            let entered = Arc::new(self.last().enter(component)?);
            end += usize::from(end > 0) + component.len();
            self.held.push((path[..end].to_vec(), entered));
            if self.held.len() > HELD {
                self.held.drain(..HELD / 2);
            }
        }
        Ok(Arc::clone(self.last()))
    }

    fn last(&self) -> &Arc<Directory> {
        self.held.last().map_or(&self.root, |(_, directory)| directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_every_directory_from_every_other() {
        let place = tempfile::tempdir().expect("there is room");
        let deep = vec!["d"; 100].join("/");
        let paths = ["", "a", "a/b", "a/bc", "a/b/c", "ab", &deep, &deep[..101], &deep[..3]];
        for path in paths {
            std::fs::create_dir_all(place.path().join(path)).expect("there is room");
        }
        let root = Arc::new(Directory::open(place.path()).expect("it is there"));
        for first in paths {
            for second in paths {
                let mut walker = Walker::new(&root);
                walker.enter(first.as_bytes()).expect("it is there");
                let found = walker.enter(second.as_bytes()).expect("it is there");
                let there = Directory::open(&place.path().join(second)).expect("it is there");
                let identity = |directory: &Directory| directory.identity().expect("it is open");
                assert_eq!(identity(&found), identity(&there), "{first}, then {second}");
                assert!(walker.held.len() <= HELD);
            }
        }
        assert!(Walker::new(&root).enter(b"a/nothing").is_err());
    }
}
