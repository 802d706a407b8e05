use std::collections::{BTreeMap, HashMap};

use super::PlanViolation;
use super::bands::{Claim, bands};
use super::world::World;
use crate::planner::{Band, Plan, Resource};
use crate::schema::{NodeId, ShardId};

/// Where the plan says that one resource should be.
pub(super) struct Aim {
    pub(super) resource: Resource,
    pub(super) bands: BTreeMap<NodeId, Band>,
    /// Outside these, the balance begins. `None`: not known, as the plan was cut before its end.
    pub(super) trigger: Option<BTreeMap<NodeId, Band>>,
}

impl Aim {
    /// Whether a node is outside its trigger band. `None`: not known.
    pub(super) fn is_triggered(&self, world: &World<'_>) -> Option<bool> {
        let mut nodes = self.trigger.as_ref()?.keys();
        Some(nodes.any(|node| self.is_triggered_by(world, *node)))
    }

    /// Whether this node is known to be outside its trigger band.
    pub(super) fn is_triggered_by(&self, world: &World<'_>, node: NodeId) -> bool {
        let trigger = self.trigger.as_ref();
        let band = trigger.and_then(|trigger| trigger.get(&node));
        band.is_some_and(|band| !band.contains(world.load(node, self.resource)))
    }

    pub(super) fn band(&self, node: NodeId) -> Band {
        let none = Band { least: 0, most: 0 };
        self.bands.get(&node).copied().unwrap_or(none)
    }
}

/// What the plan aims at in each resource that is balanced, verified.
pub(super) fn aims(start: &World<'_>, plan: &Plan, found: &mut Vec<PlanViolation>) -> Vec<Aim> {
    let priorities = start.policy.priorities();
    let active = start.active().count();
    let cut = start.may_be_cut(plan);
    let mut aims = Vec::new();
    for (rank, resource) in priorities.iter().copied().enumerate() {
        let stated = plan.loads.iter();
        let stated = stated.filter_map(|load| Some((load.node, *load.bands.get(rank)?)));
        let mut aim = Aim {
            resource,
            bands: stated.collect(),
            trigger: None,
        };
        let known = |node: &NodeId| start.nodes.get(node).is_some_and(|node| node.is_active());
        if aim.bands.len() != active || !aim.bands.keys().all(known) {
            found.push(PlanViolation::Misstated {
                what: format!("the nodes with a band of {resource}"),
                stated: format!("{:?}", aim.bands.keys()),
                found: "every active node".to_owned(),
            });
        }
        if !cut {
            // What each node holds after the plan decides what it should hold.
            let end = Standing::new(start, plan, resource);
            misstated(&aim, &end.bands(start.policy.target_ppm()), found);
            aim.trigger = Some(end.bands(start.policy.trigger_ppm()));
        }
        aims.push(aim);
    }
    let wrong = |load: &&crate::planner::NodeLoad| {
        !load.bands.is_empty() && load.bands.len() != priorities.len()
    };
    if let Some(load) = plan.loads.iter().find(wrong) {
        found.push(PlanViolation::Misstated {
            what: format!("the number of bands of node {}", load.node),
            stated: load.bands.len().to_string(),
            found: priorities.len().to_string(),
        });
    }
    aims
}

fn misstated(aim: &Aim, bands: &BTreeMap<NodeId, Band>, found: &mut Vec<PlanViolation>) {
    let differs = |(node, band): &(&NodeId, &Band)| aim.bands.get(node) != Some(band);
    if let Some((node, band)) = bands.iter().find(differs) {
        found.push(PlanViolation::Misstated {
            what: format!("the band of node {node} in {}", aim.resource),
            stated: format!("{:?}", aim.bands.get(node).map(ToString::to_string)),
            found: band.to_string(),
        });
    }
}

/// What the active nodes hold of one resource once all the moves are made.
struct Standing {
    nodes: BTreeMap<NodeId, Held>,
}

/// What one node holds.
struct Held {
    weight: u64,
    capacity: Option<u64>,
    load: u128,
    /// What cannot leave.
    stuck: u128,
    /// The heaviest shard that can.
    heaviest: u128,
}

impl Standing {
    fn new(start: &World<'_>, plan: &Plan, resource: Resource) -> Self {
        let made = plan.moves.iter().map(|step| (step.shard, step.to));
        let made: HashMap<ShardId, NodeId> = made.collect();
        let nodes = start.active().map(|(id, node)| {
            let held = Held {
                weight: node.input.weight,
                capacity: node.input.capacity.get(resource),
                load: 0,
                stuck: 0,
                heaviest: 0,
            };
            (id, held)
        });
        let mut nodes: BTreeMap<NodeId, Held> = nodes.collect();
        for shard in start.shards.values() {
            let at = made.get(&shard.input.id).copied().unwrap_or(shard.at);
            let Some(node) = nodes.get_mut(&at) else {
                continue;
            };
            let weight = u128::from(shard.input.weights.get(resource));
            node.load = node.load.saturating_add(weight);
            if shard.stay.is_some_and(|stay| stay != "in flight") {
                node.stuck = node.stuck.saturating_add(weight);
            } else {
                node.heaviest = weight.max(node.heaviest);
            }
        }
        Self { nodes }
    }

    /// The bands. A shard that is heavier than each band of the nodes that hold nothing heavier is pinned
    /// to its node by its size: then the others share less, and more may not fit.
    fn bands(&self, ppm: u64) -> BTreeMap<NodeId, Band> {
        let loads = self.nodes.values().map(|node| node.load);
        let total = loads.fold(0, u128::saturating_add);
        let mut fits = u128::MAX;
        loop {
            let claims: Vec<Claim> = self.nodes.values().map(|node| node.claim(fits)).collect();
            let bands = bands(total, &claims, ppm);
            let held = || self.nodes.values().zip(&bands);
            let light = held().filter(|(node, _)| node.heaviest <= fits);
            let widest = light.map(|(_, band)| band.most).max().unwrap_or(fits);
            let is_new = |node: &Held| node.heaviest <= fits && node.heaviest > widest;
            if !self.nodes.values().any(is_new) {
                return self.nodes.keys().copied().zip(bands).collect();
            }
            fits = widest;
        }
    }
}

impl Held {
    fn claim(&self, fits: u128) -> Claim {
        let pinned = if self.heaviest > fits {
            self.heaviest
        } else {
            0
        };
        Claim {
            weight: self.weight,
            capacity: self.capacity,
            floor: self.stuck.max(pinned),
        }
    }
}
