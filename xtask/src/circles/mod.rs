//! `cargo xtask circles`: no modules that import each other in a circle, and no import from a lower layer to a higher one.
//!
//! Whoever reads a module has to read what it imports. In a circle that is never over, and a layer that imports from above is
//! none. The compiler allows both; so this reads the sources and refuses them. An import between a module and one inside of it
//! is the exception: the outer one is made of its parts. A part that imports from the outer module does count, if the way goes
//! on to other modules and comes back.

mod graph;
mod layers;
mod modules;
mod resolve;

use crate::cargo;
use anyhow::{Context, Result, bail};
use graph::Tangle;
use modules::Tree;
use resolve::Imports;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What `cargo metadata` says of the workspace.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`. `None`: an ordinary one.
    kind: Option<String>,
    /// Where it is, if it is not from a registry.
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

pub(crate) fn run() -> Result<()> {
    let workspace = workspace()?;
    let (mut circles, mut wrong) = (Vec::new(), Vec::new());
    for package in &workspace.packages {
        let directory = package.manifest_path.parent().context("a manifest is in a directory")?;
        let ours = package.dependencies.iter().filter(|one| one.path.is_some() && one.kind.is_none());
        wrong.extend(layers::misplaced_crate(&package.name, ours.map(|one| &*one.name)));
        for target in package.targets.iter().filter(|target| target.is_built()) {
            let tree = Tree::read(&target.src_path, directory)?;
            let imports = tree.imports();
            let tangles = graph::tangles(&imports);
            circles.extend(tangles.iter().map(|tangle| tell(&package.name, &tree, &imports, tangle)));
            // The layers are the library's.
            if target.kind.iter().any(|kind| kind == "lib")
                && let Some((_, layers)) = layers::MODULES.iter().find(|(name, _)| *name == package.name)
            {
                let inside = layers::misplaced_modules(&tree, layers);
                wrong.extend(inside.into_iter().map(|words| format!("{}: {words}", package.name)));
            }
        }
    }
    print(&circles, &wrong);
    if circles.is_empty() && wrong.is_empty() {
        return Ok(());
    }
    bail!("{} groups of modules import each other; {} imports go upwards", circles.len(), wrong.len())
}

#[expect(clippy::print_stdout, reason = "what is found is for people")]
fn print(circles: &[String], wrong: &[String]) {
    for words in circles {
        println!("{words}");
    }
    for words in wrong {
        println!("{words}");
    }
    println!("circles: {}; against the layers: {}", circles.len(), wrong.len());
}

impl Target {
    /// Part of the product, or of a program that people run. What a test imports is its own business.
    fn is_built(&self) -> bool {
        self.kind.iter().any(|kind| matches!(&**kind, "lib" | "bin" | "cdylib" | "staticlib"))
    }
}

fn workspace() -> Result<Workspace> {
    let told = cargo()?.args(["metadata", "--no-deps", "--format-version", "1", "--locked"]).output()?;
    if !told.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&told.stderr).trim());
    }
    serde_json::from_slice(&told.stdout).context("cargo metadata gives JSON")
}

/// A tangle in words: who is in it, the circles that make it, and what to move to open each.
fn tell(package: &str, tree: &Tree, imports: &Imports, tangle: &Tangle) -> String {
    let shown = |number: &usize| tree.modules[*number].shown();
    let members: Vec<String> = tangle.members.iter().map(shown).collect();
    let mut words =
        format!("{package}: {} modules import each other: {}\n", members.len(), members.join(", "));
    for circle in &tangle.circles {
        let way: Vec<String> = circle.iter().map(|(from, _)| shown(from)).collect();
        let first = circle.first().map(|(from, _)| shown(from)).unwrap_or_default();
        let _ = writeln!(words, "  a circle: {} -> {first}", way.join(" -> "));
        for (from, to) in circle {
            let file = tree.modules[*from].file.display();
            let _ = writeln!(
                words,
                "    {} imports from {}: {}  ({file})",
                shown(from),
                shown(to),
                list(&imports[from][to])
            );
        }
        if let Some((from, to)) = circle.last() {
            let (from, to, names) = (shown(from), shown(to), list(&imports[from][to]));
            let _ = writeln!(
                words,
                "    To open it, move what {from} takes from {to} ({names}) into {from}, or into a module that both import."
            );
        }
    }
    words
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Reads a crate of these files, and says which modules it finds in circles.
    fn circles_in(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let (tree, _place) = tree_of(files);
        let shown = |tangle: &Tangle| tangle.members.iter().map(|one| tree.modules[*one].shown()).collect();
        graph::tangles(&tree.imports()).iter().map(shown).collect()
    }

    fn tree_of(files: &[(&str, &str)]) -> (Tree, tempfile::TempDir) {
        let place = tempfile::tempdir().expect("there is room");
        for (name, text) in files {
            let file = place.path().join(name);
            fs::create_dir_all(file.parent().expect("it is in a directory")).expect("there is room");
            fs::write(file, text).expect("there is room");
        }
        let tree = Tree::read(&place.path().join("lib.rs"), place.path()).expect("it is Rust");
        (tree, place)
    }

    #[test]
    fn a_circle_of_three_is_found_and_told_with_what_to_move() {
        let files = [
            ("lib.rs", "mod below; mod session; mod secret; mod sender;"),
            ("below.rs", "pub(crate) struct Error;"),
            ("session.rs", "use crate::secret::{Records, Secret};\nuse crate::below::Error;"),
            ("secret.rs", "use super::sender::{Sender, Wait};"),
            ("sender.rs", "pub(crate) fn send() -> bool { crate::session::is_open() }"),
        ];
        assert_eq!(circles_in(&files), [["session", "secret", "sender"]]);
        let (tree, _place) = tree_of(&files);
        let imports = tree.imports();
        let words = tell("example", &tree, &imports, &graph::tangles(&imports)[0]);
        assert!(words.contains("example: 3 modules import each other: session, secret, sender"), "{words}");
        assert!(words.contains("a circle: session -> secret -> sender -> session"), "{words}");
        assert!(words.contains("secret imports from sender: Sender, Wait  (secret.rs)"), "{words}");
        assert!(words.contains("move what sender takes from session (is_open) into sender"), "{words}");
    }

    #[test]
    fn a_name_that_is_passed_on_is_its_definers() {
        // `a` imports from `b` what `b` has from `c`: nothing of `b` imports from `a`.
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Thing; pub struct Word;"),
            ("b/mod.rs", "mod c; mod d; pub(crate) use c::*; pub(crate) use d::Other;"),
            ("b/c.rs", "pub struct Thing;"),
            ("b/d.rs", "use crate::a::Word; pub struct Other;"),
        ];
        assert_eq!(circles_in(&files), Vec::<Vec<String>>::new());
        // What `b` has from another crate is not of `b`.
        let foreign = ("b/mod.rs", "mod c; mod d; pub(crate) use other::Thing; use crate::a::Word;");
        assert_eq!(circles_in(&[&files[..], &[foreign]].concat()), Vec::<Vec<String>>::new());
        let with_other = [&files[..], &[("a.rs", "use crate::b::Other; pub struct Word;")]].concat();
        assert_eq!(circles_in(&with_other), [["a", "b::d"]]);
    }

    #[test]
    fn what_is_inside_of_a_module_is_a_part_of_it() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod part; use part::Part; pub(crate) struct Whole; use crate::b::B;"),
            ("a/part.rs", "use super::Whole; pub(crate) struct Part;"),
            ("b.rs", "pub(crate) struct B;"),
        ];
        assert_eq!(circles_in(&files), Vec::<Vec<String>>::new());
        // Who may see a part is not what it imports.
        let hidden =
            [&files[..], &[("a/part.rs", "pub(super) struct Part { pub(in crate::a) word: u8 }")]].concat();
        let hidden = [&hidden[..], &[("b.rs", "use crate::a::part::Part; pub(crate) struct B;")]].concat();
        assert_eq!(circles_in(&hidden), Vec::<Vec<String>>::new());
        // The way comes back from outside to a part.
        let back = [&files[..], &[("b.rs", "use crate::a::part::Part; pub(crate) struct B;")]].concat();
        assert_eq!(circles_in(&back), [["a", "a::part", "b"]]);
    }

    #[test]
    fn macros_and_modules_in_braces_import_too_and_tests_do_not() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "fn f() { println!(\"{}\", crate::b::WORD.len()); }"),
            ("b.rs", "mod inner { use super::super::a::f; }"),
            ("c.rs", "#[cfg(all(unix, test))] mod tests { use crate::d::D; }"),
            ("d.rs", "use crate::c::C; #[cfg(test)] use crate::a::f;"),
        ];
        assert_eq!(circles_in(&files), [["a", "b"]]);
    }

    #[test]
    fn every_platform_counts() {
        let files = [
            (
                "lib.rs",
                "mod a;\n#[cfg(unix)] mod system;\n#[cfg(windows)] #[path = \"windows.rs\"] mod system;",
            ),
            ("a.rs", "use crate::system::open;"),
            ("system.rs", "pub(crate) fn open() {}"),
            ("windows.rs", "use crate::a::Word; pub(crate) fn open() {}"),
        ];
        assert_eq!(circles_in(&files), [["a", "system"]]);
    }

    #[test]
    fn an_import_from_a_layer_above_is_refused() {
        let (tree, _place) = tree_of(&[
            ("lib.rs", "mod low; mod high; mod odd;"),
            ("low.rs", "pub use crate::high::inner::Thing;"),
            ("high.rs", "pub mod inner;\nuse crate::low::Thing as Low;"),
            ("high/inner.rs", "pub struct Thing;"),
            ("odd.rs", ""),
        ]);
        let wrong = layers::misplaced_modules(&tree, &[&["low", "gone"], &["high"]]);
        let expected = [
            "odd (odd.rs) has no layer: give it one in xtask/src/circles/layers.rs",
            "gone is not there any more: take it out of xtask/src/circles/layers.rs",
            "low (low.rs) imports Thing from high::inner, which is in a layer above it",
        ];
        assert_eq!(wrong, expected);
        assert_eq!(
            layers::misplaced_crate("adieu-peer", ["adieu"]).as_deref(),
            Some("adieu-peer depends on adieu, which is not below it")
        );
        assert_eq!(layers::misplaced_crate("adieu-testkit", ["adieu-proto"]), None);
        assert!(layers::misplaced_crate("adieu-new", []).is_some());
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let place = tempfile::tempdir().expect("there is room");
        fs::write(place.path().join("lib.rs"), "mod missing;").expect("there is room");
        assert!(Tree::read(&place.path().join("lib.rs"), std::path::Path::new("")).is_err());
    }
}
