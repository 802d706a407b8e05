//! The order of the moves, and which run together: every prefix is safe, and no worse than the start.

use std::collections::BTreeSet;

use super::aim::Aim;
use super::column::{Column, GroupAt, NodeAt, ShardAt};
use super::place::{Forced, is_put_right};
use super::world::{World, add};
use super::{Availability, Move, MoveReason, Refusal};

/// A draft, brought into an order.
pub(super) struct Sequence<'a> {
    pub(super) moves: Vec<Move>,
    /// The cluster after them.
    pub(super) end: World<'a>,
    /// Whether a limit of the policy left something out.
    pub(super) is_cut: bool,
}

/// What a wave occupies besides what the nodes are charged.
struct Wave {
    number: u32,
    moves: usize,
    into: Column<NodeAt, usize>,
    out_of: Column<NodeAt, usize>,
    /// What has left and may still be there.
    leaving: Column<NodeAt, Option<Box<[u128]>>>,
    left: BTreeSet<(GroupAt, NodeAt)>,
}

impl Wave {
    fn new(number: u32, nodes: usize) -> Self {
        Self {
            number,
            moves: 0,
            into: Column::of(nodes, 0),
            out_of: Column::of(nodes, 0),
            leaving: Column::of(nodes, None),
            left: BTreeSet::new(),
        }
    }
}

/// Orders the moves that turn `start` into `draft`. A move that has no place in the order is left out.
pub(super) fn sequence<'a>(
    start: &World<'a>,
    draft: &World<'a>,
    forced: &Forced,
    aims: &[Aim],
) -> Sequence<'a> {
    let policy = start.policy;
    let bytes = start
        .resources()
        .iter()
        .copied()
        .find(|one| one.name() == "bytes");
    let balanced = policy.balance();
    let weight = |shard: ShardAt| std::cmp::Reverse(start.weight(shard, balanced));
    let moved = draft.shards.places().filter(|shard| draft.is_moved(*shard));
    let mut waiting: Vec<ShardAt> = moved.collect();
    waiting.sort_by_cached_key(|shard| (!forced.contains_key(shard), weight(*shard), *shard));
    let mut end = start.clone();
    let mut moves: Vec<Move> = Vec::with_capacity(waiting.len());
    let mut bytes_left = policy.max_bytes();
    let mut is_cut = false;
    let mut wave = Wave::new(0, start.nodes.len());
    for moving in &start.busy {
        wave.moves += 1;
        if let Some(from) = moving.0 {
            wave.out_of[from] += 1;
        }
        if let Some(to) = moving.1 {
            wave.into[to] += 1;
        }
    }
    let mut is_idle = wave.moves == 0;
    while !waiting.is_empty() {
        let before = moves.len();
        loop {
            let passed = moves.len();
            waiting.retain(|shard| {
                if policy.max_moves().is_some_and(|max| moves.len() >= max) {
                    is_cut = true;
                    return true;
                }
                let to = draft.at(*shard);
                let size = bytes.map_or(0, |bytes| start.weight(*shard, bytes));
                let Some(reason) = reason(&end, *shard, to, forced, aims) else {
                    return true;
                };
                if !fits(&end, *shard, to, &wave) {
                    return true;
                }
                if let Some(left) = &mut bytes_left {
                    if size > *left {
                        is_cut = true;
                        return true;
                    }
                    *left -= size;
                }
                moves.push(Move {
                    shard: start.shards[*shard].id,
                    from: start.nodes[start.owner[*shard]].id,
                    to: start.nodes[to].id,
                    wave: wave.number,
                    bytes: size,
                    reason,
                });
                carry_out(&mut end, *shard, to, &mut wave);
                false
            });
            if moves.len() == passed {
                break;
            }
        }
        if moves.len() == before && is_idle {
            break;
        }
        is_idle = true;
        wave = Wave::new(wave.number.saturating_add(1), start.nodes.len());
    }
    Sequence { moves, end, is_cut }
}

/// Why a shard moves now; `None` when it may not, or when that would not help.
fn reason(
    world: &World<'_>,
    shard: ShardAt,
    to: NodeAt,
    forced: &Forced,
    aims: &[Aim],
) -> Option<MoveReason> {
    if let Some(wrong) = forced.get(&shard)
        && is_put_right(world, shard, to, *wrong)
    {
        return Some(wrong.reason());
    }
    let from = world.at(shard);
    if !world.is(from, Availability::Active) {
        return None;
    }
    for aim in aims {
        if aim.gain(world, shard, to).is_some() {
            let excess = aim.excess(world, from);
            let node = if excess > 0 { from } else { to };
            let (load, band) = (world.load(node, aim.resource), aim.band(node));
            let resource = aim.resource;
            return Some(if excess > 0 {
                MoveReason::Above {
                    resource,
                    load,
                    band,
                }
            } else {
                MoveReason::Below {
                    resource,
                    load,
                    band,
                }
            });
        }
        if aim.worsens(world, shard, to) {
            return None;
        }
    }
    None
}

/// Whether a move fits beside the others of the wave.
fn fits(world: &World<'_>, shard: ShardAt, to: NodeAt, wave: &Wave) -> bool {
    let (policy, from) = (world.policy, world.at(shard));
    let full = |count: usize, limit: Option<usize>| limit.is_some_and(|limit| count >= limit);
    if full(wave.moves, policy.max_in_flight())
        || full(wave.out_of[from], policy.max_out_per_node())
        || full(wave.into[to], policy.max_in_per_node())
    {
        return false;
    }
    let groups = world.groups();
    if groups
        .of(shard)
        .is_some_and(|group| wave.left.contains(&(group, to)))
    {
        return false;
    }
    let besides = wave.leaving[to].as_deref();
    let refusal: Option<Refusal> = world.refusal_besides(shard, to, besides);
    refusal.is_none()
}

fn carry_out(world: &mut World<'_>, shard: ShardAt, to: NodeAt, wave: &mut Wave) {
    let from = world.at(shard);
    wave.moves += 1;
    wave.out_of[from] += 1;
    wave.into[to] += 1;
    if let Some(group) = world.groups().of(shard) {
        wave.left.insert((group, from));
    }
    if world.policy.charges_both_ends() {
        let resources = world.resources().len();
        let leaving = wave.leaving[from].get_or_insert_with(|| vec![0; resources].into());
        add(leaving, world.shards[shard]);
    }
    world.put(shard, to);
}
