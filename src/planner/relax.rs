//! Every move that helps, one at a time, until none does.

use std::cmp::Ordering;

use super::aim::{Aim, cmp_level};
use super::column::{Column, NodeAt, ShardAt};
use super::finest::Finest;
use super::homes::{Homes, at_most};
use super::vain::Vain;
use super::world::World;

/// What may still be moved, and what must not be made worse by it.
pub(super) struct Relax<'r> {
    aim: &'r Aim,
    above: &'r [Aim],
    moves_on: bool,
    lightest: u64,
}

impl<'r> Relax<'r> {
    pub(super) fn to(aim: &'r Aim) -> Self {
        Self {
            aim,
            above: &[],
            moves_on: false,
            lightest: 1,
        }
    }

    /// No move takes a node further from these: what is balanced before.
    pub(super) fn keeping(self, above: &'r [Aim]) -> Self {
        Self { above, ..self }
    }

    /// Whether shards that the plan has moved may be moved on.
    pub(super) fn moving_on(self, moves_on: bool) -> Self {
        Self { moves_on, ..self }
    }

    /// Only shards of at least this weight are moved.
    pub(super) fn only_from(self, lightest: u64) -> Self {
        Self { lightest, ..self }
    }

    /// Moves shards while a single move helps. Answers whether something moved.
    ///
    /// The sum of all distances from the bands falls with each move: it ends.
    pub(super) fn run(&self, world: &mut World<'_>, homes: &mut Homes) -> bool {
        let mut arrived = self.arrived(world);
        let mut finest = Finest::new(world, self.aim, self.above, self.lightest);
        let mut vain = Vain::new(world);
        let mut any = false;
        loop {
            let mut moved = false;
            for node in self.worst_first(world) {
                while let Some((shard, to)) =
                    self.best(world, homes, (&arrived, &finest, &vain), node)
                {
                    let from = world.at(shard);
                    vain.moved(from, to);
                    arrived[from].retain(|one| *one != shard);
                    world.put(shard, to);
                    finest.arrives(world, shard, to);
                    if to != world.owner[shard] {
                        arrived[to].push(shard);
                    }
                    moved = true;
                }
                vain.looked(node);
            }
            any |= moved;
            if !moved {
                return any;
            }
        }
    }

    fn arrived(&self, world: &World<'_>) -> Column<NodeAt, Vec<ShardAt>> {
        let mut arrived = Column::of(world.nodes.len(), Vec::new());
        if self.moves_on {
            for shard in world.moved() {
                arrived[world.at(shard)].push(shard);
            }
        }
        arrived
    }

    /// The nodes outside their bands, those furthest out first.
    fn worst_first(&self, world: &World<'_>) -> Vec<NodeAt> {
        let mut nodes: Vec<NodeAt> = self.aim.outside(world).collect();
        let distance = |node| self.aim.excess(world, node).max(self.aim.lack(world, node));
        nodes.sort_by_key(|node| (std::cmp::Reverse(distance(*node)), *node));
        nodes
    }

    /// The move that brings `node` closest to its band.
    fn best(
        &self,
        world: &World<'_>,
        homes: &mut Homes,
        (arrived, finest, vain): (&Column<NodeAt, Vec<ShardAt>>, &Finest<'_>, &Vain),
        node: NodeAt,
    ) -> Option<(ShardAt, NodeAt)> {
        let gives = self.aim.excess(world, node) > 0;
        if !gives && self.aim.lack(world, node) == 0 {
            return None;
        }
        let pair = |other| if gives { (node, other) } else { (other, node) };
        // Those with which not even the lightest shard helps are passed over at once.
        let others = world.active.iter().copied().filter(|other| {
            let (from, to) = pair(*other);
            !vain.is_vain(node, *other) && finest.may_help(world, from, to)
        });
        let load = |node| (node, world.load(node, self.aim.resource));
        let mut others: Vec<(NodeAt, u128)> = others.map(load).collect();
        let order = |a: &(NodeAt, u128), b: &(NodeAt, u128)| {
            let order = cmp_level(world, *a, *b).then(a.0.cmp(&b.0));
            if gives { order } else { order.reverse() }
        };
        let mut best: Option<(u128, ShardAt, NodeAt)> = None;
        let mut sorted = 0;
        for at in 0..others.len() {
            if at == sorted {
                sorted += sort_some(&mut others, at, order);
            }
            let Some((other, _)) = others.get(at).copied() else {
                break;
            };
            let (from, to) = pair(other);
            let found = self.best_between(world, homes, arrived, from, to);
            if let Some((gain, shard)) = found
                && best.is_none_or(|(most, ..)| gain > most)
            {
                best = Some((gain, shard, to));
            }
            // Nobody further down the list can do better than what was found from the extreme end, but
            // for what the rules refuse: the first few are enough to choose from.
            if best.is_some_and(|(gain, ..)| gain >= self.wanted(world, node)) {
                break;
            }
        }
        best.map(|(_, shard, to)| (shard, to))
    }

    /// How much there is to gain for a node.
    fn wanted(&self, world: &World<'_>, node: NodeAt) -> u128 {
        self.aim.excess(world, node).max(self.aim.lack(world, node))
    }

    /// The shard whose move between two nodes gains most.
    fn best_between(
        &self,
        world: &World<'_>,
        homes: &mut Homes,
        arrived: &Column<NodeAt, Vec<ShardAt>>,
        from: NodeAt,
        to: NodeAt,
    ) -> Option<(u128, ShardAt)> {
        let shards = homes.heaviest_first(world, self.aim, from);
        let heavy = |shard: &ShardAt| self.aim.weight(world, *shard) >= self.lightest;
        let shards = shards
            .get(..shards.partition_point(heavy))
            .unwrap_or_default();
        let helps = |shard: &ShardAt| {
            let weight = self.aim.weight(world, *shard);
            self.aim.gain_of(world, weight, from, to).is_some()
        };
        let start = shards.partition_point(|shard| !helps(shard));
        // The most is gained where neither node is left outside its band on the other side: there the
        // heaviest gains most. Below that weight less and less is gained.
        let most = self.aim.spare(world, from).min(self.aim.room(world, to));
        let inside = at_most(world, self.aim, shards, most).max(start);
        let lighter = shards.get(inside..).unwrap_or_default().iter();
        let heavier = shards.get(start..inside).unwrap_or_default().iter().rev();
        let home = |shard: &&ShardAt| world.at(**shard) == from && !world.is_moved(**shard);
        let mut best: Option<(u128, ShardAt)> = None;
        let first = |mut side: Box<dyn Iterator<Item = &ShardAt> + '_>| {
            side.find_map(|shard| Some((self.allowed(world, *shard, to)?, *shard)))
        };
        let sides = [
            first(Box::new(lighter.filter(home))),
            first(Box::new(heavier.filter(home))),
        ];
        for (gain, shard) in sides.into_iter().flatten() {
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, shard));
            }
        }
        for shard in &arrived[from] {
            if let Some(gain) = self.allowed(world, *shard, to)
                && best.is_none_or(|(most, _)| gain > most)
            {
                best = Some((gain, *shard));
            }
        }
        best
    }

    /// What the move of a shard gains, if nothing speaks against it.
    fn allowed(&self, world: &World<'_>, shard: ShardAt, to: NodeAt) -> Option<u128> {
        if self.aim.weight(world, shard) < self.lightest {
            return None;
        }
        let gain = self.aim.gain(world, shard, to)?;
        let keeps = |aim: &Aim| !aim.worsens(world, shard, to);
        (self.above.iter().all(keeps) && world.refusal(shard, to).is_none()).then_some(gain)
    }
}

/// Puts into order what comes next of `items`, those before `at` being in order: first a few, and
/// each time as many as there were. Answers how many.
fn sort_some<T>(items: &mut [T], at: usize, order: impl Fn(&T, &T) -> Ordering) -> usize {
    const FEW: usize = 8;
    let rest = items.get_mut(at..).unwrap_or_default();
    let some = at.max(FEW).min(rest.len());
    if some < rest.len() {
        rest.select_nth_unstable_by(some, &order);
    }
    rest.get_mut(..some)
        .unwrap_or_default()
        .sort_unstable_by(order);
    some
}
