//! What is done with an installed package, whoever has installed it.

use super::super::target::Target;
use super::program::Runner;
use super::root::Root;
use crate::capi;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The program, its manual pages and its completions, `nc`, and the units. `link`: where the system has its `nc`.
///
/// The program of another machine is run from outside the root, where what runs it is.
pub(super) fn program(root: &Root, target: &Target, link: &str) -> Result<()> {
    let folder = root.folder();
    let is_native = target.launcher.is_none();
    let adieu = if is_native {
        Runner::inside(folder.as_os_str(), "adieu")
    } else {
        Runner::of(target, &folder.join("usr/bin/adieu"))?
    };
    adieu.use_it()?;
    let below = folder.join("usr/share");
    for name in ["adieu.1.gz", "adieu-relay.1.gz", "adieu-nc.1.gz"] {
        is_file(&below.join("man/man1").join(name))?;
    }
    is_file(&below.join("bash-completion/completions/adieu"))?;
    is_file(&below.join("fish/vendor_completions.d/adieu.fish"))?;
    let has_zsh = ["vendor-completions", "site-functions"]
        .iter()
        .any(|place| below.join("zsh").join(place).join("_adieu").is_file());
    ensure!(has_zsh, "the completions for zsh are missing");
    is_file(&folder.join("usr/lib/systemd/system/adieu-relay@.service"))?;
    alternatives(root, link)?;
    enable(root)?;
    if is_native {
        let netcat = Runner::inside(folder.as_os_str(), "nc");
        adieu.answers(&netcat, &["-N"])?;
        units(root)?;
    }
    Ok(())
}

fn is_file(path: &Path) -> Result<()> {
    ensure!(path.is_file(), "{} is missing", path.display());
    Ok(())
}

/// `nc` is adieu where there is no other, and is not where there is one that comes before it.
fn alternatives(root: &Root, link: &str) -> Result<()> {
    let leads_to = || root.sh(&format!("readlink -f {link}"));
    ensure!(leads_to()? == "/usr/bin/adieu\n", "{link} leads to {:?}", leads_to()?);
    let page = root.sh("readlink -f /usr/share/man/man1/nc.1.gz")?;
    ensure!(page == "/usr/share/man/man1/adieu-nc.1.gz\n", "nc's page is {page:?}");
    // As netcat-openbsd does it.
    root.sh(&format!("update-alternatives --install {link} nc /usr/bin/env 50"))?;
    let other = leads_to()?;
    root.sh("update-alternatives --remove nc /usr/bin/env")?;
    ensure!(other == "/usr/bin/env\n", "{link} leads to {other:?} beside another netcat");
    ensure!(leads_to()? == "/usr/bin/adieu\n", "{link} does not lead to adieu again");
    Ok(())
}

/// As `systemctl enable` does it, which is not in the root. That the link goes with the package is seen when the root is compared.
fn enable(root: &Root) -> Result<()> {
    let link = "etc/systemd/system/multi-user.target.wants/adieu-relay@web.service";
    symlink("/usr/lib/systemd/system/adieu-relay@.service", root.folder().join(link)).context(link)
}

/// What the unit of the receiver starts receives a file. No systemd runs in the root, so its variables are given by hand.
fn units(root: &Root) -> Result<()> {
    let unit = fs::read_to_string(root.folder().join("usr/lib/systemd/system/adieu-receive@.service"))?;
    let line =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).context("it starts something")?;
    let line = line
        .replace("${CREDENTIALS_DIRECTORY}", "/tmp/credentials")
        .replace("${STATE_DIRECTORY}", "/tmp/state")
        .replace(":%i", "127.0.0.1:0 --port-file /tmp/port");
    root.sh(&format!(
        "mkdir /tmp/credentials /tmp/state; echo a passphrase > /tmp/credentials/secret; echo a text > /tmp/sent; \
         {line} & \
         while [ ! -s /tmp/port ]; do sleep 0.05; done; \
         adieu send -q --secret-file /tmp/credentials/secret /tmp/sent \"127.0.0.1:$(cat /tmp/port)\"; \
         kill \"$!\"; wait \"$!\"; \
         [ \"$(cat /tmp/state/sent)\" = 'a text' ]"
    ))?;
    Ok(())
}

/// A program in C is built against what is installed, with the shared and with the static library, and has a conversation.
pub(super) fn c_library(root: &Root, adieu: &Path) -> Result<()> {
    let source = capi::crate_folder()?.join("examples/client.c");
    fs::copy(source, root.folder().join("tmp/client.c"))?;
    let path = "PKG_CONFIG_PATH=/usr/lib64/pkgconfig";
    root.sh(&format!(
        "cd /tmp; gcc -Wall -Werror client.c -o client $({path} pkg-config --cflags --libs adieu)"
    ))?;
    root.sh(&format!(
        "cd /tmp; gcc -Wall -Werror client.c -o client-static \
         $({path} pkg-config --static --cflags --libs adieu | sed 's/-ladieu/-l:libadieu.a/')"
    ))?;
    // What ldd does, which is a script for a shell that is not in the root.
    let list = "/lib64/ld-linux-x86-64.so.2 --list";
    let needed = root.sh(&format!("cd /tmp; {list} ./client; echo; {list} ./client-static"))?;
    let (shared, with_static) = needed.split_once("\n\n").context("two lists")?;
    ensure!(shared.contains("libadieu.so.0 => /"), "the program does not find the library: {shared}");
    ensure!(!with_static.contains("libadieu"), "the static library is not linked: {with_static}");
    let adieu = Runner::new([adieu]);
    for program in ["/tmp/client", "/tmp/client-static"] {
        adieu.answers(&Runner::inside(root.folder().as_os_str(), program), &[])?;
    }
    Ok(())
}
