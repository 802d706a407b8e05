//! What operators say beside commands, and what executors claim without a name.

use std::collections::HashSet;

use super::act::{Outcome, begin_error, durable, executor, step_error};
use super::action::{Operator, What};
use super::state::{Hand, NOW, World};
use crate::schema::text::Reason;
use crate::schema::v1::PauseScope;
use crate::schema::{NodeId, ShardId};
use crate::store::Procedure;
use crate::tracker::again::{Retry, Reverse};
use crate::tracker::claiming::{ClaimNext, ClaimOne, Looked, NoClaim};
use crate::tracker::drain::{SetDraining, Undrain};
use crate::tracker::leftovers::{ForgiveNode, HurryCleanups};
use crate::tracker::obstacle::Claimant;
use crate::tracker::pause::{Resume, SetPause};
use crate::tracker::quarantine::ReleaseQuarantine;
use crate::tracker::{
    ForgiveNodeError, PauseError, QuarantineError, RegistryError, Retried, RetryError, ReverseError,
};

/// An executor claims whatever is next. That is something if, and only if, one claim would be granted.
pub(super) fn claim_next(mut next: World, hand: usize) -> Outcome {
    let by = Claimant {
        executor: executor(hand),
        session: next.session(),
        now: NOW,
    };
    let before = next.clone();
    let shards = (1..).map(ShardId).zip(&before.begun);
    let can_be_claimed = shards.map(|(shard, _)| shard).any(|shard| {
        let active = before.active(shard);
        active.is_some_and(|active| {
            let (id, by) = (active.id, by.clone());
            ClaimOne { id, by }.run(&mut before.rows.clone()).is_ok()
        })
    });
    let look = ClaimNext {
        by,
        in_hand: HashSet::new(),
    };
    match look.run(&mut next.rows) {
        Ok(Looked::Claimed(row)) => {
            next.hands[hand] = Some(Hand {
                migration: row.id,
                shard: row.shard,
                epoch: row.epoch,
            });
            Outcome::done("claim", "the next", durable(next))
        }
        Ok(Looked::Freed { .. }) => {
            assert!(!can_be_claimed, "what can be claimed was passed over");
            Outcome::done("claim", "none is next, and a slot is free", durable(next))
        }
        Err(NoClaim::None { .. }) => {
            assert!(!can_be_claimed, "what can be claimed was passed over");
            Outcome::refused("claim", "none is next")
        }
        Err(NoClaim::Store(error)) => panic!("{error:?}"),
    }
}

pub(super) fn operate(next: World, what: Operator) -> Outcome {
    match what {
        Operator::Pause(what) => pause(next, what),
        Operator::Resume(what) => resume(next, what),
        Operator::Retry(shard) => retry(next, shard),
        Operator::Reverse(shard) => reverse(next, shard),
        Operator::Release(shard) => release(next, shard),
        Operator::Drain(node) => drain(next, node),
        Operator::Undrain(node) => undrain(next, node),
        Operator::Forgive(node) => forgive(next, node),
        Operator::Hurry => hurry(next),
    }
}

fn drain(mut next: World, node: NodeId) -> Outcome {
    let (reason, now) = (reason(), NOW);
    match (SetDraining { node, reason, now }).run(&mut next.rows) {
        Ok(()) => Outcome::done("operator", "drained", durable(next)),
        Err(RegistryError::WrongState { .. }) => Outcome::refused("drain", "WrongState"),
        Err(error) => panic!("{error:?}"),
    }
}

fn undrain(mut next: World, node: NodeId) -> Outcome {
    let undrain = Undrain {
        node,
        reason: reason(),
        session: next.session(),
        now: NOW,
    };
    match undrain.run(&mut next.rows) {
        Ok(_) => Outcome::done("operator", "drained no more", durable(next)),
        Err(RegistryError::WrongState { .. }) => Outcome::refused("undrain", "WrongState"),
        Err(error) => panic!("{error:?}"),
    }
}

fn forgive(mut next: World, node: NodeId) -> Outcome {
    let (reason, now) = (reason(), NOW);
    match (ForgiveNode { node, reason, now }).run(&mut next.rows) {
        Ok(copies) if copies.is_empty() => Outcome::refused("forgive", "there is no copy"),
        Ok(_) => Outcome::done("operator", "given up", durable(next)),
        Err(ForgiveNodeError::NodeThere { .. }) => Outcome::refused("forgive", "NodeThere"),
        Err(ForgiveNodeError::NotActivated { .. }) => Outcome::refused("forgive", "NotActivated"),
        Err(error) => panic!("{error:?}"),
    }
}

fn hurry(mut next: World) -> Outcome {
    let hurry = HurryCleanups {
        node: None,
        reason: reason(),
        now: NOW,
    };
    match hurry.run(&mut next.rows).unwrap().is_empty() {
        true => Outcome::refused("hurry", "nothing waits"),
        false => Outcome::done("operator", "hurried", durable(next)),
    }
}

fn reason() -> Reason {
    Reason::from("somebody said so")
}

impl What {
    fn scope(self, world: &World) -> PauseScope {
        match self {
            Self::Everything => PauseScope::Everything,
            Self::Node(node) => PauseScope::Node(node),
            Self::MigrationOf(shard) => PauseScope::Migration(world.active(shard).unwrap().id),
        }
    }
}

fn pause(mut next: World, what: What) -> Outcome {
    let scope = what.scope(&next);
    let pause = SetPause {
        scope,
        reason: reason(),
        now: NOW,
    };
    let what = if next.is_paused(scope) {
        "paused before"
    } else {
        "paused"
    };
    pause.run(&mut next.rows).unwrap();
    Outcome::done("operator", what, durable(next))
}

fn resume(mut next: World, what: What) -> Outcome {
    let resume = Resume {
        scope: what.scope(&next),
        reason: reason(),
        now: NOW,
    };
    match resume.run(&mut next.rows) {
        Ok(()) => Outcome::done("operator", "resumed", durable(next)),
        Err(PauseError::NotPaused { .. }) => Outcome::refused("operator", "NotPaused"),
        Err(error) => panic!("{error:?}"),
    }
}

fn retry(mut next: World, shard: ShardId) -> Outcome {
    let Some(latest) = next.latest(shard) else {
        return Outcome::refused("operator", "there is nothing to try again");
    };
    let new_id = next.new_id();
    let retry = Retry {
        id: latest.id,
        new_id,
        reason: reason(),
        free_bytes: None,
        now: NOW,
    };
    let aside = next.row(crate::schema::table::QUARANTINE, &shard);
    match retry.run(&mut next.rows) {
        Ok(Retried::AtOnce) => Outcome::done("operator", "tried again at once", durable(next)),
        Ok(Retried::Begun(id)) => {
            next.has_begun(shard, id);
            let what = match aside {
                Some(_) => "begun anew, out of quarantine",
                None => "begun anew",
            };
            Outcome::done("operator", what, durable(next))
        }
        Err(RetryError::Complete { .. }) => Outcome::refused("operator", "Complete"),
        Err(RetryError::Refused(error)) => Outcome::refused("operator", step_error(&error)),
        Err(RetryError::Begin(error)) => Outcome::refused("retry", begin_error(&error)),
        Err(error) => panic!("{error:?}"),
    }
}

fn reverse(mut next: World, shard: ShardId) -> Outcome {
    let Some(latest) = next.latest(shard) else {
        return Outcome::refused("operator", "there is no way back");
    };
    let new_id = next.new_id();
    let reverse = Reverse {
        id: latest.id,
        new_id,
        reason: reason(),
        free_bytes: None,
        now: NOW,
    };
    match reverse.run(&mut next.rows) {
        Ok(id) => {
            next.has_begun(shard, id);
            Outcome::done("operator", "the way back", durable(next))
        }
        Err(ReverseError::NotCutOver { .. }) => Outcome::refused("operator", "NotCutOver"),
        Err(ReverseError::Begin(error)) => Outcome::refused("reverse", begin_error(&error)),
        Err(error) => panic!("{error:?}"),
    }
}

fn release(mut next: World, shard: ShardId) -> Outcome {
    let release = ReleaseQuarantine {
        shard,
        reason: reason(),
        now: NOW,
    };
    match release.run(&mut next.rows) {
        Ok(()) => Outcome::done("operator", "out of quarantine", durable(next)),
        Err(QuarantineError::NotQuarantined { .. }) => {
            Outcome::refused("operator", "NotQuarantined")
        }
        Err(error) => panic!("{error:?}"),
    }
}
