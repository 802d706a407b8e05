use super::action::{Action, Asked, OnLedger, Order};
use super::operate;
use super::state::{Hand, NOW, World, node, shard};
use crate::machine::{By, Command, StepError};
use crate::schema::text::{ExecutorName, Reason, RequestKey};
use crate::schema::v1::{Actor, Migration, Status};
use crate::schema::{Epoch, MigrationId, NodeId, ShardId, table};
use crate::store::{Procedure, put};
use crate::tracker::beginning::{BeginAll, BeginOne};
use crate::tracker::claiming::ClaimOne;
use crate::tracker::cleanup::{CleanupReport, OnCleanup};
use crate::tracker::obstacle::Claimant;
use crate::tracker::registry::ChangeRegistry;
use crate::tracker::transit::{Judged, Transit};
use crate::tracker::{
    BeginError, BeginPlanError, BeginRequest, ClaimError, CleanupError, RegistryChange,
    RegistryError, TransitionError,
};

/// What came of an action, for the count.
pub(super) type Told = (&'static str, &'static str);

/// What came of an action.
pub(super) struct Outcome {
    pub(super) told: Told,
    /// `None`: it was refused, and nothing changed.
    pub(super) next: Option<World>,
}

impl Outcome {
    pub(super) fn refused(who: &'static str, why: &'static str) -> Self {
        Self {
            told: (who, why),
            next: None,
        }
    }

    pub(super) fn done(who: &'static str, what: &'static str, next: World) -> Self {
        Self {
            told: (who, what),
            next: Some(next),
        }
    }
}

pub(super) fn request_key() -> RequestKey {
    RequestKey::new("again").unwrap()
}

pub(super) fn act(world: &World, action: Action) -> Outcome {
    let mut next = world.clone();
    match action {
        Action::Begin {
            shard,
            from,
            to,
            asked,
        } => begin(next, (shard, from, to), asked),
        Action::Claim { hand, shard } => claim(next, hand, shard),
        Action::ClaimNext { hand } => operate::claim_next(next, hand),
        Action::Operator(what) => operate::operate(next, what),
        Action::Forget { hand } => {
            next.hands[hand] = None;
            Outcome::done("executor", "forgets its claim", next)
        }
        Action::ByHand { hand, order } => by_hand(next, hand, order),
        Action::ByCaller { shard, order } => {
            let id = world.active(shard).unwrap().id;
            transit(next, id, &order.command(By::Caller), order, "caller")
        }
        Action::Cancel { shard } => cancel(next, shard),
        Action::Cleanup {
            node,
            shard,
            report,
        } => cleanup(next, node, shard, report),
        Action::Node { node: id, state } => {
            let node = crate::schema::v1::Node { state, ..node(id) };
            registry(next, RegistryChange::UpdateNode(node))
        }
        Action::Remove { shard } => registry(next, RegistryChange::RemoveShard(shard)),
        Action::Register { shard: id, owner } => {
            registry(next, RegistryChange::RegisterShard(shard(id, owner)))
        }
        Action::LeaseRunsOut { shard } => {
            // The lease of a process that is gone counts for nothing.
            let live = |row: &Migration| {
                let attempt = row.attempt.as_ref();
                attempt.is_some_and(|attempt| {
                    attempt.session == world.session() && NOW < attempt.lease_until_ms
                })
            };
            time_passes(next, shard, live, |row| {
                if let Some(attempt) = &mut row.attempt {
                    attempt.lease_until_ms = NOW;
                }
            })
        }
        Action::WaitIsOver { shard } => {
            let waits = |row: &Migration| NOW < row.not_before_ms;
            time_passes(next, shard, waits, |row| row.not_before_ms = NOW)
        }
        Action::Restart => {
            next.reopen(false);
            Outcome::done("file", "opened again", next)
        }
        Action::Crash => {
            next.reopen(true);
            let lost = copied(&next) != copied(world);
            let what = if lost {
                "progress lost in a crash"
            } else {
                "crash"
            };
            Outcome::done("file", what, next)
        }
    }
}

/// How far each copy is.
fn copied(world: &World) -> Vec<Option<u64>> {
    let shards = (1..).map(ShardId).zip(&world.begun);
    let bytes = |(shard, _)| Some(world.active(shard)?.progress.bytes_migrated);
    shards.map(bytes).collect()
}

/// The disk has everything.
pub(super) fn durable(mut next: World) -> World {
    next.durable = next.rows.clone();
    next
}

fn begin(mut next: World, (shard, from, to): (ShardId, NodeId, NodeId), asked: Asked) -> Outcome {
    let id = next.new_id();
    let registered = next.row(table::SHARDS, &shard);
    let version = registered.map_or(0, |registered| registered.version);
    let begin = BeginOne {
        id,
        request: BeginRequest {
            request: (asked == Asked::ByKey).then(request_key),
            expected_version: match asked {
                Asked::OfItsVersion => Some(version),
                Asked::OfAnotherVersion => Some(version + 1),
                Asked::Plainly | Asked::ByKey | Asked::AsPlan => None,
            },
            ..BeginRequest::new(shard, from, to)
        },
        reverse_of: None,
        free_bytes: None,
        now: NOW,
    };
    let begun = if asked == Asked::AsPlan {
        let plan = BeginAll { each: vec![begin] };
        let ids = plan.run(&mut next.rows);
        ids.map(|ids| ids[0]).map_err(|error| match error {
            BeginPlanError::Move { at: 0, source } => source,
            error @ (BeginPlanError::Move { .. } | BeginPlanError::Store(_)) => panic!("{error:?}"),
        })
    } else {
        begin.run(&mut next.rows)
    };
    match begun {
        Ok(begun) if begun == id => {
            next.has_begun(shard, id);
            Outcome::done("begin", "begun", durable(next))
        }
        Ok(_) => Outcome::done("begin", "begun before", durable(next)),
        Err(error) => Outcome::refused("begin", begin_error(&error)),
    }
}

pub(super) fn begin_error(error: &BeginError) -> &'static str {
    match error {
        BeginError::SameNode(_) => "SameNode",
        BeginError::AlreadyMigrating { .. } => "AlreadyMigrating",
        BeginError::NotOwner { .. } => "NotOwner",
        BeginError::UnknownNode { .. } => "UnknownNode",
        BeginError::NodeState { .. } => "NodeState",
        BeginError::HasReplica { .. } => "HasReplica",
        BeginError::Forbidden { .. } => "Forbidden",
        BeginError::CleanupOpen { .. } => "CleanupOpen",
        BeginError::Quarantined { .. } => "Quarantined",
        BeginError::RequestConflict { .. } => "RequestConflict",
        BeginError::VersionChanged { .. } => "VersionChanged",
        BeginError::LowSpace { .. } => "LowSpace",
        BeginError::Store(error) => panic!("{error:?}"),
    }
}

fn claim(mut next: World, hand: usize, shard: ShardId) -> Outcome {
    let before = next.active(shard).unwrap();
    let claim = ClaimOne {
        id: before.id,
        by: Claimant {
            executor: executor(hand),
            session: next.session(),
            now: NOW,
        },
    };
    let unclaimed = next.clone();
    let refused = match claim.run(&mut next.rows) {
        Ok(row) => {
            next.hands[hand] = Some(Hand {
                migration: row.id,
                shard,
                epoch: row.epoch,
            });
            let what = match (&before.attempt, before.cancel.is_some()) {
                (_, true) => "claimed, to be cancelled",
                (Some(_), false) => "taken over",
                (None, false) => "claimed",
            };
            return Outcome::done("claim", what, durable(next));
        }
        Err(error) => error,
    };
    let (why, waits) = match refused {
        ClaimError::NotFound { .. } => ("NotFound", false),
        ClaimError::Refused(error) => (step_error(&error), false),
        ClaimError::Limit { .. } => ("Limit", false),
        ClaimError::Paused { .. } => ("Paused", true),
        ClaimError::NodeDown { .. } => ("NodeDown", true),
        ClaimError::NotActivated { .. } => ("NotActivated", true),
        ClaimError::Store(error) => panic!("{error:?}"),
    };
    // As `MigrationTracker::claim` does: what waits holds no slot of an executor that is gone.
    match before.attempt {
        Some(attempt) if waits => {
            let order = Order::Release;
            let command = order.command(By::Attempt(attempt.epoch));
            let freed = transit(unclaimed, before.id, &command, order, "claim");
            Outcome {
                told: ("claim", "refused, and the slot is free"),
                ..freed
            }
        }
        Some(_) | None => Outcome::refused("claim", why),
    }
}

pub(super) fn executor(hand: usize) -> ExecutorName {
    ExecutorName::new(format!("executor-{hand}")).unwrap()
}

fn by_hand(next: World, hand: usize, order: Order) -> Outcome {
    let held = next.hands[hand].unwrap();
    let command = order.command(By::Attempt(held.epoch));
    let mut outcome = transit(next, held.migration, &command, order, "executor");
    if let Some(next) = &mut outcome.next {
        let row = next.row(table::MIGRATIONS, &held.migration);
        let holds = row.and_then(|row| row.attempt);
        if holds.is_none_or(|attempt| attempt.epoch != held.epoch) {
            next.hands[hand] = None;
        }
    }
    outcome
}

fn cancel(next: World, shard: ShardId) -> Outcome {
    let id = next.active(shard).unwrap().id;
    let command = Command::Cancel {
        session: next.session(),
        reason: Reason::from("not wanted"),
    };
    // The wish is never lazy.
    transit(next, id, &command, Order::Fail, "cancel")
}

fn transit(
    mut next: World,
    id: MigrationId,
    command: &Command,
    order: Order,
    who: &'static str,
) -> Outcome {
    let before = next.row(table::MIGRATIONS, &id);
    let command = command.clone();
    let transit = Transit {
        id,
        command,
        now: NOW,
    };
    match transit.run(&mut next.rows) {
        // It changed nothing but the log, once.
        Ok(Judged::Refused(refusal)) => Outcome::refused(who, step_error(&refusal)),
        Ok(Judged::Done(done)) => {
            if done.logged || !order.is_lazy() {
                next = durable(next);
            }
            let was = before.unwrap();
            let wished = was.cancel.is_some();
            let what = match done.next.status() {
                Status::Complete if order == Order::CompleteUnverified => "complete, unverified",
                Status::Complete => "complete",
                Status::Failed => "failed",
                Status::Cancelled if wished => "cancelled as wished before",
                Status::Cancelled if was.status() == Status::Verifying => {
                    "cancelled while verifying"
                }
                Status::Cancelled => "cancelled",
                Status::Pending | Status::InProgress | Status::Verifying => {
                    if done.next.cancel.is_some() && !wished {
                        "cancellation wished"
                    } else if done.logged {
                        "went on"
                    } else {
                        "went on lazily"
                    }
                }
            };
            Outcome::done(who, what, next)
        }
        Err(error) => Outcome::refused(
            who,
            match error {
                TransitionError::NotFound { .. } => "NotFound",
                TransitionError::Refused(error) => step_error(&error),
                TransitionError::NotOwner { .. } => "NotOwner",
                TransitionError::UnknownNode { .. } => "UnknownNode",
                TransitionError::NotAccepting { .. } => "NotAccepting",
                TransitionError::Paused { .. } => "Paused",
                TransitionError::Store(error) => panic!("{error:?}"),
            },
        ),
    }
}

pub(super) fn step_error(error: &StepError) -> &'static str {
    match error {
        StepError::Ended { .. } => "Ended",
        StepError::WrongStatus { .. } => "WrongStatus",
        StepError::Fenced { .. } => "Fenced",
        StepError::Held { .. } => "Held",
        StepError::BackingOff { .. } => "BackingOff",
        StepError::Cancelling { .. } => "Cancelling",
        StepError::StillFenced { .. } => "StillFenced",
        StepError::ProgressBackwards { .. } => "ProgressBackwards",
        StepError::ProgressPastTotal { .. } => "ProgressPastTotal",
        StepError::NotVerified { .. } => "NotVerified",
        StepError::CopiesDiffer { .. } => "CopiesDiffer",
    }
}

fn cleanup(mut next: World, node: NodeId, shard: ShardId, report: OnLedger) -> Outcome {
    let Some(entry) = next.row(table::CLEANUPS, &(node, shard)) else {
        return Outcome::refused("ledger", "there is no entry");
    };
    let another = MigrationId(uuid::Uuid::nil());
    let (migration, report, what) = match report {
        // The copy of a migration that was not cut over never serves.
        OnLedger::Activated if entry.kind == crate::schema::v1::CleanupKind::DiscardDestination => {
            return Outcome::refused("ledger", "it never serves");
        }
        OnLedger::Activated => (Some(entry.migration), CleanupReport::Activated, "activated"),
        OnLedger::Settled => (Some(entry.migration), CleanupReport::Settled, "settled"),
        OnLedger::SettledByCaller => (None, CleanupReport::Settled, "settled by a caller"),
        OnLedger::Failed => {
            let failed = CleanupReport::Failed(Reason::from("in use"));
            (Some(entry.migration), failed, "failed")
        }
        OnLedger::OfAnother => (Some(another), CleanupReport::Settled, "another's settled"),
    };
    let procedure = OnCleanup {
        node,
        shard,
        migration,
        report,
        actor: Actor::Executor(executor(0)),
        now: NOW,
    };
    match procedure.run(&mut next.rows) {
        Ok(()) => Outcome::done("ledger", what, durable(next)),
        Err(error) => Outcome::refused(
            "ledger",
            match error {
                CleanupError::NotFound { .. } => "NotFound",
                CleanupError::Superseded { .. } => "Superseded",
                CleanupError::Store(error) => panic!("{error:?}"),
            },
        ),
    }
}

fn registry(mut next: World, change: RegistryChange) -> Outcome {
    let changes = [change];
    let change = ChangeRegistry {
        changes: &changes,
        now: NOW,
    };
    match change.run(&mut next.rows) {
        Ok(()) => Outcome::done("registry", "changed", durable(next)),
        Err(RegistryError::Store(error)) => panic!("{error:?}"),
        Err(RegistryError::ShardInMigration { .. }) => {
            Outcome::refused("registry", "ShardInMigration")
        }
        Err(RegistryError::ShardInCleanup { .. }) => Outcome::refused("registry", "ShardInCleanup"),
        Err(RegistryError::CleanupOpen { .. }) => Outcome::refused("registry", "CleanupOpen"),
        Err(RegistryError::ShardExists { .. }) => Outcome::refused("registry", "ShardExists"),
        Err(RegistryError::UnknownShard { .. }) => Outcome::refused("registry", "UnknownShard"),
        Err(error) => panic!("{error:?}"),
    }
}

/// Moves the end of a lease or of a wait to now, in what readers see and in what the disk has.
fn time_passes(
    mut next: World,
    shard: ShardId,
    counts: impl Fn(&Migration) -> bool,
    passes: impl Fn(&mut Migration),
) -> Outcome {
    let id = next.active(shard).unwrap().id;
    if !next
        .row(table::MIGRATIONS, &id)
        .is_some_and(|row| counts(&row))
    {
        return Outcome::refused("time", "nothing ends");
    }
    let same = next.rows.is(&next.durable);
    for rows in [&mut next.rows, &mut next.durable] {
        let mut row = crate::store::get(rows, table::MIGRATIONS, &id)
            .unwrap()
            .unwrap();
        passes(&mut row);
        put(rows, table::MIGRATIONS, &id, &row).unwrap();
    }
    if same {
        next = durable(next);
    }
    Outcome::done("time", "a lease or a wait ends", next)
}

/// Whether `hand` may still report: its attempt is the newest and its migration has not ended.
pub(super) fn is_newest(world: &World, hand: Hand) -> bool {
    let row = world.row(table::MIGRATIONS, &hand.migration);
    row.is_some_and(|row| {
        let newest: Option<Epoch> = row.attempt.as_ref().map(|attempt| attempt.epoch);
        !row.status().is_terminal() && newest == Some(hand.epoch)
    })
}
