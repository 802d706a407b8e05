//! Random sequences of commands against what must hold after each.

use proptest::prelude::*;

use super::subject::{OURS, THEIRS, begun, cancel, claim, evidence, fail_attempt, progress};
use crate::machine::{self, By, Command};
use crate::schema::codec::Record as _;
use crate::schema::text::Reason;
use crate::schema::v1::{
    Actor, Event, EventKind, FailureClass, Migration, Settings, Status, Trigger, Verification,
};
use crate::schema::{Epoch, EventSeq, TimestampMs};

/// Which epoch a report carries, relative to the newest.
fn epochs() -> impl Strategy<Value = u64> {
    prop_oneof![8 => Just(0_u64), 1 => 1..3_u64]
}

#[derive(Clone, Debug)]
struct Drawn {
    /// How many epochs behind the newest; the claim's holder is 0.
    behind: u64,
    /// Whether a caller gives the command.
    caller: bool,
    what: u8,
    bytes: u64,
    total: Option<u64>,
    wait_ms: u64,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (
        epochs(),
        any::<bool>(),
        0..20_u8,
        0..100_u64,
        prop::option::of(20..100_u64),
        prop_oneof![6 => 0..2_000_u64, 1 => 20_000..70_000_u64],
    )
        .prop_map(|(behind, caller, what, bytes, total, wait_ms)| Drawn {
            behind,
            caller,
            what,
            bytes,
            total,
            wait_ms,
        })
}

fn command(drawn: &Drawn, migration: &Migration) -> Command {
    let epoch = Epoch(migration.epoch.0.saturating_sub(drawn.behind));
    let by = if drawn.caller {
        By::Caller
    } else {
        By::Attempt(epoch)
    };
    let permanent = FailureClass::Permanent;
    match drawn.what {
        0 => Command::Start { by },
        1..=4 => claim(OURS),
        5 => claim(THEIRS),
        6 => Command::Renew {
            epoch,
            moving: drawn.bytes < 20,
        },
        7..=9 => progress(by, drawn.bytes, drawn.total),
        10 => Command::Fence { epoch },
        11 => Command::Unfence { epoch },
        12 | 13 => Command::BeginVerification { by },
        14 => evidence(by, drawn.bytes.is_multiple_of(2)),
        15 => Command::Complete {
            by,
            waived: (drawn.bytes < 10).then(|| Reason::from("urgent")),
        },
        16 => fail_attempt(
            epoch.0,
            FailureClass::Retriable,
            drawn.bytes.is_multiple_of(2),
        ),
        17 => fail_attempt(epoch.0, FailureClass::Unknown, false),
        18 if drawn.bytes < 20 => Command::Fail {
            by,
            class: permanent,
            reason: Reason::from("broken"),
        },
        18 => Command::Release { epoch },
        _ if drawn.bytes < 20 => cancel(),
        _ if drawn.bytes < 30 => Command::Retry {
            reason: Reason::from("now"),
        },
        _ => fail_attempt(epoch.0, permanent, false),
    }
}

struct Walk {
    migration: Migration,
    events: Vec<Event>,
    now: TimestampMs,
}

impl Walk {
    fn new() -> Self {
        let migration = begun();
        let (from, to) = (migration.from, migration.to);
        let mut walk = Self {
            now: migration.created_at_ms,
            migration,
            events: Vec::new(),
        };
        let trigger = Trigger::Manual;
        walk.log(EventKind::Begun { from, to, trigger });
        walk
    }

    fn log(&mut self, kind: EventKind) {
        self.events.push(Event {
            seq: EventSeq(self.events.len() as u64 + 1),
            at_ms: self.now,
            migration: Some(self.migration.id),
            shard: Some(self.migration.shard),
            epoch: self.migration.epoch,
            actor: Actor::Caller,
            cause: Reason::default(),
            kind,
        });
    }

    /// Gives one command and checks everything that must hold around it.
    fn step(&mut self, drawn: &Drawn, settings: &Settings) -> Result<(), TestCaseError> {
        self.now = self.now.plus_ms(drawn.wait_ms);
        let before = self.migration.clone();
        let command = command(drawn, &before);
        let answer = machine::step(&before, &command, settings, self.now);
        let again = machine::step(&before, &command, settings, self.now);
        prop_assert_eq!(&answer, &again, "the same command, another answer");
        let stale = matches!(&command, Command::Renew { epoch, .. } | Command::Release { epoch }
            if *epoch < before.epoch);
        let Ok(transition) = answer else {
            return Ok(());
        };
        prop_assert!(!before.status().is_terminal(), "an end absorbs");
        prop_assert!(!stale, "a stale report changes nothing");
        let next = transition.next;
        prop_assert_eq!(next.validate(&next.id), Ok(()));
        prop_assert!(next.epoch >= before.epoch, "an epoch does not go back");
        let (had, has) = (before.progress.bytes_migrated, next.progress.bytes_migrated);
        prop_assert!(
            next.epoch > before.epoch || has >= had,
            "progress does not go back"
        );
        prop_assert!(next.progress.bytes_total.is_none_or(|total| has <= total));
        prop_assert_eq!(
            transition.flip.is_some(),
            next.status() == Status::Complete,
            "the owner changes at the cutover"
        );
        let left_copy = next.status().is_terminal() && before.status() != Status::Pending;
        prop_assert_eq!(transition.cleanup.is_some(), left_copy);
        if next.status() == Status::Complete && settings.verification == Verification::Required {
            let evidence = next.evidence.as_ref();
            let proven = evidence
                .is_some_and(|evidence| evidence.matches() && evidence.epoch == before.epoch);
            let waived = transition.events.contains(&EventKind::VerificationWaived);
            prop_assert!(proven || waived, "required, and cut over without proof");
        }
        self.migration = next;
        for kind in transition.events {
            self.log(kind);
        }
        let path = machine::replay(&self.events);
        prop_assert_eq!(path, Ok(Some(self.migration.status())));
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_is_commanded(
        commands in prop::collection::vec(drawn(), 1..60),
        required in any::<bool>(),
    ) {
        let settings = Settings {
            verification: if required { Verification::Required } else { Verification::Optional },
            attempts_max: 3,
            ..Settings::default()
        };
        let mut walk = Walk::new();
        for drawn in &commands {
            walk.step(drawn, &settings)?;
        }
    }
}

/// The walks above reach what they are to check: each end, each status on the way, a takeover, a
/// refused cancellation. A generator that stays at the start would prove nothing.
#[test]
fn random_walks_reach_every_status() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut reached = std::collections::BTreeMap::new();
    for _ in 0..300 {
        let commands = prop::collection::vec(drawn(), 40).new_tree(&mut runner);
        let mut walk = Walk::new();
        for drawn in commands.unwrap().current() {
            walk.step(&drawn, &Settings::default()).unwrap();
            *reached.entry(walk.migration.status()).or_insert(0) += 1;
            if walk.migration.status().is_terminal() {
                break;
            }
        }
    }
    for status in Status::ALL {
        let times = reached.get(&status).copied().unwrap_or_default();
        assert!(
            times >= 10,
            "{status} was reached {times} times: {reached:?}"
        );
    }
}
