//! Pages: well-formed whatever a capture holds, without anything that could act or load, of a bounded size, and readable.

use adieu_explain::{
    html::{Body, DRAWN, LISTED, Page, RECORDING, Source, Worst, page},
    segment::{Flags, Segment, Timestamp},
    summary::Summary,
    table::{Finished, Limits, Table},
    verdict::{Claim, Ending, Verdict},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use roxmltree::{Document, ParsingOptions};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, net::SocketAddr};

use crate::{frames, own};

/// Connections of a capture, as a page has them.
#[derive(Default)]
struct Taken {
    summary: Summary,
    worst: Worst,
    sources: Vec<Source>,
    verdicts: Vec<Verdict>,
}

impl Taken {
    fn take(&mut self, one: &Finished) {
        self.push(one.judge(), one);
    }

    fn push(&mut self, verdict: Verdict, one: &Finished) {
        self.summary.add(&verdict);
        self.verdicts.push(verdict.clone());
        self.worst.push(0, verdict, one.ladder.clone());
    }

    fn page(&self) -> String {
        self.page_of(Body::Connections(&self.summary, &self.worst))
    }

    fn page_of(&self, body: Body<'_>) -> String {
        let source = [Source { name: "trace.pcap".to_owned(), ..Source::default() }];
        let captures = if self.sources.is_empty() { &source[..] } else { &self.sources };
        page(&Page { program: "adieu 1", captures, chosen: &[], body, command: "adieu explain --follow A:P" })
    }
}

/// All connections of a capture of ours.
fn finished(file: &str) -> Vec<Finished> {
    let mut table = Table::new(Limits { ladders: Some(RECORDING), ..Limits::default() });
    let mut all = Vec::new();
    for segment in frames::read(&own::directory("own").join(file)) {
        table.observe(&segment.borrowed(), &mut |one| all.push(one));
    }
    table.finish(&mut |one| all.push(one));
    all
}

fn all_files() -> Vec<String> {
    let mut files: Vec<String> = own::expected("own").into_iter().map(|row| row.file).collect();
    files.dedup();
    files
}

fn taken(files: &[String]) -> Taken {
    let mut taken = Taken::default();
    for file in files {
        for one in &finished(file) {
            taken.take(one);
        }
    }
    taken
}

/// Reads a page as XML, and verifies what holds for all.
fn read(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(page, options).expect("a page is well-formed XML");
    let mut ids = HashSet::new();
    for element in document.descendants().filter(roxmltree::Node::is_element) {
        let tag = element.tag_name().name();
        assert!(
            !["script", "link", "iframe", "img", "object", "embed", "base", "form"].contains(&tag),
            "{tag}"
        );
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && !["src", "style", "srcset"].contains(&name), "{name}");
            if name == "id" {
                assert!(ids.insert(value), "{value} is there twice");
            }
        }
    }
    for element in document.descendants() {
        for (name, prefix) in [("href", "#"), ("aria-labelledby", ""), ("aria-describedby", "")] {
            if let Some(value) = element.attribute(name) {
                let id = value.strip_prefix(prefix).expect("it leads nowhere else");
                assert!(ids.contains(id), "{value} leads nowhere");
            }
        }
    }
    document
}

fn texts(document: &Document<'_>) -> String {
    document.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join("\n")
}

fn count(document: &Document<'_>, class: &str) -> usize {
    let has = |node: &roxmltree::Node<'_, '_>| {
        node.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
    };
    document.descendants().filter(has).count()
}

#[test]
fn every_capture_makes_a_page_that_is_well_formed() {
    for file in all_files() {
        let taken = taken(&[file]);
        let page = taken.page();
        let document = read(&page);
        assert_eq!(count(&document, "conn"), taken.verdicts.len());
        assert_eq!(count(&document, "ladder"), taken.verdicts.len());
        let texts = texts(&document);
        for verdict in &taken.verdicts {
            for fact in adieu_explain::words::facts(verdict) {
                assert!(texts.contains(&fact.text), "{}", fact.text);
            }
        }
    }
    let all = taken(&all_files());
    read(&all.page());
    read(&all.page_of(Body::Summary(&all.summary)));
    let before = taken(&all_files()[..9]);
    read(&all.page_of(Body::Comparison([&before.summary, &all.summary])));
    read(&all.page_of(Body::Comparison([&Summary::default(), &all.summary])));
    read(&Taken::default().page());
}

#[test]
fn a_ladder_says_what_each_reset_was_and_what_is_not_on_the_wire() {
    let page = taken(&["rst_mid_download_in_flight.pcap".to_owned()]).page();
    let texts = texts(&read(&page)).replace('\n', " ");
    for words in [
        "24 RST",
        "sent by the server (concluded)",
        "abort by the program",
        "1104 bytes, sent again",
        "4000 bytes of the server",
        "never acknowledged",
        "not on the wire:",
    ] {
        let found = texts.split_whitespace().collect::<Vec<_>>().join(" ").contains(words);
        assert!(found, "{words} in {texts}");
    }
    let page = taken(&["middlebox_rst_one_side.pcap".to_owned()]).page();
    assert_eq!(count(&read(&page), "box"), 1, "the arrow of a reset from between begins between");
    let page = taken(&["capture_lost_data.pcap".to_owned()]).page();
    assert_eq!(count(&read(&page), "gap"), 1);
}

#[test]
fn names_from_the_network_and_from_outside_stay_text() {
    let hostile = "\"'/><script>alert(1)</script><img src=x onerror=alert(1)>&amp;]]>\u{1b}\u{202e}\0";
    let mut taken = Taken::default();
    for one in finished("tls12_orderly.pcap") {
        let mut verdict = one.judge();
        verdict.server_name = Some(hostile.to_owned());
        taken.push(verdict, &one);
    }
    let source = Source { name: hostile.to_owned(), problem: Some(hostile.to_owned()), ..Source::default() };
    taken.sources = vec![source.clone(), source];
    let chosen = [hostile.to_owned()];
    let page = page(&Page {
        program: hostile,
        captures: &taken.sources,
        chosen: &chosen,
        body: Body::Connections(&taken.summary, &taken.worst),
        command: hostile,
    });
    let texts = texts(&read(&page));
    // It is still there to be read, without what XML forbids and what turns text around.
    let harmless =
        "\"'/><script>alert(1)</script><img src=x onerror=alert(1)>&amp;]]>\u{fffd}\u{fffd}\u{fffd}";
    assert!(texts.matches(harmless).count() >= 5, "{texts}");
    assert!(!page.contains("<script") && !page.contains("<img"));
}

/// A connection that ended so, of one of many clients to one of a few servers, with as long a ladder as there is.
fn crowd(taken: &mut Taken, count: u32) {
    let mut long = finished("rst_mid_download_in_flight.pcap").remove(0);
    let client: SocketAddr = ([0xfd00, 1, 2, 3, 4, 5, 6, 0x1234], 40_000).into();
    let server: SocketAddr = ([0xfd00, 1, 2, 3, 4, 5, 6, 0x5678], 443).into();
    // Segments in turn that cannot be folded: each opens a gap.
    let mut table = Table::new(Limits { ladders: Some(RECORDING), ..Limits::default() });
    for frame in 0..200_u32 {
        let (source, destination) = if frame % 2 == 0 { (client, server) } else { (server, client) };
        table.observe(
            &Segment {
                frame: u64::from(frame) + 1_000_000_000,
                time: Timestamp::from_nanoseconds(i64::from(frame) * 2_000_000_000),
                flags: Flags::ACK,
                sequence: frame * 5000,
                acknowledgement: frame * 5000,
                payload: &[7; 100],
                payload_len: 100,
                window: 0,
                ..Segment::between(source, destination)
            },
            &mut |_| {},
        );
    }
    table.finish(&mut |one| long.ladder = one.ladder);
    let mut verdict = long.judge();
    for number in 0..count {
        let host = u16::try_from(number % 60_000).expect("it fits");
        verdict.client = ([0xfd00, 1, 2, 3, 4, 5, 6, host], 40_000).into();
        verdict.server = ([0xfd00, 1, 2, 3, 4, 5, host, 0x5678], 443).into();
        verdict.first.frame = u64::from(number);
        verdict.ending = match number % 4 {
            0 => Claim::seen(Ending::Reset),
            1 => Claim::seen(Ending::Truncated),
            2 => Claim::seen(Ending::Refused),
            _ => Claim::seen(Ending::Graceful),
        };
        taken.summary.add(&verdict);
        taken.worst.push(0, verdict.clone(), long.ladder.clone());
    }
}

#[test]
fn a_page_of_very_many_connections_stays_small() {
    let mut taken = Taken::default();
    crowd(&mut taken, 38_000);
    let page = taken.page();
    let document = read(&page);
    assert_eq!(count(&document, "conn"), DRAWN);
    assert_eq!(count(&document, "ladder"), DRAWN);
    let texts = texts(&document);
    assert!(
        texts.contains(&format!("{DRAWN} of 38000 connections have their facts and a ladder here")),
        "{texts}"
    );
    assert!(texts.contains(&format!("{} more connections are counted above", 38_000 - DRAWN - LISTED)));
    assert!(texts.contains("adieu explain --follow A:P"));
    // Ladders are as long as they can be. Usual ones are a quarter of that.
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn the_worst_come_first_and_one_server_does_not_hide_another() {
    let mut taken = Taken::default();
    let one = finished("orderly_client_first.pcap").remove(0);
    let mut verdict = one.judge();
    let mut push = |server: [u8; 4], ending, octets, frame| {
        verdict.server = (server, 80).into();
        verdict.ending = Claim::seen(ending);
        verdict.unacked_c2s = Claim::seen(octets);
        verdict.first.frame = frame;
        taken.push(verdict.clone(), &one);
    };
    // Graceful ones of a server first, then hundreds of resets of another, which lose more and more.
    for frame in 1..10 {
        push([10, 0, 0, 1], Ending::Graceful, 0, frame);
    }
    for frame in 10..500 {
        push([10, 0, 0, 2], Ending::Reset, frame, frame);
    }
    push([10, 0, 0, 3], Ending::Refused, 0, 500);
    let page = taken.page();
    let document = read(&page);
    let headings: Vec<String> = document
        .descendants()
        .filter(|node| node.attribute("class") == Some("who"))
        .map(|node| node.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join(" "))
        .collect();
    let drawn = &headings[..DRAWN];
    let of = |server: &str| drawn.iter().filter(|heading| heading.contains(server)).count();
    assert_eq!((of("10.0.0.1:80"), of("10.0.0.3:80"), of("10.0.0.2:80")), (5, 1, DRAWN - 6));
    assert!(drawn[0].contains("reset") && drawn[DRAWN - 1].contains("graceful"), "{drawn:?}");
    assert_eq!(headings.len(), DRAWN + LISTED);
}

#[test]
fn connections_with_the_same_ends_have_names_of_their_own() {
    let taken = taken(&["reused_4tuple.pcap".to_owned()]);
    assert_eq!(taken.verdicts.len(), 2);
    let page = taken.page();
    // That names are there once is verified for all pages.
    assert_eq!(count(&read(&page), "body"), 2);
    assert!(page.contains(".2\""), "{page}");
}

/// The style sheet of a page.
fn style() -> String {
    let page = Taken::default().page();
    let document = read(&page);
    let style =
        document.descendants().find(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", "style")));
    style.and_then(|style| style.text().map(str::to_owned)).expect("there is one")
}

#[test]
fn the_policy_allows_the_style_sheet_and_nothing_else() {
    let digest = STANDARD.encode(Sha256::digest(style()));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
    let page = Taken::default().page();
    let document = read(&page);
    let of =
        document.descendants().find(|node| node.attribute("http-equiv") == Some("Content-Security-Policy"));
    assert_eq!(
        of.and_then(|node| node.attribute("content")),
        Some(policy.as_str()),
        "write the digest {digest} to style.css.sha256, without a line end"
    );
    assert!(!style().contains("url(h") && !style().contains("@import") && !style().contains("//"));
}

/// The colours of a block of the style sheet, by name.
fn colours(block: &str) -> Vec<(String, [f64; 3])> {
    block
        .split(';')
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"))
        .map(|(name, hex)| {
            let part = |at: usize| {
                let value = u8::from_str_radix(&hex[at..at + 2], 16).expect("six digits");
                let share = f64::from(value) / 255.0;
                if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
            };
            (name.to_owned(), [part(0), part(2), part(4)])
        })
        .collect()
}

/// WCAG 2.2, 1.4.3: text has a contrast of at least 4.5 to 1, on either background.
#[test]
fn every_colour_can_be_read() {
    let style = style();
    let blocks: Vec<&str> =
        style.split(":root {").skip(1).map(|block| &block[..block.find('}').expect("its end")]).collect();
    assert_eq!(blocks.len(), 2, "one for light, one for dark");
    for block in blocks {
        let colours = colours(block);
        assert!(colours.len() >= 17, "{block}");
        let luminance = |name: &str| {
            let [red, green, blue] = colours.iter().find(|(one, _)| one == name).expect("it is there").1;
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for (name, _) in &colours {
            let backgrounds: &[&str] = match name.as_str() {
                "paper" | "soft" | "rule" | "on" => continue,
                "reset" | "truncated" | "silent" | "no-answer" | "refused" | "unknown" | "open"
                | "graceful" => {
                    // Also as what a number stands on.
                    &["paper", "soft", "on"]
                }
                _ => &["paper", "soft"],
            };
            for background in backgrounds {
                let found = contrast(luminance(name), luminance(background));
                assert!(found >= 4.5, "{name} on {background}: {found:.2} in {block}");
            }
        }
    }
}
