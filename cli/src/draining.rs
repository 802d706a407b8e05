//! Empties draining nodes while an executor runs.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use shardferry::executor::{RunReport, StopToken};
use shardferry::tracker::Draining;
use shardferry::{MigrationTracker, NodeId, ShardId, State};

use crate::drive::{self, Pace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::output::note;
use crate::text;

/// How often a run that stays looks whether more of a draining node can be begun.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How finely it waits: Ctrl-C is not to wait longer.
const TICK: Duration = Duration::from_millis(100);

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
    tracker.continue_draining().map_err(|error| {
        Failure::new(Exit::Unexpected, error)
            .context("emptying the draining nodes failed")
            .advise("`shardferry check` looks at every invariant of the database")
    })
}

/// Drives everything that is unfinished, and begins more of the draining nodes as room is made, until
/// nothing more begins. A round that moves nothing is the last: what fails is not begun for ever.
pub(crate) fn drive(
    tracker: &MigrationTracker,
    pace: Pace,
    stop: &StopToken,
) -> Result<Drained, Failure> {
    let mut nodes = go_on(tracker)?;
    let mut report = RunReport::default();
    loop {
        let round = drive::drive(tracker, pace, stop)?;
        let moved = round.completed > 0;
        report = report.and_then(round);
        if nodes.is_empty() || !moved || stop.is_stopped() {
            let nodes = as_it_is(tracker, nodes)?;
            return Ok(Drained { report, nodes });
        }
        nodes = go_on(tracker)?;
        if nodes.values().all(|of| of.begun.is_empty()) {
            return Ok(Drained { report, nodes });
        }
    }
}

/// Drives until `stop`, waiting for more to do; what draining nodes still hold is begun as room is
/// made.
pub(crate) fn stay(
    tracker: &MigrationTracker,
    pace: Pace,
    stop: &StopToken,
) -> Result<Drained, Failure> {
    let nodes = go_on(tracker)?;
    let (report, nodes) = thread::scope(|scope| {
        let driving = scope.spawn(|| {
            let report = drive::drive_with(tracker, pace, stop, |options| options.stays = true);
            // Also when the file failed: nobody is to wait for what cannot come.
            stop.stop();
            report
        });
        let nodes = keep_draining(tracker, nodes, stop);
        (driving.join(), nodes)
    });
    let report = report.map_err(|_| Failure::message(Exit::Unexpected, "the run panicked"))??;
    let nodes = as_it_is(tracker, nodes)?;
    Ok(Drained { report, nodes })
}

fn keep_draining(tracker: &MigrationTracker, mut nodes: Nodes, stop: &StopToken) -> Nodes {
    let mut said = BTreeSet::new();
    loop {
        let mut waited = Duration::ZERO;
        while waited < LOOK_AGAIN {
            if stop.is_stopped() {
                return nodes;
            }
            thread::sleep(TICK);
            waited += TICK;
        }
        match go_on(tracker) {
            Ok(now) => nodes = now,
            // The executor finds out what there is to find out about the file.
            Err(failure) => {
                let story = failure.story();
                if said.insert(story.clone()) {
                    note(story);
                }
            }
        }
    }
}

/// How far the nodes of `before` are, without beginning anything.
fn as_it_is(tracker: &MigrationTracker, before: Nodes) -> Result<Nodes, Failure> {
    if before.is_empty() {
        return Ok(before);
    }
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
    Ok(before.into_iter().map(now).collect())
}

/// How far the draining of a node is, for people.
pub(crate) fn lines(node: NodeId, of: &Draining, names: &Names) -> Vec<String> {
    let shown = names.node_and_id(node);
    if of.is_empty() {
        return vec![format!("draining {shown}: it is empty")];
    }
    let begun = match of.begun.len() {
        0 => String::new(),
        begun => format!(" ({begun} begun now)"),
    };
    let mut lines = vec![format!(
        "draining {shown}: {} left on it, {} under way{begun}",
        text::count(of.shards, "shard"),
        text::count(of.under_way.len(), "migration"),
    )];
    for (shard, why) in &of.blocked {
        lines.push(format!(
            "  {} cannot leave: {why}",
            names.shard_and_id(*shard)
        ));
    }
    lines
}

pub(crate) fn view(node: NodeId, of: &Draining, names: &Names) -> Value {
    let blocked = of.blocked.iter().map(|(shard, why)| {
        json!({ "shard": shard, "shard_name": names.shard_name(*shard), "reason": why })
    });
    json!({
        "node": node,
        "node_name": names.node_name(node),
        "empty": of.is_empty(),
        "shards": of.shards,
        "begun": of.begun,
        "under_way": of.under_way,
        "blocked": blocked.collect::<Vec<_>>(),
    })
}
