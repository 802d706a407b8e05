use std::collections::{BTreeMap, HashMap};

use super::PlanViolation;
use super::bands::{Claim, bands};
use super::world::World;
use crate::planner::{Band, Move, MoveReason, Plan, Resource};
use crate::schema::{NodeId, ShardId};

/// How often spreading what fits into no band may change what fits into one.
const SPREADS: usize = 16;

/// Where the plan says that one resource should be.
pub(super) struct Aim {
    pub(super) resource: Resource,
    /// Whether a node was outside its trigger band when the balance began. `None`: not known, as the
    /// plan was cut before it got there.
    pub(super) triggered: Option<bool>,
    pub(super) bands: BTreeMap<NodeId, Band>,
}

impl Aim {
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
            triggered: None,
            bands: stated.collect(),
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
            let triggered = verify(start, plan, rank, &aim, found);
            aim.triggered = Some(triggered);
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

/// Verifies the bands of one resource, and answers whether its balance is triggered.
fn verify(
    start: &World<'_>,
    plan: &Plan,
    rank: usize,
    aim: &Aim,
    found: &mut Vec<PlanViolation>,
) -> bool {
    let policy = start.policy;
    let began = Standing::new(start, plan, aim.resource, |step| {
        comes_before(start, step, rank)
    });
    let (trigger, _) = began.bands(policy.trigger_ppm());
    let outside = |(node, band): (&NodeId, &Band)| !band.contains(began.load(*node));
    let triggered = trigger.iter().any(outside);
    if !triggered {
        misstated(aim, &began.bands(policy.target_ppm()).0, found);
        return false;
    }
    let (first, mut fits) = began.bands(policy.target_ppm());
    // Shards that fit into no band are spread before the bands are settled.
    for _ in 0..SPREADS {
        if first == aim.bands {
            break;
        }
        let spread = Standing::new(start, plan, aim.resource, |step| {
            let shard = start.shards.get(&step.shard);
            let weight = shard.map_or(0, |shard| shard.input.weights.get(aim.resource));
            comes_before(start, step, rank) || u128::from(weight) > fits
        });
        let (bands, fits_then) = spread.bands(policy.target_ppm());
        if bands == aim.bands {
            return true;
        }
        if fits_then == fits {
            break;
        }
        fits = fits_then;
    }
    misstated(aim, &first, found);
    true
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

/// Whether a move is made before the balance of the resource of this rank begins.
fn comes_before(start: &World<'_>, step: &Move, rank: usize) -> bool {
    match step.reason {
        MoveReason::Drain
        | MoveReason::Misplaced(_)
        | MoveReason::Overfull(_)
        | MoveReason::Spread => true,
        MoveReason::Above { resource, .. } | MoveReason::Below { resource, .. } => {
            let mut earlier = start.policy.priorities().iter().take(rank);
            earlier.any(|one| *one == resource)
        }
    }
}

/// What the active nodes hold of one resource once some of the moves are made.
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
    fn new(
        start: &World<'_>,
        plan: &Plan,
        resource: Resource,
        is_made: impl Fn(&Move) -> bool,
    ) -> Self {
        let made = plan.moves.iter().filter(|step| is_made(step));
        let made: HashMap<ShardId, NodeId> = made.map(|step| (step.shard, step.to)).collect();
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

    fn load(&self, node: NodeId) -> u128 {
        self.nodes.get(&node).map_or(0, |node| node.load)
    }

    /// The bands, and the heaviest that fits into one of a node that holds nothing heavier. What is
    /// heavier is pinned to its node by its size: then the others share less, and more may not fit.
    fn bands(&self, ppm: u64) -> (BTreeMap<NodeId, Band>, u128) {
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
                return (self.nodes.keys().copied().zip(bands).collect(), widest);
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
