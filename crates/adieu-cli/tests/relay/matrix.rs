//! The relay matrix, and random conversations, through `adieu relay`.
use super::adieu;
use adieu_testkit::relay::matrix::{self, Cell};
use adieu_testkit::relay::{Relay, SHAPES, Shape, program, random};
use adieu_testkit::tls::peer::Address;
use std::io;
use std::path::Path;

/// More than a shape has cells, so all are under way at once.
const ALL_AT_ONCE: usize = 500;

fn check(failed: &[String]) {
    assert!(failed.is_empty(), "{} do not hold:\n{}", failed.len(), failed.join("\n"));
}

fn start(shape: Shape, upstream: &Address, directory: &Path) -> io::Result<Box<dyn Relay>> {
    program::adieu(adieu(), &[], shape, upstream, directory)
}

#[test]
fn every_cell_of_the_relay_matrix_holds_through_the_binary() {
    check(&matrix::failures(|_| true, ALL_AT_ONCE, &start));
}

#[test]
fn every_cell_holds_with_one_connection_at_a_time() {
    check(&matrix::failures(|shape| shape == Shape::PLAIN, 1, &start));
}

#[test]
fn every_cell_holds_while_the_relay_stops() {
    let patient = |shape: Shape, upstream: &Address, directory: &Path| {
        program::adieu(adieu(), &["--grace", "none"], shape, upstream, directory)
    };
    // Plain, TLS in front, TLS behind.
    for shape in [SHAPES[0], SHAPES[2], SHAPES[3]] {
        let failed = matrix::run_while_it_stops(shape, &matrix::cells(shape), &patient);
        check(&failed.expect("the harness works"));
    }
}

#[test]
fn five_hundred_connections_of_a_kind_hold_at_once() {
    let wanted = ["asks / answers", "resets-after-its-bytes / listens", "is-slow / refuses-early"];
    // Plain, TLS in front, a Unix socket in front.
    for shape in [SHAPES[0], SHAPES[2], SHAPES[5]] {
        for name in wanted {
            let cells = matrix::cells(shape);
            let cell: &Cell = cells.iter().find(|cell| cell.name() == name).expect("they meet");
            let failed = matrix::run(shape, &vec![cell.clone(); ALL_AT_ONCE], ALL_AT_ONCE, &start);
            check(&failed.expect("the harness works"));
        }
    }
}

#[test]
fn random_conversations_through_the_binary_keep_the_rules() {
    for (index, shape) in [SHAPES[0], SHAPES[2], SHAPES[4], SHAPES[5]].into_iter().enumerate() {
        let failed = random::failures(shape, 100_000_000 * (index as u64 + 1), 60, &start);
        check(&failed.expect("the harness works"));
    }
}
