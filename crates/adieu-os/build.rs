//! Which system's evidence this is built with: `cfg(evidence = "…")`, so that the list of systems stands in one place.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!(r#"cargo:rustc-check-cfg=cfg(evidence, values("linux", "bsd", "windows", "none"))"#);
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let apple = std::env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "apple");
    let evidence = match &*system {
        "linux" | "android" => "linux",
        "freebsd" | "netbsd" | "openbsd" => "bsd",
        _ if apple => "bsd",
        "windows" => "windows",
        _ => "none",
    };
    println!("cargo:rustc-cfg=evidence=\"{evidence}\"");
}
