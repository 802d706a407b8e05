use std::fmt::Debug;

use shardferry::schema::text::{Algorithm, Checkpoint, Digest, ExecutorName, Reason, RequestKey};
use shardferry::schema::v1::{Side, Trigger};
use shardferry::store::StoreError;
use shardferry::tracker::check::{
    Acknowledged, Image, invariant_i4_stale_epoch_changes_nothing,
    invariant_i11_reopening_changes_nothing, invariant_i12_acknowledged_survives, invariants_of,
    invariants_of_step,
};
use shardferry::tracker::{
    BeginError, BeginPlanError, BeginRequest, Claim, ClaimError, CleanupError, ForgiveNodeError,
    PauseError, QuarantineError, RegistryError, RetryError, ReverseError, TransitionError,
    compute_rebalance_plan,
};
use shardferry::{Migration, MigrationId, MigrationTracker, NodeId, ShardId};

use super::op::{Begin, ByClaim, Bytes, Op};
use super::{drive, look, operator, read, registry};

/// What outlives a restart.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Every migration, in the order in which it began.
    pub(super) ids: Vec<MigrationId>,
    /// Whether the last session ended in a kill, and not everything was on disk.
    pub(super) killed: bool,
    lazily: bool,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Input,
    Closed,
    Killed,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    /// A claim that is refused lets go of what a process that is gone held.
    RefusedAndFreed,
}

/// Operations until one of them ends the session; the state that it leaves, and why it ended.
pub(super) fn session(
    tracker: &MigrationTracker,
    world: &mut World,
    ops: &mut impl Iterator<Item = Op>,
    mut before: Image,
) -> (Image, End) {
    let mut claims = Vec::new();
    for op in ops {
        let outcome = match op {
            Op::Reopen => return (before, End::Closed),
            Op::Kill => return (before, End::Killed),
            // The claims of this session would stand in its way.
            Op::Drive { .. } if !claims.is_empty() => Outcome::Refused,
            op => world.apply(tracker, &mut claims, op),
        };
        let after = read(tracker);
        let what = format!("{op:?}");
        holds(&after, &what);
        nothing(&invariants_of_step(&before, &after), &what);
        if outcome == Outcome::Refused {
            // But that the log tells of the first late report of each epoch.
            let changed = invariant_i4_stale_epoch_changes_nothing(&before, &after);
            nothing(&changed, &format!("a refused {what}"));
        }
        world.learn(&after);
        before = after;
    }
    (before, End::Input)
}

impl World {
    /// What a restart may change: nothing; or, after a kill, progress that was not yet on disk.
    pub(super) fn reopened(&self, before: &Image, after: &Image) {
        let answers = before.migrations.values().map(|row| Acknowledged {
            id: row.id,
            status: row.status(),
        });
        let answers: Vec<_> = answers.collect();
        let lost = invariant_i12_acknowledged_survives(&answers, after);
        nothing(&lost, "a restart");
        if !self.killed || !self.lazily {
            let changed = invariant_i11_reopening_changes_nothing(before, after);
            nothing(&changed, "a restart");
            return;
        }
        let durable = |image: &Image| {
            let mut image = image.clone();
            for row in image.migrations.values_mut() {
                row.progress = Default::default();
                row.checkpoint = None;
                if let Some(attempt) = &mut row.attempt {
                    attempt.lease_until_ms = Default::default();
                    attempt.moved_at_ms = Default::default();
                }
            }
            image
        };
        let (before, after) = (durable(before), durable(after));
        let changed = invariant_i11_reopening_changes_nothing(&before, &after);
        nothing(&changed, "a kill");
    }

    fn learn(&mut self, image: &Image) {
        let lag_ms_max = image.settings_in_force().progress_lag_ms_max;
        // A change of the settings waits for the disk, and so did all before it.
        self.lazily = lag_ms_max > 0;
    }

    pub(super) fn id(&self, back: u8) -> Option<MigrationId> {
        let last = self.ids.len().checked_sub(1)?;
        self.ids
            .get(last - usize::from(back) % self.ids.len())
            .copied()
    }

    fn apply<'t>(
        &mut self,
        tracker: &'t MigrationTracker,
        claims: &mut Vec<Claim<'t>>,
        op: Op,
    ) -> Outcome {
        let on = |back: u8, what: &dyn Fn(MigrationId) -> Result<(), TransitionError>| match self
            .id(back)
        {
            Some(id) => outcome(what(id)),
            None => Outcome::Refused,
        };
        let told = |answer: Result<Migration, TransitionError>| answer.map(drop);
        match op {
            Op::Begin(begin) => self.begin(tracker, begin),
            Op::Move { shard, to } => {
                let owner = tracker.shard(ShardId(u64::from(shard))).expect("a read");
                let last = tracker
                    .last_move(ShardId(u64::from(shard)))
                    .expect("a read");
                let from = owner.map(|shard| shard.owner);
                let from = from.or(last.map(|last| last.to)).unwrap_or(NodeId(1));
                let from = u8::try_from(from.0).expect("a small id");
                let begin = Begin {
                    shard,
                    from,
                    to,
                    priority: 0,
                    request: None,
                };
                self.begin(tracker, begin)
            }
            Op::Rebalance { moves_max } => self.rebalance(tracker, moves_max),
            Op::Start(back) => on(back, &|id| told(tracker.start_migration(id))),
            Op::Progress(back, Bytes { migrated, total }) => on(back, &|id| {
                let total = total.map(u64::from);
                told(tracker.update_progress(id, u64::from(migrated), total))
            }),
            Op::Checkpoint(back, Bytes { migrated, total }) => on(back, &|id| {
                let total = total.map(u64::from);
                told(tracker.save_checkpoint(id, u64::from(migrated), total, cursor(migrated)))
            }),
            Op::Verify(back) => on(back, &|id| told(tracker.begin_verification(id))),
            Op::Evidence(back, same) => on(back, &|id| {
                told(tracker.submit_evidence(id, algorithm(), side(1), side(2 - u8::from(same))))
            }),
            Op::Complete(back) => on(back, &|id| told(tracker.complete_migration(id))),
            Op::Fail(back) => on(back, &|id| told(tracker.fail_migration(id, "broken"))),
            Op::Cancel(back) => on(back, &|id| {
                tracker.cancel_migration(id, "not wanted").map(drop)
            }),
            Op::Claim(back) => match self.id(back) {
                None => Outcome::Refused,
                Some(id) => match tracker.claim(id, &worker()) {
                    Ok(claim) => {
                        claims.push(claim);
                        Outcome::Done
                    }
                    Err(refusal) => {
                        let _: Outcome = outcome::<(), _>(Err(refusal));
                        Outcome::RefusedAndFreed
                    }
                },
            },
            Op::ByClaim(back, what) => by_claim(claims, back, what),
            Op::Settle { node, shard } => {
                let key = (NodeId(u64::from(node)), ShardId(u64::from(shard)));
                outcome(tracker.settle_cleanup(key.0, key.1))
            }
            Op::SettleOne => match tracker.cleanups().expect("a read").first() {
                Some(one) => outcome(tracker.settle_cleanup(one.node, one.shard)),
                None => Outcome::Refused,
            },
            Op::Registry(change) => registry::change(tracker, change),
            Op::Settings(change) => registry::settings(tracker, change),
            Op::Flush => {
                tracker.flush().expect("a flush");
                Outcome::Refused
            }
            Op::Look => {
                look::look(tracker);
                Outcome::Refused
            }
            Op::Drive { failures } => {
                drive::drive(tracker, failures);
                Outcome::Done
            }
            Op::ClaimNext => match tracker.claim_next(&worker()).expect("the file is good") {
                Some(claim) => {
                    claims.push(claim);
                    Outcome::Done
                }
                None => Outcome::RefusedAndFreed,
            },
            Op::Operator(what) => operator::operate(tracker, self, what),
            Op::MoveExpecting {
                shard,
                to,
                version,
                drains,
            } => {
                let id = ShardId(u64::from(shard));
                let owner = tracker.shard(id).expect("a read").map(|shard| shard.owner);
                let to = NodeId(u64::from(to));
                let begun = tracker.begin(&BeginRequest {
                    expected_version: Some(u64::from(version)),
                    trigger: if drains {
                        Trigger::Drain
                    } else {
                        Trigger::Manual
                    },
                    ..BeginRequest::new(id, owner.unwrap_or(NodeId(1)), to)
                });
                self.ids.extend(begun.as_ref().ok());
                outcome(begun)
            }
            Op::Waits(change) => operator::waits(tracker, change),
            Op::Reopen | Op::Kill => unreachable!("they end the session"),
        }
    }

    fn begin(&mut self, tracker: &MigrationTracker, begin: Begin) -> Outcome {
        let key = |number: u8| RequestKey::new(format!("request-{number}")).expect("a key");
        let (shard, from, to) = (begin.shard, begin.from, begin.to);
        let [shard, from, to] = [shard, from, to].map(u64::from);
        let begun = tracker.begin(&BeginRequest {
            priority: i32::from(begin.priority),
            reason: Reason::from("asked for"),
            request: begin.request.map(key),
            ..BeginRequest::new(ShardId(shard), NodeId(from), NodeId(to))
        });
        if let Ok(id) = &begun
            && !self.ids.contains(id)
        {
            self.ids.push(*id);
        }
        outcome(begun)
    }

    fn rebalance(&mut self, tracker: &MigrationTracker, moves_max: u8) -> Outcome {
        let snapshot = tracker.snapshot().expect("a snapshot");
        let plan = compute_rebalance_plan(&snapshot, 0.0, usize::from(moves_max));
        let plan = plan.expect("a snapshot does not contradict itself");
        let requests = plan.moves.iter();
        let requests: Vec<_> = requests
            .map(|one| BeginRequest::new(one.shard, one.from, one.to))
            .collect();
        let begun = tracker.begin_plan(&requests);
        if let Ok(ids) = &begun {
            self.ids.extend(ids);
        }
        outcome(begun)
    }
}

fn by_claim(claims: &[Claim<'_>], back: u8, what: ByClaim) -> Outcome {
    let Some(last) = claims.len().checked_sub(1) else {
        return Outcome::Refused;
    };
    let claim = &claims[last - usize::from(back) % claims.len()];
    let report = |bytes: Bytes, cursor| {
        claim.report(
            u64::from(bytes.migrated),
            bytes.total.map(u64::from),
            cursor,
        )
    };
    outcome(match what {
        ByClaim::Report(bytes) => report(bytes, None),
        ByClaim::Checkpoint(bytes) => report(bytes, Some(cursor(bytes.migrated))),
        ByClaim::Renew => claim.renew(),
        ByClaim::Fence => claim.fence(),
        ByClaim::Unfence => claim.unfence(),
        ByClaim::Verify => claim.begin_verification(),
        ByClaim::Evidence(same) => {
            claim.submit_evidence(algorithm(), side(1), side(2 - u8::from(same)))
        }
        ByClaim::Complete => claim.complete(),
        ByClaim::FailAttempt(class, from_scratch) => {
            claim.fail_attempt(class, "broken", from_scratch)
        }
        ByClaim::Release => claim.release(),
    })
}

/// All invariants of one state.
pub(super) fn holds(image: &Image, what: &str) {
    nothing(&invariants_of(image), what);
}

fn nothing<V: Debug>(violations: &[V], what: &str) {
    assert!(violations.is_empty(), "{what}: {violations:#?}");
}

/// A refusal is fine; an error of the file is not, unless it is about a record that no file takes.
pub(super) fn outcome<T, E: Refusal>(answer: Result<T, E>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Done,
        Err(refusal) => match refusal.store() {
            None | Some(StoreError::Encode { .. }) => Outcome::Refused,
            Some(error) => panic!("the file failed: {error:?}"),
        },
    }
}

/// The error of an operation.
pub(super) trait Refusal {
    /// What the file said, when it was the file.
    fn store(&self) -> Option<&StoreError>;
}

macro_rules! refusals {
    ($($error:ident)*) => {$(
        impl Refusal for $error {
            fn store(&self) -> Option<&StoreError> {
                if let Self::Store(error) = self { Some(error) } else { None }
            }
        }
    )*};
}

refusals! {
    BeginError ClaimError CleanupError ForgiveNodeError PauseError QuarantineError RegistryError
    TransitionError
}

impl Refusal for RetryError {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Begin(error) => error.store(),
            Self::Store(error) => Some(error),
            Self::NotFound { .. }
            | Self::Complete { .. }
            | Self::MovedOn { .. }
            | Self::Refused(_) => None,
        }
    }
}

impl Refusal for ReverseError {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Begin(error) => error.store(),
            Self::Store(error) => Some(error),
            Self::NotFound { .. } | Self::NotCutOver { .. } | Self::MovedOn { .. } => None,
        }
    }
}

impl Refusal for BeginPlanError {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Move { source, .. } => source.store(),
            Self::Store(error) => Some(error),
        }
    }
}

impl Refusal for StoreError {
    fn store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

fn worker() -> ExecutorName {
    ExecutorName::new("worker").expect("a name")
}

fn algorithm() -> Algorithm {
    Algorithm::new("blake3").expect("a name")
}

fn cursor(byte: u8) -> Checkpoint {
    Checkpoint::new(vec![byte]).expect("short")
}

fn side(byte: u8) -> Side {
    Side {
        items: 1,
        bytes: u64::from(byte),
        digest: Digest::new(vec![byte]).expect("short"),
    }
}
