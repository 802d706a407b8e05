use std::collections::HashMap;

use super::PlanViolation;
use crate::planner::{Input, Policy};
use crate::schema::NodeId;

/// How many moves a wave has, and how many of them go into and out of each node.
#[derive(Default)]
pub(super) struct Slots {
    moves: usize,
    into: HashMap<NodeId, usize>,
    out_of: HashMap<NodeId, usize>,
}

impl Slots {
    /// Those of what is in flight before the plan begins.
    pub(super) fn busy(input: &Input) -> Self {
        let mut slots = Self::default();
        for moving in &input.in_flight {
            slots.take(moving.from, moving.to);
        }
        slots
    }

    pub(super) fn take(&mut self, from: NodeId, to: NodeId) {
        self.moves = self.moves.saturating_add(1);
        for (counts, node) in [(&mut self.into, to), (&mut self.out_of, from)] {
            let count = counts.entry(node).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Where one more move from `from` to `to` is one too many.
    pub(super) fn full(
        &self,
        at: usize,
        from: NodeId,
        to: NodeId,
        policy: &Policy,
    ) -> Option<PlanViolation> {
        let into = self.into.get(&to).copied().unwrap_or(0);
        let out_of = self.out_of.get(&from).copied().unwrap_or(0);
        let of = |moves: usize, limit: Option<usize>, place: String| {
            let limit = limit.filter(|limit| moves >= *limit)?;
            Some(PlanViolation::WaveLimit {
                at,
                place,
                moves: moves.saturating_add(1),
                limit,
            })
        };
        of(self.moves, policy.max_in_flight(), "in all".to_owned())
            .or_else(|| of(into, policy.max_in_per_node(), format!("into node {to}")))
            .or_else(|| {
                of(
                    out_of,
                    policy.max_out_per_node(),
                    format!("out of node {from}"),
                )
            })
    }
}
