//! What the moves of a wave occupy: they run together.

use super::column::{Column, NodeAt};
use super::leaving::Leaving;
use super::world::World;

#[derive(Clone)]
pub(super) struct Wave {
    pub(super) number: u32,
    pub(super) moves: usize,
    into: Column<NodeAt, usize>,
    out_of: Column<NodeAt, usize>,
    pub(super) leaving: Leaving,
}

impl Wave {
    /// The first one.
    pub(super) fn beside_what_is_under_way(start: &World<'_>) -> Self {
        let nodes = start.nodes.len();
        let mut wave = Self {
            number: 0,
            moves: 0,
            into: Column::of(nodes, 0),
            out_of: Column::of(nodes, 0),
            leaving: Leaving::new(start),
        };
        for (from, to) in &start.busy {
            wave.take(*from, *to);
        }
        wave
    }

    pub(super) fn take(&mut self, from: Option<NodeAt>, to: Option<NodeAt>) {
        self.moves += 1;
        if let Some(from) = from {
            self.out_of[from] += 1;
        }
        if let Some(to) = to {
            self.into[to] += 1;
        }
    }

    /// Whether a further move would be more than the policy allows at a time.
    pub(super) fn is_full(&self, world: &World<'_>, from: NodeAt, to: NodeAt) -> bool {
        let policy = world.policy;
        let full = |count: usize, limit: Option<usize>| limit.is_some_and(|limit| count >= limit);
        full(self.moves, policy.max_in_flight())
            || full(self.out_of[from], policy.max_out_per_node())
            || full(self.into[to], policy.max_in_per_node())
    }

    /// All of its moves are done.
    pub(super) fn end(&mut self) {
        self.number = self.number.saturating_add(1);
        self.moves = 0;
        self.into.fill(0);
        self.out_of.fill(0);
        self.leaving.end_wave();
    }
}
