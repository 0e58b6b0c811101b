//! Circles in a graph of imports, and the imports that open them.

use super::modules::Number;
use super::resolve::Imports;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Modules of which each reaches every other one by imports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tangle {
    pub(super) members: BTreeSet<Number>,
    /// Circles that make it, the shortest first. With the last import of each taken away, none is left.
    pub(super) circles: Vec<Circle>,
}

/// Imports, each from the module that the one before it led to.
pub(super) type Circle = Vec<(Number, Number)>;

/// All tangles.
pub(super) fn tangles(imports: &Imports) -> Vec<Tangle> {
    let mut left: BTreeSet<Number> = imports.keys().copied().collect();
    let mut tangles = Vec::new();
    while let Some(first) = left.pop_first() {
        let reached = reached_from(imports, first);
        if !reached.contains(&first) {
            continue;
        }
        let is_member = |other: &Number| reached_from(imports, *other).contains(&first);
        let members: BTreeSet<Number> = reached.iter().copied().filter(is_member).collect();
        left.retain(|module| !members.contains(module));
        let circles = circles_of(imports, &members);
        tangles.push(Tangle { members, circles });
    }
    tangles
}

fn reached_from(imports: &Imports, from: Number) -> BTreeSet<Number> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        let next = imports.get(&module).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|next| reached.insert(**next)));
    }
    reached
}

/// Takes circles apart one by one: of each, the import goes that takes the fewest names, because that is the least to move.
fn circles_of(imports: &Imports, members: &BTreeSet<Number>) -> Vec<Circle> {
    let mut inside = imports.clone();
    inside.retain(|from, _| members.contains(from));
    for taken in inside.values_mut() {
        taken.retain(|to, _| members.contains(to));
    }
    let mut circles = Vec::new();
    while let Some(mut circle) = members.iter().filter_map(|m| shortest(&inside, *m)).min_by_key(Vec::len) {
        let names = |(from, to): &(Number, Number)| inside[from][to].len();
        let last = (0..circle.len()).min_by_key(|at| names(&circle[*at])).unwrap_or(0);
        circle.rotate_left(last + 1);
        if let Some((from, to)) = circle.last()
            && let Some(taken) = inside.get_mut(from)
        {
            taken.remove(to);
        }
        circles.push(circle);
    }
    circles
}

/// The shortest way from a module back to itself.
fn shortest(imports: &Imports, start: Number) -> Option<Circle> {
    let mut before: BTreeMap<Number, Number> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(module) = open.pop_front() {
        for next in imports.get(&module).into_iter().flat_map(BTreeMap::keys) {
            if before.contains_key(next) {
                continue;
            }
            before.insert(*next, module);
            if *next == start {
                let mut circle = Vec::new();
                let mut to = start;
                loop {
                    let from = before[&to];
                    circle.push((from, to));
                    to = from;
                    if to == start {
                        circle.reverse();
                        return Some(circle);
                    }
                }
            }
            open.push_back(*next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(Number, Number, usize)]) -> Imports {
        let mut imports = Imports::new();
        for (from, to, names) in edges {
            let names = (0..*names).map(|n| n.to_string()).collect();
            imports.entry(*from).or_default().insert(*to, names);
        }
        imports
    }

    #[test]
    fn a_graph_without_circles_has_none() {
        assert_eq!(tangles(&graph(&[(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 3, 1)])), []);
    }

    #[test]
    fn a_circle_ends_with_the_import_that_takes_the_fewest_names() {
        let tangles = tangles(&graph(&[(1, 2, 3), (2, 3, 1), (3, 1, 2), (1, 4, 1), (0, 1, 1)]));
        let circles = vec![vec![(3, 1), (1, 2), (2, 3)]];
        assert_eq!(tangles, [Tangle { members: BTreeSet::from([1, 2, 3]), circles }]);
    }

    #[test]
    fn two_circles_through_one_module_are_one_tangle() {
        let tangles = tangles(&graph(&[(1, 2, 1), (2, 1, 2), (2, 3, 1), (3, 2, 2), (5, 6, 1), (6, 5, 1)]));
        let members: Vec<_> = tangles.iter().map(|tangle| tangle.members.clone()).collect();
        assert_eq!(members, [BTreeSet::from([1, 2, 3]), BTreeSet::from([5, 6])]);
        assert_eq!(tangles[0].circles.len(), 2);
    }
}
