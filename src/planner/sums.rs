//! What shards use together, by node and resource.

use super::ShardInput;
use super::column::{NodeAt, Place as _};

#[derive(Clone, Debug)]
pub(super) struct Sums {
    resources: usize,
    sums: Vec<u128>,
}

impl Sums {
    /// Nothing, on so many nodes and of so many resources.
    pub(super) fn new(nodes: usize, resources: usize) -> Self {
        Self {
            resources,
            sums: vec![0; nodes.saturating_mul(resources)],
        }
    }

    fn range(&self, node: NodeAt) -> std::ops::Range<usize> {
        let start = node.at().saturating_mul(self.resources);
        start..start.saturating_add(self.resources)
    }

    /// The sums of a node, one for each resource.
    pub(super) fn of(&self, node: NodeAt) -> &[u128] {
        self.sums.get(self.range(node)).unwrap_or_default()
    }

    fn of_mut(&mut self, node: NodeAt) -> impl Iterator<Item = (usize, &mut u128)> {
        let range = self.range(node);
        let sums = self.sums.get_mut(range).unwrap_or_default();
        sums.iter_mut().enumerate()
    }

    pub(super) fn add(&mut self, node: NodeAt, shard: &ShardInput) {
        for (at, sum) in self.of_mut(node) {
            *sum += u128::from(shard.weights.at(at));
        }
    }

    /// Takes away what was added.
    pub(super) fn subtract(&mut self, node: NodeAt, shard: &ShardInput) {
        for (at, sum) in self.of_mut(node) {
            *sum -= u128::from(shard.weights.at(at));
        }
    }

    /// Forgets everything of a node.
    pub(super) fn clear(&mut self, node: NodeAt) {
        for (_, sum) in self.of_mut(node) {
            *sum = 0;
        }
    }
}
