//! What was looked at in vain, and need not be looked at again.

use super::column::{Column, NodeAt};
use super::world::World;

/// When each node changed, and when no move that helps it was found.
pub(super) struct Vain {
    clock: usize,
    changed: Column<NodeAt, usize>,
    looked: Column<NodeAt, usize>,
    /// Whether a move between two nodes depends on these two alone. Zones of groups are on others.
    is_known: bool,
}

impl Vain {
    pub(super) fn new(world: &World<'_>) -> Self {
        let nodes = world.nodes.len();
        Self {
            clock: 1,
            changed: Column::of(nodes, 1),
            looked: Column::of(nodes, 0),
            is_known: world.policy.min_zones_per_group() < 2 || !world.groups.are_there(),
        }
    }

    /// Something moved between two nodes.
    pub(super) fn moved(&mut self, from: NodeAt, to: NodeAt) {
        self.clock += 1;
        self.changed[from] = self.clock;
        self.changed[to] = self.clock;
    }

    /// No move between `node` and any other helps.
    pub(super) fn looked(&mut self, node: NodeAt) {
        self.looked[node] = self.clock;
    }

    /// Whether no move between `node` and `other` helped, and nothing changed since.
    pub(super) fn is_vain(&self, node: NodeAt, other: NodeAt) -> bool {
        let looked = self.looked[node];
        self.is_known && self.changed[node] <= looked && self.changed[other] <= looked
    }
}
