//! The work that a crash interrupted can be finished.

use shardferry::schema::v1::{NodeState, Status};
use shardferry::store::{OpenError, OpenOptions};
use shardferry::testkit::SimDisk;
use shardferry::{MigrationTracker, Settings};

use super::history::chain;
use crate::support::{blake3, node_in, side, worker};

/// Brings every migration to its end and every cleanup to its settlement. What keeps a migration
/// from its end by right (a node that is down, a wait) is put out of its way first.
pub(crate) fn finish(disk: &SimDisk, options: &OpenOptions) -> Result<(), String> {
    let tracker = match disk.open(options) {
        Err(OpenError::NotFound { .. }) => disk.create(options, &Settings::default()),
        opened => opened,
    };
    let tracker = tracker.map_err(|error| format!("not opened to finish: {}", chain(&error)))?;
    let image = tracker.image().map_err(|error| chain(&error))?;
    for node in image.nodes.keys() {
        let active = tracker.update_node(node_in(node.0, NodeState::Active));
        active.map_err(|error| chain(&error))?;
    }
    for (scope, _) in tracker.pauses().map_err(|error| chain(&error))? {
        let resumed = tracker.resume(scope, "to finish");
        resumed.map_err(|error| chain(&error))?;
    }
    while let Some(cleanup) = tracker.cleanups().map_err(|error| chain(&error))?.pop() {
        let settled = tracker.settle_cleanup(cleanup.node, cleanup.shard);
        settled.map_err(|error| chain(&error))?;
    }
    // One that was released waits for a slot that another holds: that one is ended first.
    loop {
        let unfinished = tracker.unfinished().map_err(|error| chain(&error))?;
        let mut refused = Vec::new();
        for migration in &unfinished {
            if let Err(error) = end(&tracker, migration.id) {
                refused.push(format!("{}: {error}", migration.id));
            }
        }
        if refused.is_empty() {
            break;
        }
        if refused.len() == unfinished.len() {
            return Err(refused.join("; "));
        }
    }
    let left = tracker.unfinished().map_err(|error| chain(&error))?;
    let report = tracker.check().map_err(|error| chain(&error))?;
    if left.is_empty() && report.is_clean() {
        return Ok(());
    }
    Err(format!("left: {left:?}; {:?}", report.violations))
}

fn end(tracker: &MigrationTracker, id: shardferry::MigrationId) -> Result<(), String> {
    let claim = tracker.claim(id, &worker());
    // A wish to cancel that waited for an executor is honoured, which ends it.
    let now = tracker.get_migration(id).map_err(|error| chain(&error))?;
    if now.is_some_and(|row| row.status().is_terminal()) {
        return Ok(());
    }
    let claim = claim.map_err(|error| format!("not claimed: {}", chain(&error)))?;
    let ended = || {
        if claim.migration().cancel.is_some() {
            claim.unfence()?;
            return claim.release();
        }
        claim.begin_verification()?;
        claim.submit_evidence(blake3(), side(1), side(1))?;
        claim.complete()
    };
    let ended = ended().map_err(|error| chain(&error))?;
    match ended.status() {
        Status::Complete | Status::Cancelled => Ok(()),
        other => Err(format!("it is {other}")),
    }
}
