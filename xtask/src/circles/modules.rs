//! The modules of one target, and every path that their code names, read from the sources.
//!
//! It reads every module, whatever platform or feature its `cfg` is for: a circle that only Windows has is a circle too.
//! Code for tests is left out, because a test may look at what it likes. It does not find out what a path leads to; that
//! is [`resolve`](super::resolve)'s.

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Meta, UseTree, Visibility};

/// A module's place in [`Tree::modules`].
pub(super) type Number = usize;

/// All modules of one target. The first is its root.
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
}

/// One module.
#[derive(Default)]
pub(super) struct Module {
    /// Its names below the root, which has none.
    pub(super) path: Vec<String>,
    /// The file that it stands in, from the crate's directory.
    pub(super) file: PathBuf,
    pub(super) parent: Option<Number>,
    pub(super) children: BTreeMap<String, Number>,
    /// The module that this one's file is for: another one if this one is written inside of it, in braces.
    pub(super) owner: Number,
    /// Names that are defined here.
    pub(super) items: BTreeSet<String>,
    pub(super) uses: Vec<Use>,
    /// Paths in code: in types, expressions, patterns and macros.
    pub(super) paths: BTreeSet<Vec<String>>,
}

/// One name of a `use` declaration.
pub(super) struct Use {
    pub(super) path: Vec<String>,
    /// The name that it gets here. `None`: it is a `*`.
    pub(super) name: Option<String>,
    /// It is passed on to others: `pub use`, also `pub(crate) use`.
    pub(super) is_passed_on: bool,
}

impl Module {
    /// As people write it.
    pub(super) fn shown(&self) -> String {
        if self.path.is_empty() { "the root".to_owned() } else { self.path.join("::") }
    }
}

impl Tree {
    /// Reads the target that begins with this file.
    pub(super) fn read(root: &Path, crate_directory: &Path) -> Result<Self> {
        let mut reader = Reader { modules: Vec::new(), crate_directory };
        let directory = root.parent().context("a file is in a directory")?;
        reader.file(root, directory, None, Vec::new())?;
        Ok(Self { modules: reader.modules })
    }
}

struct Reader<'a> {
    modules: Vec<Module>,
    crate_directory: &'a Path,
}

impl Reader<'_> {
    /// Reads a module that has a file. Modules that it declares are in `directory`.
    fn file(
        &mut self,
        file: &Path,
        directory: &Path,
        parent: Option<Number>,
        path: Vec<String>,
    ) -> Result<Number> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        let shown = file.strip_prefix(self.crate_directory).unwrap_or(file).to_owned();
        let number = self.modules.len();
        self.modules.push(Module { path, file: shown, parent, owner: number, ..Module::default() });
        self.items(number, &parsed.items, file, directory)?;
        Ok(number)
    }

    fn items(&mut self, number: Number, items: &[Item], file: &Path, directory: &Path) -> Result<()> {
        let mut code = Code::default();
        for item in items.iter().filter(|item| !is_for_tests(attributes_of(item))) {
            if let Item::Mod(module) = item {
                self.module(number, module, file, directory)?;
                continue;
            }
            code.items.extend(name_of(item));
            code.visit_item(item);
        }
        let module = &mut self.modules[number];
        module.items.append(&mut code.items);
        module.uses.append(&mut code.uses);
        module.paths.append(&mut code.paths);
        Ok(())
    }

    fn module(&mut self, parent: Number, module: &ItemMod, file: &Path, directory: &Path) -> Result<()> {
        let name = module.ident.to_string();
        let path = [&self.modules[parent].path[..], std::slice::from_ref(&name)].concat();
        let below = directory.join(&name);
        // A twin of a module, for another platform or without a feature, is that module too.
        let twin = self.modules[parent].children.get(&name).copied();
        let number = match (&module.content, file_of(module)) {
            (Some((_, items)), _) => {
                let number = twin.unwrap_or_else(|| {
                    let owner = self.modules[parent].owner;
                    let file = self.modules[parent].file.clone();
                    self.modules.push(Module {
                        path,
                        file,
                        parent: Some(parent),
                        owner,
                        ..Module::default()
                    });
                    self.modules.len() - 1
                });
                self.items(number, items, file, &below)?;
                number
            }
            (None, Some(named)) => {
                let directory = file.parent().context("a file is in a directory")?;
                let file = directory.join(named);
                let below = directory_of(&file)?;
                self.file(&file, &below, Some(parent), path)?
            }
            (None, None) => {
                let flat = directory.join(format!("{name}.rs"));
                let file = if flat.exists() { flat } else { below.join("mod.rs") };
                self.file(&file, &below, Some(parent), path)?
            }
        };
        match twin {
            Some(twin) if twin != number => self.join(twin, number),
            Some(_) => {}
            None => drop(self.modules[parent].children.insert(name, number)),
        }
        Ok(())
    }

    /// Adds what a twin holds to the module that was read first.
    fn join(&mut self, first: Number, twin: Number) {
        let Module { children, mut items, mut uses, mut paths, .. } = std::mem::take(&mut self.modules[twin]);
        for (name, child) in children {
            self.modules[child].parent = Some(first);
            self.modules[first].children.entry(name).or_insert(child);
        }
        let module = &mut self.modules[first];
        module.items.append(&mut items);
        module.uses.append(&mut uses);
        module.paths.append(&mut paths);
        let (path, file) = (module.path.clone(), module.file.clone());
        // Nobody finds it any more; it is kept because modules are known by their numbers.
        self.modules[twin] = Module { path, file, owner: first, ..Module::default() };
    }
}

/// The directory of the modules that a module with this file declares.
fn directory_of(file: &Path) -> Result<PathBuf> {
    let directory = file.parent().context("a file is in a directory")?;
    Ok(match file.file_stem() {
        Some(stem) if stem != "mod" => directory.join(stem),
        _ => directory.to_owned(),
    })
}

/// The file that a `#[path]` names.
fn file_of(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Whether these attributes keep something out of every build but that of tests.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    fn asks_for_test(tokens: TokenStream) -> bool {
        let mut is_negated = false;
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => {
                is_negated = word == "not";
                word == "test"
            }
            TokenTree::Group(group) => !is_negated && asks_for_test(group.stream()),
            _ => false,
        })
    }
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && asks_for_test(list.tokens.clone()),
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    })
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

/// What the code of one module names.
#[derive(Default)]
struct Code {
    items: BTreeSet<String>,
    uses: Vec<Use>,
    paths: BTreeSet<Vec<String>>,
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = if let ImplItem::Fn(function) = item { &function.attrs } else { &[] };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_passed_on = !matches!(item.vis, Visibility::Inherited);
        expand(&item.tree, &mut Vec::new(), &mut |path, name| {
            self.uses.push(Use { path, name, is_passed_on });
        });
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        scan(called.tokens.clone(), &mut self.paths);
    }

    /// `pub(super)` says who may import, and imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    /// Attributes name derives and lints, which are not ours.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// Calls `found` with each path of a `use` declaration, and with the name that it gets.
fn expand(tree: &UseTree, before: &mut Vec<String>, found: &mut dyn FnMut(Vec<String>, Option<String>)) {
    match tree {
        UseTree::Path(part) => {
            before.push(part.ident.to_string());
            expand(&part.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| expand(tree, before, found)),
        UseTree::Glob(_) => found(before.clone(), None),
        UseTree::Name(name) => named(&name.ident.to_string(), None, before, found),
        UseTree::Rename(pair) => {
            named(&pair.ident.to_string(), Some(pair.rename.to_string()), before, found);
        }
    }
}

fn named(
    last: &str,
    name: Option<String>,
    before: &[String],
    found: &mut dyn FnMut(Vec<String>, Option<String>),
) {
    let mut path = before.to_vec();
    if last != "self" || path.is_empty() {
        path.push(last.to_owned());
    }
    let name = name.or_else(|| path.last().cloned());
    found(path, name);
}

/// Finds what looks like a path in the tokens of a macro, which has no grammar of its own.
fn scan(tokens: TokenStream, paths: &mut BTreeSet<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let (mut colons, mut is_member) = (0, false);
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons != 2 || path.is_empty() {
                    take(&mut path, paths);
                }
                if is_member {
                    is_member = false;
                } else {
                    path.push(word.to_string());
                }
                colons = 0;
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
            other => {
                take(&mut path, paths);
                colons = 0;
                is_member = matches!(&other, TokenTree::Punct(sign) if sign.as_char() == '.');
                if let TokenTree::Group(group) = other {
                    scan(group.stream(), paths);
                }
            }
        }
    }
    take(&mut path, paths);
}

fn take(path: &mut Vec<String>, paths: &mut BTreeSet<Vec<String>>) {
    if !path.is_empty() {
        paths.insert(std::mem::take(path));
    }
}
