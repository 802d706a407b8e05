use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Resource;
use super::aim::level;
use super::column::{NodeAt, ShardAt};
use super::world::World;

/// Nodes, the least full first. Looked at lazily: an entry that has become stale is put back.
#[derive(Debug)]
pub(super) struct Emptiest {
    resource: Resource,
    heap: BinaryHeap<Reverse<(u128, NodeAt)>>,
    passed: Vec<Reverse<(u128, NodeAt)>>,
}

impl Emptiest {
    pub(super) fn new(world: &World<'_>, nodes: &[NodeAt], resource: Resource) -> Self {
        let entry =
            |node: &NodeAt| Reverse((level(world, *node, world.load(*node, resource)), *node));
        Self {
            resource,
            heap: nodes.iter().map(entry).collect(),
            passed: Vec::new(),
        }
    }

    pub(super) fn resource(&self) -> Resource {
        self.resource
    }

    /// The least full node that takes `shard`, of those that are `fine`.
    pub(super) fn taker_where(
        &mut self,
        world: &World<'_>,
        shard: ShardAt,
        fine: impl Fn(&World<'_>, NodeAt) -> bool,
    ) -> Option<NodeAt> {
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
        taker
    }
}
