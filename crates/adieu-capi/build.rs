//! Gives the shared library its soname, by which programs find it: libadieu.so.0 for all of version 0.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_elf = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| {
        ["linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly"].contains(&os.as_str())
    });
    if is_elf {
        let major = env!("CARGO_PKG_VERSION_MAJOR");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libadieu.so.{major}");
    }
}
