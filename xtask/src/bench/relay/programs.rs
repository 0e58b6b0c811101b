//! The forwarders that are measured: how each is started, and what its processes take.

use super::super::Programs;
use super::super::process::{Group, listening_port};
use super::Case;
use adieu_testkit::tls::authority::Authority;
use anyhow::{Context, Result};
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One of them.
pub(super) struct Forwarder {
    pub(super) name: &'static str,
    pub(super) version: String,
    /// A line for a shell, in which `$P` is the port to listen on, `$T` the server's, `$D` a directory.
    line: String,
    /// A file that the line reads, in which the same stand.
    configuration: Option<String>,
    /// It is passed the listening socket as descriptor 3.
    is_activated: bool,
    /// The same two where it terminates TLS. In them `$C` is the certificate, `$K` its key, `$B` a file with both.
    with_tls: Option<(String, Option<String>)>,
}

impl Forwarder {
    /// Whether it can be measured in this case.
    pub(super) fn can(&self, case: Case) -> bool {
        !case.is_tls() || self.with_tls.is_some()
    }
}

/// What adieu's own forwarder is called.
pub(super) const OWN: &str = "adieu relay";

/// A forwarder that runs, in a process group of its own.
pub(super) struct Running {
    group: Group,
    pub(super) port: u16,
}

const HAPROXY: &str = "global\n maxconn 4500\n nbthread $N\ndefaults\n mode tcp\n$S timeout connect 5s\n timeout client 1h\n \
                       timeout server 1h\nlisten l\n bind 127.0.0.1:$P$X\n server s 127.0.0.1:$T\n";

const SPLICE: &str = " option splice-request\n option splice-response\n";

const NGINX: &str = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nworker_processes $N;\n\
                     worker_rlimit_nofile 65536;\npid $D/nginx.pid;\nerror_log /dev/null;\nevents { worker_connections 30000; }\n\
                     stream { server { listen 127.0.0.1:$P backlog=4096$X proxy_pass 127.0.0.1:$T; proxy_buffer_size 256k; \
                     proxy_timeout 1h; } }\n";

/// What makes them terminate TLS.
const HAPROXY_TLS: &str = " ssl crt $B";
const NGINX_TLS: &str = " ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate $C; ssl_certificate_key $K;";

/// Those that are installed, adieu's first.
pub(super) fn all(programs: &Programs) -> Result<Vec<Forwarder>> {
    let cores = std::thread::available_parallelism()?.to_string();
    let configured = |text: &str, splices: bool, tls: &str| {
        let text = text.replace("$N", &cores).replace("$S", if splices { SPLICE } else { "" });
        Some(text.replace("$X", tls))
    };
    let adieu = programs.adieu.display();
    let tokio = programs.adieu.with_file_name("examples/copy_bidirectional");
    let helper = programs.helper.display();
    let proxyd = Path::new("/lib/systemd/systemd-socket-proxyd");
    let plain = |name, version: String, line: String| Forwarder {
        name,
        version,
        line,
        configuration: None,
        is_activated: false,
        with_tls: None,
    };
    let line = format!("exec {adieu} relay 127.0.0.1:$P 127.0.0.1:$T -q --report none");
    let with_tls = Some((format!("{line} --cert $C --key $K"), None));
    let version = first_line(&programs.adieu, &["--version"]).unwrap_or_default();
    let mut all = vec![Forwarder { with_tls, ..plain(OWN, version, line) }];
    if let Some(version) = first_line(Path::new("haproxy"), &["-v"]) {
        for (name, splices) in [("haproxy, splice", true), ("haproxy", false)] {
            let configuration = configured(HAPROXY, splices, "");
            let line = "exec haproxy -f $D/configuration".to_owned();
            // TLS is nothing to splice.
            let with_tls = (!splices).then(|| (line.clone(), configured(HAPROXY, false, HAPROXY_TLS)));
            all.push(Forwarder { configuration, with_tls, ..plain(name, version.clone(), line) });
        }
    }
    if let Some(version) = first_line(Path::new("nginx"), &["-v"]) {
        let line = "exec nginx -p $D -c $D/configuration".to_owned();
        all.push(Forwarder {
            configuration: configured(NGINX, false, ";"),
            with_tls: Some((line.clone(), configured(NGINX, false, NGINX_TLS))),
            ..plain("nginx stream", version, line)
        });
    }
    if proxyd.exists() {
        let version = first_line(proxyd, &["--version"]).unwrap_or_default();
        let line = format!(
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null; exec {} -c 60000 127.0.0.1:$T",
            proxyd.display()
        );
        all.push(Forwarder { is_activated: true, ..plain("systemd-socket-proxyd", version, line) });
    }
    if let Some(version) = first_line(Path::new("socat"), &["-V"]) {
        let line =
            "exec socat -b 262144 TCP-LISTEN:$P,bind=127.0.0.1,reuseaddr,fork,backlog=4096 TCP:127.0.0.1:$T";
        all.push(plain("socat", version, line.to_owned()));
    }
    if tokio.exists() {
        let line = format!("exec {} 127.0.0.1:$P 127.0.0.1:$T", tokio.display());
        let version = "crates/adieu-relay/examples, on the multi-thread runtime".to_owned();
        all.push(plain("tokio copy_bidirectional", version, line.clone()));
        let version = "the same, with a runtime for each core".to_owned();
        all.push(plain("tokio copy_bidirectional, per core", version, line + " --per-core"));
    }
    let line = format!("exec {helper} splice-relay $P $T");
    all.push(plain("a bare splice loop", "a thread for each direction, xtask/bench-helper".to_owned(), line));
    Ok(all)
}

fn first_line(program: &Path, words: &[&str]) -> Option<String> {
    let done = Command::new(program).args(words).output().ok()?;
    let said = if done.stdout.is_empty() { done.stderr } else { done.stdout };
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines().find(|line| line.chars().any(|c| c.is_ascii_digit())).map(|line| line.trim().to_owned())
}

impl Running {
    pub(super) fn start(forwarder: &Forwarder, is_tls: bool, target: u16, directory: &Path) -> Result<Self> {
        let directory: PathBuf = directory.join("relay");
        fs::create_dir_all(&directory)?;
        let (certificate, key) = &Authority::loopback().files;
        let both = directory.join("both.pem");
        if is_tls {
            fs::write(&both, fs::read_to_string(certificate)? + &fs::read_to_string(key)?)?;
        }
        let plain = || Some((&forwarder.line, &forwarder.configuration));
        let with_tls = || forwarder.with_tls.as_ref().map(|(line, configuration)| (line, configuration));
        let ways = if is_tls { with_tls() } else { plain() };
        let (line, configuration) = ways.context("it does not terminate TLS")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let filled = |text: &str| {
            text.replace("$P", &port.to_string())
                .replace("$T", &target.to_string())
                .replace("$D", &directory.display().to_string())
                .replace("$C", &certificate.display().to_string())
                .replace("$K", &key.display().to_string())
                .replace("$B", &both.display().to_string())
        };
        if let Some(configuration) = configuration {
            fs::write(directory.join("configuration"), filled(configuration))?;
        }
        let input = if forwarder.is_activated {
            rustix::net::listen(&listener, 4096)?;
            Stdio::from(OwnedFd::from(listener.try_clone()?))
        } else {
            Stdio::null()
        };
        // Its own from here on.
        drop(listener);
        let mut command = Command::new("sh");
        command.args(["-c", &filled(line)]).stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Self { group: Group::start(&mut command)?, port };
        listening_port(i64::from(running.group.id()), Instant::now() + Duration::from_secs(10))?;
        Ok(running)
    }

    /// The processes of its group, with what `stat` has of each after its name.
    fn processes(&self) -> Vec<(String, Vec<String>)> {
        let group = self.group.id().to_string();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().into_string().ok());
        numbers
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|number| {
                let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
                let (_, rest) = stat.rsplit_once(") ")?;
                let fields: Vec<String> = rest.split(' ').map(str::to_owned).collect();
                (fields.get(2) == Some(&group)).then_some((number, fields))
            })
            .collect()
    }

    /// The processor time that the group has had, in seconds: of what runs to the nanosecond, of what has ended in ticks.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(super) fn cpu(&self) -> f64 {
        let mut seconds = 0.0;
        for (number, fields) in self.processes() {
            let ticks = |places: [usize; 2]| {
                let ticks: u64 = places.iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
                ticks as f64 / 100.0
            };
            seconds += ticks([13, 14]);
            let tasks = fs::read_dir(format!("/proc/{number}/task")).into_iter().flatten().flatten();
            let times = tasks.filter_map(|task| {
                let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
                text.split(' ').next()?.parse::<u64>().ok()
            });
            // Those of threads that have ended are in the ticks alone.
            seconds += (times.sum::<u64>() as f64 / 1e9).max(ticks([11, 12]));
        }
        seconds
    }

    /// What its processes have in memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        let sizes = self.processes().into_iter().filter_map(|(number, _)| {
            let text = fs::read_to_string(format!("/proc/{number}/smaps_rollup")).ok()?;
            let line = text.lines().find(|line| line.starts_with("Pss_Anon:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        sizes.sum::<u64>() * 1024
    }
}
