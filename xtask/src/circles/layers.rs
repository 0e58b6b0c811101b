//! What is above what: the crates of the workspace, and the modules of `adieu`.

use super::modules::{Number, Tree};

/// Each crate with those of ours that it may depend on. Tests may depend on more: `dev-dependencies` are not looked at.
const CRATES: &[(&str, &[&str])] = &[
    ("adieu-proto", &[]),
    ("adieu-os", &["adieu-proto"]),
    ("adieu-report", &["adieu-proto"]),
    ("adieu", &["adieu-proto", "adieu-os", "adieu-report"]),
    ("adieu-transfer", &["adieu-proto", "adieu-os", "adieu-report", "adieu"]),
    ("adieu-relay", &["adieu-proto", "adieu-os", "adieu-report", "adieu"]),
    ("adieu-explain", &["adieu-proto", "adieu-report"]),
    (
        "adieu-cli",
        &[
            "adieu-proto",
            "adieu-os",
            "adieu-report",
            "adieu",
            "adieu-transfer",
            "adieu-relay",
            "adieu-explain",
            "adieu-peer",
        ],
    ),
    ("adieu-capi", &["adieu-proto", "adieu-os", "adieu-report", "adieu"]),
    ("adieu-peer", &[]),
    ("adieu-testkit", &["adieu-proto", "adieu-peer"]),
    // What the benchmark starts: also the core by itself.
    ("bench-helper", &["adieu-proto"]),
    // It builds and measures everything.
    (
        "xtask",
        &[
            "adieu-proto",
            "adieu-os",
            "adieu-report",
            "adieu",
            "adieu-transfer",
            "adieu-relay",
            "adieu-peer",
            "adieu-testkit",
        ],
    ),
];

/// What is wrong with a crate that depends on these of ours. `None`: nothing is.
pub(super) fn misplaced_crate<'a>(name: &str, on: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let Some((_, allowed)) = CRATES.iter().find(|(one, _)| *one == name) else {
        return Some(format!(
            "{name} has no place in the layers: say in xtask/src/circles/layers.rs what it may depend on"
        ));
    };
    let on: Vec<_> = on.into_iter().filter(|other| !allowed.contains(other)).collect();
    (!on.is_empty()).then(|| format!("{name} depends on {}, which is not below it", on.join(" and ")))
}

/// The layers of a crate, the lowest first. A module belongs to the layer that names it, or a module that it is inside of.
pub(super) type Layers = &'static [&'static [&'static str]];

/// Crates whose modules have an order. In the others, circles are all that is forbidden.
pub(super) const MODULES: &[(&str, Layers)] = &[("adieu", ADIEU), ("adieu-explain", EXPLAIN)];

/// From the bytes of a capture up to the words.
const EXPLAIN: Layers = &[
    &["segment", "codes", "live"],
    &["capture", "content"],
    &["packet", "observed"],
    &["ladder"],
    &["table", "verdict"],
    &["words", "summary"],
    &["format"],
    &["both"],
    &["html"],
];

const ADIEU: Layers = &[
    // Words and small types. Those of proxies, of TLS and of a socket's options are here because errors name them.
    &[
        "endpoint",
        "interrupt",
        "ending_handle",
        "event",
        "error",
        "report",
        "system_error",
        "options::socket",
        "options::apply",
        "system_error",
        "proxy::error",
        "tls::error",
        "tls::facts",
    ],
    // TLS is below the options because these hold its configurations, and it takes no options itself.
    &["carrier", "tls"],
    &["options", "handle", "proxy"],
    &["link"],
    &["connecting", "flow", "listening", "serving"],
    &["datagram", "finishing", "relaying"],
    &["blocking", "tokio"],
];

/// The layer of a module. `None`: it has none. The root has none either, and may import everything.
fn layer_of(layers: Layers, path: &[String]) -> Option<usize> {
    let lengths = (1..=path.len()).rev();
    let mut names = lengths.map(|length| path[..length].join("::"));
    names.find_map(|name| layers.iter().position(|layer| layer.contains(&&*name)))
}

/// The imports of a crate that go upwards, in words. With them the modules that have no layer, and the layers' names that
/// no module has.
pub(super) fn misplaced_modules(tree: &Tree, layers: Layers) -> Vec<String> {
    let mut wrong = Vec::new();
    for module in tree.modules.iter().filter(|module| module.path.len() == 1) {
        if layer_of(layers, &module.path).is_none() {
            let name = module.shown();
            wrong.push(format!(
                "{name} ({}) has no layer: give it one in xtask/src/circles/layers.rs",
                module.file.display()
            ));
        }
    }
    let paths: Vec<String> = tree.modules.iter().map(|module| module.path.join("::")).collect();
    for name in layers.iter().copied().flatten().filter(|name| !paths.iter().any(|path| path == *name)) {
        wrong.push(format!("{name} is not there any more: take it out of xtask/src/circles/layers.rs"));
    }
    let layer = |number: Number| layer_of(layers, &tree.modules[number].path);
    for (from, taken) in &tree.imports_and_reexports() {
        for (to, names) in taken {
            if let (Some(ours), Some(theirs)) = (layer(*from), layer(*to))
                && ours < theirs
            {
                let (from, to) = (&tree.modules[*from], &tree.modules[*to]);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                wrong.push(format!(
                    "{} ({}) imports {} from {}, which is in a layer above it",
                    from.shown(),
                    from.file.display(),
                    names.join(", "),
                    to.shown()
                ));
            }
        }
    }
    wrong
}
