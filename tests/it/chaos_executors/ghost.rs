//! An executor that takes one step at a time, so that it can be killed, hang and come back between any
//! two of them. What it does is what the library's executor does, in the same order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shardferry::executor::{Endpoint, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::{FailureClass, Migration};
use shardferry::tracker::{Claim, TransitionError};
use shardferry::{MigrationTracker, NodeId};

use super::mover::ChaosMover;

/// What it does next.
#[derive(Clone, Debug)]
enum Stage {
    Begin,
    Copy,
    Fence,
    StopWrites,
    CatchUp,
    BeginVerification,
    Verify,
    HandIn(Box<Proof>),
    Complete,
}

pub(super) struct Ghost<'t> {
    tracker: &'t MigrationTracker,
    claim: Claim<'t>,
    job: Job,
    stage: Stage,
    fenced: bool,
}

/// Why it stops.
enum Stop {
    Refused,
    Failed(FailureClass, String, bool),
}

impl From<TransitionError> for Stop {
    fn from(_: TransitionError) -> Self {
        Self::Refused
    }
}

impl From<MoverError> for Stop {
    fn from(error: MoverError) -> Self {
        match error {
            MoverError::Interrupted(_) => Self::Refused,
            MoverError::Failed {
                class,
                reason,
                from_scratch,
                ..
            } => Self::Failed(class, reason, from_scratch),
        }
    }
}

struct ByClaim<'a, 't>(&'a Ghost<'t>);

impl Reporter for ByClaim<'_, '_> {
    fn progress(&self, bytes: u64, total: Option<u64>) -> Result<(), Interrupted> {
        let said = self.0.say(|claim| claim.report(bytes, total, None));
        said.map(drop).map_err(|_| Interrupted)
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes: u64,
        total: Option<u64>,
    ) -> Result<(), Interrupted> {
        let said = self.0.say(|claim| claim.report(bytes, total, Some(cursor)));
        said.map(drop).map_err(|_| Interrupted)
    }

    fn verified(&self, _: u64, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }

    fn throttle(&self, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

impl<'t> Ghost<'t> {
    pub(super) fn new(tracker: &'t MigrationTracker, claim: Claim<'t>) -> Self {
        let of = claim.migration();
        let endpoint = |node: NodeId| Endpoint {
            node,
            name: None,
            address: None,
        };
        let job = Job {
            migration: of.id,
            epoch: claim.epoch(),
            shard: of.shard,
            shard_name: None,
            from: endpoint(of.from),
            to: endpoint(of.to),
        };
        Self {
            tracker,
            claim,
            job,
            stage: Stage::Begin,
            fenced: false,
        }
    }

    /// It gives no sign of life, and time passes: its lease has run out.
    pub(super) fn hang(&self) {
        let settings = self.tracker.settings().unwrap();
        let short = shardferry::Settings {
            lease_ms: 1,
            ..settings.clone()
        };
        self.tracker.set_settings(&short).unwrap();
        let renewed = self.say(Claim::renew);
        self.tracker.set_settings(&settings).unwrap();
        let attempt = renewed.ok().and_then(|row| row.attempt);
        while attempt
            .as_ref()
            .is_some_and(|attempt| self.tracker.now() < attempt.lease_until_ms)
        {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Says something through the claim. I4: of an attempt that is over nothing is accepted.
    fn say(
        &self,
        what: impl FnOnce(&Claim<'t>) -> Result<Migration, TransitionError>,
    ) -> Result<Migration, TransitionError> {
        let row = self.tracker.get_migration(self.job.migration).unwrap();
        let is_newest = row.is_some_and(|row| {
            let attempt = row.attempt.as_ref();
            attempt.is_some_and(|attempt| attempt.epoch == self.claim.epoch())
        });
        let said = what(&self.claim);
        assert!(
            is_newest || said.is_err(),
            "a report of an attempt that is over was accepted: {said:?}"
        );
        said
    }

    /// One step further. How it ended, when it is over.
    pub(super) fn step(&mut self, mover: &ChaosMover) -> Option<&'static str> {
        match self.try_step(mover) {
            Ok(Some(())) => None,
            Ok(None) => Some("cut over"),
            Err(stop) => Some(self.give_up(mover, stop)),
        }
    }

    /// `None`: it was cut over.
    fn try_step(&mut self, mover: &ChaosMover) -> Result<Option<()>, Stop> {
        self.stage = match self.stage.clone() {
            Stage::Begin => {
                if self.claim.migration().fenced_at_ms.is_some() {
                    self.unfence(mover)?;
                }
                if self.claim.migration().cancel.is_some() {
                    return Err(Stop::Refused);
                }
                Stage::Copy
            }
            Stage::Copy => {
                let checkpoint = self.claim.migration().checkpoint.as_ref();
                guarded(|| mover.copy(&self.job, checkpoint, &ByClaim(self)))?;
                Stage::Fence
            }
            Stage::Fence => {
                self.say(Claim::fence)?;
                self.fenced = true;
                Stage::StopWrites
            }
            Stage::StopWrites => {
                guarded(|| mover.fence(&self.job))?;
                Stage::CatchUp
            }
            Stage::CatchUp => {
                guarded(|| mover.catch_up(&self.job, &ByClaim(self)))?;
                Stage::BeginVerification
            }
            Stage::BeginVerification => {
                self.say(Claim::begin_verification)?;
                Stage::Verify
            }
            Stage::Verify => Stage::HandIn(Box::new(guarded(|| {
                mover.verify(&self.job, &ByClaim(self))
            })?)),
            Stage::HandIn(proof) => {
                let differ = proof.source != proof.destination;
                let Proof {
                    algorithm,
                    source,
                    destination,
                } = *proof;
                self.say(|claim| claim.submit_evidence(algorithm, source, destination))?;
                if differ {
                    let reason = "the copies differ".to_owned();
                    return Err(Stop::Failed(FailureClass::Retriable, reason, true));
                }
                Stage::Complete
            }
            Stage::Complete => {
                self.say(Claim::complete)?;
                return Ok(None);
            }
        };
        Ok(Some(()))
    }

    fn unfence(&self, mover: &ChaosMover) -> Result<(), Stop> {
        self.say(Claim::renew_moving)?;
        guarded(|| mover.unfence(&self.job))?;
        self.say(Claim::unfence)?;
        Ok(())
    }

    fn give_up(&self, mover: &ChaosMover, stop: Stop) -> &'static str {
        if self.fenced {
            // What is not undone here is undone by whoever has it next: the record says so.
            drop(self.unfence(mover));
        }
        let said = match stop {
            Stop::Refused => self.say(Claim::release),
            Stop::Failed(class, reason, from_scratch) => {
                self.say(|claim| claim.fail_attempt(class, reason, from_scratch))
            }
        };
        match said {
            Ok(_) => "gave up, and said so",
            Err(_) => "gave up, and was not heard",
        }
    }
}

fn guarded<T>(call: impl FnOnce() -> Result<T, MoverError>) -> Result<T, Stop> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(Stop::Failed(
            FailureClass::Retriable,
            "the mover panicked".to_owned(),
            false,
        )),
    }
}
