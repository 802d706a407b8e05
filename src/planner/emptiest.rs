use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::aim::level;
use super::column::{NodeAt, ShardAt};
use super::world::World;
use super::{Availability, Resource};

/// Nodes, the least full first. Looked at lazily: an entry that has become stale is put back.
#[derive(Debug)]
pub(super) struct Emptiest {
    resource: Resource,
    heap: BinaryHeap<Reverse<(u128, NodeAt)>>,
    passed: Vec<Reverse<(u128, NodeAt)>>,
    /// The most room that a node had for each resource when one was last looked for in vain: until
    /// something leaves a node, none has more. Unknown where empty.
    most_room: Vec<u128>,
}

impl Emptiest {
    pub(super) fn new(world: &World<'_>, nodes: &[NodeAt], resource: Resource) -> Self {
        let entry =
            |node: &NodeAt| Reverse((level(world, *node, world.load(*node, resource)), *node));
        Self {
            resource,
            heap: nodes.iter().map(entry).collect(),
            passed: Vec::new(),
            most_room: Vec::new(),
        }
    }

    pub(super) fn resource(&self) -> Resource {
        self.resource
    }

    /// Moves `shard` to `to`.
    pub(super) fn put(&mut self, world: &mut World<'_>, shard: ShardAt, to: NodeAt) {
        if world.is(world.at(shard), Availability::Active) {
            // There is more room where it was.
            self.most_room.clear();
        }
        world.put(shard, to);
    }

    /// The least full node that takes `shard`, of those that are `fine`.
    pub(super) fn taker_where(
        &mut self,
        world: &World<'_>,
        shard: ShardAt,
        fine: impl Fn(&World<'_>, NodeAt) -> bool,
    ) -> Option<NodeAt> {
        if world.needs_more(shard, &self.most_room) {
            return None;
        }
        let from = world.at(shard);
        let mut taker = None;
        while let Some(Reverse((known, node))) = self.heap.pop() {
            let now = level(world, node, world.load(node, self.resource));
            if now > known {
                self.heap.push(Reverse((now, node)));
                continue;
            }
            self.passed.push(Reverse((now, node)));
            if node != from && fine(world, node) && world.refusal(shard, node).is_none() {
                taker = Some(node);
                break;
            }
        }
        self.heap.extend(self.passed.drain(..));
        if taker.is_none() {
            self.most_room = world.most_room();
        }
        taker
    }
}
