//! From a path in code to the module that defines what it names, through every `pub use` on the way.

use super::modules::{Number, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// For each module, the modules that it imports from, and the names that it takes from each.
pub(super) type Imports = BTreeMap<Number, BTreeMap<Number, BTreeSet<String>>>;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// The module that defines it.
    module: Number,
    /// Its name there. `None`: it is the module itself.
    name: Option<String>,
}

/// No chain of re-exports is longer; one that is runs in a circle of its own.
const DEPTH: u32 = 16;

impl Tree {
    /// Every import of one file's module from another's. What a module passes on is no import unless its own code uses it.
    /// What a module takes from those that are inside of it is none either: they are its parts.
    pub(super) fn imports(&self) -> Imports {
        self.collect(false)
    }

    /// The same, with what is passed on.
    pub(super) fn imports_and_reexports(&self) -> Imports {
        self.collect(true)
    }

    fn collect(&self, with_reexports: bool) -> Imports {
        let mut imports = Imports::new();
        for (number, module) in self.modules.iter().enumerate() {
            let uses = module.uses.iter().filter(|one| with_reexports || !one.is_passed_on);
            for path in uses.map(|one| &one.path).chain(&module.paths) {
                let Some(found) = self.resolve(number, path, 0) else { continue };
                let (from, to) = (module.owner, self.modules[found.module].owner);
                if from == to || self.contains(from, to) {
                    continue;
                }
                let name = found.name.unwrap_or_else(|| "the module itself".to_owned());
                imports.entry(from).or_default().entry(to).or_default().insert(name);
            }
        }
        imports
    }

    /// Whether a module is inside of another.
    fn contains(&self, outer: Number, inner: Number) -> bool {
        self.modules[inner].path.starts_with(&self.modules[outer].path)
    }

    /// What a path means in a module. `None`: nothing of this crate.
    fn resolve(&self, scope: Number, path: &[String], depth: u32) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(0, rest, depth),
            "self" => self.walk(scope, rest, depth),
            "super" => self.resolve_from_parent(scope, rest, depth),
            _ => self.look_up(scope, path, depth),
        }
    }

    fn resolve_from_parent(&self, scope: Number, rest: &[String], depth: u32) -> Option<Found> {
        let parent = self.modules[scope].parent?;
        match rest.split_first() {
            Some((next, rest)) if next == "super" => self.resolve_from_parent(parent, rest, depth),
            _ => self.walk(parent, rest, depth),
        }
    }

    /// As [`look_up`](Self::look_up). What a module has from another crate is nothing of this one. What it does not seem to
    /// have is its own all the same, made by a macro perhaps.
    fn walk(&self, module: Number, path: &[String], depth: u32) -> Option<Found> {
        let Some(first) = path.first() else { return Some(Found { module, name: None }) };
        let is_passed_on = self.modules[module].uses.iter().any(|one| one.name.as_ref() == Some(first));
        let made_here = || (!is_passed_on).then(|| Found { module, name: Some(first.clone()) });
        self.look_up(module, path, depth).or_else(made_here)
    }

    /// What a path means that begins with a name that a module has.
    fn look_up(&self, scope: Number, path: &[String], depth: u32) -> Option<Found> {
        if depth > DEPTH {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let module = &self.modules[scope];
        if let Some(child) = module.children.get(first) {
            return self.walk(*child, rest, depth);
        }
        if module.items.contains(first) {
            return Some(Found { module: scope, name: Some(first.clone()) });
        }
        let imported = module.uses.iter().filter(|one| one.name.as_ref() == Some(first));
        let globs = module.uses.iter().filter(|one| one.name.is_none());
        // A `use` that begins with its own name means another crate.
        let named = imported.filter(|one| one.path.first() != Some(first)).find_map(|one| {
            let found = self.resolve(scope, &one.path, depth + 1)?;
            if found.name.is_none() { self.walk(found.module, rest, depth + 1) } else { Some(found) }
        });
        named.or_else(|| {
            globs.filter_map(|one| self.resolve(scope, &one.path, depth + 1)).find_map(|found| {
                let is_other_module = found.name.is_none() && found.module != scope;
                if is_other_module { self.look_up(found.module, path, depth + 1) } else { None }
            })
        })
    }
}
