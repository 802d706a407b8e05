//! Empties draining nodes while an executor runs.

mod stay;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use shardferry::executor::RunReport;
use shardferry::tracker::{DrainError, Draining};
use shardferry::{MigrationTracker, NodeId, NodeState, ShardId, State};

use crate::drive::{self, Drive};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::note;

pub(crate) use stay::stay;
pub(crate) use told::{lines, view};

/// How many of the newest migrations are asked why a shard did not leave.
const RECENT_MAX: usize = 1_000;

/// The draining nodes, and how far each is.
pub(crate) type Nodes = BTreeMap<NodeId, Draining>;

/// What a run did, and how far the draining nodes are then.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) report: RunReport,
    pub(crate) nodes: Nodes,
}

/// Plans what empties the draining nodes and begins what of it can be made now.
pub(crate) fn go_on(tracker: &MigrationTracker) -> Result<Nodes, Failure> {
    tracker.continue_draining().map_err(refused)
}

/// As [`go_on`], for a run that has other work: what does not allow a plan is said, and keeps nothing
/// else from going on.
pub(crate) fn go_on_or_say(tracker: &MigrationTracker) -> Result<Nodes, Failure> {
    match tracker.continue_draining() {
        Ok(nodes) => Ok(nodes),
        Err(error) => {
            let of_rows = match &error {
                DrainError::Plan(_) => true,
                DrainError::Store(error) => error.is_about_one_row(),
            };
            let failure = refused(error);
            if !of_rows {
                return Err(failure);
            }
            note(failure.story());
            Ok(Nodes::new())
        }
    }
}

fn refused(error: DrainError) -> Failure {
    let failure = match error {
        DrainError::Store(error) => error.into(),
        DrainError::Plan(_) => Failure::new(Exit::Database, error)
            .advise("`shardferry check` looks at every invariant of the database"),
    };
    failure.context("the draining nodes are not emptied any further")
}

/// How the draining goes on: [`go_on`] or [`go_on_or_say`].
type GoOn = fn(&MigrationTracker) -> Result<Nodes, Failure>;

/// Drives everything that is unfinished, and begins more of the draining nodes as room is made, until
/// nothing more begins. A round that moves nothing is the last: what fails is not begun for ever.
pub(crate) fn drive(
    tracker: &MigrationTracker,
    how: Drive<'_>,
    go_on: GoOn,
) -> Result<Drained, Failure> {
    let mut nodes = go_on(tracker)?;
    let mut report = RunReport::default();
    loop {
        let round = drive::drive(tracker, how)?;
        let moved = round.completed > 0;
        report = report.and_then(round);
        // Nodes may be drained, or not any more, by others meanwhile.
        if !moved || how.stop.is_stopped() {
            let nodes = as_it_is(tracker, nodes)?;
            return Ok(Drained { report, nodes });
        }
        nodes = go_on(tracker)?;
        if nodes.values().all(|of| of.begun.is_empty()) {
            return Ok(Drained { report, nodes });
        }
    }
}

/// How far the nodes of `before` are, without beginning anything.
fn as_it_is(tracker: &MigrationTracker, before: Nodes) -> Result<Nodes, Failure> {
    let snapshot = tracker.snapshot()?;
    let recent = tracker.recent_migrations(RECENT_MAX)?;
    let now = |(node, mut of): (NodeId, Draining)| {
        let moving = snapshot.active.iter().filter(|one| one.from == node);
        let (under_way, leaving): (Vec<_>, BTreeSet<ShardId>) =
            moving.map(|one| (one.id, one.shard)).unzip();
        let owned = snapshot.shards.iter().filter(|shard| shard.owner == node);
        let owned: BTreeSet<ShardId> = owned.map(|shard| shard.id).collect();
        of.blocked
            .retain(|(shard, _)| owned.contains(shard) && !leaving.contains(shard));
        let known: BTreeSet<ShardId> = of.blocked.iter().map(|(shard, _)| *shard).collect();
        for shard in owned
            .iter()
            .filter(|one| !leaving.contains(one) && !known.contains(one))
        {
            let last = recent.iter().find(|one| one.shard == *shard);
            if let Some((id, State::Failed { reason, .. })) = last.map(|one| (one.id, &one.state)) {
                of.blocked
                    .push((*shard, format!("migration {id} failed: {reason}")));
            }
        }
        of.shards = u64::try_from(owned.len()).unwrap_or(u64::MAX);
        of.under_way = under_way;
        (node, of)
    };
    let draining = snapshot.nodes.iter();
    let draining = draining.filter(|node| node.state == NodeState::Draining);
    let mut before = before;
    let nodes = draining.map(|node| (node.id, before.remove(&node.id).unwrap_or_default()));
    Ok(nodes.map(now).collect())
}
