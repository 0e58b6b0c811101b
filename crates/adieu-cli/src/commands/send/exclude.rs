//! `send --exclude`: which files and directories are left out.
//!
//! The patterns are those of gitignore(5), read from each directory that is named. What a pattern takes in again (`!`) is not
//! there: a directory that is left out is not looked at.

use anyhow::{Context, Result, anyhow, bail};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// One pattern, as it was written.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    glob: globset::Glob,
    /// It matches a name at any depth, and no path.
    is_name: bool,
    directories_only: bool,
}

impl Pattern {
    pub(super) fn new(written: &str) -> Result<Self> {
        if written.starts_with('!') {
            bail!(
                "'!' would take in again what another pattern leaves out, which is not possible; \\! is a name's own"
            );
        }
        let (body, directories_only) = match written.strip_suffix('/') {
            Some(body) => (body, true),
            None => (written, false),
        };
        let is_name = !body.contains('/');
        let body = body.strip_prefix('/').unwrap_or(body);
        if body.is_empty() {
            bail!("it matches nothing: a pattern is a name such as '*.log', or a path such as 'build/cache'");
        }
        let glob = GlobBuilder::new(body).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| anyhow!("not a pattern: {}", error.kind()))?;
        Ok(Self { glob, is_name, directories_only })
    }
}

/// All patterns.
pub(super) struct Excludes {
    patterns: Vec<Pattern>,
    names: GlobSet,
    paths: GlobSet,
    /// Which of the patterns stand in each of the sets.
    in_names: Vec<usize>,
    in_paths: Vec<usize>,
}

impl Excludes {
    pub(super) fn new(patterns: Vec<Pattern>) -> Result<Self> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        let (mut in_names, mut in_paths) = (Vec::new(), Vec::new());
        for (at, pattern) in patterns.iter().enumerate() {
            let (set, places) =
                if pattern.is_name { (&mut names, &mut in_names) } else { (&mut paths, &mut in_paths) };
            set.add(pattern.glob.clone());
            places.push(at);
        }
        let (names, paths) = (names.build(), paths.build());
        let too_many = "the patterns of --exclude take too much memory";
        Ok(Self {
            names: names.context(too_many)?,
            paths: paths.context(too_many)?,
            patterns,
            in_names,
            in_paths,
        })
    }

    /// Whether an entry is left out. `path`: below the directory that was named.
    pub(super) fn has(&self, path: &Path, is_directory: bool) -> bool {
        self.has_name(path, is_directory) || self.is_any(&self.paths, &self.in_paths, path, is_directory)
    }

    /// Whether what was named itself is left out. Only names are looked at: a path is below what was named.
    pub(super) fn has_named(&self, path: &Path) -> bool {
        !self.in_names.is_empty() && self.has_name(path, path.is_dir())
    }

    fn has_name(&self, path: &Path, is_directory: bool) -> bool {
        let name = path.file_name().map(Path::new);
        name.is_some_and(|name| self.is_any(&self.names, &self.in_names, name, is_directory))
    }

    fn is_any(&self, set: &GlobSet, places: &[usize], path: &Path, is_directory: bool) -> bool {
        let counts = |at: usize| is_directory || !self.patterns[places[at]].directories_only;
        set.matches(path).into_iter().any(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_a_gitignore_file() {
        for (pattern, path, is_directory, is_excluded) in [
            ("*.o", "a.o", false, true),
            ("*.o", "deep/in/a.o", false, true),
            ("*.o", "a.obj", false, false),
            ("*", "anything", false, true),
            ("target", "target", false, true),
            ("target", "x/target", true, true),
            ("target", "targets", true, false),
            ("target/", "x/target", true, true),
            ("target/", "x/target", false, false),
            ("/target", "target", true, true),
            ("/target", "x/target", true, false),
            ("doc/*.txt", "doc/a.txt", false, true),
            ("doc/*.txt", "doc/a/b.txt", false, false),
            ("doc/*.txt", "x/doc/a.txt", false, false),
            ("**/doc/a.txt", "x/y/doc/a.txt", false, true),
            ("**/doc/a.txt", "doc/a.txt", false, true),
            ("a/**/b", "a/b", false, true),
            ("a/**/b", "a/x/y/b", false, true),
            ("a/**", "a/x/y", false, true),
            ("a/**", "a", true, false),
            ("?", "a", false, true),
            ("?", "ab", false, false),
            ("[ab].c", "b.c", false, true),
            ("[!ab].c", "b.c", false, false),
            ("*.{log,tmp}", "x/a.tmp", false, true),
            (r"\*", "*", false, true),
            (r"\*", "a", false, false),
            (r"\!x", "!x", false, true),
            (".*", ".git", true, true),
            ("Makefile", "makefile", false, false),
        ] {
            let excludes = Excludes::new(vec![Pattern::new(pattern).expect("a pattern")]).expect("a set");
            assert_eq!(excludes.has(Path::new(path), is_directory), is_excluded, "{pattern} and {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (pattern, why) in [
            ("!a", "would take in again"),
            ("/", "matches nothing"),
            ("[a", "unclosed character class"),
            ("{a", "unclosed alternate group"),
        ] {
            let error = format!("{:#}", Pattern::new(pattern).expect_err(pattern));
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_of_any_bytes_is_matched() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"d/\xff\n.log"));
        let excludes = Excludes::new(vec![Pattern::new("*.log").expect("a pattern")]).expect("a set");
        assert!(excludes.has(path, false));
    }

    #[test]
    fn what_is_named_is_matched_by_its_name_alone() {
        let of = |pattern| Excludes::new(vec![Pattern::new(pattern).expect("a pattern")]).expect("a set");
        assert!(of("*.o").has_named(Path::new("../x/a.o")));
        assert!(!of("/a.o").has_named(Path::new("a.o")));
        assert!(!of("x/").has_named(Path::new("nowhere/x")));
    }
}
