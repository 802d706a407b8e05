//! Carries a plan out, wave by wave: a later move may need the room that an earlier one makes.

use shardferry::executor::RunReport;
use shardferry::planner::{Plan, Policy};
use shardferry::tracker::BeginWaveError;
use shardferry::{MigrationId, MigrationTracker, TimestampMs};

use super::planned::problem;
use crate::drive::{self, Drive};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::text;

/// What became of a plan.
#[derive(Default)]
pub(crate) struct CarriedOut {
    /// The migrations that were begun, in the order of the plan.
    pub(crate) begun: Vec<MigrationId>,
    /// All runs as one.
    pub(crate) report: RunReport,
    /// Moves of later waves that were not begun, because something of an earlier wave is left, or
    /// because one of them was refused.
    pub(crate) not_begun: usize,
    /// Why a later wave was refused.
    pub(crate) refused: Option<Failure>,
}

impl CarriedOut {
    /// How this ends the program.
    pub(crate) fn exit(&self, now: TimestampMs) -> Exit {
        let exit = drive::exit_of(&self.report, now);
        let held_up = exit == Exit::Success && self.not_begun > 0;
        if held_up { Exit::Unfinished } else { exit }
    }
}

/// Begins each wave whole and drives it, and whatever was unfinished before, to its end. A wave is
/// begun only when nothing of the one before it is left, also no old copy: it may need the room.
/// What is not begun is planned again by the next `rebalance`.
///
/// A refusal is a failure only as long as nothing was begun.
pub(crate) fn carry_out(
    tracker: &MigrationTracker,
    (plan, policy): (&Plan, &Policy),
    names: &Names,
    how: Drive<'_>,
) -> Result<CarriedOut, Failure> {
    let mut out = CarriedOut {
        not_begun: plan.moves.len(),
        ..CarriedOut::default()
    };
    loop {
        let next = plan.moves.get(out.begun.len());
        let wave = next.map_or_else(|| plan.waves(), |one| one.wave);
        match tracker.begin_wave(plan, policy, wave) {
            Ok(begun) => out.begun.extend(begun),
            Err(BeginWaveError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let refused = refused(error, plan, &out, names);
                if out.begun.is_empty() {
                    return Err(refused);
                }
                out.refused = Some(refused);
                return Ok(out);
            }
        }
        out.report = out.report.and_then(drive::drive(tracker, how)?);
        let report = &out.report;
        let is_clear = !report.stopped
            && report.unfinished.is_empty()
            && report.failed == 0
            && report.cleanups.is_empty();
        out.not_begun = plan.moves.len() - out.begun.len();
        if out.not_begun == 0 || !is_clear {
            return Ok(out);
        }
    }
}

/// Begins exactly `plan`, or nothing of it. A plan of several waves cannot begin at once: a later one
/// needs the room of those before it.
pub(crate) fn begin_whole(
    tracker: &MigrationTracker,
    (plan, policy): (&Plan, &Policy),
    names: &Names,
) -> Result<Vec<MigrationId>, Failure> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    if plan.waves() > 1 {
        return Err(Failure::message(
            Exit::Refused,
            format_args!(
                "the plan has {} waves, and a later one may need the room of those before it",
                plan.waves()
            ),
        )
        .advise("`shardferry rebalance --plan FILE` carries out one after the other"));
    }
    let begun = tracker.begin_wave(plan, policy, 0);
    begun.map_err(|error| refused(error, plan, &CarriedOut::default(), names))
}

/// Says why a wave did not begin, and what else did not because of it.
fn refused(why: BeginWaveError, plan: &Plan, done: &CarriedOut, names: &Names) -> Failure {
    let so = if done.begun.is_empty() {
        "so nothing of the plan did"
    } else {
        "so nothing of its wave or a later one did"
    };
    match why {
        BeginWaveError::Unsafe { obstacles, .. } => {
            let problems: Vec<_> = obstacles.iter().map(|one| problem(one, names)).collect();
            let count = text::count(problems.len(), "move");
            Failure::problems(format!("{count} cannot begin, {so}"), problems)
                .ending(Exit::Refused)
                .advise("plan again")
        }
        BeginWaveError::Input(error) => Failure::new(Exit::Refused, error),
        BeginWaveError::Move { at, source, .. } => {
            let one = plan.moves.get(at);
            let one = one.map_or_else(|| "a move".to_owned(), |one| names.step(one));
            Failure::from(source).context(format_args!("the move of {one} cannot begin, {so}"))
        }
        BeginWaveError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use shardferry::executor::StopToken;
    use shardferry::planner::{Move, MoveReason, Resource};
    use shardferry::schema::text::{Address, NodeName, ShardName};
    use shardferry::{EventKind, EventSeq, Node, NodeId, Settings, Shard, ShardId};

    use super::*;
    use crate::drive::Pace;
    use crate::mover;

    fn cluster(folder: &Path) -> MigrationTracker {
        let tracker = MigrationTracker::create(folder.join("shards.redb")).unwrap();
        for id in 1..=3 {
            let path = folder.join(id.to_string());
            std::fs::create_dir(&path).unwrap();
            shardferry::movers::directory::mark(&path, NodeId(id)).unwrap();
            let mut node = Node::new(NodeId(id), NodeName::new(format!("node-{id}")).unwrap());
            node.address = Some(Address::new(path.to_str().unwrap()).unwrap());
            tracker.register_node(node).unwrap();
        }
        for (shard, node) in [(1, 1), (2, 2)] {
            let name = ShardName::new(format!("s{shard}")).unwrap();
            std::fs::write(folder.join(format!("{node}/s{shard}")), "data").unwrap();
            let shard = Shard::new(ShardId(shard), name, NodeId(node));
            tracker.register_shard(shard).unwrap();
        }
        tracker
    }

    /// Shard 2 makes room on node 2 for shard 1.
    fn plan() -> Plan {
        let one = |shard, from, to, wave| Move {
            shard: ShardId(shard),
            from: NodeId(from),
            to: NodeId(to),
            wave,
            bytes: 4,
            reason: MoveReason::Drain,
        };
        Plan {
            moves: vec![one(2, 2, 3, 0), one(1, 1, 2, 1)],
            ..Plan::default()
        }
    }

    const PACE: Pace = Pace {
        workers: NonZeroUsize::MIN,
    };

    fn carry_out(tracker: &MigrationTracker, plan: &Plan) -> Result<CarriedOut, Failure> {
        let names = Names::of(&tracker.snapshot().unwrap());
        let policy = Policy::new(Resource::COUNT, 0, 0).unwrap();
        let mover = mover::directories();
        let how = Drive {
            mover: mover.as_ref(),
            pace: PACE,
            stop: &StopToken::new(),
        };
        super::carry_out(tracker, (plan, &policy), &names, how)
    }

    #[test]
    fn a_wave_begins_when_the_one_before_it_is_cleaned_up() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = cluster(folder.path());
        let done = carry_out(&tracker, &plan()).unwrap();
        assert_eq!((done.report.completed, done.not_begun), (2, 0));
        let events = tracker.events(EventSeq(0), 100).unwrap();
        let at = |shard, wanted: fn(&EventKind) -> bool| {
            let of = |event: &&shardferry::Event| event.shard == Some(ShardId(shard));
            let mut of_shard = events.iter().filter(of);
            of_shard.find(|event| wanted(&event.kind)).unwrap().seq
        };
        let settled = at(2, |kind| matches!(kind, EventKind::CleanupSettled { .. }));
        let begun = at(1, |kind| matches!(kind, EventKind::Begun { .. }));
        assert!(settled < begun, "{settled} {begun}");
    }

    #[test]
    fn a_wave_that_is_not_finished_holds_up_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = cluster(folder.path());
        // Something is in the way of shard 2.
        std::fs::write(folder.path().join("3/s2"), "another").unwrap();
        let done = carry_out(&tracker, &plan()).unwrap();
        assert_eq!((done.report.completed, done.report.failed), (0, 1));
        assert_eq!((done.begun.len(), done.not_begun), (1, 1));
        assert!(folder.path().join("1/s1").exists());
    }

    /// A copy that was kept for its grace period still filled the node that the next wave moved to.
    #[test]
    fn an_old_copy_holds_up_the_next_wave_as_long_as_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = cluster(folder.path());
        let settings = Settings {
            cleanup_grace_ms: 3_600_000,
            ..tracker.settings().unwrap()
        };
        tracker.set_settings(&settings).unwrap();
        let done = carry_out(&tracker, &plan()).unwrap();
        assert!(folder.path().join("2/s2").exists(), "it is kept");
        assert_eq!((done.report.completed, done.not_begun), (1, 1));
        assert_eq!(done.exit(tracker.now()), Exit::Unfinished);
    }

    /// The shards that had moved were not spoken of, and nothing was said to have been done.
    #[test]
    fn a_refusal_is_a_failure_in_the_first_wave_and_a_part_of_the_result_later() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = cluster(folder.path());
        let names = Names::of(&tracker.snapshot().unwrap());
        let policy = Policy::new(Resource::COUNT, 0, 0).unwrap();
        let mut plan = plan();
        plan.moves[1].from = NodeId(3);
        let refused = carry_out(&tracker, &plan).err().unwrap();
        assert_eq!(refused.exit, Exit::Refused);
        assert_eq!(tracker.snapshot().unwrap().active, [], "all or nothing");
        let why = refused.story();
        assert!(
            why.contains("nothing of the plan")
                && why.contains("s1 (id 1) from node-3 (id 3) to node-2 (id 2)")
                && why.contains("is on node 1"),
            "{why}"
        );

        let error = tracker.begin_wave(&plan, &policy, 1).unwrap_err();
        let another = tracker.begin_migration(ShardId(9), NodeId(1), NodeId(2));
        let done = CarriedOut {
            begun: vec![another.unwrap()],
            ..CarriedOut::default()
        };
        let why = super::refused(error, &plan, &done, &names).story();
        assert!(why.contains("nothing of its wave or a later one"), "{why}");
    }
}
