//! `adieu explain --html`: where the page is written, what stands in its way, and what a browser makes of it.

use crate::{run, text};
use adieu_testkit::skip;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a browser may take: it is large, and the machine may be busy.
const BROWSER: Duration = Duration::from_secs(120);

const SEVERAL: &str = "several_connections.pcap";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adieu-explain/tests/fixtures/own").join(name);
    path.to_str().expect("our own paths are UTF-8").to_owned()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a scratch path is UTF-8")
}

/// Runs `adieu explain --html FILE ARGS`: the exit status and what it said on stderr. Stdout is empty.
fn explain(page: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["explain", "--html", shown(page)], args].concat(), b"");
    assert_eq!(text(&output.stdout), "");
    (output.status.code(), text(&output.stderr))
}

/// A page of these captures.
fn page_of(args: &[&str]) -> String {
    let output = run(&[&["explain", "--html", "-"], args].concat(), b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{args:?}");
    text(&output.stdout)
}

#[test]
fn a_page_is_written_and_written_again() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let page = scratch.path().join("page.html");
    assert_eq!(explain(&page, &[&fixture(SEVERAL)]), (Some(0), String::new()));
    let first = fs::read_to_string(&page).expect("it was written");
    assert!(first.starts_with("<!DOCTYPE html>\n") && first.ends_with("</html>\n"), "{first}");
    for words in [
        "How the connections of several_connections.pcap ended",
        "6 connections: 1 graceful, 2 reset, 1 refused, 2 open",
        "68 frames, all with TCP",
        "2026-11-29 10:51:19.345 to 2026-11-29 10:51:19.796 UTC (451 ms)",
        concat!("adieu ", env!("CARGO_PKG_VERSION")),
        "10.7.0.2:27015 refused the connection: a reset answered the SYN of 10.7.0.1:43301.",
        ">RST</tspan>",
    ] {
        assert!(first.contains(words), "{words} is not in {first}");
    }
    // The page of before is replaced, through a symlink too; nothing else is left.
    let link = scratch.path().join("link.html");
    std::os::unix::fs::symlink("page.html", &link).expect("a symlink");
    assert_eq!(explain(&link, &["--only", "refused", &fixture(SEVERAL)]), (Some(0), String::new()));
    let second = fs::read_to_string(&page).expect("it was written");
    assert!(second.contains("only those with the ending refused") && second.len() < first.len());
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::read_dir(scratch.path()).expect("our own").count(), 2);
    assert_eq!(page_of(&["--only", "refused", &fixture(SEVERAL)]), second);
}

/// A symlink stays what it is, also one whose file is not there yet.
#[test]
fn a_page_is_made_where_symlinks_lead() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let [page, link, outer] =
        ["page.html", "link.html", "outer.html"].map(|name| directory.path().join(name));
    std::os::unix::fs::symlink("page.html", &link).expect("it can be made");
    std::os::unix::fs::symlink(&link, &outer).expect("it can be made");
    for _ in 0..2 {
        assert_eq!(explain(&outer, &[&fixture(SEVERAL)]), (Some(0), String::new()));
        let kinds =
            [&page, &link, &outer].map(|path| path.symlink_metadata().expect("it is there").is_symlink());
        assert_eq!(kinds, [false, true, true]);
    }
    // One that leads to itself leads nowhere.
    let turn = directory.path().join("turn.html");
    std::os::unix::fs::symlink("turn.html", &turn).expect("it can be made");
    let (status, said) = explain(&turn, &[&fixture(SEVERAL)]);
    assert_eq!(status, Some(7), "{said}");
    assert!(turn.symlink_metadata().expect("it is there").is_symlink());
}

#[test]
fn what_is_no_page_is_not_replaced() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let capture = scratch.path().join("trace.pcap");
    fs::copy(fixture(SEVERAL), &capture).expect("a copy");
    let before = fs::read(&capture).expect("it is there");
    let same = scratch.path().join("./trace.pcap");
    for (page, args, said) in [
        (&same, &[shown(&capture)][..], "the page would replace the capture"),
        // A page that was forgotten: the capture would be the page of another.
        (&capture, &[&fixture("refused.pcap")], "adieu replaces only pages"),
        (&scratch.path().to_owned(), &[shown(&capture)], "is a directory"),
    ] {
        let (status, stderr) = explain(page, args);
        assert_eq!(status, Some(2), "{stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    assert_eq!(fs::read(&capture).expect("it is there"), before);
    // What cannot be written is told before a capture is read.
    let nowhere = scratch.path().join("gone/page.html");
    let (status, stderr) = explain(&nowhere, &["/nonexistent.pcap"]);
    assert_eq!(status, Some(7));
    assert!(stderr.contains("cannot write the page to ") && !stderr.contains("nonexistent"), "{stderr}");
}

#[test]
fn a_capture_that_cannot_be_read_is_told_on_the_page_or_leaves_the_old_one() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let page = scratch.path().join("page.html");
    let cut = scratch.path().join("cut.pcap");
    let whole = fs::read(fixture(SEVERAL)).expect("a fixture");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("a scratch file");
    let (status, stderr) = explain(&page, &[shown(&cut)]);
    assert_eq!(status, Some(6), "{stderr}");
    let made = fs::read_to_string(&page).expect("it was written");
    assert!(made.contains("not read to its end: "), "{made}");
    // One of two: the page has the other, and says it.
    let (status, _) = explain(&page, &[shown(&cut), "/nonexistent.pcap"]);
    assert_eq!(status, Some(7));
    let made = fs::read_to_string(&page).expect("it was written");
    assert!(made.contains("not read: ") && made.contains("/nonexistent.pcap"), "{made}");
    let (status, stderr) = explain(&page, &["/nonexistent.pcap"]);
    assert_eq!(status, Some(7));
    assert!(stderr.contains("no page was written"), "{stderr}");
    assert_eq!(fs::read_to_string(&page).expect("it is there"), made);
}

#[test]
fn a_page_has_what_was_asked_for() {
    let (before, after) = (fixture("orderly_client_first.pcap"), fixture(SEVERAL));
    let summary = page_of(&["--summary", &after]);
    assert!(summary.contains("class=\"bar\"") && !summary.contains("class=\"ladder\""));
    let compared = page_of(&["--compare", &before, &after]);
    assert!(
        compared.contains("How endings changed from orderly_client_first.pcap to several_connections.pcap")
    );
    assert!(compared.contains("0 % → 33.3 %"), "{compared}");
    let followed = page_of(&["--follow", "10.7.0.1:43302", &after]);
    assert!(followed.contains("10.7.0.1:43302 → 10.7.0.2:27015") && !followed.contains("10.7.0.1:43303"));
    assert!(page_of(&["--follow", "10.7.0.9:1", &after]).contains("No connection was found."));
    for wrong in [
        &["--format", "json", &after][..],
        &["--format", "text", &after],
        &["--compare", &after],
        &["--both", &before, &after],
        &["--summary", "--follow", "10.7.0.1:1", &after],
        &["--code", "ECONNRESET"],
        &["--live"],
    ] {
        let output = run(&[&["explain", "--html", "-"], wrong].concat(), b"");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{wrong:?}");
    }
}

#[test]
fn a_capture_on_stdin_makes_a_page_when_it_ends() {
    let capture = fs::read(fixture(SEVERAL)).expect("a fixture");
    let output = run(&["explain", "--html", "-", "-"], &capture);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("How the connections of stdin ended"));
}

/// A server of pages, with what it was asked for.
struct Pages {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    fn start(pages: Vec<(&'static str, String)>) -> Self {
        let listener = adieu_testkit::places::listener();
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            let pages = Arc::new(pages);
            for stream in listener.incoming().flatten() {
                let (pages, log) = (Arc::clone(&pages), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &pages, &log));
            }
        });
        Self { port, asked }
    }
}

/// Answers one request. A browser may connect ahead and send none.
fn answer(mut stream: TcpStream, pages: &[(&'static str, String)], asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&stream).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let page = pages.iter().find(|(name, _)| *name == path);
    asked.lock().expect("nobody panics with it").push(path);
    let (status, body) = page.map_or(("404 Not Found", ""), |(_, page)| ("200 OK", page));
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// What a browser says of pages in frames: what was measured in each, and what it logged on its console.
fn browse(browser: &Path, port: u16) -> (Value, Vec<String>) {
    let profile = tempfile::tempdir().expect("a scratch directory");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-extensions"])
        .args(["--hide-scrollbars", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", shown(profile.path())))
        .arg(format!("http://127.0.0.1:{port}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the browser starts");
    let pid = rustix::process::Pid::from_child(&child);
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if is_over.recv_timeout(BROWSER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let mut errors = child.stderr.take().expect("it is piped");
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        std::io::Read::read_to_end(&mut errors, &mut log).map(|_| log)
    });
    let output = child.wait_with_output().expect("it ends");
    drop(over);
    watchdog.join().expect("it does not panic");
    let log = text(&log.join().expect("it does not panic").expect("a pipe can be read"));
    let dom = text(&output.stdout);
    let measured = dom
        .split_once("<pre id=\"out\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"))
        .unwrap_or_else(|| panic!("{:?}: {dom}\n{log}", output.status))
        .0;
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    (serde_json::from_str(measured).unwrap_or_else(|error| panic!("{error}: {measured}")), console)
}

/// A page that measures others. It unfolds everything, because a folded part has no size.
fn harness(frames: &[(&str, u32)]) -> String {
    let frame = |(path, width): &(&str, u32)| {
        format!("<iframe src=\"{path}\" width={width} height=900 style=\"border: 0\"></iframe>")
    };
    let frames = frames.iter().map(frame).collect::<Vec<_>>().concat();
    format!(
        r#"<!DOCTYPE html><link rel="icon" href="data:,"><body>{frames}<pre id="out"></pre><script>
const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
function measure(frame) {{
    const page = frame.contentDocument, root = page.documentElement;
    const target = page.getElementById(decodeURIComponent(frame.contentWindow.location.hash.slice(1)));
    const unfolded = target ? target.closest("details").open : null;
    page.querySelectorAll("details").forEach((one) => {{ one.open = true; }});
    const overlaps = [], outside = [];
    for (const svg of page.querySelectorAll("svg.ladder, svg.bar")) {{
        const box = svg.getBoundingClientRect();
        const texts = [...svg.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()]);
        texts.forEach(([words, rect], place) => {{
            if (rect.left < box.left - 1 || rect.right > box.right + 1) outside.push(words);
            texts.slice(place + 1).forEach(([other, of]) => {{ if (meet(rect, of)) overlaps.push(words + " | " + other); }});
        }});
    }}
    const wide = [...page.querySelectorAll("body *")].filter((one) => !one.closest(".scroll, svg")
        && one.getBoundingClientRect().right > root.clientWidth + 1).map((one) => one.className + ": " + one.textContent);
    return {{
        title: page.title, text: page.body.textContent, width: root.clientWidth, needs: root.scrollWidth,
        styled: getComputedStyle(page.querySelector("h1")).margin, ladders: page.querySelectorAll("svg.ladder").length,
        unfolded, overlaps, outside, wide,
    }};
}}
addEventListener("load", () => {{
    const all = [...document.querySelectorAll("iframe")].map(measure);
    document.getElementById("out").textContent = JSON.stringify({{ all, acted: window.acted ?? null }});
}});
</script>"#
    )
}

/// The names of connections on a page, in its order.
fn names(page: &str) -> Vec<&str> {
    page.split("class=\"body\" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_browser_shows_the_page_whole_narrow_or_wide() {
    let Some(browser) = skip::counterpart("a_browser_shows_the_page_whole_narrow_or_wide", "chromium") else {
        return;
    };
    let several = page_of(&[&fixture(SEVERAL)]);
    let all: Vec<String> = fs::read_dir(Path::new(&fixture(SEVERAL)).parent().expect("it has one"))
        .expect("fixtures")
        .map(|entry| entry.expect("fixtures").path())
        .filter(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng"))
        .map(|path| shown(&path).to_owned())
        .collect();
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let every = page_of(&args);
    let compared = page_of(&["--compare", &fixture("orderly_client_first.pcap"), &fixture(SEVERAL)]);
    // A connection that is folded at first.
    let folded = format!("/several#{}", names(&several)[3]);
    let frames = [
        ("/several", 390),
        (&folded, 1200),
        ("/every", 320),
        ("/every", 390),
        ("/every", 1200),
        ("/compared", 390),
    ];
    let pages = Pages::start(vec![
        ("/", harness(&frames)),
        ("/several", several.clone()),
        ("/every", every),
        ("/compared", compared),
    ]);
    let (measured, console) = browse(&browser, pages.port);
    assert_eq!(console, [] as [&str; 0], "the browser complains of nothing");
    let asked = pages.asked.lock().expect("nobody panics with it").clone();
    assert!(
        asked.iter().all(|path| ["/", "/several", "/every", "/compared"].contains(&path.as_str())),
        "{asked:?}"
    );
    for ((path, width), one) in frames.iter().zip(measured["all"].as_array().expect("all frames")) {
        assert_eq!(one["width"], *width, "{path}");
        assert_eq!(one["needs"], one["width"], "{path} is wider than {width}: {}", one["wide"]);
        assert_eq!(one["styled"], "0px", "{path} at {width}");
        for what in ["overlaps", "outside"] {
            assert_eq!(
                one[what].as_array().map(Vec::len),
                Some(0),
                "{what} in {path} at {width}: {}",
                one[what]
            );
        }
    }
    let all = &measured["all"];
    assert_eq!(all[0]["ladders"], 6);
    assert_eq!(all[0]["title"], "How the connections of several_connections.pcap ended");
    let words = all[0]["text"].as_str().expect("text");
    assert!(
        words.contains("10.7.0.2:27015 refused the connection")
            && words.contains("sent by the server (concluded)")
    );
    assert_eq!(all[1]["unfolded"], true, "a link unfolds its connection");
    assert_eq!(measured["acted"], Value::Null);
}

#[test]
fn a_browser_lets_nothing_on_the_page_act_or_load() {
    let Some(browser) = skip::counterpart("a_browser_lets_nothing_on_the_page_act_or_load", "chromium")
    else {
        return;
    };
    // As if something had found a way past the escaping.
    let hostile = "<script>parent.acted = 1</script><img src=\"/beacon\" onerror=\"parent.acted = 2\"/>\
                   <link rel=\"stylesheet\" href=\"/beacon.css\"/><style>h1 { margin: 9px }</style></body>";
    let page = page_of(&[&fixture(SEVERAL)]).replace("</body>", hostile);
    let pages = Pages::start(vec![("/", harness(&[("/page", 390)])), ("/page", page)]);
    let (measured, console) = browse(&browser, pages.port);
    let asked = pages.asked.lock().expect("nobody panics with it").clone();
    assert!(asked.iter().all(|path| ["/", "/page"].contains(&path.as_str())), "{asked:?}");
    assert_eq!(measured["acted"], Value::Null);
    assert_eq!(measured["all"][0]["styled"], "0px");
    assert!(console.iter().any(|line| line.contains("Content Security Policy")), "{console:?}");
}
