//! The examples and tests in C and C++: built in each dialect against what is installed, and run, also under valgrind.

use super::{Place, build, crate_folder, install, matrix};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What every source is compiled with.
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The dialects of C that the header is for.
pub(crate) const DIALECTS: [&str; 2] = ["-std=c99", "-std=c11"];

/// The dialect of C++ that it is for.
pub(crate) const CPP: &str = "-std=c++17";

/// Programs that need nobody: each is run alone, and its exit status tells.
const TESTS: [&str; 5] = ["smallest", "versions", "hostile", "threads", "crowd"];

/// What a program says that cannot be run on this machine; as automake has it.
const SKIPPED: i32 = 77;

/// No test takes so long.
const BOUND: Duration = Duration::from_secs(120);

/// Clients of the example server at once.
const CLIENTS: usize = 300;

/// Where the programs find header and library.
struct Installed {
    folder: PathBuf,
    flags: Vec<String>,
    static_flags: Vec<String>,
}

pub(super) fn test() -> Result<()> {
    let stage = crate::root()?.join("target/capi/stage");
    // What an earlier version has left there would be found too.
    let _ = fs::remove_dir_all(&stage);
    let place = Place { prefix: &stage, libdir: "lib", destdir: None };
    install(&build()?, &place)?;
    let folder = crate::root()?.join("target/capi/programs");
    fs::create_dir_all(&folder)?;
    let installed = Installed {
        folder,
        flags: pkg_config(&stage, &["--cflags", "--libs"])?,
        static_flags: pkg_config(&stage, &["--static", "--cflags", "--libs"])?,
    };
    installed.build(&stage)?;
    for name in TESTS {
        installed.run_test(name)?;
    }
    installed.run("raii", &[])?;
    installed.valgrind("raii", &[])?;
    installed.run_examples()?;
    matrix::holds(&installed.program("matrix"))?;
    println!("the C library: all programs hold");
    Ok(())
}

/// What pkg-config says of what is installed, as its users ask it.
fn pkg_config(stage: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("pkg-config")
        .args(arguments)
        .arg("adieu")
        .env("PKG_CONFIG_PATH", stage.join("lib/pkgconfig"))
        .stderr(Stdio::inherit())
        .output()
        .context("pkg-config does not start")?;
    if !output.status.success() {
        bail!("pkg-config: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?.split_whitespace().map(str::to_owned).collect())
}

impl Installed {
    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn build(&self, stage: &Path) -> Result<()> {
        let rpath = format!("-Wl,-rpath,{}", stage.join("lib").display());
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain([&*rpath, "-pthread"]).collect();
        let crate_folder = crate_folder()?;
        // The header by itself, before anything else was included.
        for (compiler, language, dialect) in
            [("gcc", "c", DIALECTS[0]), ("gcc", "c", DIALECTS[1]), ("g++", "c++", CPP)]
        {
            let header = stage.join("include/adieu.h");
            compile(compiler, &[dialect, "-fsyntax-only", "-x", language], &header, None, &[])?;
        }
        for name in TESTS {
            let source = crate_folder.join(format!("tests/{name}.c"));
            for dialect in DIALECTS {
                compile("gcc", &[dialect], &source, Some(&self.program(name)), &flags)?;
            }
            // C++ programs use the C functions too.
            let as_cpp = self.program(&format!("{name}-cpp"));
            compile("g++", &[CPP, "-x", "c++"], &source, Some(&as_cpp), &flags)?;
        }
        for name in ["client", "server"] {
            let source = crate_folder.join(format!("examples/{name}.c"));
            for dialect in DIALECTS {
                compile("gcc", &[dialect], &source, Some(&self.program(name)), &flags)?;
            }
        }
        let driver = crate_folder.join("tests/matrix.c");
        compile("gcc", &[DIALECTS[0]], &driver, Some(&self.program("matrix")), &flags)?;
        let raii = crate_folder.join("tests/raii.cpp");
        compile("g++", &[CPP], &raii, Some(&self.program("raii")), &flags)?;
        let client = crate_folder.join("examples/client.cpp");
        compile("g++", &[CPP], &client, Some(&self.program("client-cpp")), &flags)?;
        // The static library, with what it says it needs.
        let hostile = crate_folder.join("tests/hostile.c");
        let flags: Vec<&str> = self
            .static_flags
            .iter()
            .map(|flag| if flag == "-ladieu" { "-l:libadieu.a" } else { flag })
            .collect();
        compile("gcc", &[DIALECTS[1]], &hostile, Some(&self.program("hostile-static")), &flags)
    }

    fn run_test(&self, name: &str) -> Result<()> {
        self.run(name, &[])?;
        self.run(&format!("{name}-cpp"), &[])?;
        if name == "hostile" {
            self.run("hostile-static", &[])?;
        }
        // Under valgrind each turn of a thousand connections takes long.
        self.valgrind(name, if name == "crowd" { &["100"] } else { &[] })
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = bounded(self.program(name).as_os_str());
        judge(name, command.args(arguments))
    }

    /// No error of memory, and nothing that is left, wherever it is known from.
    fn valgrind(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = under_valgrind();
        command.arg(self.program(name)).args(arguments);
        judge(&format!("{name} under valgrind"), &mut command)
    }

    fn run_examples(&self) -> Result<()> {
        for client in ["client", "client-cpp"] {
            serve(&mut bounded(self.program("server").as_os_str()), 1, |port| {
                judge(
                    &format!("example {client}"),
                    bounded(self.program(client).as_os_str()).args(["localhost", port]),
                )
            })?;
        }
        let mut server = under_valgrind();
        serve(server.arg(self.program("server")), 1, |port| {
            let mut client = under_valgrind();
            judge(
                "example client under valgrind",
                client.arg(self.program("client")).args(["127.0.0.1", port]),
            )
        })?;
        serve(&mut bounded(self.program("server").as_os_str()), CLIENTS, crowd)
    }
}

/// Runs the example server for so many clients, and fails unless all of them ended gracefully for it.
fn serve(command: &mut Command, clients: usize, body: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let mut server = Running(command.arg(clients.to_string()).stdout(Stdio::piped()).spawn()?);
    let mut said = BufReader::new(server.0.stdout.take().context("a pipe")?);
    let mut line = String::new();
    said.read_line(&mut line)?;
    let port = line.trim().rsplit(':').next().context("it says where")?;
    body(port)?;
    let mut rest = String::new();
    said.read_to_string(&mut rest)?;
    let status = server.0.wait()?;
    if !status.success() || rest.trim() != format!("graceful: {clients}") {
        bail!("the example server: {status}: {rest}");
    }
    println!("--- example server with {clients} clients: passed");
    Ok(())
}

/// A bounded program that does not outlive a failure here.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // timeout(1) passes this signal on, and cannot pass on the one of `kill`.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::TERM,
        );
        let _ = self.0.wait();
    }
}

/// Clients of the example server, all connected at once. Each goes on sending after its line, which must not cost it the answer.
fn crowd(port: &str) -> Result<()> {
    let port: u16 = port.parse()?;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", port))?;
        client.set_read_timeout(Some(BOUND))?;
        client.write_all(format!("client {number}\nand more that nobody reads").as_bytes())?;
        clients.push(client);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let expected = format!("client {number}\n");
        let mut answer = vec![0; expected.len()];
        client.read_exact(&mut answer)?;
        if answer != expected.as_bytes() {
            bail!("client {number} got {:?}", String::from_utf8_lossy(&answer));
        }
        client.write_all(b"and more again")?;
    }
    for mut client in clients {
        client.shutdown(Shutdown::Write)?;
        client.read_to_end(&mut Vec::new()).context("a client was cut")?;
    }
    Ok(())
}

/// Compiles one source; without a program it is only looked at.
pub(crate) fn compile(
    compiler: &str,
    dialect: &[&str],
    source: &Path,
    program: Option<&Path>,
    flags: &[&str],
) -> Result<()> {
    let mut command = Command::new(compiler);
    command.args(WARNINGS).args(dialect).arg(source);
    if let Some(program) = program {
        command.arg("-o").arg(program);
    }
    // A language that was given holds for all files that come after it, libraries too.
    if dialect.contains(&"-x") {
        command.args(["-x", "none"]);
    }
    let status = command.args(flags).status().with_context(|| format!("{compiler} does not start"))?;
    if status.success() { Ok(()) } else { bail!("{compiler} {}: {status}", source.display()) }
}

fn under_valgrind() -> Command {
    let mut command = bounded(OsStr::new("valgrind"));
    command.args([
        "--quiet",
        "--leak-check=full",
        "--show-leak-kinds=all",
        "--errors-for-leak-kinds=all",
        "--error-exitcode=99",
    ]);
    command
}

/// A program that is stopped if it takes too long.
fn bounded(program: &OsStr) -> Command {
    let mut command = Command::new("timeout");
    command.arg(BOUND.as_secs().to_string()).arg(program);
    command
}

fn judge(name: &str, command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} does not start", command.get_program().display()))?;
    match output.status.code() {
        Some(0) => println!("--- {name}: passed"),
        Some(SKIPPED) if std::env::var_os("ADIEU_REQUIRE_COUNTERPARTS").is_none() => {
            println!("--- {name}: skipped");
        }
        _ => bail!("{name}: {}", output.status),
    }
    Ok(())
}
