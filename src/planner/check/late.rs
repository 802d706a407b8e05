use std::collections::{BTreeMap, HashSet};

use super::PlanViolation;
use super::refusal::refusal;
use super::slots::Slots;
use super::world::World;
use crate::planner::{Move, MoveReason, Plan};
use crate::schema::NodeId;

/// How many late moves are looked at: those of a plan whose waves are tiny would take forever.
const LOOKS: usize = 20_000_000;

/// The moves that put something right and come after one that balances: none of them may have been
/// possible then.
pub(super) struct Late<'p> {
    /// By target, as only what happens there makes room.
    waiting: BTreeMap<NodeId, BTreeMap<usize, &'p Move>>,
    /// Targets at which one that did not fit may fit by now.
    changed: HashSet<NodeId>,
    looks: usize,
}

impl<'p> Late<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let first = plan.moves.iter().position(|step| step.reason.balances());
        let mut waiting: BTreeMap<NodeId, BTreeMap<usize, &Move>> = BTreeMap::new();
        let moves = plan.moves.iter().enumerate();
        for (at, step) in moves.skip(first.unwrap_or(usize::MAX)) {
            if matches!(step.reason, MoveReason::Drain | MoveReason::Misplaced(_)) {
                waiting.entry(step.to).or_default().insert(at, step);
            }
        }
        let mut late = Self {
            waiting,
            changed: HashSet::new(),
            looks: LOOKS,
        };
        late.wave_begins();
        late
    }

    /// Everything may fit again.
    pub(super) fn wave_begins(&mut self) {
        self.changed = self.waiting.keys().copied().collect();
    }

    /// A move was made: it is not late any more, and it has made room where it left.
    pub(super) fn made(&mut self, at: usize, step: &Move) {
        if let Some(waiting) = self.waiting.get_mut(&step.to) {
            waiting.remove(&at);
        }
        self.changed.insert(step.from);
    }

    /// Notes the moves that could have been made before move `at`, which balances.
    pub(super) fn check(
        &mut self,
        world: &World<'_>,
        slots: &Slots,
        at: usize,
        found: &mut Vec<PlanViolation>,
    ) {
        for node in std::mem::take(&mut self.changed) {
            let (Some(waiting), Some(to)) = (self.waiting.get(&node), world.nodes.get(&node))
            else {
                continue;
            };
            for (late, step) in waiting {
                if self.looks == 0 {
                    return;
                }
                self.looks = self.looks.saturating_sub(1);
                let Some(shard) = world.shards.get(&step.shard) else {
                    continue;
                };
                let fits = slots
                    .full(*late, step.from, step.to, world.policy)
                    .is_none()
                    && refusal(world, shard.input, shard.at, to).is_none();
                if fits {
                    found.push(PlanViolation::Late { at, late: *late });
                }
            }
        }
    }
}
