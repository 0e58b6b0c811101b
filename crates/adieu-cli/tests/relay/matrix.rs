//! The relay matrix, and random conversations, through `adieu relay`.
use super::adieu;
use adieu_testkit::relay::{SHAPES, Shape, matrix, program, random};

/// More than a shape has cells, so all are under way at once.
const ALL_AT_ONCE: usize = 500;

fn check(failed: &[String]) {
    assert!(failed.is_empty(), "{} do not hold:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_cell_of_the_relay_matrix_holds_through_the_binary() {
    let is_ready = |shape: Shape| !shape.is_proxied();
    check(&matrix::failures(is_ready, ALL_AT_ONCE, &|shape, upstream, directory| {
        program::adieu(adieu(), &[], shape, upstream, directory)
    }));
}

#[test]
fn random_conversations_through_the_binary_keep_the_rules() {
    for (index, shape) in [SHAPES[0], SHAPES[2], SHAPES[4], SHAPES[5]].into_iter().enumerate() {
        let failed =
            random::failures(shape, 100_000_000 * (index as u64 + 1), 60, &|shape, upstream, directory| {
                program::adieu(adieu(), &[], shape, upstream, directory)
            });
        check(&failed.expect("the harness works"));
    }
}
