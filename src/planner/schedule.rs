use std::cell::Cell;
use std::collections::BTreeMap;

use super::cluster::{Node, Shard, Stay, find};
use super::{Input, Move, MoveReason, PerResource, Policy, Refusal, Resource};
use crate::schema::{GroupId, NodeId};

/// The moves so far, and what they occupy.
///
/// Within a wave a departing shard still fills its source: the moves of a wave may end in any
/// order. A move that needs what an earlier one leaves starts the next wave.
pub(super) struct Schedule {
    balance: Resource,
    max_moves: usize,
    max_in: usize,
    max_out: usize,
    wave: u32,
    /// What this wave does at each node; entries of earlier waves are stale.
    busy: BTreeMap<NodeId, Busy>,
    groups: BTreeMap<(GroupId, NodeId), Members>,
    pub(super) moves: Vec<Move>,
}

#[derive(Clone, Copy, Default)]
struct Busy {
    wave: u32,
    moves_in: usize,
    moves_out: usize,
    leaving: PerResource<u128>,
}

#[derive(Clone, Copy, Default)]
struct Members {
    staying: usize,
    left_in_wave: Option<u32>,
}

impl Schedule {
    /// Charges every shard to its node, and what is in flight to both ends.
    pub(super) fn new(
        input: &Input,
        policy: &Policy,
        nodes: &[Node<'_>],
        shards: &[Shard<'_, '_>],
    ) -> Self {
        let mut schedule = Self {
            balance: policy.balance(),
            max_moves: policy.max_moves().unwrap_or(usize::MAX),
            max_in: policy.max_in_per_node().unwrap_or(usize::MAX),
            max_out: policy.max_out_per_node().unwrap_or(usize::MAX),
            wave: 0,
            busy: BTreeMap::new(),
            groups: BTreeMap::new(),
            moves: Vec::new(),
        };
        for shard in shards {
            schedule.occupy(shard, shard.owner);
            if shard.stay != Some(Stay::InFlight) {
                add(&shard.owner.counted, shard);
            }
        }
        for moving in &input.in_flight {
            let from = schedule.busy.entry(moving.from).or_default();
            from.moves_out = from.moves_out.saturating_add(1);
            let to = schedule.busy.entry(moving.to).or_default();
            to.moves_in = to.moves_in.saturating_add(1);
            let Ok(at) = shards.binary_search_by_key(&moving.shard, |shard| shard.input.id) else {
                continue;
            };
            let Some(shard) = shards.get(at) else {
                continue;
            };
            if let Some(to) = find(nodes, moving.to) {
                add(&to.counted, shard);
                if to.id() != shard.owner.id() {
                    schedule.occupy(shard, to);
                }
            }
            if moving.from != shard.owner.id()
                && moving.from != moving.to
                && let Some(from) = find(nodes, moving.from)
            {
                schedule.occupy(shard, from);
            }
        }
        schedule
    }

    fn occupy(&mut self, shard: &Shard<'_, '_>, node: &Node<'_>) {
        add(&node.used, shard);
        if let Some(group) = shard.input.group {
            let members = self.groups.entry((group, node.id())).or_default();
            members.staying = members.staying.saturating_add(1);
        }
    }

    /// Whether the plan has as many moves as it may have.
    pub(super) fn is_full(&self) -> bool {
        self.moves.len() >= self.max_moves
    }

    /// Why `to` does not take `shard`, even once the waves so far are done.
    pub(super) fn refusal(&self, shard: &Shard<'_, '_>, to: &Node<'_>) -> Option<Refusal> {
        let id = to.id();
        if !shard.allowed.is_empty() && shard.allowed.binary_search(&id).is_err() {
            return Some(Refusal::NotAllowed);
        }
        let at = shard.refused.partition_point(|(node, _)| *node < id);
        if let Some((node, refusal)) = shard.refused.get(at)
            && *node == id
        {
            return Some(*refusal);
        }
        if let Some(group) = shard.input.group
            && let Some(members) = self.groups.get(&(group, id))
            && members.staying > 0
        {
            return Some(Refusal::Group);
        }
        lacking(shard, to, &PerResource::default()).map(Refusal::Full)
    }

    /// Appends the move of `shard`, which `to` must not refuse, in the first wave that has room.
    pub(super) fn push(&mut self, shard: &Shard<'_, '_>, to: &Node<'_>, reason: MoveReason) {
        let from = shard.owner;
        if !self.fits_this_wave(shard, to) {
            self.wave = self.wave.saturating_add(1);
        }
        let wave = self.wave;
        let at_source = self.busy_now(from.id());
        at_source.moves_out = at_source.moves_out.saturating_add(1);
        at_source.leaving = sum(&at_source.leaving, shard);
        let at_target = self.busy_now(to.id());
        at_target.moves_in = at_target.moves_in.saturating_add(1);
        if let Some(group) = shard.input.group {
            let left = self.groups.entry((group, from.id())).or_default();
            left.staying = left.staying.saturating_sub(1);
            left.left_in_wave = Some(wave);
        }
        self.occupy(shard, to);
        add(&to.counted, shard);
        subtract(&from.counted, shard);
        subtract(&from.used, shard);
        shard.moved.set(true);
        self.moves.push(Move {
            shard: shard.input.id,
            from: from.id(),
            to: to.id(),
            wave,
            bytes: shard.weight(Resource::Bytes),
            reason,
        });
    }

    fn busy_now(&mut self, node: NodeId) -> &mut Busy {
        let wave = self.wave;
        let busy = self.busy.entry(node).or_default();
        if busy.wave != wave {
            *busy = Busy {
                wave,
                ..Busy::default()
            };
        }
        busy
    }

    fn fits_this_wave(&mut self, shard: &Shard<'_, '_>, to: &Node<'_>) -> bool {
        let (max_in, max_out, wave) = (self.max_in, self.max_out, self.wave);
        if self.busy_now(shard.owner.id()).moves_out >= max_out {
            return false;
        }
        let at_target = *self.busy_now(to.id());
        let left = shard
            .input
            .group
            .and_then(|group| self.groups.get(&(group, to.id()))?.left_in_wave);
        at_target.moves_in < max_in
            && left != Some(wave)
            && lacking(shard, to, &at_target.leaving).is_none()
    }

    /// The weight of `shard` in the balanced resource.
    pub(super) fn weight(&self, shard: &Shard<'_, '_>) -> u64 {
        shard.weight(self.balance)
    }

    /// The load of `node` in the balanced resource.
    pub(super) fn load(&self, node: &Node<'_>) -> u128 {
        node.load(self.balance)
    }
}

/// The first resource that `to` lacks for `shard` when `besides` is charged as well.
fn lacking(shard: &Shard<'_, '_>, to: &Node<'_>, besides: &PerResource<u128>) -> Option<Resource> {
    let used = to.used.get();
    Resource::ALL.into_iter().find(|&resource| {
        let Some(capacity) = *to.input.capacity.get(resource) else {
            return false;
        };
        let weight = u128::from(shard.weight(resource));
        let charged = used.get(resource).saturating_add(*besides.get(resource));
        weight > 0 && charged.saturating_add(weight) > u128::from(capacity)
    })
}

fn sum(to: &PerResource<u128>, shard: &Shard<'_, '_>) -> PerResource<u128> {
    PerResource::from_fn(|r| to.get(r).saturating_add(u128::from(shard.weight(r))))
}

fn add(cell: &Cell<PerResource<u128>>, shard: &Shard<'_, '_>) {
    cell.set(sum(&cell.get(), shard));
}

fn subtract(cell: &Cell<PerResource<u128>>, shard: &Shard<'_, '_>) {
    let before = cell.get();
    cell.set(PerResource::from_fn(|r| {
        before.get(r).saturating_sub(u128::from(shard.weight(r)))
    }));
}
