//! The order of the moves, and which run together: every prefix is safe.

use std::cmp::Reverse;

use super::aim::Aim;
use super::column::{Members, NodeAt, ShardAt};
use super::place::{Cause, Forced, is_put_right, is_waiting};
use super::wave::Wave;
use super::world::World;
use super::{Availability, Move, MoveReason};

/// How much a plan may do as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    moves: Option<usize>,
    bytes: Option<u64>,
}

impl Limits {
    /// Those of the policy, if it has any.
    pub(super) fn of(world: &World<'_>) -> Option<Self> {
        let (moves, bytes) = (world.policy.max_moves(), world.policy.max_bytes());
        (moves.is_some() || bytes.is_some()).then_some(Self { moves, bytes })
    }
}

/// Moves in an order.
#[derive(Clone)]
pub(super) struct Sequence<'a> {
    pub(super) moves: Vec<Move>,
    /// The cluster after them.
    pub(super) end: World<'a>,
    /// Whether a limit on the whole plan left something out.
    pub(super) is_cut: bool,
    limits: Limits,
    wave: Wave,
    /// For each aim, whether a node has been outside its trigger band.
    is_open: Vec<bool>,
}

impl<'a> Sequence<'a> {
    /// No moves yet.
    pub(super) fn new(start: &World<'a>, limits: Limits) -> Self {
        Self {
            moves: Vec::new(),
            end: start.clone(),
            is_cut: false,
            limits,
            wave: Wave::beside_what_is_under_way(start),
            is_open: Vec::new(),
        }
    }

    /// Adds the moves that turn the cluster into `draft`. One that has no place in the order is left
    /// out.
    pub(super) fn extend(&mut self, draft: &World<'a>, forced: &Forced, aims: &[Aim]) {
        let balanced = draft.policy.balance();
        let weight = |shard: ShardAt| Reverse(draft.weight(shard, balanced));
        let is_missing = |shard| draft.is_moved(shard) && !self.end.is_moved(shard);
        let first = forced.iter().map(|(shard, cause)| (*shard, *cause));
        let mut first: Vec<(ShardAt, Cause)> =
            first.filter(|(shard, _)| is_missing(*shard)).collect();
        let then = draft.moved().filter(|shard| is_missing(*shard));
        let mut then: Vec<ShardAt> = if forced.is_empty() {
            then.collect()
        } else {
            then.filter(|shard| !forced.contains_key(shard)).collect()
        };
        // What has to leave for itself goes first: that may make room as well.
        first.sort_by_cached_key(|(shard, cause)| {
            let is_room = matches!(cause, Cause::InTheWayOf(_));
            (is_room, weight(*shard), *shard)
        });
        then.sort_by_cached_key(|shard| (weight(*shard), *shard));
        self.moves.reserve_exact(first.len() + then.len());
        let mut order = Order {
            draft,
            forced,
            aims,
            by_target: by_target(draft, &first),
            coming: coming(draft, &first),
            made: self,
        };
        order.open(&draft.active);
        order.make_all(first, then);
    }

    /// The same moves, as far as these limits allow.
    pub(super) fn within(
        self,
        limits: Limits,
        start: &World<'a>,
        forced: &Forced,
        aims: &[Aim],
    ) -> Self {
        let mut made = Self::new(start, limits);
        let mut order = Order {
            draft: &self.end,
            forced,
            aims,
            by_target: None,
            coming: None,
            made: &mut made,
        };
        order.open(&start.active);
        let mut moves = self.moves.iter();
        for one in moves.by_ref() {
            while order.made.wave.number < one.wave {
                order.made.wave.end();
            }
            if let Some(shard) = start.find_shard(one.shard) {
                order.make(shard, |_| Some(one.reason));
            }
            if order.made.is_cut {
                break;
            }
        }
        if order.made.limits.moves != Some(order.made.moves.len()) {
            // What comes after one that is too large is made as if that were none of the plan.
            let rest: Vec<ShardAt> = moves
                .filter_map(|one| start.find_shard(one.shard))
                .collect();
            let cause = |shard: &ShardAt| Some((*shard, *forced.get(shard)?));
            let first = rest.iter().filter_map(cause).collect();
            let then = rest.into_iter();
            order.make_all(
                first,
                then.filter(|one| !forced.contains_key(one)).collect(),
            );
        }
        made
    }
}

/// The forced moves by their targets, where something that leaves makes room at once.
fn by_target(draft: &World<'_>, forced: &[(ShardAt, Cause)]) -> Option<Members<NodeAt, ShardAt>> {
    let target = |shard| Some(draft.at(shard));
    let shards = forced.iter().map(|(shard, _)| *shard);
    let makes_room = !draft.policy.charges_both_ends();
    makes_room.then(|| Members::new(draft.nodes.len(), shards, target))
}

/// The same where shards make room for others: once one is there, they may do so for another.
fn coming(draft: &World<'_>, forced: &[(ShardAt, Cause)]) -> Option<Members<NodeAt, ShardAt>> {
    let is_room = |(_, cause): &(ShardAt, Cause)| matches!(cause, Cause::InTheWayOf(_));
    let wrong = forced.iter().filter(|one| !is_room(one));
    let shards = wrong.map(|(shard, _)| *shard);
    let target = |shard| Some(draft.at(shard));
    let makes_room = forced.iter().any(is_room);
    makes_room.then(|| Members::new(draft.nodes.len(), shards, target))
}

/// How a sequence is extended.
struct Order<'s, 'a> {
    draft: &'s World<'a>,
    forced: &'s Forced,
    aims: &'s [Aim],
    by_target: Option<Members<NodeAt, ShardAt>>,
    coming: Option<Members<NodeAt, ShardAt>>,
    made: &'s mut Sequence<'a>,
}

impl Order<'_, '_> {
    /// Makes these moves, wave by wave, as far as they can be made.
    fn make_all(&mut self, mut first: Vec<(ShardAt, Cause)>, mut then: Vec<ShardAt>) {
        while !(first.is_empty() && then.is_empty()) {
            let (before, was_idle) = (self.made.moves.len(), self.made.wave.moves == 0);
            while self.pass(&mut first, &mut then) {}
            if self.made.moves.len() == before && was_idle {
                break;
            }
            self.made.wave.end();
        }
    }

    /// Makes every move that can be made now: those that put something right first. Answers whether
    /// one was made.
    fn pass(&mut self, first: &mut Vec<(ShardAt, Cause)>, then: &mut Vec<ShardAt>) -> bool {
        let before = self.made.moves.len();
        loop {
            let made = self.made.moves.len();
            first.retain(|(shard, cause)| !self.is_made(*shard) && !self.put_right(*shard, *cause));
            if self.made.moves.len() == made {
                break;
            }
        }
        // What need not be put right any more may still help the balance.
        first.retain(|(shard, _)| self.still_waits(*shard));
        then.retain(|shard| self.still_waits(*shard));
        self.made.moves.len() > before
    }

    /// Makes the move of a shard if that helps the balance, and those that it makes possible. Answers
    /// whether it could not be made.
    fn still_waits(&mut self, shard: ShardAt) -> bool {
        let from = self.made.end.at(shard);
        let waits = !self.is_made(shard) && !self.balance(shard);
        if !waits && !self.forced.is_empty() {
            self.follow(shard, from);
        }
        waits
    }

    fn is_made(&self, shard: ShardAt) -> bool {
        self.made.end.is_moved(shard)
    }

    /// Makes the move of a shard if that puts something right.
    fn put_right(&mut self, shard: ShardAt, cause: Cause) -> bool {
        let to = self.draft.at(shard);
        let cause = match cause {
            Cause::InTheWayOf(coming) if !self.still_comes(coming) => self.in_the_way(shard),
            Cause::InTheWayOf(_) | Cause::Wrong(_) => Some(cause),
        };
        let Some(cause) = cause else {
            return false;
        };
        self.make(shard, |made| {
            let is_right = is_put_right(&made.end, shard, to, cause);
            is_right.then(|| cause.reason(&made.end, shard))
        })
    }

    /// Whether a shard still has to leave where it is: it is not there yet, and nothing put it right.
    fn still_comes(&self, coming: ShardAt) -> bool {
        let cause = self.forced.get(&coming);
        cause.is_some_and(|cause| is_waiting(&self.made.end, coming, *cause))
    }

    /// Whom a shard makes room for once the one that it was to make room for does not come, or is there.
    fn in_the_way(&self, shard: ShardAt) -> Option<Cause> {
        let (from, to) = (self.made.end.at(shard), self.draft.at(shard));
        let coming = self.coming.as_ref()?.of(from).iter().copied();
        let waiting = coming.filter(|one| self.still_comes(*one));
        let mut causes = waiting.map(Cause::InTheWayOf);
        causes.find(|cause| is_put_right(&self.made.end, shard, to, *cause))
    }

    /// Makes the move of a shard if that helps the balance.
    fn balance(&mut self, shard: ShardAt) -> bool {
        let to = self.draft.at(shard);
        let aims = self.aims;
        self.make(shard, |made| {
            let aims = aims.iter().zip(made.is_open.iter().copied());
            balancing(&made.end, aims, shard, to)
        })
    }

    /// Makes the forced moves that have become possible as `shard` left `from`, and those that they make
    /// possible.
    fn follow(&mut self, shard: ShardAt, from: NodeAt) {
        let mut left = vec![(shard, from)];
        while let Some((shard, from)) = left.pop() {
            let room = self.by_target.as_ref().map(|moves| moves.of(from));
            let group = self.made.end.groups.members(shard);
            let waiting = room.unwrap_or_default().iter().chain(group);
            let waiting = waiting.filter(|one| self.draft.is_moved(**one));
            for one in waiting.copied().collect::<Vec<_>>() {
                let at = self.made.end.at(one);
                if let Some(cause) = self.forced.get(&one).copied()
                    && !self.is_made(one)
                    && self.put_right(one, cause)
                {
                    left.push((one, at));
                }
            }
        }
    }

    /// Makes the move of a shard, if there is a reason and it can be made now.
    fn make(
        &mut self,
        shard: ShardAt,
        reason: impl FnOnce(&Sequence<'_>) -> Option<MoveReason>,
    ) -> bool {
        let (from, to) = (self.made.end.at(shard), self.draft.at(shard));
        if self.made.wave.is_full(&self.made.end, from, to) {
            return false;
        }
        let Some(reason) = reason(self.made) else {
            return false;
        };
        if self
            .made
            .wave
            .leaving
            .refusal(&self.made.end, shard, to)
            .is_some()
        {
            return false;
        }
        let bytes = self.made.end.bytes(shard);
        let limits = &mut self.made.limits;
        let at_limit = limits.moves.is_some_and(|max| self.made.moves.len() >= max);
        if at_limit || limits.bytes.is_some_and(|rest| bytes > rest) {
            self.made.is_cut = true;
            return false;
        }
        limits.bytes = limits.bytes.map(|rest| rest.saturating_sub(bytes));
        self.made.moves.push(Move {
            shard: self.made.end.shards[shard].id,
            from: self.made.end.nodes[from].id,
            to: self.made.end.nodes[to].id,
            wave: self.made.wave.number,
            bytes,
            reason,
        });
        self.made.wave.take(Some(from), Some(to));
        self.made.wave.leaving.leave(&self.made.end, shard);
        self.made.end.put(shard, to);
        self.open(&[from, to]);
        true
    }

    /// Opens the balances that one of these nodes triggers.
    fn open(&mut self, nodes: &[NodeAt]) {
        let Sequence { end, is_open, .. } = &mut *self.made;
        is_open.resize(self.aims.len(), false);
        for (aim, is_open) in self.aims.iter().zip(is_open) {
            let mut nodes = nodes.iter();
            *is_open |= aim.is_open && nodes.any(|node| aim.is_triggered_by(end, *node));
        }
    }
}

/// What the move of a shard balances; `None` when it does not help.
fn balancing<'s>(
    world: &World<'_>,
    aims: impl Iterator<Item = (&'s Aim, bool)>,
    shard: ShardAt,
    to: NodeAt,
) -> Option<MoveReason> {
    let from = world.at(shard);
    if !world.is(from, Availability::Active) {
        return None;
    }
    for (aim, is_open) in aims {
        if is_open && aim.gain(world, shard, to).is_some() {
            let resource = aim.resource;
            let is_above = aim.excess(world, from) > 0;
            let node = if is_above { from } else { to };
            let (load, band) = (world.load(node, resource), aim.band(node));
            return Some(if is_above {
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
