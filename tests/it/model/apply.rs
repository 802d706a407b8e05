use shardferry::schema::v1::Trigger;
use shardferry::tracker::{BeginRequest, Claim};
use shardferry::{MigrationId, MigrationTracker, NodeId, NodeState, ShardId, Status};

use super::answer::Answer;
use super::line::Wish;
use super::op::{ByClaim, Op};
use super::operators::operate;
use super::reference::{Holder, Model, Moved};
use super::{NODES, executor};
use crate::support::{blake3, node, node_in, request, shard, side};

/// A claim that somebody has in hand, and the position of its migration in the model.
pub(super) type InHand<'t> = (usize, Claim<'t>);

/// Runs `op` on the file and on the model.
pub(super) fn apply<'t>(
    tracker: &'t MigrationTracker,
    claims: &mut Vec<InHand<'t>>,
    model: &mut Model,
    op: &Op,
) -> Answer {
    match op {
        Op::Begin { shard, from, to } => begin(tracker, model, None, &moved(*shard, *from, *to)),
        Op::Move { shard, to } => {
            let moved = moved(*shard, home(model, *shard), *to);
            begin(tracker, model, None, &moved)
        }
        Op::MoveOnce { key, shard, to } => {
            let moved = moved(*shard, home(model, *shard), *to);
            begin(tracker, model, Some(*key), &moved)
        }
        Op::MoveWith { .. } => move_with(tracker, model, op),
        Op::Operator(what) => operate(tracker, model, *what),
        Op::ClaimNext(who) => claim_next(tracker, claims, model, *who),
        Op::Plan(moves) => plan(tracker, model, moves),
        Op::Settle { node, shard } => settle(tracker, model, *node, *shard),
        Op::SettleOne => match model.cleanups.first_key_value() {
            Some((&(node, shard), _)) => settle(tracker, model, node, shard),
            None => Answer::nothing(),
        },
        Op::Node(id, state) => update_node(tracker, model, *id, *state),
        Op::BurnsDown => match model.cleanups.first_key_value() {
            Some((&(id, _), _)) => update_node(tracker, model, id, NodeState::Down),
            None => Answer::nothing(),
        },
        Op::NodeLeaves(id) => {
            let fits = model.may_leave(*id);
            if fits {
                model.nodes.remove(id);
            }
            Answer::of(tracker.remove_node(NodeId(*id)), fits)
        }
        Op::NodeComes(id) => {
            let fits = !model.nodes.contains_key(id);
            if fits {
                model.nodes.insert(*id, shardferry::NodeState::Active);
            }
            Answer::of(tracker.register_node(node(*id)), fits)
        }
        Op::Limit(limit, pair_limit) => {
            (model.limit, model.pair_limit) = (*limit, *pair_limit);
            Answer::of(tracker.set_settings(&model.settings()), true)
        }
        Op::Ageing(ageing_ms) => {
            model.ageing_ms = *ageing_ms;
            Answer::of(tracker.set_settings(&model.settings()), true)
        }
        Op::Waits(long) => {
            model.long_waits = *long;
            Answer::of(tracker.set_settings(&model.settings()), true)
        }
        Op::Verification(required) => {
            model.verification = Model::new(*required).verification;
            Answer::of(tracker.set_settings(&model.settings()), true)
        }
        Op::Lag(lag) => {
            model.lag = *lag;
            Answer::of(tracker.set_settings(&model.settings()), true)
        }
        Op::Flush => Answer {
            durable: model.behind,
            ..Answer::of(tracker.flush(), true)
        },
        Op::Register { shard, owner } => register(tracker, model, *shard, *owner),
        Op::Remove { shard } => {
            let cleanup = model.cleanups.keys().any(|(_, of)| of == shard);
            let fits = model.owners.contains_key(shard) && !model.active(*shard) && !cleanup;
            if fits {
                model.owners.remove(shard);
                model.versions.remove(shard);
            }
            Answer::of(tracker.remove_shard(ShardId(*shard)), fits)
        }
        Op::ByClaim(which, what) => match in_hand(claims, *which) {
            Some((at, claim)) => by_claim(model, *at, claim, *what),
            None => Answer::nothing(),
        },
        Op::LeaseRunsOut(which) => match in_hand(claims, *which) {
            Some((at, claim)) => lease_runs_out(tracker, model, *at, claim),
            None => Answer::nothing(),
        },
        Op::Start(at)
        | Op::Progress(at, ..)
        | Op::Verify(at)
        | Op::Evidence(at, _)
        | Op::Complete(at)
        | Op::Fail(at)
        | Op::Cancel(at)
        | Op::Claim(at, _) => {
            if model.migrations.is_empty() {
                return Answer::nothing();
            }
            let at = at % model.migrations.len();
            let id = model.migrations[at].id;
            by_caller(tracker, claims, model, op, (at, id))
        }
        Op::Reopen | Op::Crash => panic!("it ends the session"),
    }
}

/// The newest claims are the interesting ones.
fn in_hand<'a, 't>(claims: &'a [InHand<'t>], which: usize) -> Option<&'a InHand<'t>> {
    claims.iter().rev().cycle().nth(which)
}

fn moved(shard: u64, from: u64, to: u64) -> BeginRequest {
    BeginRequest::new(ShardId(shard), NodeId(from), NodeId(to))
}

/// Where the shard is, as far as anybody knows.
fn home(model: &Model, shard: u64) -> u64 {
    let owner = model.owners.get(&shard).copied();
    owner.unwrap_or(1 + shard % NODES)
}

fn begin(
    tracker: &MigrationTracker,
    model: &mut Model,
    key: Option<u8>,
    body: &BeginRequest,
) -> Answer {
    let (shard, from, to) = (body.shard.0, body.from.0, body.to.0);
    let mut request_body = body.clone();
    if let Some(key) = key {
        request_body = request(body.shard, body.from, body.to, &format!("request-{key}"));
    }
    let real = tracker.begin(&request_body);
    let before = key.and_then(|key| model.requests.get(&key).copied());
    if let Some((at, was_shard, was_from, was_to)) = before {
        let same = (was_shard, was_from, was_to) == (shard, from, to);
        if same && let Ok(id) = real {
            assert_eq!(
                id, model.migrations[at].id,
                "the same request, another answer"
            );
            return Answer::of(real, true).told("begun before");
        }
        return Answer::of(real, same);
    }
    let fits = model.begins(shard, from, to);
    if let Ok(id) = real {
        model
            .requests
            .extend(key.map(|key| (key, (model.migrations.len(), shard, from, to))));
        model.migrations.push(Moved::new(id, shard, from, to));
    }
    Answer::of(real, fits)
}

fn move_with(tracker: &MigrationTracker, model: &mut Model, op: &Op) -> Answer {
    let Op::MoveWith {
        shard,
        to,
        priority,
        drains,
        expects,
    } = *op
    else {
        panic!("it is no such move");
    };
    let from = home(model, shard);
    let version = model.versions.get(&shard).copied();
    let right = version.unwrap_or_default();
    let body = BeginRequest {
        priority,
        trigger: if drains {
            Trigger::Drain
        } else {
            Trigger::Manual
        },
        expected_version: expects.map(|right_one| if right_one { right } else { right + 7 }),
        ..moved(shard, from, to)
    };
    let fits = model.begins(shard, from, to) && expects.is_none_or(|it| it && version.is_some());
    let real = tracker.begin(&body);
    if let Ok(id) = real {
        model.migrations.push(Moved {
            priority,
            drains,
            ..Moved::new(id, shard, from, to)
        });
    }
    Answer::of(real, fits)
}

fn claim_next<'t>(
    tracker: &'t MigrationTracker,
    claims: &mut Vec<InHand<'t>>,
    model: &mut Model,
    who: usize,
) -> Answer {
    let before = model.clone();
    let chosen = model.claim_next(who);
    let real = tracker.claim_next(&executor(who)).unwrap();
    let real_id = real.as_ref().map(|claim| claim.migration().id);
    let id = chosen.at.map(|at| model.migrations[at].id);
    let answer = Answer {
        durable: chosen.at.is_some() || chosen.freed,
        changes: chosen.freed,
        ..Answer::of(Ok::<(), ()>(()), real_id == id)
    };
    let (Some(at), Some(claim)) = (chosen.at, real) else {
        let what = match chosen.freed {
            true => "none, and a slot is free",
            false if before.waits_for_a_slot() => "none, for want of a slot",
            false => "none",
        };
        return answer.told(what);
    };
    claims.push((at, claim));
    let row = &before.migrations[at];
    let goes_before = |other: &Moved| {
        let pending = other.status == Status::Pending;
        pending && other.created_ms < row.created_ms && other.priority < row.priority
    };
    answer.told(if row.held.is_some() {
        "taken over"
    } else if row.failed_attempts > 0 {
        "tried again"
    } else if row.status != Status::Pending {
        "goes on"
    } else if before.migrations.iter().any(goes_before) {
        "by priority"
    } else if chosen.passed_over {
        "passing over others"
    } else {
        "the oldest"
    })
}

fn plan(tracker: &MigrationTracker, model: &mut Model, moves: &[(u64, u64)]) -> Answer {
    let moves: Vec<_> = moves
        .iter()
        .map(|(shard, to)| moved(*shard, home(model, *shard), *to))
        .collect();
    let real = tracker.begin_plan(&moves);
    let mut next = model.clone();
    let mut fits = true;
    for one in &moves {
        let (shard, from, to) = (one.shard.0, one.from.0, one.to.0);
        fits &= next.begins(shard, from, to);
        let id = MigrationId(uuid::Uuid::nil());
        next.migrations.push(Moved::new(id, shard, from, to));
    }
    if let Ok(ids) = &real {
        let known = model.migrations.len();
        for (row, id) in next.migrations[known..].iter_mut().zip(ids) {
            row.id = *id;
        }
        *model = next;
    }
    Answer::of(real, fits)
}

fn update_node(tracker: &MigrationTracker, model: &mut Model, id: u64, state: NodeState) -> Answer {
    let fits = model.nodes.contains_key(&id);
    if fits {
        model.nodes.insert(id, state);
    }
    Answer::of(tracker.update_node(node_in(id, state)), fits)
}

fn settle(tracker: &MigrationTracker, model: &mut Model, node: u64, shard: u64) -> Answer {
    let fits = model.cleanups.remove(&(node, shard)).is_some();
    if model.unserved.get(&shard) == Some(&node) {
        model.unserved.remove(&shard);
    }
    Answer::of(tracker.settle_cleanup(NodeId(node), ShardId(shard)), fits)
}

fn register(tracker: &MigrationTracker, model: &mut Model, id: u64, owner: u64) -> Answer {
    let real = tracker.register_shard(shard(id, NodeId(owner)));
    let fits = !model.owners.contains_key(&id)
        && model.nodes.contains_key(&owner)
        && !model.active(id)
        && !model.cleanups.contains_key(&(owner, id));
    if fits {
        model.owners.insert(id, owner);
        model.versions.insert(id, 0);
        // Whoever registers it knows where it is: a move to elsewhere is of a former life.
        let last = model.last_moves.get(&id);
        if last.is_some_and(|last| model.migrations[*last].to != owner) {
            model.unserved.remove(&id);
            model.last_moves.remove(&id);
        }
    }
    Answer::of(real, fits)
}

fn by_caller<'t>(
    tracker: &'t MigrationTracker,
    claims: &mut Vec<InHand<'t>>,
    model: &mut Model,
    op: &Op,
    (at, id): (usize, MigrationId),
) -> Answer {
    let may = model.caller(at);
    match *op {
        Op::Start(_) => {
            let fits = may && model.migrations[at].status == Status::Pending;
            if fits {
                model.migrations[at].status = Status::InProgress;
            }
            Answer::of(tracker.start_migration(id), fits)
        }
        Op::Progress(_, bytes, total) => {
            let starts = model.migrations[at].status == Status::Pending;
            let fits = may && model.progress(at, bytes, total);
            Answer {
                durable: starts,
                ..Answer::of(tracker.update_progress(id, bytes, total), fits)
            }
        }
        Op::Verify(_) => {
            let fits = may && model.verify(at);
            Answer::of(tracker.begin_verification(id), fits)
        }
        Op::Evidence(_, same) => {
            let fits = may && model.evidence(at, same);
            let copy = side(if same { 1 } else { 2 });
            Answer::of(tracker.submit_evidence(id, blake3(), side(1), copy), fits)
        }
        Op::Complete(_) => {
            let fits = may && model.complete(at, false);
            Answer::of(tracker.complete_migration(id), fits)
        }
        Op::Fail(_) => {
            let fits = may && !model.migrations[at].fenced;
            if fits {
                model.end(at, Status::Failed);
            }
            Answer::of(tracker.fail_migration(id, "broken"), fits)
        }
        Op::Cancel(_) => {
            let fits = model.cancel(at);
            Answer::of(tracker.cancel_migration(id, "not wanted"), fits)
        }
        Op::Claim(_, who) => {
            let dead = model.migrations[at].held.is_some();
            let claimed = model.claim(at, who);
            let real = tracker.claim(id, &executor(who));
            let answer = Answer::of(real.as_ref(), claimed == Wish::Granted);
            claims.extend(real.ok().map(|claim| (at, claim)));
            match claimed {
                Wish::Freed => Answer {
                    durable: true,
                    changes: true,
                    ..answer.told("refused, and the slot is free")
                },
                Wish::Granted if dead => answer.told("taken over"),
                Wish::Granted | Wish::Refused => answer,
            }
        }
        _ => panic!("no caller does {op:?}"),
    }
}

fn by_claim(model: &mut Model, at: usize, claim: &Claim<'_>, what: ByClaim) -> Answer {
    let cancelling = model.migrations[at].cancelling;
    let late = model.note_late(at, claim.epoch().0);
    let fits = model.by_claim(at, claim.epoch().0, what);
    let real = match what {
        ByClaim::Report(bytes, total) => claim.report(bytes, total, None),
        ByClaim::Renew => claim.renew(),
        ByClaim::Fence => claim.fence(),
        ByClaim::Unfence => claim.unfence(),
        ByClaim::Verify => claim.begin_verification(),
        ByClaim::Evidence(same) => {
            claim.submit_evidence(blake3(), side(1), side(if same { 1 } else { 2 }))
        }
        ByClaim::Complete => claim.complete(),
        ByClaim::FailAttempt(class) => claim.fail_attempt(class, "broken", false),
        ByClaim::Release => claim.release(),
    };
    let durable = !matches!(what, ByClaim::Report(..) | ByClaim::Renew);
    let answer = Answer {
        durable: durable || late,
        late,
        ..Answer::of(real, fits)
    };
    if late {
        return answer.told("late, and the log says so");
    }
    if cancelling && model.migrations[at].status == Status::Cancelled && fits {
        return answer.told("cancelled as wished before");
    }
    answer
}

/// The lease is made short, and time passes.
fn lease_runs_out(
    tracker: &MigrationTracker,
    model: &mut Model,
    at: usize,
    claim: &Claim<'_>,
) -> Answer {
    model.note_late(at, claim.epoch().0);
    let fits = model.holder(at, claim.epoch().0);
    let settings = model.settings();
    let short = shardferry::Settings {
        lease_ms: 1,
        ..settings.clone()
    };
    tracker.set_settings(&short).unwrap();
    let real = claim.renew();
    tracker.set_settings(&settings).unwrap();
    if let Ok(row) = &real {
        let until_ms = row.attempt.as_ref().unwrap().lease_until_ms;
        while tracker.now() < until_ms {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    if fits {
        let held: &mut Option<Holder> = &mut model.migrations[at].held;
        held.as_mut().unwrap().alive = false;
    }
    Answer {
        durable: true,
        changes: true,
        ..Answer::of(real, fits)
    }
}
