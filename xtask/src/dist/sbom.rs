//! The software bill of materials of a binary: CycloneDX 1.5 in JSON.
//!
//! cargo-cyclonedx is not used: it writes into the folders of the sources, lists what is in the workspace and not what is linked
//! into a binary, and takes a minute to build. What it would say is [`Component`], which THIRD-PARTY needs too.
//!
//! Source: the CycloneDX specification 1.5, <https://cyclonedx.org/docs/1.5/json/>.

use super::Plan;
use super::components::Component;
use super::target::Target;
use crate::parts::STD;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library of the system that is linked in: a package of Debian's.
pub(super) struct Library {
    pub(super) package: String,
    pub(super) version: String,
}

/// The packages that are linked into a program beside crates: of the C library, of the compiler's own, and of Rust's standard library.
///
/// # Errors
///
/// A file that is linked in belongs to no package that is installed here.
pub(super) fn libraries(plan: &Plan, target: &Target) -> Result<Vec<Library>> {
    let (compiler, names) = target.linked;
    let mut files: Vec<PathBuf> = names.iter().map(|name| file(compiler, name)).collect::<Result<_>>()?;
    // `--quick` takes the standard library of the compiler that runs us, which need not be of a package.
    if !plan.quick {
        files.push(Path::new(STD).canonicalize().context(STD)?);
    }
    files.iter().map(|file| library(file)).collect()
}

/// Where a compiler has a file that it links.
fn file(compiler: &str, name: &str) -> Result<PathBuf> {
    let said = said(Command::new(compiler).arg(format!("--print-file-name={name}")))?;
    // A file that it does not find is printed without a folder.
    let path = Path::new(said.trim());
    ensure!(path.is_absolute(), "{compiler} does not find {name}");
    path.canonicalize().with_context(|| path.display().to_string())
}

/// The package that has a file.
fn library(file: &Path) -> Result<Library> {
    let owner = said(Command::new("dpkg-query").arg("--search").arg(file))?;
    let (package, _) = owner.split_once(": ").with_context(|| format!("dpkg-query says {owner:?}"))?;
    let fields =
        said(Command::new("dpkg-query").args(["--show", "--showformat=${Package} ${Version}", package]))?;
    let (package, version) = fields.split_once(' ').with_context(|| format!("dpkg-query says {fields:?}"))?;
    Ok(Library { package: package.to_owned(), version: version.to_owned() })
}

fn said(command: &mut Command) -> Result<String> {
    let output =
        command.output().with_context(|| format!("{} does not start", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The document for the program that `package` builds.
///
/// # Errors
///
/// The package is not among its own components.
pub(super) fn document(
    package: &str,
    components: &[Component],
    libraries: &[Library],
    timestamp: &str,
) -> Result<String> {
    let own = components
        .iter()
        .find(|component| component.name == package)
        .with_context(|| format!("{package} is not among its components"))?;
    let others = components.iter().filter(|component| component.name != package);
    let mut listed: Vec<Value> = others.map(|component| described(component, "library")).collect();
    listed.extend(libraries.iter().map(|Library { package, version }| {
        let purl = library_purl(package, version);
        json!({ "type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl })
    }));
    let mut dependencies: Vec<Value> = Vec::new();
    for component in components {
        let mut refs: Vec<String> =
            component.uses.iter().map(|(name, version)| purl(name, version)).collect();
        if component.name == package {
            refs.extend(libraries.iter().map(|library| library_purl(&library.package, &library.version)));
        }
        dependencies.push(json!({ "ref": purl(&component.name, &component.version), "dependsOn": refs }));
    }
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "tools": { "components": [{ "type": "application", "name": "cargo xtask dist" }] },
            "component": described(own, "application"),
        },
        "components": listed,
        "dependencies": dependencies,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

/// A package URL. Source: the purl specification, type `cargo`.
fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn library_purl(package: &str, version: &str) -> String {
    format!("pkg:deb/debian/{package}@{}", version.replace('+', "%2B").replace(':', "%3A"))
}

fn described(component: &Component, kind: &str) -> Value {
    let Component { name, version, licence, repository, description, checksum, .. } = component;
    let purl = purl(name, version);
    let mut value = json!({
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [{ "expression": spdx(licence) }],
        "purl": purl,
    });
    if let Some(description) = description {
        value["description"] = json!(description);
    }
    if let Some(checksum) = checksum {
        value["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = repository {
        value["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    value
}

/// Old manifests write `MIT/Apache-2.0`, which is no SPDX expression.
fn spdx(licence: &str) -> String {
    licence.replace('/', " OR ")
}

/// What a reference points to that is not listed, and what is listed twice: there must be none.
#[cfg(test)]
fn dangling(document: &Value) -> Vec<String> {
    let mut listed = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    let own = &document["metadata"]["component"];
    let components = document["components"].as_array().into_iter().flatten();
    for component in components.chain([own]) {
        let name = component["bom-ref"].as_str().unwrap_or_default().to_owned();
        if !listed.insert(name.clone()) {
            wrong.push(name);
        }
    }
    for dependency in document["dependencies"].as_array().into_iter().flatten() {
        let uses = dependency["dependsOn"].as_array().into_iter().flatten();
        for name in uses.chain([&dependency["ref"]]).filter_map(Value::as_str) {
            if !listed.contains(name) {
                wrong.push(name.to_owned());
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::super::components::{self, Component};
    use super::super::target;
    use super::*;
    use jsonschema::Registry;

    /// The schemas that the bill must fit, by their own names.
    const SCHEMA: &str = include_str!("../../schemas/cyclonedx-1.5/bom-1.5.schema.json");
    const BESIDE_IT: [&str; 2] = [
        include_str!("../../schemas/cyclonedx-1.5/spdx.schema.json"),
        include_str!("../../schemas/cyclonedx-1.5/jsf-0.82.schema.json"),
    ];

    /// What in a document does not fit the specification's schema, and where.
    fn faults(document: &Value) -> Vec<String> {
        let read = |text: &str| -> Value { serde_json::from_str(text).expect("a schema is JSON") };
        let mut registry = Registry::new();
        for text in BESIDE_IT {
            let schema = read(text);
            let name = schema["$id"].as_str().expect("it has a name").to_owned();
            registry = registry.add(name, schema).expect("its name is a URI");
        }
        let registry = registry.prepare().expect("they name nothing else");
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_registry(&registry)
            .build(&read(SCHEMA))
            .expect("it is a schema");
        let fault = |error: jsonschema::ValidationError<'_>| format!("{error} at {}", error.instance_path());
        validator.iter_errors(document).map(fault).collect()
    }

    fn bill(components: &[Component]) -> Value {
        let libraries = [Library { package: "libc6-dev".into(), version: "2.36-9+deb12u1".into() }];
        let text = document("adieu-cli", components, &libraries, "2026-01-01T00:00:00Z").expect("it is");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn the_bill_of_each_system_fits_the_schema_of_the_specification() {
        for target in &target::ALL {
            let components = components::of("adieu-cli", target.triple).expect("cargo knows");
            assert_eq!(faults(&bill(&components)), Vec::<String>::new(), "{}", target.name);
        }
    }

    #[test]
    fn a_bill_that_does_not_fit_the_schema_is_found() {
        let good = bill(&components::of("adieu-cli", target::ALL[0].triple).expect("cargo knows"));
        for (pointer, wrong) in [
            ("/metadata/timestamp", json!("yesterday")),
            ("/metadata/component/type", json!("programme")),
            ("/components/0/hashes", json!([{ "alg": "SHA-256", "content": "00" }])),
            ("/components/0/licenses", json!([{ "license": { "id": "MIT/Apache-2.0" } }])),
        ] {
            let mut bad = good.clone();
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            bad.pointer_mut(parent).expect("it is there")[name] = wrong;
            assert!(!faults(&bad).is_empty(), "{pointer}");
        }
    }

    #[test]
    fn a_library_is_of_the_package_that_has_what_the_compiler_links() {
        let found =
            library(&file("gcc", "libc.a").expect("gcc knows where it is")).expect("it is of a package");
        assert_eq!(found.package, "libc6-dev");
        assert!(found.version.starts_with(|first: char| first.is_ascii_digit()), "{}", found.version);
        assert!(file("gcc", "libnone.a").is_err() && library(Path::new("/no/such/file")).is_err());
    }

    #[test]
    fn every_reference_of_the_bill_is_listed_once() {
        let components = components::of("adieu-cli", "x86_64-unknown-linux-gnu").expect("cargo knows");
        let libraries = [Library { package: "libc6-dev".into(), version: "2.36-9+deb12u1".into() }];
        let text = document("adieu-cli", &components, &libraries, "2026-01-01T00:00:00Z").expect("it is");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(dangling(&value), Vec::<String>::new());
        assert_eq!(value["components"].as_array().map(Vec::len), Some(components.len()));
        assert!(text.contains("pkg:deb/debian/libc6-dev@2.36-9%2Bdeb12u1"), "{text}");
        assert_eq!(
            text,
            document("adieu-cli", &components, &libraries, "2026-01-01T00:00:00Z").expect("it is")
        );
    }
}
